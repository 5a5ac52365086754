package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMarker(t *testing.T) {
	for _, c := range []struct {
		comment string
		want    marker
		ok      bool
		found   string // words of the findings, notices marked with "notice: "
	}{
		{`# {"$imagestream": "sso/keycloak:25.0"}`, marker{ref: "sso/keycloak:25.0"}, true, ""},
		{`#{"$imagestream":"keycloak:latest"} see the wiki`, marker{ref: "keycloak:latest"}, true, ""},
		{"#\t{ \"$imagestream\" : \"my-ns/a_b.c:V_1.0-x\" }", marker{ref: "my-ns/a_b.c:V_1.0-x"}, true, ""},
		{`# {"$imagestream": "a/b:1:tag"}`, marker{ref: "a/b:1", part: PartTag}, true, ""},
		{`# {"$imagestream": "a/b:1:name"}`, marker{ref: "a/b:1", part: PartName}, true, ""},
		{`# {"$imagestream": "a/b:1:digest"}`, marker{ref: "a/b:1", part: PartDigest}, true, ""},
		{`# {"$imagestream": "a/b:name"}`, marker{ref: "a/b:name"}, true, ""},
		{`# {"paused": "until Monday", "$imagestream": "a/b:1"}`, marker{ref: "a/b:1", paused: "until Monday"}, true, ""},
		{`# {"$imagepolicy": "flux:x", "$imagestream": "a/b:1"}`, marker{ref: "a/b:1"}, true, ""},
		{`# {"$imagestream": "a/b:1", "pause": "x"}`, marker{ref: "a/b:1"}, true, `notice: unknown key "pause"`},
		{`# {"$imagestream": "a/b:1", "lookup": true}`, marker{ref: "a/b:1", lookup: true}, true, ""},
		{`# {"$imagestream": "a/b:1", "lookup": false}`, marker{ref: "a/b:1"}, true, ""},
		{`# {"$imagestream": "a/b:1", "lookup": "yes"}`, marker{ref: "a/b:1"}, true, "notice: lookup is not true or false"},
		{`# {"$imagestream": "a/b:1", "paused": true}`, marker{ref: "a/b:1", paused: "no reason given"}, true, "notice: paused gives no reason"},
		{`# {"$imagestream": "a/b:1", "paused": ""}`, marker{ref: "a/b:1", paused: "no reason given"}, true, "notice: paused gives no reason"},
		{`# {"$imagestream": "a/b:1", "paused": false}`, marker{ref: "a/b:1"}, true, "notice: paused without a reason"},

		{`# {"$imagestream": "a/b:1"`, marker{}, false, "not a JSON object: "},
		{`# {"$imagestream: "a/b:1"}`, marker{}, false, "not a JSON object: "},
		{`# {'$imagestream': 'a/b:1'}`, marker{}, false, "not a JSON object: "},
		{`# {"$imagestream": a/b:1}`, marker{}, false, "not a JSON object: "},
		{`# {"$imagestream": "a/b:1", "$imagestream": "a/b:2"}`, marker{}, false, "stands in it twice"},
		{`# {"$imagestream": ["a/b:1"]}`, marker{}, false, "is not a string"},
		{`# {"$imagestream": "a/b"}`, marker{}, false, `"a/b" is not [namespace/]stream:tag`},
		{`# {"$imagestream": "a/b@sha256:00"}`, marker{}, false, "is not [namespace/]stream:tag"},
		{`# {"$imagestream": "a/b/c:1"}`, marker{}, false, "is not [namespace/]stream:tag"},
		{`# {"$imagestream": "A/b:1"}`, marker{}, false, "is not [namespace/]stream:tag"},
		{`# {"$imagestream": "a/b:1:sum"}`, marker{}, false, "no part of an image"},
		{`# {"$imagestream": "a/b:1:"}`, marker{}, false, "no part of an image"},
		{`# {"$imagestreams": "a/b:1"}`, marker{}, false, `unknown key "$imagestreams"`},
		{`# {"$imagepolicy": "x"} {"$imagestream": "a/b:1"}`, marker{}, false, "behind another object"},
		{`# - name: a # {"$imagestream": "a/b:1"}`, marker{}, false, "notice: a marker inside a comment"},
		{`## {"$imagestream": "a/b:1"}`, marker{}, false, "notice: a marker inside a comment"},
	} {
		got, ok, found := parseMarker(c.comment)
		var words string
		for _, f := range found {
			if f.notice {
				words += "notice: "
			}
			words += f.message
		}
		if ok != c.ok || ok && got != c.want || !strings.Contains(words, c.found) || c.found == "" && words != "" {
			t.Errorf("%s\ngot  %+v, %v, %q\nwant %+v, %v, %q", c.comment, got, ok, words, c.want, c.ok, c.found)
		}
	}
}

func TestBrokenMarkerSaysWhatToWrite(t *testing.T) {
	f := Parse("deploy.yaml", []byte("a: b\nimage: x:1 # {\"$imagestream\" \"a/b:1\"}\n"))
	if len(f.Uses) != 0 || len(f.Problems) != 1 {
		t.Fatalf("got %+v", f)
	}
	got := f.Problems[0]
	got.Message, _, _ = strings.Cut(got.Message, ":") // the rest is encoding/json's
	want := Problem{Line: 2, Message: "the marker is not a JSON object", Hint: `write # {"$imagestream": "namespace/stream:tag"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
