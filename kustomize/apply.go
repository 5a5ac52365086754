package kustomize

import (
	"fmt"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Want is one place, as Parse gave it, and the image it should show.
type Want struct {
	Use   Use
	Image Image
}

// Result is a file after Apply.
type Result struct {
	Src  []byte // the new bytes; the old ones when nothing could be or had to be changed
	File *File  // what Src binds, with its new lines; nil when the old bytes cannot be read
	// Errs has one error per want, nil for those that Src shows. Each is
	// ErrUnproven; a *yamledit.Error where a line is to blame.
	Errs []error
}

// Apply makes every place show its image. All edits of the file are proved by
// one parse of the result. A want that is refused does not keep back the others.
// src must be the bytes that the uses were parsed from.
func Apply(name string, src []byte, wants []Want) Result {
	r := Result{Src: src, Errs: make([]error, len(wants))}
	y, broken := parse(src)
	if broken != "" {
		for i := range wants {
			r.Errs[i] = &yamledit.Error{Reason: broken}
		}
		return r
	}
	w := writer{name: name, yaml: y, file: read(name, y), wants: wants, errs: r.Errs}
	w.uses = w.file.identities()
	r.File = w.file
	if g, file := w.write(); g != nil {
		r.Src, r.File = g.Bytes(), file
	}
	return r
}

// writer is one call of Apply.
type writer struct {
	name  string
	yaml  *yamledit.File
	file  *File
	uses  map[identity]Use // of file
	wants []Want
	edits [][]yamledit.Edit // by want
	errs  []error
}

// write edits all wants together. Should their proof fail, each is tried alone,
// and those that pass are edited together.
func (w *writer) write() (*yamledit.File, *File) {
	w.edits = make([][]yamledit.Edit, len(w.wants))
	taken := map[identity]bool{}
	var good []int
	for i, want := range w.wants {
		w.edits[i], w.errs[i] = w.prepare(i)
		if id := want.Use.identity(); w.errs[i] == nil && taken[id] {
			w.errs[i] = &yamledit.Error{Line: want.Use.Line, Reason: "two images for one place"}
		} else if w.errs[i] == nil {
			taken[id] = true
			good = append(good, i)
		}
	}
	y, file, err := w.try(good)
	if err == nil {
		return y, file
	}
	var passed []int
	for _, i := range good {
		if _, _, w.errs[i] = w.try([]int{i}); w.errs[i] == nil {
			passed = append(passed, i)
		}
	}
	if y, file, err = w.try(passed); err == nil {
		return y, file
	}
	for _, i := range passed {
		w.errs[i] = err
	}
	return nil, nil
}

// prepare gives the edits of one want, or why there can be none.
func (w *writer) prepare(i int) ([]yamledit.Edit, error) {
	want := w.wants[i]
	u, ok := w.uses[want.Use.identity()]
	switch {
	case !ok || u.Ref != want.Use.Ref || u.Part != want.Use.Part:
		return nil, &yamledit.Error{Line: want.Use.Line, Reason: fmt.Sprintf("no marker for %s binds %s here", want.Use.Ref, want.Use.Path)}
	case u.Refused != "":
		return nil, &yamledit.Error{Line: u.Line, Reason: u.Refused}
	case !want.Image.complete():
		return nil, &yamledit.Error{Line: u.Line, Reason: fmt.Sprintf("no image to write: repository %q, tag %q, digest %q", want.Image.Name, want.Image.Tag, want.Image.Digest)}
	}
	edits := u.edits(want.Image)
	for _, e := range edits {
		if err := w.yaml.Check(e); err != nil {
			return nil, err
		}
	}
	return edits, nil
}

// try edits some wants and confirms, from the parsed result, that each place
// shows its image.
func (w *writer) try(some []int) (*yamledit.File, *File, error) {
	var edits []yamledit.Edit
	for _, i := range some {
		edits = append(edits, w.edits[i]...)
	}
	y, err := w.yaml.Apply(edits...)
	if err != nil {
		return nil, nil, err
	}
	file := read(w.name, y)
	uses := file.identities()
	for _, i := range some {
		want := w.wants[i]
		if u, ok := uses[want.Use.identity()]; !ok || !u.Shows(want.Image) {
			return nil, nil, &yamledit.Error{Line: want.Use.Line, Reason: "after the edit the value does not show the image"}
		}
	}
	return y, file, nil
}
