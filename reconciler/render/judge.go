package render

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// judge compares the builds of one target.
type judge struct {
	*call
	target
	was    *build.Source
	broken error          // why what it becomes cannot be read; nil: it can
	seen   []plan.Written // in the files that the build reads

	probes map[string]*probe // by digest
	out    *build.Output     // what the build becomes, where that was asked for; nil: not yet
}

// key is that of everything a verdict rests on.
func (j *judge) key(then *build.Source) key {
	h := sha256.New()
	for _, s := range []*build.Source{j.was, then} {
		if s != nil {
			k := s.Key()
			h.Write(k[:])
		}
	}
	fmt.Fprintf(h, "%q", j.file)
	for _, w := range j.seen {
		u := w.Want.Use
		fmt.Fprintf(h, "%q %q %q %q %d %q %q %q", w.File, u.Document, u.Path, w.Ref.String(), w.Want.Do, w.Want.Image.Name, w.Want.Image.Tag, w.Want.Image.Digest)
	}
	return key(h.Sum(nil))
}

// compare gives the verdict about what the build becomes.
func (j *judge) compare(then *build.Source) (verdict, error) {
	was := j.build(j.was)
	if was.fails != nil {
		return verdict{unbuilt: was.fails}, nil //nolint:nilerr // it is the verdict
	}
	var both [2]key
	if j.broken == nil {
		both = [2]key{j.was.Key(), then.Key()}
	}
	is, known := j.well[both]
	if !known {
		var reason string
		if reason, is = j.wrong(was, then, j.broken); reason != "" {
			return j.blame(was, reason)
		}
		j.well[both] = is
	}
	return j.dead(is, then)
}

// refuse adds a consumer, and those that show other parts of the same image.
func (j *judge) refuse(refused plan.Refusals, w plan.Written, reason string) {
	refused.Add(w, reason)
	of := w.Want.Use.Together()
	for _, o := range j.wants {
		if of != (kustomize.Together{}) && o.Want.Use.Together() == of {
			refused.Add(o, reason)
		}
	}
}

// wrong says why a build must not become another one; "" where all is well.
func (j *judge) wrong(was built, then *build.Source, broken error) (reason string, is *outcome) {
	if broken != nil {
		return "with it nothing can be built any more: " + broken.Error(), nil
	}
	var out *build.Output
	b, known := j.digests.of(then.Key())
	if known && b.fails == nil && slices.Equal(b.digest, was.digest) {
		return "", &outcome{empty: len(b.digest) == 0}
	}
	if !known || b.fails == nil {
		out, b = j.run(then)
	}
	if b.fails != nil {
		return fmt.Sprintf("with it %s does not build any more: %s", j.root, b.fails.Reason), nil
	}
	values, same := out.Since(was.digest)
	if !same {
		return fmt.Sprintf("with it the build of %s has other objects or fields than before", j.root), nil
	}
	generated := generated(out, values, j.seen)
	for _, s := range values {
		if !generated[s.Value] && !explained(s, j.seen) {
			return fmt.Sprintf("with it the build of %s changes more than images: %s of %s", j.root, s.Path(), s.Object), nil
		}
	}
	return "", outcomeOf(out, values)
}

// blame finds the consumers without which a change can be made, one by one.
func (j *judge) blame(was built, reason string) (verdict, error) {
	const most = 16
	found := verdict{refused: plan.Refusals{}}
	if len(j.wants) > most || len(j.seen) == 1 {
		for _, w := range j.wants {
			j.refuse(found.refused, w, reason)
		}
		return found, nil
	}
	src, err := fs.ReadFile(j.tip, j.file)
	if err != nil {
		return verdict{}, fmt.Errorf("read %s: %w", j.file, err)
	}
	if reason := j.tried(was, src); reason != "" { // other files of the build are to blame
		for _, w := range j.seen {
			if w.File != j.file {
				j.refuse(found.refused, w, reason)
			}
		}
		return found, nil
	}
	var good []kustomize.Want
	for _, w := range j.wants {
		wants := append(slices.Clone(good), w.Want)
		if reason := j.tried(was, kustomize.Apply(path.Base(j.file), src, wants).Src); reason != "" {
			j.refuse(found.refused, w, reason)
		} else {
			good = wants
		}
	}
	if len(found.refused) == 0 { // only all of them together are wrong
		j.refuse(found.refused, j.wants[len(j.wants)-1], reason)
	}
	return found, nil
}

// tried says what is wrong with the build where the file is src.
func (j *judge) tried(was built, src []byte) string {
	then, err := build.Collect(j.after.with(j.file, src), path.Dir(j.root))
	reason, _ := j.wrong(was, then, err)
	return reason
}

// explained reports whether a value is what it should be after some consumers were
// written: it shows one of their images, or a part of it, or a short name whose entry is gone.
func explained(s build.Scalar, written []plan.Written) bool {
	value := decoded(s)
	return slices.ContainsFunc(written, func(w plan.Written) bool {
		img := w.Want.Image
		switch {
		case w.Want.Do == kustomize.Remove:
			return value == w.Want.Use.Label
		case value == "":
			return false
		case img.Digest != "" && showsDigest(value, img.Digest):
			return true
		case img.Tag != "" && (value == img.Tag || strings.Contains(value, img.Name+":"+img.Tag) || strings.HasSuffix(value, ":"+img.Tag)):
			return true
		case strings.Contains(value, "\n"): // a whole file, whose edit is proven
			return img.Tag != "" && strings.Contains(value, img.Tag) || strings.Contains(value, img.Name)
		}
		return strings.HasSuffix(img.Name, value) || strings.HasPrefix(img.Name, value)
	})
}

// generated are the names of ConfigMaps and Secrets that are new because what they hold
// shows other images.
func generated(out *build.Output, values []build.Scalar, written []plan.Written) map[string]bool {
	names := map[string]bool{}
	for _, s := range values {
		if (s.Object.Kind == "ConfigMap" || s.Object.Kind == "Secret") && s.Path() != "metadata.name" && explained(s, written) {
			names[s.Object.Name] = true
		}
	}
	return names
}
