// Package yamledit changes single values of a YAML file and no other byte.
//
// A file is parsed only to find where its values lie. An edit replaces the bytes
// of one scalar, inserts a key or an element of a list, or takes one away; then the
// result is parsed again, and unless exactly the intended values differ the edit is
// refused with ErrUnproven. What is inserted is written as the file is written. The
// package never encodes what stands there, never guesses, and reads nothing but its
// arguments.
package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamlblock"
)

// Limits of what is parsed: they bound memory and time for hostile input.
const (
	MaxSize  = 1 << 20 // bytes of a file
	maxDepth = 500     // collections inside one another
	maxMarks = 300_000 // line breaks, colons, commas, brackets, dashes: a bound on values
)

// ErrUnproven is what every refusal is: the file cannot be parsed, or an edit
// cannot be shown to change the intended value alone. The file stays as it is.
var ErrUnproven = errors.New("unproven edit")

// Error is a refusal. errors.Is(err, ErrUnproven) holds for it.
type Error struct {
	Line   int // where, counted from 1; 0 when it is about the whole file
	Reason string
}

// Error gives the line and the reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Is reports every Error as ErrUnproven.
func (e *Error) Is(target error) bool { return target == ErrUnproven }

func refuse(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Span is a range of bytes: from Start up to and without End.
type Span struct{ Start, End int }

// File is YAML that was parsed, with the place of every value in its bytes. It
// never changes; Apply returns another one.
type File struct {
	src      []byte
	lines    []int // where each line begins, as the parser counts lines
	docs     []*yaml.Node
	spans    map[*yaml.Node]Span             // scalars and aliases, without anchor and tag
	aliased  map[*yaml.Node]bool             // what some alias repeats
	keys     map[*yaml.Node]map[string][]int // of large mappings: where a folded key stands
	comments []Comment
}

// Parse reads all documents of a file. It refuses what is not UTF-8 or not
// YAML, and what exceeds the limits. The caller must not change src afterwards.
func Parse(src []byte) (*File, error) {
	if err := readable(src); err != nil {
		return nil, err
	}
	docs, err := decode(src)
	if err != nil {
		return nil, err
	}
	f := &File{
		src:     src,
		lines:   lineStarts(src),
		docs:    docs,
		spans:   map[*yaml.Node]Span{},
		aliased: map[*yaml.Node]bool{},
		keys:    map[*yaml.Node]map[string][]int{},
	}
	l := locator{File: f}
	for _, d := range docs {
		if err := l.walk(d, 0); err != nil {
			return nil, err
		}
	}
	f.comments = findComments(f, l.opaque)
	return f, nil
}

// Documents are the roots of the documents of src, under the limits of Parse, for
// readers that edit nothing.
func Documents(src []byte) ([]*yaml.Node, error) {
	if err := readable(src); err != nil {
		return nil, err
	}
	if docs, ok := yamlblock.Documents(src); ok {
		return docs, nil
	}
	return decode(src)
}

// Apply is Parse and File.Apply in one: the file's new bytes.
func Apply(src []byte, edits ...Edit) ([]byte, error) {
	f, err := Parse(src)
	if err != nil {
		return nil, err
	}
	g, err := f.Apply(edits...)
	if err != nil {
		return nil, err
	}
	return g.src, nil
}

// Bytes are the file as parsed; they must not be changed.
func (f *File) Bytes() []byte { return f.src }

// Documents are the roots of the file's documents, in order. They must not be
// changed. Positions in them count lines of the whole file, and columns in runes.
func (f *File) Documents() []*yaml.Node { return f.docs }

// Comments are all comments of the file, in order.
func (f *File) Comments() []Comment { return f.comments }

func readable(src []byte) error {
	switch {
	case len(src) > MaxSize:
		return refuse(0, "larger than %d bytes", MaxSize)
	case !utf8.Valid(src):
		return refuse(0, "not UTF-8")
	case bytes.Contains(bytes.TrimPrefix(src, bom), bom):
		// The parser takes such a mark for the beginning of a line or for text,
		// depending on where its buffer happens to end.
		return refuse(0, "a byte order mark inside the file")
	}
	marks := 0
	for _, c := range src {
		switch c {
		case '\n', '\r', ':', ',', '[', ']', '{', '}', '-', '?':
			marks++
		}
	}
	if marks > maxMarks {
		return refuse(0, "more than %d values and separators", maxMarks)
	}
	return nil
}

// decode parses all documents. The parser panics on some malformed input.
func decode(src []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, refuse(0, "not YAML: %v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var n yaml.Node
		switch err := d.Decode(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, refuse(0, "not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		case n.Kind != yaml.DocumentNode || len(n.Content) != 1:
			return nil, refuse(n.Line, "a document without a single root")
		}
		docs = append(docs, n.Content[0])
	}
}
