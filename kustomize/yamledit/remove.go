package yamledit

import (
	"bytes"

	yaml "go.yaml.in/yaml/v3"
)

// Remove takes away what stands at path: an element of a list with its dash, or a key
// with its value. Comments on their lines go with them, those above and below stay. A
// collection that loses its last element becomes [] or {}. It proves that nothing else
// differs, or returns an *Error.
func (f *File) Remove(doc int, path Path) (*File, error) {
	if len(path) == 0 {
		return nil, refuse(0, "a whole document is not removed")
	}
	parent, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return nil, err
	}
	if at := f.keysLike(parent, "<<"); len(at) > 0 {
		return nil, refuse(parent.Content[at[0]].Line, "a merge key (<<): what the mapping says stands elsewhere too")
	}
	first := n
	if parent.Kind == yaml.MappingNode {
		if first, err = f.keyOf(doc, path); err != nil {
			return nil, err
		}
	}
	p := part{parent: parent, first: first, last: n, only: len(parent.Content) <= step(parent)}
	c := newChange()
	c.gone[first], c.cleared[parent] = true, p.only
	if parent.Style&yaml.FlowStyle != 0 {
		err = f.removeFlow(c, p)
	} else {
		err = f.removeLines(c, p, doc, path)
	}
	if err != nil {
		return nil, err
	}
	return f.finish(c)
}

// part is one element of a collection: a value, or a key with one.
type part struct {
	parent      *yaml.Node
	first, last *yaml.Node // the same one in a list
	only        bool
}

// step is how many nodes an element of a collection has.
func step(n *yaml.Node) int {
	if n.Kind == yaml.MappingNode {
		return 2
	}
	return 1
}

// index is the place of the part's first node.
func (p part) index() int {
	for i, n := range p.parent.Content {
		if n == p.first {
			return i
		}
	}
	return -1
}

func (f *File) removeLines(c *change, p part, doc int, path Path) error {
	from, err := f.begin(p)
	if err != nil {
		return err
	}
	end := f.end(p.last)
	if end < 0 {
		return refuse(p.last.Line, "cannot tell where the value ends")
	}
	if rest := f.skipBlank(end); rest < len(f.src) && f.src[rest] != '#' && breakLen(f.src, rest) == 0 {
		return refuse(p.last.Line, "something stands behind the value")
	}
	if len(bytes.Trim(f.lead(from), " \t")) > 0 {
		return f.removeBehindDash(c, p, from, end)
	}
	c.cut(f.wholeLines(from, max(from, end-1)))
	if !p.only {
		return nil
	}
	key, err := f.keyOf(doc, path[:len(path)-1])
	if err != nil {
		return refuse(p.first.Line, "nothing else stands here: remove what it belongs to")
	}
	colon, err := f.colonOf(key)
	if err != nil {
		return err
	}
	if p.parent.Anchor != "" || p.parent.Style&yaml.TaggedStyle != 0 || f.line(colon) == f.line(from) {
		return refuse(key.Line, "%s: has an anchor or a tag, or its value on its line", path[:len(path)-1])
	}
	c.bytes = append([]replacement{{Span: Span{colon, colon}, text: empty(p.parent)}}, c.bytes...)
	return nil
}

func empty(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return " []"
	}
	return " {}"
}

// begin is where a part begins: its dash or its key.
func (f *File) begin(p part) (int, error) {
	if p.parent.Kind == yaml.SequenceNode {
		return f.dash(p.parent, p.first)
	}
	return f.offset(p.first), nil
}

// removeBehindDash takes the first key of a mapping away that begins behind a dash: the
// next key moves there.
func (f *File) removeBehindDash(c *change, p part, from, end int) error {
	i := p.index()
	if p.parent.Kind != yaml.MappingNode || i != 0 || p.only {
		return refuse(p.first.Line, "something stands before it on its line")
	}
	next := f.offset(p.parent.Content[2])
	for _, comment := range f.comments {
		if comment.Own && comment.Start > end && comment.Start < next {
			return refuse(comment.Line, "a comment stands between this key and the next")
		}
	}
	c.cut(Span{from, next})
	return nil
}

func (f *File) removeFlow(c *change, p part) error {
	from, to := f.offset(p.first), f.end(p.last)
	open, shut := f.offset(p.parent), f.flowEnd(p.parent)
	if to < 0 || shut < 0 {
		return refuse(p.first.Line, "cannot tell where the value ends")
	}
	i, size := p.index(), len(p.parent.Content)
	isLast := i+step(p.parent) == size
	var cut Span
	switch {
	case p.only:
		open += bytes.IndexAny(f.src[open:shut], "[{")
		cut = Span{open + 1, shut - 1}
	case f.hasOwnLines(from, to):
		return f.removeFlowLines(c, p, i, isLast, Span{from, to})
	case isLast:
		cut = Span{f.end(p.parent.Content[i-1]), to}
	default:
		cut = Span{from, f.offset(p.parent.Content[i+step(p.parent)])}
	}
	if !f.isSpace(Span{cut.Start, from}, ",") || !f.isSpace(Span{to, cut.End}, ",") {
		return refuse(p.first.Line, "a comment stands where bytes would go")
	}
	c.cut(cut)
	return nil
}

// hasOwnLines reports whether nothing else stands on the lines of a part but a comma and
// a comment.
func (f *File) hasOwnLines(from, to int) bool {
	if _, own := f.ownIndent(from); !own {
		return false
	}
	rest := f.skipBlank(to)
	if rest < len(f.src) && f.src[rest] == ',' {
		rest = f.skipBlank(rest + 1)
	}
	return rest == len(f.src) || f.src[rest] == '#' || breakLen(f.src, rest) > 0
}

// removeFlowLines takes the lines away, and with the last part the comma before it.
func (f *File) removeFlowLines(c *change, p part, i int, isLast bool, s Span) error {
	rest := f.skipBlank(s.End)
	if hasComma := rest < len(f.src) && f.src[rest] == ','; isLast && !hasComma {
		comma := f.skipSpace(f.end(p.parent.Content[i-1]))
		if comma >= s.Start || f.src[comma] != ',' {
			return refuse(p.first.Line, "cannot find the comma before it")
		}
		c.bytes = append(c.bytes, replacement{Span: Span{comma, comma + 1}})
	}
	c.cut(f.wholeLines(s.Start, s.End-1))
	return nil
}

// cut takes bytes away, and the comments in them.
func (c *change) cut(s Span) {
	c.bytes = append(c.bytes, replacement{Span: s, drop: true})
}
