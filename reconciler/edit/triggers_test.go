package edit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// consumersOf reads a kustomization for the tests below.
func consumersOf(t *testing.T, src string) (*edit.Consumers, []edit.Consumer) {
	t.Helper()
	cs := edit.ConsumersOf(stream.Settings{}, "apps/kustomization.yaml", []byte(src))
	all, err := cs.All()
	if err != nil {
		t.Fatal(err)
	}
	return cs, all
}

func TestBindLeavesOutTheNamespace(t *testing.T) {
	ref := stream.Ref{Namespace: "prod", Name: "web", Tag: "1"}
	for namespace, want := range map[string]string{"prod": "web:1", "test": "prod/web:1", "": "prod/web:1"} {
		cs, all := consumersOf(t, "namespace: "+namespace+"\nimages:\n- name: a\n")
		if err := cs.Bind(all[0], ref, false); err != nil {
			t.Fatal(err)
		}
		now, err := cs.Again(all[0])
		if err != nil || now.Bound != want || now.Ref != ref {
			t.Errorf("%s: %v %q %v", namespace, err, now.Bound, now.Ref)
		}
		if err := cs.Bind(now, ref, false); err != nil {
			t.Error(err)
		}
		ref.Tag = "2"
		if err := cs.Bind(now, ref, false); err == nil || !strings.HasPrefix(err.Error(), "only one trigger may reference each container: apps/kustomization.yaml:3: a is bound to "+want+" already") {
			t.Error(err)
		}
		ref.Tag = "1"
	}
}

func TestPausedKeepsItsReason(t *testing.T) {
	src := "images:\n- name: a # {\"$imagestream\": \"web:1\", \"paused\": \"audit\"}\n- name: b # {\"$imagestream\": \"web:1\"}\n"
	cs, all := consumersOf(t, src)
	for _, c := range all {
		if err := cs.SetPaused(c, "manual"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Replace(src, `"web:1"}`, `"web:1", "paused": "manual"}`, 1), string(cs.Src)); diff != "" {
		t.Error(diff)
	}
}

// The parts of one image are stopped together, and let go together whoever stopped them.
func TestPauseOfParts(t *testing.T) {
	const both = "image:\n  repository: r/a # {\"$imagestream\": \"web:1:name\", \"paused\": \"x\"}\n  tag: v1 # {\"$imagestream\": \"web:1:tag\", \"paused\": \"x\"}\n"
	none := strings.ReplaceAll(both, `, "paused": "x"`, "")
	for _, step := range []struct{ src, reason, want string }{
		{both, "", none},
		{none, "x", strings.Replace(none, `name"`, `name", "paused": "x"`, 1)},
		{strings.Replace(none, `tag"`, `tag", "paused": "y"`, 1), "", none},
		{both, "y", both},
		{none, "", none},
	} {
		cs := edit.ConsumersOf(stream.Settings{}, "values.yaml", []byte(step.src))
		all, err := cs.All()
		if err != nil {
			t.Fatal(err)
		}
		if err := cs.SetPaused(all[0], step.reason); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(step.want, string(cs.Src)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestUnbindRefusesLocalLookup(t *testing.T) {
	src := "namespace: prod\nimages:\n- name: 'web:1\\.0' # {\"$imagestream\": \"prod/web:1.0\", \"lookup\": true}\n  digest: sha256:00\n"
	cs, all := consumersOf(t, src)
	err := cs.Unbind(all[0])
	if err == nil || !strings.Contains(err.Error(), "imgstream set image-lookup web -n prod --enabled=false") || string(cs.Src) != src {
		t.Error(err)
	}
}

func TestChosenConsumers(t *testing.T) {
	_, all := consumersOf(t, "images:\n# {\"$imagestream\": \"web:1\"}\n- name: a\n  newTag: x\n- name: b\n")
	for _, c := range []struct {
		name string
		pick func() ([]edit.Consumer, error)
		want string
	}{
		{"a name", func() ([]edit.Consumer, error) { return edit.Named("f", all, []string{"b"}) }, "b"},
		{"names", func() ([]edit.Consumer, error) { return edit.Named("f", all, []string{"b", "a"}) }, "b, a"},
		{"a name twice", func() ([]edit.Consumer, error) { return edit.Named("f", all, []string{"b", "b"}) }, "only one trigger may reference each container: b is named twice"},
		{"a name of nothing", func() ([]edit.Consumer, error) { return edit.Named("f", all, []string{"c"}) }, "f has no image called c: there is a, b"},
		{"its line", func() ([]edit.Consumer, error) { return edit.AtLine("f", all, 3) }, "a"},
		{"its marker", func() ([]edit.Consumer, error) { return edit.AtLine("f", all, 2) }, "a"},
		{"its last line", func() ([]edit.Consumer, error) { return edit.AtLine("f", all, 4) }, "a"},
		{"another line", func() ([]edit.Consumer, error) { return edit.AtLine("f", all, 1) }, `f:1 shows no image: there is line 3, 5; a part of one is bound by a comment behind it: # {"$imagestream": "STREAM:TAG:tag"}`},
		{"a line of nothing", func() ([]edit.Consumer, error) { return edit.AtLine("f.yaml", nil, 1) }, "f.yaml shows no image that could be bound"},
		{"a line of text", func() ([]edit.Consumer, error) { return edit.AtLine("f.env", nil, 1) }, "no line of f.env clearly shows an image: one is bound by hand, by a marker in a comment above it or behind it: see docs/bindings.md"},
	} {
		found, err := c.pick()
		got := edit.Labels(found)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestLabelsThatAreShared(t *testing.T) {
	_, all := consumersOf(t, "images:\n- name: a\n- name: b\n- name: a\n")
	if got := edit.Labels(all); got != "a (apps/kustomization.yaml:2), b, a (apps/kustomization.yaml:4)" {
		t.Error(got)
	}
}

func TestBindable(t *testing.T) {
	cs, all := consumersOf(t, "images: [{name: a}, {name: b}]\n")
	if got := cs.Bindable(all[0]); got != "line 1: a marker cannot be written here: the marker stands on images: itself" {
		t.Error(got)
	}
	cs, all = consumersOf(t, "images:\n- {name: a}\n")
	if got := cs.Bindable(all[0]); got != "" || strings.Contains(string(cs.Src), "probe") {
		t.Error(got)
	}
}

func TestConsumersOfWhatCannotBeRead(t *testing.T) {
	cs := edit.ConsumersOf(stream.Settings{}, "a.yaml", []byte("a: [\n"))
	if _, err := cs.All(); !errors.Is(err, kustomize.ErrUnproven) || !strings.HasPrefix(err.Error(), "a.yaml cannot be read: ") {
		t.Error(err)
	}
}
