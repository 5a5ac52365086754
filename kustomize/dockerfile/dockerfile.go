// Package dockerfile finds where a Dockerfile or Containerfile names its base images, and
// replaces such a reference without changing another byte.
//
// The rules are those of BuildKit's parser: directives, continued lines, comments,
// heredocs, stages, and ARGs before the first FROM. What it cannot account for is refused
// with a reason. The package knows no markers and no image streams.
package dockerfile

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Is reports whether a file of that name is a Dockerfile: Dockerfile, Containerfile, and
// with something behind or before it (Dockerfile.dev, web.Dockerfile, web.dockerfile). A
// Dockerfile.dockerignore is none, nor is what is written about one (Dockerfile.md).
func Is(name string) bool {
	base := path.Base(name)
	if slices.Contains([]string{".dockerignore", ".containerignore", ".md"}, path.Ext(base)) {
		return false
	}
	return strings.HasSuffix(base, ".dockerfile") || slices.ContainsFunc([]string{"Dockerfile", "Containerfile"}, func(kind string) bool {
		return base == kind || strings.HasPrefix(base, kind+".") || strings.HasSuffix(base, "."+kind)
	})
}

// File is a Dockerfile taken apart. It never changes.
type File struct {
	Comments   []Comment // by line
	References []Reference

	src    []byte
	escape byte // goes on to the next line
}

// Comment is one comment line. Lines of heredocs are none.
type Comment struct {
	Line       int    // from 1
	Start, End int    // its bytes, from # to before the line's end
	Text       string // these bytes
	Inside     bool   // between the lines of a continued instruction
}

// Reference is what stands behind one FROM, or the default value of one ARG.
type Reference struct {
	Keyword    string // FROM or ARG
	Index      int    // of the stage, from 0; of the ARG in the file
	Name       string // of the stage as written, or of the ARG; "" = it has none
	First      int    // line on which the instruction begins
	Line       int    // line on which the reference stands
	Start, End int    // its bytes, without quotes; equal where there is nothing to replace
	Text       string // these bytes
	Refused    string // why it is no image that could be written; "" = it is one
}

// Edit is new text for a reference, which is named by where it starts.
type Edit struct {
	Start int
	Text  string
}

// Error says why bytes are no Dockerfile, or why an edit is refused.
type Error struct {
	Line   int // from 1
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// maxReferences bounds the time that hostile input can take.
const maxReferences = 1000

// Parse takes a Dockerfile apart. An error is an *Error.
func Parse(src []byte) (*File, error) {
	p := newParser(src)
	if err := p.run(); err != nil {
		return nil, err
	}
	f := &File{Comments: p.comments, src: src, escape: p.escape}
	r := reader{File: f}
	for _, in := range p.instructions {
		if r.read(in); len(f.References) > maxReferences {
			return nil, &Error{Line: in.line, Reason: fmt.Sprintf("more than %d FROM and ARG", maxReferences)}
		}
	}
	r.judge()
	return f, nil
}

// Replace is the file with new references. It is proved: the result is parsed again, and
// but for them and for where things stand it says the same. An error is an *Error, and
// nothing was replaced.
func (f *File) Replace(edits ...Edit) ([]byte, error) {
	edits = slices.SortedFunc(slices.Values(edits), func(a, b Edit) int { return a.Start - b.Start })
	want := slices.Clone(f.References)
	var out []byte
	done := 0
	for _, e := range edits {
		i := slices.IndexFunc(want, func(r Reference) bool { return r.Start == e.Start && r.End > r.Start })
		if i < 0 || e.Start < done {
			return nil, &Error{Reason: "no reference begins there, or two edits are for one"}
		}
		if r := want[i]; r.Refused != "" {
			return nil, &Error{Line: r.Line, Reason: r.Refused}
		}
		out = append(append(out, f.src[done:e.Start]...), e.Text...)
		done, want[i].Text = want[i].End, e.Text
	}
	out = append(out, f.src[done:]...)
	if err := prove(f, want, out); err != nil {
		return nil, err
	}
	return out, nil
}

// prove requires that src has the comments of f and the references that are wanted.
func prove(f *File, want []Reference, src []byte) error {
	now, err := Parse(src)
	if err != nil {
		return err
	}
	if len(now.References) != len(want) || len(now.Comments) != len(f.Comments) {
		return &Error{Reason: "the result has other instructions"}
	}
	for i, is := range now.References {
		is.Start, is.End = want[i].Start, want[i].End
		if is != want[i] {
			return &Error{Line: is.Line, Reason: "the result says something else"}
		}
	}
	for i, is := range now.Comments {
		if was := f.Comments[i]; is.Line != was.Line || is.Text != was.Text || is.Inside != was.Inside {
			return &Error{Line: is.Line, Reason: "the result has another comment"}
		}
	}
	return nil
}
