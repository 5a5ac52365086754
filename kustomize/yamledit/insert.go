package yamledit

import (
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

func (f *File) planInsert(c *change, n *yaml.Node, p Pair) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return refuse(n.Line, "no mapping with a key to put %s behind", p.Key)
	}
	if err := f.insertable(n, p.Key); err != nil {
		return err
	}
	for _, q := range c.insert[n] {
		if strings.EqualFold(q.Key, p.Key) {
			return refuse(n.Line, "two edits insert %s", p.Key)
		}
	}
	if len(c.insert[n]) == 0 {
		c.order = append(c.order, n)
	}
	c.insert[n] = append(c.insert[n], p)
	return nil
}

// insertable refuses a key that a mapping has already, or may have.
func (f *File) insertable(n *yaml.Node, key string) error {
	if at := f.keysLike(n, "<<"); len(at) > 0 {
		return refuse(n.Content[at[0]].Line, "a merge key (<<): what the mapping says stands elsewhere too")
	}
	if at := f.keysLike(n, key); len(at) > 0 {
		return refuse(n.Content[at[0]].Line, "there is a key %s already", keyText(n.Content[at[0]]))
	}
	return nil
}

func pairNodes(pairs []Pair) []*yaml.Node {
	var nodes []*yaml.Node
	for _, p := range pairs {
		nodes = append(nodes, String(p.Key).node, String(p.Value).node)
	}
	return nodes
}

// insertion puts keys and values behind the last key of a mapping.
func (f *File) insertion(n *yaml.Node, parts []*yaml.Node, l layout) ([]replacement, error) {
	key := n.Content[len(n.Content)-2]
	end := f.end(n.Content[len(n.Content)-1])
	if end < 0 {
		return nil, refuse(n.Line, "cannot tell where the mapping ends")
	}
	if n.Style&yaml.FlowStyle != 0 {
		l.json = key.Style&yaml.DoubleQuotedStyle != 0
		return f.insertFlow(n, f.spans[key].Start, end, parts, l), nil
	}
	indent, own := f.ownIndent(f.spans[key].Start)
	if strings.HasSuffix(strings.TrimRight(indent, " \t"), "?") {
		return nil, refuse(key.Line, "the key %s is written behind a question mark: write the new ones by hand", key.Value)
	}
	if !own {
		indent = strings.Repeat(" ", key.Column-1)
	}
	return []replacement{f.linesBelow(end, l.pairs(indent, &yaml.Node{Kind: yaml.MappingNode, Content: parts}))}, nil
}

// lineBreak is the file's own: that of its first line.
func (f *File) lineBreak() string {
	at := f.lineEnd(0)
	if brk := string(f.src[at : at+breakLen(f.src, at)]); strings.Trim(brk, "\r\n") == "" && brk != "" {
		return brk
	}
	return "\n"
}

// insertFlow writes keys and values, or elements, into a flow collection whose last part
// lies between start and end: on lines of their own where that has one, else behind it.
func (f *File) insertFlow(n *yaml.Node, start, end int, parts []*yaml.Node, l layout) []replacement {
	comma := f.skipBlank(end)
	hasComma := comma < len(f.src) && f.src[comma] == ','
	rest := comma
	if hasComma {
		rest = f.skipBlank(comma + 1)
	}
	indent, onOwnLine := f.ownIndent(start)
	if !onOwnLine || rest < len(f.src) && f.src[rest] != '#' && breakLen(f.src, rest) == 0 {
		sep := ", "
		if n.Kind == yaml.MappingNode && strings.HasSuffix(f.colon(n), ":") {
			sep = ","
		}
		return []replacement{{Span: Span{end, end}, text: sep + strings.Join(f.flowTexts(n, parts, l), sep)}}
	}
	if l.json {
		l.deep, l.indent = f.flowUnit(n, indent), indent
	}
	brk := l.lineBr + indent
	lines := brk + strings.Join(f.flowTexts(n, parts, l), ","+brk)
	at := f.lineEnd(rest)
	if hasComma {
		return []replacement{{Span: Span{at, at}, text: lines + ","}}
	}
	return []replacement{{Span: Span{end, end}, text: ","}, {Span: Span{at, at}, text: lines}}
}

// flowTexts writes what is inserted as the collection is written: JSON stays JSON.
func (f *File) flowTexts(n *yaml.Node, parts []*yaml.Node, l layout) []string {
	var texts []string
	for i := 0; i < len(parts); i += step(n) {
		text := ""
		if n.Kind == yaml.MappingNode {
			text = l.scalar(parts[i]) + ": "
			if l.json {
				text = l.scalar(parts[i]) + f.colon(n)
			}
		}
		texts = append(texts, text+l.spread(parts[i+step(n)-1], l.indent, l.deep))
	}
	return texts
}

// colon is what stands between the last key of a flow mapping and its value:
// ":" only where both are quoted, else ": ".
func (f *File) colon(n *yaml.Node) string {
	key, value := n.Content[len(n.Content)-2], n.Content[len(n.Content)-1]
	from := f.spans[key].End
	if key.Style&yaml.DoubleQuotedStyle != 0 && value.Kind == yaml.ScalarNode && from < len(f.src) && f.src[from] == ':' &&
		f.spans[value].Start == from+1 && f.spans[value].End > from+1 {
		return ":"
	}
	return ": "
}
