package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

var keycloak = stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"}

// tagOf is a repository with one scheduled tag and its history, newest first.
func tagOf(rest string, digests ...string) fstest.MapFS {
	st := &stream.Status{Ref: keycloak, Source: &stream.Source{Kind: stream.KindDockerImage, Name: "r.io/app:0"}}
	for i, d := range digests {
		st.Items = append(st.Items, stream.Item{
			Image: expand(d), DockerImageReference: "r.io/app@" + expand(d), From: "r.io/app:0", Cause: stream.CauseImport,
			Created: noon.Add(-time.Duration(i+1) * 24 * time.Hour).Format(time.RFC3339),
		})
	}
	return fstest.MapFS{
		"imagestreams/keycloak.yaml": {Data: []byte(`apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: keycloak, namespace: sso}
spec:
  tags:
  - name: "25.0"
    from: {kind: DockerImage, name: "r.io/app:0"}
    importPolicy: {scheduled: true}
`)},
		"imagestreams/status/sso/keycloak/25.0.yaml": {Data: []byte(string(st.Encode()) + expand(rest))},
	}
}

const rejectedB = "rejected:\n- image: {b}\n  commit: c0ffee\n  at: \"2026-11-19T08:00:00Z\"\n"

func TestRollbackTarget(t *testing.T) {
	tests := map[string]struct {
		rest    string
		digests []string
		to      string
		want    string // the digest, or a part of the error
	}{
		"the one before":             {digests: []string{"{a}", "{b}", "{c}"}, want: "{b}"},
		"not a rejected one":         {rest: rejectedB, digests: []string{"{a}", "{b}", "{c}"}, want: "{c}"},
		"not the same image":         {digests: []string{"{a}", "{a}", "{c}"}, want: "{c}"},
		"counted":                    {digests: []string{"{a}", "{b}", "{c}"}, to: "-2", want: "{c}"},
		"counted, rejected":          {rest: rejectedB, digests: []string{"{a}", "{b}"}, to: "-1", want: "{b}"},
		"counted too far":            {digests: []string{"{a}", "{b}"}, to: "-2", want: "the history has no item -2: it goes back to -1"},
		"digest":                     {digests: []string{"{a}", "{b}", "{c}"}, to: "{c}", want: "{c}"},
		"beginning":                  {digests: []string{"{a}", "{b}", "{c}"}, to: "sha256:c", want: "{c}"},
		"beginning without the name": {digests: []string{"{a}", "{b}", "{c}"}, to: "cc", want: "{c}"},
		"beginning of several":       {digests: []string{"{a}", "{b}", "{c}"}, to: "sha256:", want: "sha256: is the beginning of several digests: {a}, {b}, {c}"},
		"unknown":                    {digests: []string{"{a}", "{b}"}, to: "d", want: "no item of its history has a digest that begins with d; it has {a}, {b}"},
		"the head":                   {digests: []string{"{a}", "{b}"}, to: "{a}", want: "{a} is its image already"},
		"nothing before":             {digests: []string{"{a}"}, want: "its history has no other image that was not rejected"},
		"no history":                 {want: "sso/keycloak:25.0 has no image yet"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := plan.NewRollback(&read(t, tagOf(test.rest, test.digests...)).View, plan.Operator{}, keycloak, expand(test.to))
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = r.To.Image
			}
			if want := expand(test.want); got != want && (err == nil || !strings.Contains(got, want)) {
				t.Errorf("%s, want %s", abbreviate(got), test.want)
			}
		})
	}
}

func TestRollbackRefuses(t *testing.T) {
	tree := tagOf("junk: 1\n", "{a}", "{b}")
	if _, err := plan.NewRollback(&read(t, tree).View, plan.Operator{}, keycloak, ""); err == nil || !strings.Contains(err.Error(), "the status file cannot be used") {
		t.Error(err)
	}
	other := stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "26"}
	if _, err := plan.NewRollback(&read(t, tree).View, plan.Operator{}, other, ""); err == nil || err.Error() != "no image stream has the tag sso/keycloak:26" {
		t.Error(err)
	}
}

// After a rollback, any number of passes with the registry serving the image that was
// left never bring it back; the next other one comes.
func TestRollbackStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var history []string
		for range rapid.IntRange(2, 12).Draw(t, "items") {
			history = append(history, fmt.Sprintf("{%s}", rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "image")))
		}
		w := &world{t: t, tip: tagOf("", history...), digests: map[string]string{}, now: noon}
		w.base = maps.Clone(w.tip)
		back, path := 0, "imagestreams/status/sso/keycloak/25.0.yaml"
		for range rapid.IntRange(1, 3).Draw(t, "rollbacks") {
			r, err := plan.NewRollback(&readView(t, w.tip).View, plan.Operator{}, keycloak, rapid.SampledFrom([]string{"", "-1", "-2", "-3"}).Draw(t, "to"))
			if err != nil {
				continue
			}
			back++
			w.tip[path] = &fstest.MapFile{Data: r.Status(w.now).Encode()}
			w.digests["r.io/app:0"] = r.Left.Image
			for range rapid.IntRange(1, 4).Draw(t, "passes") {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "hours")) * time.Hour)
				w.pass()
				st := status(w.tip, path)
				if st.Head().Image != r.To.Image {
					t.Fatalf("went back to %s, shows %s", r.To.Image, st.Head().Image)
				}
				if len(st.Items) > 10 || len(st.Rejected) == 0 || st.Rejected[0].Commit == "" || st.Rejected[0].Image != r.Left.Image {
					t.Fatalf("%d items, rejected %v", len(st.Items), st.Rejected)
				}
			}
		}
		if back == 0 {
			return
		}
		st := status(w.tip, path)
		next := expand("{" + rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "next") + "}")
		w.digests["r.io/app:0"] = next
		w.pass()
		rejected := slices.ContainsFunc(st.Rejected, func(r stream.Rejection) bool { return r.Image == next })
		if head := status(w.tip, path).Head().Image; (head == next) == rejected {
			t.Fatalf("the registry has %s, rejected: %v, and the tag shows %s", next, rejected, head)
		}
	})
}

// What is only a reference has no digest to reject: the rollback itself keeps it away, from
// a tag that follows another, too.
func TestRollbackOfAReference(t *testing.T) {
	b := newBranch(map[string]string{"imagestreams/app.yaml": spec("app", fromImage("1", "r.io/app:1")+fromTag("2", "1"))})
	b.serves["r.io/app:1"] = digest(1)
	b.pass(t)
	refer := func(tag string) {
		b.write("imagestreams/app.yaml", spec("app", "  - name: \"1\"\n    reference: true\n    from: {kind: DockerImage, name: \"r.io/app:"+tag+"\"}\n"+fromTag("2", "1")))
		b.pass(t)
	}
	refer("1")
	for _, tag := range []string{"2", "1"} {
		r, err := plan.NewRollback(b.view(t), plan.Operator{}, tagRef("app", tag), "")
		if err != nil {
			t.Fatal(err)
		}
		b.write(r.Path, string(r.Status(b.clock).Encode()))
		for range 2 {
			b.pass(t)
			if got := b.heads(t)[tagRef("app", tag)]; got != digest(1) {
				t.Fatalf("%s was rolled back, and shows %q", tag, got)
			}
		}
	}
	refer("2")
	for _, tag := range []string{"1", "2"} {
		if got := b.heads(t)[tagRef("app", tag)]; got != "" {
			t.Errorf("%s does not take another reference: %s", tag, got)
		}
	}
}
