package kustomize

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// want finds the use at a path of the file.
func want(t *testing.T, file, src, path string, img Image) Want {
	t.Helper()
	for _, u := range Parse(file, []byte(src)).Uses {
		if u.Path == path {
			return Want{Use: u, Image: img}
		}
	}
	t.Fatalf("no use at %s", path)
	return Want{}
}

func TestApplySeveral(t *testing.T) {
	in := withMarkers(withDigests(`namespace: prod
images:
#M
- name: r/a
  newTag: v1
- name: r/b #M
  newTag: v1
  newTag: v1
#N
- name: r/c
  newTag: v1@OLD
patches:
- image: r/d:v1 #M
`))
	out := withMarkers(withDigests(`namespace: prod
images:
#M
- name: r/a
  newTag: v2
  digest: NEW
- name: r/b #M
  newTag: v1
  newTag: v1
#N
- name: r/c
  newTag: v3@NEW
patches:
- image: r/d:v4@NEW #M
`))
	const file = "kustomization.yaml"
	r := Apply(file, []byte(in), []Want{
		want(t, file, in, "patches[0].image", image("r/d:v4")),
		want(t, file, in, "images[name=r/b]", image("r/b:v2")),
		want(t, file, in, "images[name=r/c]", image("r/c:v3")),
		want(t, file, in, "images[name=r/a]", image("r/a:v2")),
	})
	if diff := cmp.Diff(out, string(r.Src)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i, err := range r.Errs {
		if refused := i == 1; refused != errors.Is(err, ErrUnproven) || !refused && err != nil {
			t.Errorf("want %d: %v", i, err)
		}
	}
	var lines []int
	for _, u := range r.File.Uses {
		lines = append(lines, u.Line)
	}
	if diff := cmp.Diff([]int{4, 7, 11, 14}, lines); diff != "" {
		t.Errorf("lines in the new file (-want +got)\n%s", diff)
	}
}

func TestApplyRefusals(t *testing.T) {
	const file = "a.yaml"
	src := withMarkers("image: r/a:v1 #M\n")
	w := want(t, file, src, "image", image("r/a:v2"))
	other := w
	other.Use.Ref = "a/b:3"
	noDigest, oddTag := w, w
	noDigest.Image.Digest = ""
	oddTag.Image.Tag = "v2\nx"
	for _, c := range []struct {
		name, src string
		want      Want
		reason    string
	}{
		{"another marker", src, other, "line 1: no marker for a/b:3 binds image here"},
		{"no digest", src, noDigest, `line 1: no image to write: repository "r/a", tag "v2", digest ""`},
		{"a tag of two lines", src, oddTag, `line 1: no image to write: repository "r/a", tag "v2\nx", digest "` + newDigest + `"`},
		{"bytes without a marker", "image: r/a:v1\n", w, "line 1: no marker for a/b:1 binds image here"},
		{"broken bytes", "image: [", w, "not YAML: line 1: did not find expected node content"},
	} {
		r := Apply(file, []byte(c.src), []Want{c.want})
		if err := r.Errs[0]; !errors.Is(err, ErrUnproven) || err.Error() != c.reason || string(r.Src) != c.src {
			t.Errorf("%s: %v, %q", c.name, err, r.Src)
		}
	}
}

// Two wants for one place cannot both be right; others in the file proceed.
func TestApplyContradiction(t *testing.T) {
	const file = "a.yaml"
	src := withMarkers("a: r/a:v1 #M\nb: r/b:v1 #M\n")
	r := Apply(file, []byte(src), []Want{
		want(t, file, src, "a", image("r/a:v2")),
		want(t, file, src, "a", image("r/a:v3")),
		want(t, file, src, "b", image("r/b:v2")),
	})
	if r.Errs[0] != nil || !errors.Is(r.Errs[1], ErrUnproven) || r.Errs[2] != nil {
		t.Errorf("got %v", r.Errs)
	}
	if diff := cmp.Diff(withMarkers(withDigests("a: r/a:v2@NEW #M\nb: r/b:v2@NEW #M\n")), string(r.Src)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
