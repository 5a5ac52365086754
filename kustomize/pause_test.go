package kustomize_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/kustomize"
)

func TestPause(t *testing.T) {
	tests := map[string]struct{ marker, reason, want string }{
		"put":                 {`{"$imagestream": "web:1"}`, `why "so" <now>`, `{"$imagestream": "web:1", "paused": "why \"so\" <now>"}`},
		"put, text behind":    {`{"$imagestream": "web:1"} ours`, "why", `{"$imagestream": "web:1", "paused": "why"} ours`},
		"put, blank at end":   {`{"$imagestream":"web:1" }`, "why", `{"$imagestream":"web:1", "paused": "why" }`},
		"another reason":      {`{"paused": "old", "$imagestream": "web:1"}`, "new", `{"$imagestream": "web:1", "paused": "new"}`},
		"take out, last":      {`{"$imagestream": "web:1", "paused": "old"}`, "", `{"$imagestream": "web:1"}`},
		"take out, first":     {`{"paused": "old", "$imagestream": "web:1"}`, "", `{"$imagestream": "web:1"}`},
		"take out, between":   {`{"$imagestream": "web:1", "paused": "old", "x": 1} ours`, "", `{"$imagestream": "web:1", "x": 1} ours`},
		"take out, no reason": {`{"$imagestream": "web:1", "paused": true}`, "", `{"$imagestream": "web:1"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := func(marker string) string {
				return "images:\r\n- name: a # " + `{"$imagestream": "web:1"}` + "\r\n  newTag: x\r\n- name: b\r\n  # " + marker + "\r\n  newTag: y # kept\r\n"
			}
			src := []byte(file(test.marker))
			u := kustomize.Parse("kustomization.yaml", src).Uses[1]
			got, err := kustomize.Pause("kustomization.yaml", src, u, test.reason)
			if err != nil || string(got) != file(test.want) {
				t.Errorf("%v\n%s\nwant\n%s", err, got, file(test.want))
			}
		})
	}
}

func TestPauseRefuses(t *testing.T) {
	src := []byte("image: r.io/web:1 # {\"$imagestream\": \"web:1\"}\n")
	u := kustomize.Parse("a.yaml", src).Uses[0]
	if _, err := kustomize.Pause("a.yaml", src, u, "a\u0085b: c"); !errors.Is(err, kustomize.ErrUnproven) {
		t.Errorf("a reason of two lines: %v", err)
	}
	u.Path = "elsewhere"
	if _, err := kustomize.Pause("a.yaml", src, u, "why"); !errors.Is(err, kustomize.ErrUnproven) || !strings.Contains(err.Error(), "change it by hand") {
		t.Errorf("a place that is not there: %v", err)
	}
}

// Whatever a marker looks like, pausing it and letting it go again pauses one place and
// changes nothing else.
func FuzzPause(f *testing.F) {
	f.Add(`{"$imagestream": "web:1"}`, "why")
	f.Add(`{"paused": {"a": [1]}, "$imagestream": "web:1", "\u0070aused": 1} x`, "\"\\")
	f.Fuzz(func(t *testing.T, marker, reason string) {
		src := []byte("images:\n- name: a # " + marker + "\n  newTag: x\n")
		file := kustomize.Parse("kustomization.yaml", src)
		if file == nil || len(file.Uses) != 1 || strings.TrimSpace(reason) == "" {
			return
		}
		paused, err := kustomize.Pause("kustomization.yaml", src, file.Uses[0], reason)
		if err != nil {
			return
		}
		u := kustomize.Parse("kustomization.yaml", paused).Uses[0]
		free, err := kustomize.Pause("kustomization.yaml", paused, u, "")
		if u.Paused != reason || err != nil {
			t.Fatalf("%q: paused by %q: %v", paused, u.Paused, err)
		}
		again := kustomize.Parse("kustomization.yaml", free).Uses[0]
		if again.Paused != "" || again.Ref != u.Ref || !strings.HasPrefix(string(free), "images:\n- name: a # {") || !strings.HasSuffix(string(free), "\n  newTag: x\n") {
			t.Fatalf("%q", free)
		}
	})
}
