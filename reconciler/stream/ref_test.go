package stream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTagRef(t *testing.T) {
	for in, want := range map[string]Ref{
		"keycloak:25.0":     {Namespace: "own", Name: "keycloak", Tag: "25.0"},
		"sso/keycloak:25.0": {Namespace: "sso", Name: "keycloak", Tag: "25.0"},
	} {
		got, err := ParseTagRef(in, "own")
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"keycloak":       `"keycloak" names no tag: write [namespace/]stream:tag`,
		"":               `"" names no tag: write [namespace/]stream:tag`,
		"a/b/c:1":        `"a/b/c:1": "b/c" is not the name of a stream: write [namespace/]stream:tag`,
		"quay.io/a:1":    `"quay.io/a:1": "quay.io" is not a namespace: write [namespace/]stream:tag`,
		"a:b:c":          `"a:b:c": "b:c" is not a tag: write [namespace/]stream:tag`,
		"/a:b":           `"/a:b": "" is not a namespace: write [namespace/]stream:tag`,
		"a:../../b":      `"a:../../b" names no tag: write [namespace/]stream:tag`,
		"a:.hidden":      `"a:.hidden": ".hidden" is not a tag: write [namespace/]stream:tag`,
		"Keycloak:25":    `"Keycloak:25": "Keycloak" is not the name of a stream: write [namespace/]stream:tag`,
		"a..b:1":         `"a..b:1": "a..b" is not the name of a stream: write [namespace/]stream:tag`,
		"sso/keycloak@x": `"sso/keycloak@x" names no tag: write [namespace/]stream:tag`,
	} {
		if _, err := ParseTagRef(in, "own"); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestParseRef(t *testing.T) {
	for _, in := range []string{"sso/keycloak:25.0", "sso/keycloak@" + someDigest} {
		got, err := ParseRef(in)
		if err != nil || got.String() != in {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"keycloak:25.0", "quay.io/keycloak/keycloak:25.0", "sso/keycloak@sha256:12", "keycloak@" + someDigest, "quay.io/a/b@" + someDigest, "",
	} {
		if got, err := ParseRef(in); err == nil {
			t.Errorf("%s: %+v", in, got)
		}
	}
}

func TestParseSource(t *testing.T) {
	own := Ref{Namespace: "sso", Name: "keycloak", Tag: "latest"}
	for in, want := range map[From]Ref{
		{KindImageStreamTag, "", "25.0"}:                                      {Namespace: "sso", Name: "keycloak", Tag: "25.0"},
		{KindImageStreamTag, "", "web:1"}:                                     {Namespace: "sso", Name: "web", Tag: "1"},
		{KindImageStreamTag, "build", "web:1"}:                                {Namespace: "build", Name: "web", Tag: "1"},
		{KindImageStreamTag, "build", "1"}:                                    {Namespace: "build", Name: "keycloak", Tag: "1"},
		{KindImageStreamImage, "", someDigest}:                                {Namespace: "sso", Name: "keycloak", Digest: someDigest},
		{KindImageStreamImage, "", "web@" + someDigest}:                       {Namespace: "sso", Name: "web", Digest: someDigest},
		{KindImageStreamImage, "", "web@1f"}:                                  {Namespace: "sso", Name: "web", Digest: "sha256:1f"},
		{KindImageStreamImage, "", "sha256:1f"}:                               {Namespace: "sso", Name: "keycloak", Digest: "sha256:1f"},
		{KindImageStreamImage, "", longDigest[len("sha512:"):]}:               {Namespace: "sso", Name: "keycloak", Digest: longDigest},
		{KindImageStreamImage, "build", "web@" + someDigest[len("sha256:"):]}: {Namespace: "build", Name: "web", Digest: someDigest},
	} {
		got, err := ParseSource(own, in)
		if err != nil || got != want {
			t.Errorf("%+v: %+v, %v", in, got, err)
		}
	}
	for _, in := range []From{
		{KindImageStreamTag, "", "a:b:c"},
		{KindImageStreamTag, "", "a@b"},
		{KindImageStreamTag, "", "ns/a:b"},
		{KindImageStreamTag, "", "A:b"},
		{KindImageStreamTag, "", ""},
		{KindImageStreamImage, "", "web:1"},
		{KindImageStreamImage, "", "web@"},
		{KindImageStreamImage, "", "web@sha256:"},
		{KindImageStreamImage, "", "web@sha256:XY"},
		{KindImageStreamImage, "", "A@1f"},
	} {
		if got, err := ParseSource(own, in); err == nil {
			t.Errorf("%+v: %+v", in, got)
		}
	}
}

func TestStatusPath(t *testing.T) {
	ref := Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"}
	file := StatusPath("imagestreams/status", ref)
	if file != "imagestreams/status/sso/keycloak/25.0.yaml" {
		t.Error(file)
	}
	if got, ok := ParseStatusPath("imagestreams/status", file); !ok || got != ref {
		t.Error(got, ok)
	}
	for _, file := range []string{
		"imagestreams/status/README.md", "imagestreams/status/sso/keycloak/25.0.yml", "imagestreams/status/keycloak/25.0.yaml",
		"imagestreams/status/sso/keycloak/25.0/x.yaml", "imagestreams/status/sso/../25.0.yaml", "imagestreams/statusx/sso/keycloak/25.0.yaml",
		"imagestreams/status/SSO/keycloak/25.0.yaml", "imagestreams/status/sso/keycloak/.yaml",
	} {
		if got, ok := ParseStatusPath("imagestreams/status", file); ok {
			t.Error(file, got)
		}
	}
}

func TestSource(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		tag  Tag
		want *Source
	}{
		{Tag{}, nil},
		{Tag{From: &From{KindImageStreamTag, "", "1"}, Scheduled: &yes}, &Source{Kind: KindImageStreamTag, Name: "1"}},
		{Tag{From: &From{KindImageStreamTag, "own", "1"}}, &Source{Kind: KindImageStreamTag, Name: "1"}},
		{Tag{From: &From{KindImageStreamTag, "other", "1"}}, &Source{Kind: KindImageStreamTag, Namespace: "other", Name: "1"}},
		{
			Tag{
				From: &From{KindDockerImage, "", "mysql"}, Reference: true, ImportMode: ModeLegacy, Insecure: true, Scheduled: &no, ReferencePolicy: "Source",
				Annotations: map[string]string{AnnotationReimport: "2", AnnotationPaused: "x", "imgstream.dev/policy": "semver", "imgstream.dev/policy-range": "^1", "imgstream.dev/policyx": ""},
			},
			&Source{
				Kind: KindDockerImage, Name: "mysql", Reference: true, ImportMode: ModeLegacy, Reimport: "2",
				Policy: map[string]string{"imgstream.dev/policy": "semver", "imgstream.dev/policy-range": "^1"},
			},
		},
	} {
		got := tt.tag.Source("own")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !got.Equal(tt.want) || got.Equal(&Source{Kind: "other"}) || got.Equal(nil) != (got == nil) {
			t.Errorf("Equal of %+v", got)
		}
	}
	a := Source{Kind: KindDockerImage, Name: "mysql"}
	for _, b := range []Source{
		{Kind: KindImageStreamTag, Name: "mysql"},
		{Kind: KindDockerImage, Name: "mariadb"},
		{Kind: KindDockerImage, Name: "mysql", Namespace: "x"},
		{Kind: KindDockerImage, Name: "mysql", Reference: true},
		{Kind: KindDockerImage, Name: "mysql", ImportMode: ModeLegacy},
		{Kind: KindDockerImage, Name: "mysql", Reimport: "1"},
		{Kind: KindDockerImage, Name: "mysql", Policy: map[string]string{"a": "b"}},
	} {
		if a.Equal(&b) {
			t.Errorf("%+v equals %+v", a, b)
		}
	}
}

func TestIsScheduled(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		from      *From
		scheduled *bool
		fallback  bool
		want      bool
	}{
		{nil, nil, true, false},
		{&From{KindDockerImage, "", "mysql"}, nil, false, false},
		{&From{KindDockerImage, "", "mysql"}, nil, true, true},
		{&From{KindDockerImage, "", "mysql"}, &no, true, false},
		{&From{KindDockerImage, "", "mysql"}, &yes, false, true},
		{&From{KindDockerImage, "", "mysql@" + someDigest}, &yes, true, false},
		{&From{KindDockerImage, "", "not valid"}, &yes, true, false},
		{&From{KindImageStreamTag, "", "1"}, nil, true, false},
	} {
		tag := Tag{From: tt.from, Scheduled: tt.scheduled}
		if got := tag.IsScheduled(Settings{Imports: ImportSettings{Scheduled: tt.fallback}}); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestPaused(t *testing.T) {
	why := map[string]string{AnnotationPaused: "why"}
	for _, tt := range []struct {
		stream, tag map[string]string
		reason      string
		ok          bool
	}{
		{nil, nil, "", false},
		{why, nil, "why", true},
		{nil, why, "why", true},
		{why, map[string]string{AnnotationPaused: ""}, "", true},
	} {
		s := Stream{Annotations: tt.stream}
		if reason, ok := s.Paused(&Tag{Annotations: tt.tag}); reason != tt.reason || ok != tt.ok {
			t.Errorf("%+v: %q, %v", tt, reason, ok)
		}
	}
}

func TestProblemString(t *testing.T) {
	for want, p := range map[string]Problem{
		"error: a":                      {Message: "a"},
		"x.yaml: notice: a":             {Severity: Notice, Pos: Pos{File: "x.yaml"}, Message: "a", Hint: "b"},
		"x.yaml:3: warning: sso/web: a": {Severity: Warning, Pos: Pos{"x.yaml", 3}, Ref: Ref{Namespace: "sso", Name: "web"}, Message: "a"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
