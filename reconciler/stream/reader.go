package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"
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
	errors   int // errors so far that make what is being read unusable
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
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Pos.Line - b.Pos.Line })
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
	dec := yaml.NewDecoder(bytes.NewReader(joinSurrogates(src)))
	for {
		doc, err := decode(dec)
		switch {
		case errors.Is(err, io.EOF):
			return docs, true
		case err != nil:
			r.syntax(err)
			return nil, false
		}
		bounds := bounds{nodes: maxNodes}
		if line := bounds.broken(doc, 0); line > 0 {
			r.errorf(line, "", "the document is nested or multiplied by aliases beyond what is read (%d levels, %d values)", maxDepth, maxNodes)
			return nil, false
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

var (
	errorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

	// plainReasons says in plain words what the parser's usual reasons mean.
	plainReasons = []struct{ reason, hint string }{
		{"mapping values are not allowed", `a value holds ": ", or the indentation does not fit: put the value in quotes or mend the indentation`},
		{"did not find expected key", "the indentation of this line or of those above does not fit"},
		{"did not find expected '-' indicator", "the dashes of a list do not stand at one column"},
		{"cannot start any token", "indent with spaces, not tabs, and put values that begin with @, ` or % in quotes"},
		{"did not find expected ',' or ']'", "a list [...] is not closed, or lacks a comma"},
		{"did not find expected ',' or '}'", "a mapping {...} is not closed, or lacks a comma"},
		{"could not find expected ':'", "a key has no colon, or a text of several lines is not indented"},
		{"unexpected end of stream", "a quote is not closed"},
	}
)

// syntax reports why the parser could not read the file.
func (r *reader) syntax(err error) {
	reason := err.Error()
	m := errorLine.FindStringSubmatch(reason)
	line := 0
	if m != nil {
		line, _ = strconv.Atoi(m[1])
		reason = reason[len(m[0]):]
	}
	hint := ""
	for _, p := range plainReasons {
		if strings.Contains(reason, p.reason) {
			hint = p.hint
		}
	}
	r.errorf(line, hint, "the file is not valid YAML: %s", reason)
}

// joinSurrogates writes the surrogate pairs that JSON has and YAML has not
// (\ud83d\ude00) as the characters they mean; no line moves.
func joinSurrogates(src []byte) []byte {
	if !bytes.Contains(src, []byte(`\u`)) || !bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) {
		return src
	}
	out := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		if src[i] != '\\' || i+1 == len(src) {
			out = append(out, src[i])
			continue
		}
		if c := utf16.DecodeRune(escaped(src[i:]), escaped(src[min(i+6, len(src)):])); c != '\uFFFD' {
			out = append(out, string(c)...)
			i += 11
			continue
		}
		out = append(out, src[i], src[i+1])
		i++
	}
	return out
}

// escaped is the code unit of the escape \uXXXX that src begins with, or 0.
func escaped(src []byte) rune {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(src[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
