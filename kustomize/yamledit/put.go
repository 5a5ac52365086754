package yamledit

import (
	"bytes"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Put gives the mapping at path this value for a key: in place of the single value that
// stands there, or of nothing (null, {}, []), else behind its last key. It proves that
// nothing else differs, or returns an *Error.
func (f *File) Put(doc int, path Path, key string, v Value) (*File, error) {
	_, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return nil, err
	}
	if !fits(v.node) || !writable(key) {
		return nil, refuse(n.Line, "the new value does not fit on one line of text")
	}
	c := newChange()
	switch {
	case isNothing(n):
		err = f.planFill(c, doc, path, n, Map(Field{key, v}).node)
	case len(f.keysLike(n, key)) > 0:
		err = f.planPut(c, doc, append(slices.Clip(path), key), v)
	default:
		err = f.planField(c, doc, n, key, v)
	}
	if err != nil {
		return nil, err
	}
	return f.finish(c)
}

// Append puts a value behind the last one of the list at path, which may be empty or
// null. It proves that nothing else differs, or returns an *Error.
func (f *File) Append(doc int, path Path, v Value) (*File, error) {
	_, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return nil, err
	}
	if !fits(v.node) {
		return nil, refuse(n.Line, "the new value does not fit on one line of text")
	}
	c := newChange()
	switch {
	case isNothing(n):
		err = f.planFill(c, doc, path, n, List(v).node)
	case n.Kind != yaml.SequenceNode:
		err = refuse(n.Line, "%s: not a list", path)
	default:
		c.added[n] = []*yaml.Node{v.node}
		c.bytes, err = f.appending(n, v.node, f.layoutOf(f.docs[doc]))
	}
	if err != nil {
		return nil, err
	}
	return f.finish(c)
}

// planField puts a new key into a mapping.
func (f *File) planField(c *change, doc int, n *yaml.Node, key string, v Value) (err error) {
	if n.Kind != yaml.MappingNode {
		return refuse(n.Line, "no mapping to put %s into", key)
	}
	if err := f.insertable(n, key); err != nil {
		return err
	}
	c.added[n] = []*yaml.Node{String(key).node, v.node}
	c.bytes, err = f.insertion(n, c.added[n], f.layoutOf(f.docs[doc]))
	return err
}

// isNothing is null, {} or [].
func isNothing(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" || n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode && len(n.Content) == 0
}

// planPut replaces the value at path.
func (f *File) planPut(c *change, doc int, path Path, v Value) error {
	parent, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return err
	}
	want := v.node
	switch {
	case want.Kind == yaml.ScalarNode && want.Tag == "!!str":
		return f.planSet(c, parent, n, want.Value)
	case isNothing(n):
		return f.planFill(c, doc, path, n, want)
	case want.Kind != yaml.ScalarNode || n.Kind != yaml.ScalarNode:
		return refuse(n.Line, "%s: a mapping or a list stands here: change it by hand", path)
	case matches(n, want):
		c.filled[n] = want
		return nil
	case n.Style&yaml.TaggedStyle != 0 || n.Style&blockStyle != 0 || f.line(f.spans[n].Start) != f.line(f.spans[n].End):
		return refuse(n.Line, "%s: the value is tagged or spans several lines", path)
	}
	c.filled[n] = want
	c.bytes = []replacement{{Span: f.spans[n], text: want.Value}}
	return nil
}

// planFill puts a value where there is nothing.
func (f *File) planFill(c *change, doc int, path Path, n, want *yaml.Node) error {
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return refuse(n.Line, "%s: has an anchor or a tag", path)
	}
	key, err := f.keyOf(doc, path)
	if err != nil {
		return err
	}
	span, err := f.nothing(n)
	if err != nil {
		return err
	}
	l := f.layoutOf(f.docs[doc])
	c.filled[n] = want
	_, parent, err := f.find(Edit{Doc: doc, Path: path[:len(path)-1]})
	switch {
	case err != nil:
		return err
	case parent.Style&yaml.FlowStyle != 0:
		c.bytes, err = f.fillFlow(parent, key, span, want, l)
	case want.Kind == yaml.ScalarNode:
		c.bytes, err = f.fillLine(key, span, want.Value)
	case n.Kind == yaml.MappingNode && short(want):
		c.bytes = []replacement{{Span: span, text: l.flow(want)}}
	default:
		c.bytes, err = f.fillLines(key, span, want, l)
	}
	return err
}

// keyOf is the key whose value stands at path.
func (f *File) keyOf(doc int, path Path) (*yaml.Node, error) {
	if len(path) > 0 {
		if key, ok := path[len(path)-1].(string); ok {
			_, parent, err := f.find(Edit{Doc: doc, Path: path[:len(path)-1]})
			if err != nil {
				return nil, err
			}
			for i := 0; i+1 < len(parent.Content); i += 2 {
				if k := parent.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
					return k, nil
				}
			}
		}
	}
	return nil, refuse(0, "%s: is not the value of a key", path)
}

// nothing is where null, {} or [] lies; empty where nothing is written.
func (f *File) nothing(n *yaml.Node) (Span, error) {
	if n.Kind == yaml.ScalarNode {
		return f.spans[n], nil
	}
	s := Span{f.offset(n), f.flowEnd(n)}
	if s.End < 0 {
		return s, refuse(n.Line, "cannot tell where the value lies")
	}
	if !f.isSpace(Span{s.Start + 1, s.End - 1}, "") {
		return s, refuse(n.Line, "something stands where the value goes")
	}
	return s, nil
}

// isSpace reports whether a span holds nothing but white space and the bytes of but.
func (f *File) isSpace(s Span, but string) bool {
	return len(bytes.Trim(f.src[s.Start:max(s.Start, s.End)], " \t\r\n"+but)) == 0
}

// short is a mapping of at most two single values.
func short(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) <= 4 &&
		!slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Kind != yaml.ScalarNode })
}

// colonOf is the offset behind the colon of a key.
func (f *File) colonOf(key *yaml.Node) (int, error) {
	off := f.skipBlank(f.spans[key].End)
	if off >= len(f.src) || f.src[off] != ':' {
		return 0, refuse(key.Line, "cannot tell where the value of %s goes", key.Value)
	}
	return off + 1, nil
}

// fillLine writes a single value behind its key's colon.
func (f *File) fillLine(key *yaml.Node, span Span, text string) ([]replacement, error) {
	colon, err := f.colonOf(key)
	if err != nil {
		return nil, err
	}
	if span.Start < span.End {
		return []replacement{{Span: span, text: text}}, nil
	}
	return []replacement{{Span: Span{colon, colon}, text: " " + text}}, nil
}

// fillLines writes a block collection below its key.
func (f *File) fillLines(key *yaml.Node, span Span, want *yaml.Node, l layout) ([]replacement, error) {
	colon, err := f.colonOf(key)
	if err != nil {
		return nil, err
	}
	if span.Start == span.End {
		span = Span{colon, colon}
	}
	if f.line(colon) != f.line(span.End) || f.skipBlank(colon) < span.Start {
		return nil, refuse(key.Line, "%s has its value on another line", key.Value)
	}
	if rest := f.skipBlank(span.End); rest < len(f.src) && f.src[rest] != '#' && breakLen(f.src, rest) == 0 {
		return nil, refuse(key.Line, "something stands behind the value of %s", key.Value)
	}
	indent := strings.Repeat(" ", key.Column-1)
	var lines []string
	if want.Kind == yaml.SequenceNode {
		lines = l.elements(indent+strings.Repeat(" ", l.dash), want, 2)
	} else {
		lines = l.pairs(indent+strings.Repeat(" ", l.unit), want)
	}
	var out []replacement
	if colon < span.End {
		out = append(out, replacement{Span: Span{colon, span.End}})
	}
	return append(out, f.linesBelow(span.End, lines)), nil
}

// linesBelow writes lines below the one that off stands on.
func (f *File) linesBelow(off int, lines []string) replacement {
	at := f.lineEnd(off)
	brk := string(f.src[at : at+breakLen(f.src, at)])
	if brk == "" {
		brk = f.lineBreak()
		return replacement{Span: Span{at, at}, text: brk + strings.Join(lines, brk)}
	}
	at += len(brk)
	return replacement{Span: Span{at, at}, text: strings.Join(lines, brk) + brk}
}

// fillFlow writes a value into a flow mapping: JSON on lines of its own where its key
// has one.
func (f *File) fillFlow(parent, key *yaml.Node, span Span, want *yaml.Node, l layout) ([]replacement, error) {
	if span.Start == span.End {
		return nil, refuse(key.Line, "no place for a value: write one by hand")
	}
	l.json = quotesKeys(parent)
	if indent, ok := f.ownIndent(f.spans[key].Start); ok && l.json {
		return []replacement{{Span: span, text: l.spread(want, indent, f.flowUnit(parent, indent))}}, nil
	}
	return []replacement{{Span: span, text: l.flow(want)}}, nil
}

// ownIndent is the indentation of a place that begins its line.
func (f *File) ownIndent(off int) (string, bool) {
	lead := string(f.lead(off))
	return lead, strings.Trim(lead, " \t") == ""
}

// flowUnit is by how much what a flow collection holds is indented, where it has lines
// of its own.
func (f *File) flowUnit(n *yaml.Node, indent string) string {
	line := f.Line(n.Line)
	outer := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if unit, deeper := strings.CutPrefix(indent, outer); deeper && unit != "" {
		return unit
	}
	return "  "
}

// appending puts an element behind the last one of a list.
func (f *File) appending(n, value *yaml.Node, l layout) ([]replacement, error) {
	last := n.Content[len(n.Content)-1]
	end := f.end(last)
	if end < 0 {
		return nil, refuse(n.Line, "cannot tell where the list ends")
	}
	if n.Style&yaml.FlowStyle != 0 {
		l.json = quotesKeys(n) || l.json
		return f.insertFlow(n, f.offset(last), end, []*yaml.Node{value}, l), nil
	}
	behind := 2
	if dash, err := f.dash(n, last); err == nil && last.Line == f.line(dash) {
		behind = max(behind, last.Column-n.Column)
	}
	indent := strings.Repeat(" ", n.Column-1)
	return []replacement{f.linesBelow(end, l.elements(indent, List(Value{value}).node, behind))}, nil
}
