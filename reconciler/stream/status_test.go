package stream

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func digestOf(pair string) string { return "sha256:" + strings.Repeat(pair, 32) }

func fullStatus() *Status {
	return &Status{
		Ref: Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"},
		Source: &Source{
			Kind: KindDockerImage, Namespace: "build", Name: "quay.io/keycloak/keycloak:25.0.3", Reference: true, ImportMode: ModeLegacy,
			Policy: map[string]string{"imgstream.dev/policy": "semver", "imgstream.dev/policy-range": "^25"}, Reimport: "2",
		},
		Items: []Item{
			{
				Image: digestOf("1f"), DockerImageReference: "quay.io/keycloak/keycloak@" + digestOf("1f"), Index: digestOf("ab"),
				Created: "2026-11-20T12:00:03Z", From: "quay.io/keycloak/keycloak:25.0.3", Cause: CauseImport,
			},
			{
				Image: digestOf("8d"), DockerImageReference: "quay.io/keycloak/keycloak@" + digestOf("8d"),
				Created: "2026-11-19T12:00:03Z", Cause: CauseAdopt,
			},
		},
		Candidate: &Candidate{Image: digestOf("9a"), FirstSeen: "2026-11-20T14:00:00Z"},
		Rejected:  []Rejection{{Image: digestOf("77"), Commit: "3f2a9c13f2a9c13f2a9c13f2a9c13f2a9c1aaaaa", At: "2026-11-19T08:12:40Z"}},
		Conditions: []Condition{{
			Type: ConditionImportSuccess, Status: StatusFalse, Reason: ReasonNotFound,
			Message: "quay.io/keycloak/keycloak:25.0.3: not found", LastTransitionTime: "2026-11-20T12:00:03Z",
		}},
		Pending: []Pending{{File: "apps/prod/values.yaml", Path: "image.tag"}},
	}
}

func TestStatusGolden(t *testing.T) {
	for name, src := range files(t, "status/*.yaml") {
		st, err := ParseStatus(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(string(src), string(st.Encode())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got, err := ParseStatus(files(t, "status/full.yaml")["testdata/status/full.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullStatus(), got); diff != "" {
		t.Errorf("full (-want +got):\n%s", diff)
	}
}

// Each row edits the full file; the line is that of the edit.
func TestParseStatusErrors(t *testing.T) {
	full := string(fullStatus().Encode())
	for _, tt := range []struct{ old, new, want string }{
		{full, "", "the file holds 0 documents, not one"},
		{full, "---\n---\n", "the file holds 2 documents, not one"},
		{full, "null\n", `line 1: apiVersion "" is not known (write apiVersion: imgstream.dev/v1)`},
		{full, "- a\n", "line 1: the document is not a mapping (write it as a mapping of keys and values)"},
		{"imgstream.dev/v1\n", "imgstream.dev/v2\n", "line 2: apiVersion imgstream.dev/v2: written by a newer imgstream; left alone"},
		{"imgstream.dev/v1\n", "v1\n", `line 2: apiVersion "v1" is not known (write apiVersion: imgstream.dev/v1)`},
		{"kind: ImageStreamTagStatus", "kind: ImageStream", `line 3: kind "ImageStream" is not known (write kind: ImageStreamTagStatus)`},
		{"name: keycloak:25.0\n", "name: keycloak\n", `line 5: metadata: "keycloak" names no tag: write [namespace/]stream:tag (write name: stream:tag and its namespace)`},
		{"  namespace: sso\n", "", "line 5: metadata.namespace is missing"},
		{"local-config", "local-confg", "line 8: unknown field metadata.annotations.config.kubernetes.io/local-confg (did you mean config.kubernetes.io/local-config?)"},
		{"kind: DockerImage", "kind: Image", `line 10: source.kind "Image" is not known`},
		{"reference: true", `reference: "true"`, "line 13: source.reference is not a boolean (write true or false, without quotes)"},
		{"items:", "item:", "line 19: unknown field item (did you mean items?)"},
		{"items:", "things:", "line 19: unknown field things (known here: apiVersion, kind, metadata, source, items, candidate, rejected, conditions, pending)"},
		{"- image: " + digestOf("8d"), "- image: sha256:12", `line 26: items[]: image "sha256:12" is not a digest`},
		{"keycloak@" + digestOf("8d"), "keycloak@" + digestOf("8e"), "line 26: items[]: dockerImageReference names another digest than image"},
		{"2026-11-19T12:00:03Z", "yesterday", `line 26: items[]: created "yesterday" is not a time like 2026-11-20T12:00:03Z`},
		{"  index: sha256:", "  index: sha1:", `line 22: items[].index "sha1:` + strings.Repeat("ab", 32) + `" is not a digest`},
		{"cause: adopt", "cause: adopted", `line 29: items[].cause "adopted" is not known (one of import, follow, tag, rollback, promotion, adopt, push)`},
		{"  cause: adopt\n", "", "line 26: items[].cause is missing"},
		{"firstSeen", "firstseen", "line 32: unknown field candidate.firstseen (did you mean firstSeen?)"},
		{"2026-11-19T08:12:40Z", "2026-11-19", `line 36: rejected[].at "2026-11-19" is not a time (write it as "2026-11-20T12:00:03Z")`},
		{"  status: \"False\"\n", "", "line 38: conditions[].status is missing"},
		{"  path: image.tag\n", "", "line 44: pending[].path is missing"},
		{"  path: image.tag\n", "  path: a\n  path: b\n", "line 46: pending[].path stands twice (remove one of them)"},
		{"  path: image.tag\n", "  path: [a]\n", "line 45: pending[].path is not text (write one value)"},
		{"pending:\n", "pending: x\n_:\n", "line 43: pending is not a list (write it as a list)"},
		{"kind: ImageStreamTagStatus\n", "<<<<<<< HEAD\n", "line 3: the file holds an unresolved merge conflict (finish the merge)"},
		{full, strings.Repeat("#", MaxFile+1), "the file is larger than 1024 KiB (split it)"},
	} {
		if !strings.Contains(full, tt.old) {
			t.Fatalf("%q is not in the file", tt.old)
		}
		_, err := ParseStatus([]byte(strings.Replace(full, tt.old, tt.new, 1)))
		var bad *StatusError
		if !errors.As(err, &bad) || err.Error() != tt.want {
			t.Errorf("%q for %q:\n got %v\nwant %s", tt.new, tt.old, err, tt.want)
		}
		if bad != nil && bad.Newer != strings.HasSuffix(tt.new, "/v2\n") {
			t.Errorf("%q: newer is %v", tt.new, bad.Newer)
		}
	}
}

func statuses() *rapid.Generator[*Status] {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-a-z0-9.:# "'\\\n]{0,20}`))
	some := text.Filter(func(s string) bool { return s != "" })
	digest := rapid.StringMatching(`sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}`)
	moment := rapid.StringMatching(`20[0-9]{2}-1[0-2]-[12][0-8]T1[0-9]:[0-5][0-9]:[0-5][0-9](Z|\+02:00)`)
	name := rapid.StringMatching(`[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?`)
	item := rapid.Custom(func(t *rapid.T) Item {
		image := digest.Draw(t, "image")
		return Item{
			Image: image, DockerImageReference: "quay.io/" + name.Draw(t, "repository") + "@" + image, Created: moment.Draw(t, "created"),
			Index: rapid.OneOf(rapid.Just(""), digest).Draw(t, "index"), From: text.Draw(t, "from"), Cause: rapid.SampledFrom(causes).Draw(t, "cause"),
		}
	})
	source := rapid.Custom(func(t *rapid.T) *Source {
		s := &Source{
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Namespace: text.Draw(t, "namespace"), Name: some.Draw(t, "name"),
			Reference: rapid.Bool().Draw(t, "reference"), ImportMode: text.Draw(t, "mode"), Reimport: text.Draw(t, "reimport"),
		}
		if policy := rapid.MapOfN(some, text, 0, 3).Draw(t, "policy"); len(policy) > 0 {
			s.Policy = policy
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) *Status {
		s := &Status{
			Ref: Ref{
				Namespace: rapid.StringMatching(`[a-z0-9]{1,6}`).Draw(t, "namespace"), Name: name.Draw(t, "name"),
				Tag: rapid.StringMatching(`[\w][\w.-]{0,9}`).Draw(t, "tag"),
			},
			Source: rapid.OneOf(rapid.Just[*Source](nil), source).Draw(t, "source"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			s.Items = append(s.Items, item.Draw(t, "item"))
		}
		if rapid.Bool().Draw(t, "candidate") {
			s.Candidate = &Candidate{Image: digest.Draw(t, "image"), FirstSeen: moment.Draw(t, "seen")}
		}
		for range rapid.IntRange(0, 2).Draw(t, "rejected") {
			s.Rejected = append(s.Rejected, Rejection{digest.Draw(t, "image"), text.Draw(t, "commit"), moment.Draw(t, "at")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "conditions") {
			s.Conditions = append(s.Conditions, Condition{some.Draw(t, "type"), some.Draw(t, "status"), text.Draw(t, "reason"), text.Draw(t, "message"), moment.Draw(t, "time")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "pending") {
			s.Pending = append(s.Pending, Pending{some.Draw(t, "file"), some.Draw(t, "path")})
		}
		return s
	})
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := statuses().Draw(t, "status")
		got, err := ParseStatus(want.Encode())
		if err != nil {
			t.Fatalf("%v\n%s", err, want.Encode())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n(-want +got):\n%s", want.Encode(), diff)
		}
		if !got.Equal(want) || !bytes.Equal(got.Encode(), want.Encode()) {
			t.Fatal("not equal")
		}
	})
}

func TestStatusEqual(t *testing.T) {
	var none *Status
	a, b := fullStatus(), fullStatus()
	b.Items[0].From = "other"
	if !none.Equal(nil) || none.Equal(a) || a.Equal(nil) || a.Equal(b) || !a.Equal(fullStatus()) {
		t.Error("Equal")
	}
	for i := range reflect.TypeFor[Status]().NumField() {
		other := fullStatus()
		reflect.ValueOf(other).Elem().Field(i).SetZero()
		if a.Equal(other) || bytes.Equal(a.Encode(), other.Encode()) {
			t.Errorf("%s makes no difference", reflect.TypeFor[Status]().Field(i).Name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := statuses().Draw(t, "a"), statuses().Draw(t, "b")
		b.Ref = a.Ref
		if a.Equal(b) != bytes.Equal(a.Encode(), b.Encode()) {
			t.Fatalf("%s\n%s", a.Encode(), b.Encode())
		}
	})
}

// A file that is accepted, however it is laid out, says after rewriting what it said.
func FuzzParseStatus(f *testing.F) {
	for _, src := range files(f, "status/*.yaml") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		st, err := ParseStatus(src)
		if err != nil {
			var bad *StatusError
			if !errors.As(err, &bad) || bad.Reason == "" || strings.Contains(bad.Reason, "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		again, err := ParseStatus(st.Encode())
		if err != nil {
			t.Fatalf("%v\n%s", err, st.Encode())
		}
		if diff := cmp.Diff(st, again); diff != "" {
			t.Errorf("%s", diff)
		}
	})
}
