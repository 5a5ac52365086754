package yamledit

import (
	yaml "go.yaml.in/yaml/v3"
)

// proof compares two parses node by node. Bytes outside the replaced spans are
// equal by construction; what those bytes mean is what has to be shown.
type proof struct {
	*change
	twin map[*yaml.Node]*yaml.Node // anchored nodes before → after, so that aliases can be compared
}

// prove requires that after differs from before exactly by c: the values set,
// the keys inserted, and nothing else, comments included.
func prove(before, after *File, c *change) error {
	if len(before.docs) != len(after.docs) {
		return refuse(0, "with the new value the file has %d documents instead of %d", len(after.docs), len(before.docs))
	}
	p := proof{change: c, twin: map[*yaml.Node]*yaml.Node{}}
	for i := range before.docs {
		if err := p.same(before.docs[i], after.docs[i]); err != nil {
			return err
		}
	}
	return sameComments(c.comments(before.comments), after.comments)
}

// comments are those that a file must have after the change.
func (c *change) comments(before []Comment) []Comment {
	var all []Comment
	for _, r := range c.bytes {
		for len(before) > 0 && before[0].Start < r.End {
			if !r.drop || before[0].Start < r.Start {
				all = append(all, before[0])
			}
			before = before[1:]
		}
		for _, text := range r.comments {
			all = append(all, Comment{Text: text})
		}
	}
	return append(all, before...)
}

func sameComments(want, got []Comment) error {
	if len(want) != len(got) {
		return refuse(0, "with the new value the file has %d comments instead of %d", len(got), len(want))
	}
	for i := range want {
		if want[i].Text != got[i].Text {
			return refuse(want[i].Line, "with the new value this comment changes")
		}
	}
	return nil
}

func (p *proof) same(a, b *yaml.Node) error {
	if a.Anchor != "" {
		p.twin[a] = b
	}
	if value, ok := p.set[a]; ok {
		if !written(b, value) || a.Anchor != b.Anchor {
			return refuse(a.Line, "the value would be read as %.60q, not as %.60q", b.Value, value)
		}
		return nil
	}
	if p.emptied[a] {
		if b.ShortTag() != "!!null" || b.Value != "" || a.Anchor != "" {
			return refuse(a.Line, "the list would not be empty")
		}
		return nil
	}
	if want, ok := p.filled[a]; ok {
		if !matches(b, want) || a.Anchor != "" {
			return refuse(a.Line, "the new value would be read as something else")
		}
		return nil
	}
	if p.cleared[a] && a.Kind == b.Kind && len(b.Content) == 0 && a.Anchor == b.Anchor {
		return nil
	}
	if a.Kind != b.Kind || a.Style != b.Style || a.ShortTag() != b.ShortTag() || a.Value != b.Value || a.Anchor != b.Anchor {
		return refuse(a.Line, "this value would change too: %.60q", a.Value)
	}
	if a.Kind == yaml.AliasNode {
		if p.twin[a.Alias] != b.Alias {
			return refuse(a.Line, "*%s would mean something else", a.Value)
		}
		return nil
	}
	return p.sameContent(a, b)
}

func (p *proof) sameContent(a, b *yaml.Node) error {
	rest := b.Content
	next := func() *yaml.Node {
		if len(rest) == 0 {
			return &yaml.Node{}
		}
		n := rest[0]
		rest = rest[1:]
		return n
	}
	for i, n := range a.Content {
		if p.gone[n] || a.Kind == yaml.MappingNode && i%2 == 1 && p.gone[a.Content[i-1]] {
			continue
		}
		if err := p.same(n, next()); err != nil {
			return err
		}
	}
	for _, pair := range p.insert[a] {
		if !written(next(), pair.Key) || !written(next(), pair.Value) {
			return refuse(a.Line, "%s would not be read as %.60q", pair.Key, pair.Value)
		}
	}
	if g := p.grow[a]; g != nil && !g.written(next) {
		return refuse(a.Line, "the new element would not be read as it is meant")
	}
	for _, want := range p.added[a] {
		if !matches(next(), want) {
			return refuse(a.Line, "what is added would be read as something else")
		}
	}
	if len(rest) > 0 {
		return refuse(a.Line, "what belongs to this mapping or list would change")
	}
	return nil
}

// written reports whether the nodes that next gives are the new elements, and no more.
func (g *growth) written(next func() *yaml.Node) bool {
	if g.key != "" {
		key, list := next(), next()
		if !written(key, g.key) || list.Kind != yaml.SequenceNode || list.Anchor != "" || len(list.Content) != len(g.items) {
			return false
		}
		rest := list.Content
		next = func() *yaml.Node { n := rest[0]; rest = rest[1:]; return n }
	}
	for _, item := range g.items {
		n := next()
		if n.Kind != yaml.MappingNode || n.Anchor != "" || len(n.Content) != 2*len(item.Pairs) {
			return false
		}
		for i, p := range item.Pairs {
			if !written(n.Content[2*i], p.Key) || !written(n.Content[2*i+1], p.Value) {
				return false
			}
		}
	}
	return true
}

// written reports whether n says value, to every reader.
func written(n *yaml.Node, value string) bool {
	return IsString(n) && n.Value == value
}
