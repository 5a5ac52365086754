package yamledit

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

const blockStyle = yaml.LiteralStyle | yaml.FoldedStyle

// locator finds the bytes of every scalar. A scalar whose bytes do not say its
// value means that position and file disagree: then nothing in it is trusted.
type locator struct {
	*File
	at     cursor
	opaque []Span // in which a # begins no comment: quoted scalars, text of block scalars
}

func (l *locator) walk(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return refuse(n.Line, "nested deeper than %d", maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		l.aliased[n.Alias] = true
		return l.place(n)
	case yaml.ScalarNode:
		return l.place(n)
	}
	if n.Kind == yaml.MappingNode && len(n.Content) > 2*64 {
		l.keys[n] = indexKeys(n)
	}
	for _, c := range n.Content {
		if err := l.walk(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (l *locator) place(n *yaml.Node) error {
	off := l.at.seek(l.File, n.Line, n.Column)
	if off < 0 {
		return refuse(n.Line, "no such position in the file")
	}
	off = l.skipProperties(n, off)
	span, opaque := l.scalar(n, off)
	if span.End < 0 {
		return refuse(n.Line, "cannot tell where the value %.40q lies", n.Value)
	}
	l.spans[n] = span
	if opaque.End > opaque.Start {
		l.opaque = append(l.opaque, opaque)
	}
	return nil
}

// skipProperties steps over anchor and tag, where a node's position begins.
func (l *locator) skipProperties(n *yaml.Node, off int) int {
	if n.Kind == yaml.AliasNode || n.Value == "" && n.Style == 0 && n.Anchor == "" {
		return off
	}
	for off < len(l.src) && (l.src[off] == '&' || l.src[off] == '!') {
		end := off
		for end < len(l.src) && !isBlank(l.src[end]) && breakLen(l.src, end) == 0 {
			end++
		}
		off = end
		if n.Value == "" && n.Style&^yaml.TaggedStyle == 0 {
			end = l.skipBlank(end)
		} else {
			end = l.skipSpace(end)
		}
		if end == len(l.src) || breakLen(l.src, end) > 0 || l.src[end] == '#' {
			return off
		}
		off = end
	}
	return off
}

// scalar is the span of the scalar or alias that begins at off, and the part of
// it in which there are no comments. End is -1 when the bytes are something else.
func (l *locator) scalar(n *yaml.Node, off int) (span, opaque Span) {
	switch {
	case n.Kind == yaml.AliasNode:
		return Span{off, l.literally(off, "*"+n.Value)}, Span{}
	case n.Style&yaml.DoubleQuotedStyle != 0:
		s := Span{off, l.quoted(off, '"')}
		return s, s
	case n.Style&yaml.SingleQuotedStyle != 0:
		s := Span{off, l.quoted(off, '\'')}
		return s, s
	case n.Style&blockStyle != 0:
		s := l.block(n, off)
		return Span{off, s.End}, s
	}
	return Span{off, l.plain(off, n.Value)}, Span{}
}

func (l *locator) literally(off int, text string) int {
	if !bytes.HasPrefix(l.src[off:], []byte(text)) {
		return -1
	}
	return off + len(text)
}

func (l *locator) quoted(off int, quote byte) int {
	if off >= len(l.src) || l.src[off] != quote {
		return -1
	}
	for i := off + 1; i < len(l.src); i++ {
		switch {
		case l.src[i] == '\\' && quote == '"':
			i++
		case l.src[i] != quote:
		case quote == '\'' && i+1 < len(l.src) && l.src[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// plain follows the value through the file. In a value of several lines white
// space is compared as such, so that folded lines match.
func (l *locator) plain(off int, value string) int {
	if end := l.literally(off, value); end >= 0 {
		return end
	}
	for value != "" {
		r, n := utf8.DecodeRuneInString(value)
		if !isSpace(r) {
			if off = l.literally(off, value[:n]); off < 0 {
				return -1
			}
			value = value[n:]
			continue
		}
		value = strings.TrimLeftFunc(value, isSpace)
		for off < len(l.src) {
			r, n := utf8.DecodeRune(l.src[off:])
			if !isSpace(r) {
				break
			}
			off += n
		}
	}
	return off
}

// block is the text of a block scalar whose indicator stands at off: from the
// line below it to the end of its last line that is not blank.
func (l *locator) block(n *yaml.Node, off int) Span {
	if off >= len(l.src) || l.src[off] != '|' && l.src[off] != '>' {
		return Span{off, -1}
	}
	header := l.lineEnd(off)
	first := strings.IndexFunc(n.Value, func(r rune) bool { return r != ' ' && !isBreak(r) })
	if first < 0 {
		return Span{header, header} // blank lines at most
	}
	// What the first line of the value is indented by, beyond the scalar's indentation.
	deeper := first - len(strings.TrimRight(n.Value[:first], " "))
	text := Span{header + breakLen(l.src, header), header}
	indent := -1
	for i := text.Start; i < len(l.src); {
		at := i
		for at < len(l.src) && l.src[at] == ' ' {
			at++
		}
		end := l.lineEnd(at)
		if at < end {
			if indent < 0 {
				indent = at - i - deeper
			}
			if at-i < indent {
				break
			}
			text.End = end
		}
		i = end + breakLen(l.src, end)
		if i == end {
			break
		}
	}
	return text
}

// Span is where a scalar or an alias lies, without anchor and tag; for a block
// scalar from its indicator to the end of its last line that is not blank.
func (f *File) Span(n *yaml.Node) Span { return f.spans[n] }

// Lines are the first and the last line of a node, keys and closing brackets included.
func (f *File) Lines(n *yaml.Node) (first, last int) {
	end := f.end(n)
	if end < 0 {
		return n.Line, n.Line
	}
	return n.Line, max(n.Line, f.line(max(0, end-1)))
}

// end is the offset behind a node, or -1 when that cannot be told.
func (f *File) end(n *yaml.Node) int {
	if n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode {
		return f.spans[n].End
	}
	if n.Style&yaml.FlowStyle != 0 {
		return f.flowEnd(n)
	}
	if len(n.Content) == 0 {
		return -1
	}
	return f.end(n.Content[len(n.Content)-1])
}

// flowEnd is the offset behind the closing bracket of a flow collection.
func (f *File) flowEnd(n *yaml.Node) int {
	open, shut := byte('{'), byte('}')
	if n.Kind == yaml.SequenceNode {
		open, shut = '[', ']'
	}
	var off int
	if len(n.Content) > 0 {
		off = f.end(n.Content[len(n.Content)-1])
	} else {
		var c cursor
		if off = c.seek(f, n.Line, n.Column); off >= 0 {
			i := bytes.IndexByte(f.src[off:], open)
			off += i + 1
		}
	}
	for off >= 0 && off < len(f.src) {
		off = f.skipSpace(off)
		switch {
		case off < len(f.src) && f.src[off] == shut:
			return off + 1
		case off < len(f.src) && slices.Contains([]byte{',', ':', '?'}, f.src[off]):
			off++
		default:
			return -1
		}
	}
	return -1
}
