// Package render builds the kustomizations that a pass is about to change, before and after,
// and looks whether the changes do there what they are meant to: it says which consumers
// had better not be written, and what the images of the workloads become. It decides
// nothing about images, and publishes nothing.
package render

import (
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// Includes says which kustomizations include which, and may read the tree for it. nil: nobody knows.
type Includes func() (*kustomize.Graph, error)

// deploying are the deployable roots that include a kustomization, as kustomize.Graph has it.
func (i Includes) deploying(file string) (roots []string, known bool, err error) {
	if i == nil {
		return nil, false, nil
	}
	g, err := i()
	if err != nil {
		return nil, false, err
	}
	roots, known = g.Deploying(file)
	return roots, known, nil
}

// target is a file that is changed, and the kustomization that shows what comes of it.
type target struct {
	file  string
	wants []plan.Written // in the file
	root  string         // the kustomization that is built
	owns  bool           // file is a kustomization itself: then it is built, or somebody is told why not

	component string // the kustomization of the file where it is one, and root the first of those that include it; "" = root
}

// written are the consumers that changes write, by file.
func written(changes []plan.Change) map[string][]plan.Written {
	files := map[string][]plan.Written{}
	for _, c := range changes {
		for _, w := range c.Written {
			files[w.File] = append(files[w.File], w)
		}
	}
	return files
}

// targets are the changed files, kustomizations first. Of one that is no kustomization, the
// nearest kustomization above it may have it; where there is none, it is left out.
func (c *call) targets() []target {
	var own, others []target
	for _, file := range slices.Sorted(maps.Keys(c.written)) {
		t := target{file: file, wants: c.written[file], root: file, owns: kustomize.IsKustomization(path.Base(file))}
		switch {
		case t.owns:
			own = append(own, t)
		case nearest(c.tip, file) != "":
			t.root = nearest(c.tip, file)
			others = append(others, t)
		}
	}
	return append(own, others...)
}

// nearest is the kustomization in a file's directory, or above it; "" where there is none.
func nearest(tip fs.FS, file string) string {
	const levels = 3
	dir := path.Dir(file)
	for range levels {
		if found := build.Find(tip, dir); found != "" || dir == "." {
			return found
		}
		dir = path.Dir(dir)
	}
	return ""
}

// changed is a tree with the bytes that a push gives to files that are there.
type changed struct {
	fs.FS
	files map[string][]byte
}

// after is the tree that a push of changes leaves, as far as builds read it.
func after(tip fs.FS, changes []plan.Change) changed {
	files := map[string][]byte{}
	for _, c := range changes {
		for _, w := range c.Written {
			files[w.File] = c.Files[w.File]
		}
	}
	return changed{tip, files}
}

// with is the tree with another text of one file.
func (c changed) with(file string, src []byte) changed {
	files := maps.Clone(c.files)
	files[file] = src
	return changed{c.FS, files}
}

// ReadFile gives the new bytes where there are some.
func (c changed) ReadFile(name string) ([]byte, error) {
	if src, ok := c.files[name]; ok {
		return src, nil
	}
	return fs.ReadFile(c.FS, name)
}

// Stat is that of the tree before.
func (c changed) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

func onlyIncluded(component string) error {
	return &build.Error{File: component, Reason: "it is a component, and only a kustomization that includes it can be built"}
}

// collect is what the build of a target reads. A component is built by a
// kustomization that includes it. The *build.Error says why it cannot be built; nil, nil is
// a file that its kustomization does not have.
func (t *target) collect(tip fs.FS, includes Includes) (*build.Source, error) {
	source, err := build.Collect(tip, path.Dir(t.root))
	if err == nil && source.Component {
		roots, _, failed := includes.deploying(t.root)
		switch {
		case failed != nil:
			return nil, failed
		case len(roots) == 0:
			return nil, onlyIncluded(t.root)
		}
		t.root, t.component = roots[0], t.root
		source, err = build.Collect(tip, path.Dir(t.root))
	}
	if err == nil && !source.Reads(t.file) {
		return nil, nil
	}
	return source, err
}
