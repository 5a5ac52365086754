package render

import (
	"errors"
	"io/fs"
	"iter"
	"path"
	"strings"

	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// Rendered is what changes do to one kustomization.
type Rendered struct {
	Kustomization string
	Unbuilt       string  // why it cannot be told; "" = it can
	Images        []Image // that change, in the order of the build
}

// Image is one image string of a workload, or of anything else that shows it.
type Image struct {
	Namespace, Kind, Name string // of the object; Namespace may be ""
	At                    string // the container, else the path of the value
	Old, New              string
}

// Images builds the kustomizations that changes touch, before and after, each once: those that
// are deployed, where it is known which these are. An error is one of reading the tree.
func Images(tip fs.FS, includes Includes, changes []plan.Change) ([]Rendered, error) {
	c := call{includes: includes, tip: tip, after: after(tip, changes), written: written(changes)}
	var all []Rendered
	told := map[string]bool{}
	for _, t := range c.targets() {
		if source, err := t.collect(tip, includes); err == nil && source == nil {
			continue
		}
		roots, known, err := includes.deploying(t.root)
		if err != nil {
			return nil, err
		}
		if !known || len(roots) == 0 {
			roots = []string{t.root}
		}
		for _, root := range roots {
			if told[root] {
				continue
			}
			told[root] = true
			r, err := c.rendered(root)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// rendered builds one kustomization.
func (c *call) rendered(root string) (Rendered, error) {
	r := Rendered{Kustomization: root}
	source, err := build.Collect(c.tip, path.Dir(root))
	switch {
	case err == nil && source.Component:
		err = onlyIncluded(root)
	case err == nil:
		r.Images, err = c.images(source, root)
	}
	why, known := errors.AsType[*build.Error](err)
	if known {
		r.Unbuilt, err = why.Error(), nil
	}
	return r, err
}

// images are those that differ between two builds.
func (c *call) images(before *build.Source, root string) ([]Image, error) {
	was, err := before.Build()
	if err != nil {
		return nil, err
	}
	then, err := build.Collect(c.after, path.Dir(root))
	if err != nil {
		return nil, err
	}
	is, err := then.Build()
	if err != nil {
		return nil, err
	}
	changed, same := is.Since(was.Digest())
	if !same {
		return nil, &build.Error{File: root, Reason: "its build has other objects or fields than before"}
	}
	seen := c.seen(before)
	names := generated(is, changed, seen)
	old, stop := iter.Pull(was.Scalars())
	defer stop()
	var all []Image
	for now := range is.Scalars() {
		past, _ := old()
		if now.Value != past.Value && (!names[now.Value] || explained(now, seen)) {
			all = append(all, image(past, now))
		}
	}
	return all, nil
}

func image(old, now build.Scalar) Image {
	i := Image{Namespace: now.Object.Namespace, Kind: now.Object.Kind, Name: now.Object.Name, At: now.Container()}
	if i.At == "" {
		i.At = now.Path()
	}
	i.Old, i.New = differing(decoded(old), decoded(now))
	return i
}

// differing are the first lines in which two texts differ.
func differing(a, b string) (string, string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return strings.TrimSpace(as[i]), strings.TrimSpace(bs[i])
		}
	}
	return strings.TrimSpace(a), strings.TrimSpace(b)
}
