package render

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// outcome is what changes do to a build.
type outcome struct {
	empty bool     // it has no objects
	texts []string // the values that change, decoded
}

func outcomeOf(out *build.Output, changed []build.Scalar) *outcome {
	o := &outcome{empty: len(out.Objects) == 0}
	for _, s := range changed {
		o.texts = append(o.texts, decoded(s))
	}
	return o
}

// dead gives the consumers of the file that do not come out of the build: no value that
// changes shows their image.
func (j *judge) dead(is *outcome, then *build.Source) (verdict, error) {
	found := verdict{refused: plan.Refusals{}}
	if is.empty {
		return found, nil
	}
	for _, w := range j.wants {
		shown, err := j.shown(is, w)
		if err != nil {
			return verdict{}, err
		}
		if !shown && j.component != "" {
			shown, err = j.elsewhere(w)
		}
		if err != nil {
			return verdict{}, err
		}
		if !shown {
			j.refuse(found.refused, w, j.notShown(then, w))
		}
	}
	return found, nil
}

// elsewhere reports whether another kustomization that includes a component shows an image in it.
func (j *judge) elsewhere(w plan.Written) (bool, error) {
	roots, _, err := j.includes.deploying(j.component)
	if err != nil {
		return false, err
	}
	others := slices.DeleteFunc(roots, func(root string) bool { return root == j.root })
	_, shown, err := j.deployed(others, w)
	return shown && len(others) > 0, err
}

// shown reports whether an image that was written comes out of a build. Where others are
// written with the same digest, whether a value shows that of an entry is told by building once more.
func (j *judge) shown(is *outcome, w plan.Written) (bool, error) {
	img := w.Want.Image
	switch {
	case w.Want.Do == kustomize.Remove:
		return true, nil
	case isEntry(w) && img.Digest == "":
		return slices.ContainsFunc(is.texts, func(text string) bool { return strings.Contains(text, img.Tag) }), nil
	case !j.writesDigest(w):
		return true, nil // a name, or a tag, may be as it was
	}
	places := 0
	for _, text := range is.texts {
		if showsDigest(text, img.Digest) {
			places++
		}
	}
	if places == 0 || !isEntry(w) { // an entry that stands over a manifest with the same image does no harm
		return places > 0, nil
	}
	return j.alone(w)
}

// writesDigest reports whether a consumer shows a digest in its file: a tag may stand alone in
// the values of a chart.
func (c *call) writesDigest(w plan.Written) bool {
	part, digest := w.Want.Use.Part, w.Want.Image.Digest
	_, hex, _ := strings.Cut(digest, ":")
	return digest != "" && part != kustomize.PartName && part != kustomize.PartTag && bytes.Contains(c.after.files[w.File], []byte(hex))
}

// showsDigest reports whether a value shows a digest, or as much of it as a replacement may
// have cut out.
func showsDigest(value, digest string) bool {
	const least = 7
	return strings.Contains(value, digest) || len(value) >= least && strings.Contains(digest, value)
}

func isEntry(w plan.Written) bool { return strings.HasPrefix(w.Want.Use.Path, "images[") }

// alike are the consumers in the build's files that show a digest, of those that show parts of one image the first.
func (j *judge) alike(digest string) []plan.Written {
	var all []plan.Written
	for _, w := range j.seen {
		if w.Want.Do != kustomize.Remove && w.Want.Image.Digest == digest && !slices.ContainsFunc(all, func(o plan.Written) bool { return together(o, w) }) {
			all = append(all, w)
		}
	}
	return all
}

func together(a, b plan.Written) bool {
	of := a.Want.Use.Together()
	return a.File == b.File && of != (kustomize.Together{}) && of == b.Want.Use.Together()
}

// probe is a build in which each of the consumers with one digest shows one of its own.
type probe struct {
	alike []plan.Written
	texts []string // what it shows; nil where it was not made
}

// alone reports whether an entry comes out of the build, by giving each of the consumers that
// show the same digest one of its own.
func (j *judge) alone(w plan.Written) (bool, error) {
	digest := w.Want.Image.Digest
	p, known := j.probes[digest]
	if !known {
		p = &probe{alike: j.alike(digest)}
		var err error
		if len(p.alike) > 1 {
			p.texts, err = j.probe(p.alike)
		}
		if err != nil {
			return false, err
		}
		if j.probes == nil {
			j.probes = map[string]*probe{}
		}
		j.probes[digest] = p
	}
	own := mark(slices.IndexFunc(p.alike, func(a plan.Written) bool { return same(a, w) }))
	return p.texts == nil || slices.ContainsFunc(p.texts, func(text string) bool { return strings.Contains(text, own) }), nil
}

// mark is a digest that no image has.
func mark(i int) string { return fmt.Sprintf("sha256:%064x", i+1) }

func same(a, b plan.Written) bool {
	return together(a, b) || a.File == b.File && a.Want.Use.Document == b.Want.Use.Document && a.Want.Use.Path == b.Want.Use.Path
}

// probe are the values of the build where each of some consumers shows its mark; nil where
// that cannot be built.
func (j *judge) probe(alike []plan.Written) ([]string, error) {
	files, done := maps.Clone(j.after.files), map[string]bool{}
	for _, a := range alike {
		if done[a.File] {
			continue
		}
		done[a.File] = true
		src, err := fs.ReadFile(j.tip, a.File)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", a.File, err)
		}
		var wants []kustomize.Want
		for _, w := range j.written[a.File] {
			want := w.Want
			if i := slices.IndexFunc(alike, func(a plan.Written) bool { return same(a, w) }); i >= 0 {
				want.Image.Digest = mark(i)
			}
			wants = append(wants, want)
		}
		files[a.File] = kustomize.Apply(path.Base(a.File), src, wants).Src
	}
	source, err := build.Collect(changed{j.tip, files}, path.Dir(j.root))
	if err != nil || !j.affords(source) {
		return nil, nil //nolint:nilerr // it may still be well
	}
	j.Made++
	out, err := source.Build()
	if err != nil {
		return nil, nil //nolint:nilerr // likewise
	}
	return texts(out), nil
}

// texts are all values of a build, decoded; not nil.
func texts(out *build.Output) []string {
	all := []string{}
	for s := range out.Scalars() {
		all = append(all, decoded(s))
	}
	return all
}

// notShown says that an image does not come out of a build, and why.
func (j *judge) notShown(then *build.Source, w plan.Written) string {
	u := w.Want.Use
	text := fmt.Sprintf("the build of %s does not show %s", j.root, cmp.Or(w.Want.Image.Digest, w.Want.Image.Name+":"+w.Want.Image.Tag))
	if !isEntry(w) {
		if j.out == nil {
			j.out, _ = j.run(then)
		}
		if instead := instead(j.out, w); instead != "" {
			return text + ": " + instead + "; an images: entry, a patch or a replacement stands over what the file says"
		}
		return text + ": what the file says does not come out of it"
	}
	if file, name := then.Renames(w.File, u.Label); file != "" {
		return fmt.Sprintf("%s: %s gives %s the name %s first, so that no entry for %s matches it here; write name: %s", text, file, u.Label, name, u.Label, name)
	}
	if file := then.Changes(w.Want.Image.Name); file != "" && u.Label != w.Want.Image.Name {
		return fmt.Sprintf("%s: an entry for %s in %s changes it again", text, w.Want.Image.Name, file)
	}
	return fmt.Sprintf("%s: no image in it matches the entry for %s", text, u.Label)
}

// instead says what stands in a build where a consumer's image should; "" where there is nothing.
func instead(out *build.Output, w plan.Written) string {
	document := strings.Split(w.Want.Use.Document, "/") // ends in kind, namespace and name
	if out == nil || len(document) < 4 {
		return ""
	}
	kind, name := document[len(document)-3], document[len(document)-1]
	for s := range out.Scalars() {
		if s.Path() == w.Want.Use.Path && s.Object.Kind == kind && strings.Contains(s.Object.Name, name) {
			return s.Object.String() + " has " + s.Value
		}
	}
	return ""
}

// decoded is a value, or what it says in a Secret.
func decoded(s build.Scalar) string {
	if s.Object.Kind == "Secret" && strings.HasPrefix(s.Path(), "data.") {
		if text, err := base64.StdEncoding.DecodeString(s.Value); err == nil {
			return string(text)
		}
	}
	return s.Value
}
