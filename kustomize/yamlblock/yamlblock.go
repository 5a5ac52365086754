// Package yamlblock reads YAML as most files are written (mappings and lists in block
// style, values of one line, ASCII) several times as fast as the YAML parser, and gives
// the same nodes. It reads nothing that it is not sure of: that is the parser's.
package yamlblock

import (
	"bytes"

	yaml "go.yaml.in/yaml/v3"
)

// maxDepth is how deep collections may lie inside one another, and maxKey how long a key
// may be, in bytes. What goes beyond is the parser's to judge.
const (
	maxDepth = 60
	maxKey   = 200
)

// Documents are the roots of the documents of src, without comments, as the YAML parser
// gives them: kinds, styles, tags, values, lines and columns. ok is false where only
// the parser can say what src is, and whether it is YAML at all.
func Documents(src []byte) (roots []*yaml.Node, ok bool) {
	if !isPrintable(src) {
		return nil, false
	}
	r := reader{rest: src}
	for r.next(); !r.end; {
		for r.marker {
			if r.next(); r.end || r.marker {
				return nil, false // a document with nothing in it
			}
		}
		root := r.block(0)
		if root == nil || !r.end && !r.marker {
			return nil, false
		}
		roots = append(roots, root)
	}
	return roots, len(roots) > 0
}

func isPrintable(src []byte) bool {
	for _, c := range src {
		if (c < ' ' || c > '~') && c != '\n' {
			return false
		}
	}
	return true
}

// reader stands at one line that says something: its number, where it begins, and what
// it says from there on.
type reader struct {
	rest   []byte // the lines that follow
	line   int
	indent int
	text   []byte
	marker bool // the line is ---
	end    bool // there are no more lines
}

// next goes to the next line that is neither empty nor a comment.
func (r *reader) next() {
	r.marker = false
	for len(r.rest) > 0 {
		text, rest, _ := bytes.Cut(r.rest, []byte("\n"))
		r.rest, r.line = rest, r.line+1
		r.text = bytes.TrimLeft(text, " ")
		r.indent = len(text) - len(r.text)
		if len(r.text) > 0 && r.text[0] != '#' {
			r.marker = string(text) == "---"
			return
		}
	}
	r.text, r.end = nil, true
}

// at reports whether the line belongs to the collection that begins at a column.
func (r *reader) at(indent int) bool { return !r.end && !r.marker && r.indent == indent }

// isItem reports whether the line is an element of a list.
func (r *reader) isItem() bool {
	return len(r.text) > 0 && r.text[0] == '-' && (len(r.text) == 1 || r.text[1] == ' ')
}

func (r *reader) node(kind yaml.Kind, tag string) *yaml.Node {
	return &yaml.Node{Kind: kind, Tag: tag, Line: r.line, Column: r.indent + 1}
}

// block reads the collection that begins here, nil when it is not sure.
func (r *reader) block(depth int) *yaml.Node {
	switch {
	case depth > maxDepth:
		return nil
	case r.isItem():
		return r.list(depth)
	}
	return r.mapping(depth)
}

func (r *reader) mapping(depth int) *yaml.Node {
	m, indent := r.node(yaml.MappingNode, "!!map"), r.indent
	for r.at(indent) && !r.isItem() {
		size := keySize(r.text)
		if size == 0 {
			return nil
		}
		key := r.node(yaml.ScalarNode, "")
		setPlain(key, r.text[:size])
		r.skip(size + 1)
		value := r.value(depth, func() bool { return r.indent > indent || r.indent == indent && r.isItem() })
		if value == nil {
			return nil
		}
		m.Content = append(m.Content, key, value)
	}
	return r.closed(m, indent)
}

func (r *reader) list(depth int) *yaml.Node {
	l, indent := r.node(yaml.SequenceNode, "!!seq"), r.indent
	for r.at(indent) && r.isItem() {
		var element *yaml.Node
		r.skip(1)
		if r.isItem() || keySize(r.text) > 0 {
			element = r.block(depth + 1)
		} else {
			element = r.value(depth, func() bool { return r.indent > indent })
		}
		if element == nil {
			return nil
		}
		l.Content = append(l.Content, element)
	}
	return r.closed(l, indent)
}

// closed is a collection that has something and is followed by nothing that lies deeper.
func (r *reader) closed(n *yaml.Node, indent int) *yaml.Node {
	if len(n.Content) == 0 || !r.end && !r.marker && r.indent > indent {
		return nil
	}
	return n
}

// skip goes on in the same line, behind what was read and the spaces after it.
func (r *reader) skip(size int) {
	rest := bytes.TrimLeft(r.text[size:], " ")
	r.indent += len(r.text) - len(rest)
	r.text = rest
}

// value reads what stands behind a key or a dash: in the line, or the collection below
// it, if that lies deeper.
func (r *reader) value(depth int, deeper func() bool) *yaml.Node {
	if len(r.text) == 0 || r.text[0] == '#' {
		if r.next(); r.end || r.marker || !deeper() || !r.isItem() && keySize(r.text) == 0 {
			return nil
		}
		return r.block(depth + 1)
	}
	s := scanner{reader: r, text: r.text}
	n := s.value(depth, false)
	if n == nil || !s.done() {
		return nil
	}
	r.next()
	return n
}

// keySize is the length of the plain key that text begins with, 0 where there is none.
func keySize(text []byte) int {
	for i, c := range text {
		switch {
		case c == ':' && i <= maxKey && (i+1 == len(text) || text[i+1] == ' '):
			return i
		case !isWord(c) && (i == 0 || c != '-' && c != '.' && c != '/'):
			return 0
		}
	}
	return 0
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
