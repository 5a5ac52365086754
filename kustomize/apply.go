package kustomize

import (
	"fmt"
	"slices"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Want is one place and the image it should show.
type Want struct {
	Use   Use // as Parse gave it; as NewLookup gave it, to be added
	Image Image
	Do    Action
}

// Action is what is to become of a place.
type Action int

// The actions.
const (
	Show   Action = iota // edit what stands there
	Add                  // an entry for local lookup that is not there yet
	Remove               // an entry that local lookup made; Image is of no account
)

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
	if !IsYAML(name) {
		return applyPlain(name, src, wants)
	}
	r := Result{Src: src, Errs: make([]error, len(wants))}
	y, broken := parse(src)
	if broken != "" {
		for i := range wants {
			r.Errs[i] = &yamledit.Error{Reason: broken}
		}
		return r
	}
	w := writer{name: name, wants: wants, errs: r.Errs, tries: maxTries, old: y, yaml: y, before: read(name, y)}
	w.file, w.uses = w.before, w.before.identities()
	w.add(w.prepareAll())
	r.Src, r.File = w.yaml.Bytes(), w.file
	return r
}

// maxTries bounds the proofs of one call, each of which parses the file. One is
// enough but for files that only the result shows to be beyond editing.
const maxTries = 40

// writer is one call of Apply.
type writer struct {
	name   string
	wants  []Want
	old    *yamledit.File
	before *File
	uses   map[identity]Use  // of before
	edits  [][]yamledit.Edit // by want
	errs   []error           // by want
	tries  int               // left

	good []int          // wants whose edits are proved together
	yaml *yamledit.File // the file with them
	file *File
}

// prepareAll gives the wants that have edits to try, those of one image together; the
// others have errors.
func (w *writer) prepareAll() [][]int {
	w.edits = make([][]yamledit.Edit, len(w.wants))
	taken := map[identity]bool{}
	var some []int
	for i, want := range w.wants {
		w.edits[i], w.errs[i] = w.prepare(i)
		switch id := want.Use.identity(); {
		case w.errs[i] != nil:
		case taken[id]:
			w.errs[i] = &yamledit.Error{Line: want.Use.Line, Reason: "two images for one place"}
		default:
			taken[id] = true
			some = append(some, i)
		}
	}
	return w.units(some)
}

// add edits some more wants. Should their proof fail, it looks for those to
// blame by halves.
func (w *writer) add(units [][]int) {
	if len(units) == 0 {
		return
	}
	some := slices.Concat(units...)
	all := slices.Concat(w.good, some)
	y, file, err := w.try(all)
	switch {
	case err == nil:
		w.good, w.yaml, w.file = all, y, file
	case len(units) == 1 || w.tries <= 0:
		for _, i := range some {
			w.errs[i] = err
		}
	default:
		w.add(units[:len(units)/2])
		w.add(units[len(units)/2:])
	}
}

// prepare gives the edits of one want, or why there can be none.
func (w *writer) prepare(i int) ([]yamledit.Edit, error) {
	want := w.wants[i]
	if want.Do == Add {
		return w.prepareAdd(want)
	}
	if u, ok := w.uses[want.Use.identity()]; ok && want.Do == Remove && u.Lookup && u.Ref == want.Use.Ref {
		return w.prepareRemove(u)
	}
	u, err := want.in(w.uses)
	if err != nil {
		return nil, err
	}
	edits := u.edits(want.Image)
	for _, e := range edits {
		if err := w.old.Check(e); err != nil {
			return nil, err
		}
	}
	return edits, nil
}

// in finds the place among the uses of a file, or says why it cannot show the image.
func (w Want) in(uses map[identity]Use) (Use, error) {
	u, ok := uses[w.Use.identity()]
	switch {
	case !ok || w.Do != Show || u.Ref != w.Use.Ref || u.Part != w.Use.Part:
		return u, &yamledit.Error{Line: w.Use.Line, Reason: fmt.Sprintf("no %s for %s binds %s here", w.Use.BoundBy(), w.Use.Ref, w.Use.Path)}
	case u.Refused != "":
		return u, &yamledit.Error{Line: u.Line, Reason: u.Refused}
	case !w.Image.complete():
		return u, noImage(w)
	}
	if reason := u.Refuses(w.Image); reason != "" {
		return u, &yamledit.Error{Line: u.Line, Reason: reason}
	}
	return u, nil
}

// try edits some wants and confirms, from the parsed result, that each place
// shows its image.
func (w *writer) try(some []int) (*yamledit.File, *File, error) {
	var edits []yamledit.Edit
	for _, i := range some {
		edits = append(edits, w.edits[i]...)
	}
	w.tries--
	y, err := w.old.Apply(edits...)
	if err != nil {
		return nil, nil, err
	}
	file := read(w.name, y)
	uses := file.identities()
	for _, i := range some {
		want := w.wants[i]
		u, ok := uses[want.Use.identity()]
		switch {
		case want.Do == Remove && !ok:
		case want.Do != Remove && ok && u.Ref == want.Use.Ref && u.Shows(want.Image) && u.Lookup == want.Use.Lookup:
		default:
			return nil, nil, &yamledit.Error{Line: want.Use.Line, Reason: "after the edit the value does not show the image"}
		}
	}
	if !slices.EqualFunc(w.others(w.before, some), w.others(file, some), sameBinding) {
		return nil, nil, &yamledit.Error{Reason: "with the edit another marker would bind something else"}
	}
	return y, file, nil
}

// others are the uses of a file but for those that some wants add or take away.
func (w *writer) others(f *File, some []int) []Use {
	touched := map[identity]bool{}
	for _, i := range some {
		if w.wants[i].Do != Show {
			touched[w.wants[i].Use.identity()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(f.Uses), func(u Use) bool { return touched[u.identity()] })
}

func sameBinding(a, b Use) bool {
	return a.Ref == b.Ref && a.Part == b.Part && a.Paused == b.Paused && a.Lookup == b.Lookup && a.Document == b.Document
}
