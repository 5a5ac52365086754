package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamlblock"
)

// MaxFile is the size in bytes above which a file of people or of imgstream is
// not read but reported (reliability.md 1).
const MaxFile = 1 << 20

// Bounds of one document. Aliases count as often as they are used, so that the
// work after parsing is bounded however they are nested.
const (
	maxDepth = 100
	maxNodes = 1 << 18
)

// reader turns the bytes of one file into YAML nodes and nodes into values, and
// collects what is wrong with them. Its zero value is ready.
type reader struct {
	strict   bool // report every unknown key, not only those that look misspelt
	ref      Ref  // what is being read
	problems []Problem
	errors   int      // errors so far that make what is being read unusable
	unused   []string // what the document has and nothing here uses
}

func (r *reader) add(s Severity, line int, hint, message string) {
	r.problems = append(r.problems, Problem{Severity: s, Pos: Pos{Line: line}, Ref: r.ref, Message: message, Hint: hint})
}

func (r *reader) errorf(line int, hint, format string, args ...any) {
	r.errors++
	r.add(Error, line, hint, fmt.Sprintf(format, args...))
}

func (r *reader) noticef(line int, hint, format string, args ...any) {
	r.add(Notice, line, hint, fmt.Sprintf(format, args...))
}

// sorted gives the problems by line, those of one line as they were found.
func (r *reader) sorted() []Problem {
	SortProblems(r.problems)
	return r.problems
}

// documents parses all documents of a file. One that cannot be read makes the
// whole file a problem, and ok is false: what stands before it may be half of
// what its author meant.
func (r *reader) documents(src []byte) (docs []*yaml.Node, ok bool) {
	if len(src) > MaxFile {
		r.errorf(0, "split it", "the file is larger than %d KiB", MaxFile>>10)
		return nil, false
	}
	if docs, ok = yamlblock.Documents(src); !ok {
		var err error
		if docs, err = decodeAll(src); err != nil {
			r.syntax(src)
			return nil, false
		}
	}
	for _, doc := range docs {
		bounds := bounds{nodes: maxNodes}
		if line := bounds.broken(doc, 0); line > 0 {
			r.errorf(line, "", "the document is nested or multiplied by aliases beyond what is read (%d levels, %d values)", maxDepth, maxNodes)
			return nil, false
		}
	}
	return docs, true
}

// decodeAll gives the roots of all documents.
func decodeAll(src []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(joinSurrogates(src)))
	for {
		doc, err := decode(dec)
		switch {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, doc.Content[0])
	}
}

// decode reads one document. The parser reports what it cannot read as an
// error; a panic of it is one bad file too, and must not end the process.
func decode(dec *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, err = nil, fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	doc = new(yaml.Node)
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// bounds counts down what a document may still hold.
type bounds struct{ nodes int }

// broken replaces aliases by what they stand for and gives the line at which the
// document goes beyond the bounds, or 0. A cycle of aliases is endlessly deep.
func (b *bounds) broken(n *yaml.Node, depth int) int {
	if b.nodes--; b.nodes < 0 || depth > maxDepth {
		return max(n.Line, 1)
	}
	for i, child := range n.Content {
		if child.Kind == yaml.AliasNode {
			child = child.Alias
			n.Content[i] = child
		}
		if line := b.broken(child, depth+1); line > 0 {
			return line
		}
	}
	return 0
}
