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
	return sameComments(before.comments, after.comments)
}

func sameComments(before, after []Comment) error {
	if len(before) != len(after) {
		return refuse(0, "with the new value the file has %d comments instead of %d", len(after), len(before))
	}
	for i := range before {
		if before[i].Text != after[i].Text {
			return refuse(before[i].Line, "with the new value this comment changes")
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
	inserted := p.insert[a]
	if len(b.Content) != len(a.Content)+2*len(inserted) {
		return refuse(a.Line, "what belongs to this mapping or list would change")
	}
	for i := range a.Content {
		if err := p.same(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	for i, pair := range inserted {
		k := len(a.Content) + 2*i
		if !written(b.Content[k], pair.key) || !written(b.Content[k+1], pair.value) {
			return refuse(a.Line, "%s would not be read as %.60q", pair.key, pair.value)
		}
	}
	return nil
}

// written reports whether n says value, to every reader.
func written(n *yaml.Node, value string) bool {
	return IsString(n) && n.Value == value
}
