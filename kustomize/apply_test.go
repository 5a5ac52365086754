package kustomize

import (
	"errors"
	"strings"
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
	noDigest.Image.Digest, noDigest.Image.Tag = "", ""
	oddTag.Image.Tag = "v2\nx"
	for _, c := range []struct {
		name, src string
		want      Want
		reason    string
	}{
		{"another marker", src, other, "line 1: no marker for a/b:3 binds image here"},
		{"neither digest nor tag", src, noDigest, `line 1: no image to write: repository "r/a", tag "", digest ""`},
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

// An image that is known by its tag alone, in each spelling.
func TestApplyWithoutADigest(t *testing.T) {
	const refused = "the image has no digest (reference: true): "
	for _, c := range []struct{ file, src, path, want, refused string }{
		{"a.yaml", "image: r/a:v1 #M\n", "image", "image: r/b:v2 #M\n", ""},
		{"a.yaml", "image: r/a@sha256:12 #M\n", "image", "image: r/b:v2 #M\n", ""},
		{"a.yaml", "tag: v1@sha256:12 # {\"$imagestream\": \"a/b:1:tag\"}\n", "tag", "tag: v2 # {\"$imagestream\": \"a/b:1:tag\"}\n", ""},
		{"a.yaml", "name: r/a # {\"$imagestream\": \"a/b:1:name\"}\n", "name", "name: r/b # {\"$imagestream\": \"a/b:1:name\"}\n", ""},
		{"a.yaml", "digest: sha256:12 # {\"$imagestream\": \"a/b:1:digest\"}\n", "digest", "", refused + "bind the tag, or the whole image"},
		{"kustomization.yaml", "images:\n- name: r/a #M\n", "images[name=r/a]", "images:\n- name: r/a #M\n  newName: r/b\n  newTag: v2\n", ""},
		{"kustomization.yaml", "images:\n- name: r/b #M\n  newTag: v1@sha256:12\n", "images[name=r/b]", "images:\n- name: r/b #M\n  newTag: v2\n", ""},
		{"kustomization.yaml", "images:\n- name: r/b #M\n  digest: sha256:12\n", "images[name=r/b]", "", refused + "remove the digest line of the entry"},
	} {
		src := withMarkers(c.src)
		w := want(t, c.file, src, c.path, Image{Name: "r/b", Tag: "v2"})
		r := Apply(c.file, []byte(src), []Want{w})
		if c.refused != "" {
			if r.Errs[0] == nil || !strings.HasSuffix(r.Errs[0].Error(), c.refused) || string(r.Src) != src {
				t.Errorf("%q: %v, %q", c.src, r.Errs[0], r.Src)
			}
			continue
		}
		if r.Errs[0] != nil || string(r.Src) != withMarkers(c.want) {
			t.Errorf("%q: %v, %q", c.src, r.Errs[0], r.Src)
		}
	}
}
