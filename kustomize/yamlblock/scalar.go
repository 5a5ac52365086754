package yamlblock

import (
	"bytes"

	yaml "go.yaml.in/yaml/v3"
)

// scanner reads the values of one line, which begins where its reader stands.
type scanner struct {
	*reader
	text []byte
	pos  int
}

func (s *scanner) node(kind yaml.Kind, tag string) *yaml.Node {
	n := s.reader.node(kind, tag)
	n.Column += s.pos
	return n
}

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos == len(s.text) {
		return 0
	}
	return s.text[s.pos]
}

func (s *scanner) spaces() {
	for s.peek() == ' ' {
		s.pos++
	}
}

// done reports whether nothing but a comment follows.
func (s *scanner) done() bool {
	before := s.pos
	s.spaces()
	return s.peek() == 0 || s.peek() == '#' && s.pos > before
}

// value reads a scalar or a collection in flow style; flow says that it lies in one. It
// is nil where that is not sure.
func (s *scanner) value(depth int, flow bool) *yaml.Node {
	switch c := s.peek(); {
	case depth > maxDepth:
		return nil
	case c == '"' || c == '\'':
		return s.quoted(c)
	case c == '{':
		return s.collection(yaml.MappingNode, "!!map", '}', depth)
	case c == '[':
		return s.collection(yaml.SequenceNode, "!!seq", ']', depth)
	}
	return s.plain(flow)
}

// quoted reads text in quotes without escapes.
func (s *scanner) quoted(quote byte) *yaml.Node {
	n := s.node(yaml.ScalarNode, "!!str")
	n.Style = yaml.SingleQuotedStyle
	if quote == '"' {
		n.Style = yaml.DoubleQuotedStyle
	}
	size := bytes.IndexByte(s.text[s.pos+1:], quote)
	if size < 0 {
		return nil
	}
	text := s.text[s.pos+1:][:size]
	s.pos += size + 2
	if s.peek() == quote || quote == '"' && bytes.IndexByte(text, '\\') >= 0 {
		return nil
	}
	n.Value = string(text)
	return n
}

// plain reads a scalar without quotes.
func (s *scanner) plain(flow bool) *yaml.Node {
	first := s.peek()
	if !isWord(first) && first != '/' && first != '.' {
		return nil
	}
	n := s.node(yaml.ScalarNode, "")
	text := s.text[s.pos:]
	if flow {
		if end := bytes.IndexAny(text, ",]}"); end >= 0 {
			text = text[:end]
		}
		if bytes.ContainsAny(text, "{[?#") || bytes.HasSuffix(text, []byte(":")) {
			return nil
		}
	} else if end := bytes.Index(text, []byte(" #")); end >= 0 {
		text = text[:end]
	}
	text = bytes.TrimRight(text, " ")
	if bytes.Contains(text, []byte(": ")) || bytes.HasSuffix(text, []byte(":")) {
		return nil
	}
	s.pos += len(text)
	setPlain(n, text)
	return n
}

// collection reads {key: value, ...} or [value, ...] up to its closing bracket.
func (s *scanner) collection(kind yaml.Kind, tag string, closing byte, depth int) *yaml.Node {
	n := s.node(kind, tag)
	n.Style = yaml.FlowStyle
	s.pos++
	for s.spaces(); s.peek() != closing; s.spaces() {
		if len(n.Content) > 0 {
			if s.peek() != ',' {
				return nil
			}
			s.pos++
			s.spaces()
		}
		if kind == yaml.MappingNode {
			key := s.key()
			if key == nil {
				return nil
			}
			n.Content = append(n.Content, key)
		}
		value := s.value(depth+1, true)
		if value == nil {
			return nil
		}
		n.Content = append(n.Content, value)
	}
	s.pos++
	return n
}

// key reads a key of a mapping in flow style, and the spaces behind its colon.
func (s *scanner) key() *yaml.Node {
	size := keySize(s.text[s.pos:])
	if size == 0 {
		return nil
	}
	key := s.node(yaml.ScalarNode, "")
	setPlain(key, s.text[s.pos:][:size])
	s.pos += size + 1
	s.spaces()
	return key
}

// setPlain gives a scalar without quotes its value and the tag that follows from it. Of
// what begins with a letter, only some short words are no strings (yaml's resolve.go).
func setPlain(n *yaml.Node, text []byte) {
	n.Value = string(text)
	letter := isWord(text[0]) && text[0] > '9' && text[0] != '_'
	if letter && (len(text) > len("false") || bytes.IndexByte([]byte("yYnNtTfFoO"), text[0]) < 0) {
		n.Tag = "!!str"
		return
	}
	n.Tag = n.ShortTag()
}
