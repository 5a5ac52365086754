package yamledit

import (
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Value is what Put and Append write: a text, a boolean, a mapping or a list.
type Value struct{ node *yaml.Node }

// Field is a key of a mapping with its value.
type Field struct {
	Key   string
	Value Value
}

// String is a text, quoted where a reader of YAML would take it for something else.
func String(s string) Value { return Value{&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}} }

// Bool is true or false.
func Bool(b bool) Value {
	return Value{&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(b)}}
}

// Map is a mapping with its keys in this order.
func Map(fields ...Field) Value {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields {
		n.Content = append(n.Content, String(f.Key).node, f.Value.node)
	}
	return Value{n}
}

// List is a list.
func List(items ...Value) Value {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, i := range items {
		n.Content = append(n.Content, i.node)
	}
	return Value{n}
}

// fits reports whether all of a value can be written.
func fits(n *yaml.Node) bool {
	if !writable(n.Value) {
		return false
	}
	for _, c := range n.Content {
		if !fits(c) {
			return false
		}
	}
	return true
}

// matches reports whether what was parsed is what was to be written.
func matches(got, want *yaml.Node) bool {
	switch {
	case got.Kind != want.Kind || got.Anchor != "" || len(got.Content) != len(want.Content):
		return false
	case want.Kind != yaml.ScalarNode:
	case want.Tag == "!!str":
		return written(got, want.Value)
	default:
		return got.Style == 0 && got.ShortTag() == want.Tag && got.Value == want.Value
	}
	for i := range want.Content {
		if !matches(got.Content[i], want.Content[i]) {
			return false
		}
	}
	return true
}

// layout is how a document writes what is put into it.
type layout struct {
	unit   int    // columns by which a block mapping stands deeper than its key
	dash   int    // columns by which a dash stands deeper than its list's key
	lineBr string // the line break
	json   bool   // flow collections as in JSON: every key and text in double quotes

	indent, deep string // of JSON on lines of its own: its indentation, and by how much more what it holds has; "" is one line
}

// layoutOf looks at how a document is written; where it shows nothing, as kubectl prints.
func (f *File) layoutOf(doc *yaml.Node) layout {
	l := layout{unit: 2, lineBr: f.lineBreak()}
	l.json = doc.Kind == yaml.MappingNode && doc.Style&yaml.FlowStyle != 0 && quotesKeys(doc)
	var unit, dash bool
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			deeper := value.Column - key.Column
			switch block := n.Style&yaml.FlowStyle == 0 && value.Style&yaml.FlowStyle == 0 && value.Line > key.Line; {
			case block && !unit && value.Kind == yaml.MappingNode && deeper > 0 && value.Anchor == "":
				l.unit, unit = deeper, true
			case block && !dash && value.Kind == yaml.SequenceNode && deeper >= 0 && value.Anchor == "":
				l.dash, dash = deeper, true
			}
		}
		for _, c := range n.Content {
			look(c)
		}
	}
	look(doc)
	return l
}

// quotesKeys reports whether the keys of a flow collection stand in double quotes.
func quotesKeys(n *yaml.Node) bool {
	switch {
	case len(n.Content) == 0:
		return false
	case n.Kind == yaml.SequenceNode:
		return quotesKeys(n.Content[len(n.Content)-1])
	}
	return n.Kind == yaml.MappingNode && n.Content[len(n.Content)-2].Style&yaml.DoubleQuotedStyle != 0
}

// pair is the lines of a key of a block mapping, each indented.
func (l layout) pair(indent string, key, value *yaml.Node) []string {
	head := indent + plainOrQuoted(key.Value) + ":"
	switch {
	case value.Kind == yaml.ScalarNode || len(value.Content) == 0:
		return []string{head + " " + l.flow(value)}
	case value.Kind == yaml.SequenceNode:
		return append([]string{head}, l.elements(indent+strings.Repeat(" ", l.dash), value, 2)...)
	}
	return append([]string{head}, l.pairs(indent+strings.Repeat(" ", l.unit), value)...)
}

func (l layout) pairs(indent string, n *yaml.Node) []string {
	var lines []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		lines = append(lines, l.pair(indent, n.Content[i], n.Content[i+1])...)
	}
	return lines
}

// elements are the lines of a block sequence; what an element holds stands so many
// columns behind its dash.
func (l layout) elements(indent string, n *yaml.Node, behind int) []string {
	var lines []string
	pad := strings.Repeat(" ", behind-1)
	for _, e := range n.Content {
		if e.Kind != yaml.MappingNode || len(e.Content) == 0 {
			lines = append(lines, indent+"-"+pad+l.flow(e))
			continue
		}
		inner := l.pairs(indent+" "+pad, e)
		inner[0] = indent + "-" + pad + strings.TrimLeft(inner[0], " ")
		lines = append(lines, inner...)
	}
	return lines
}

// flow writes a value on one line.
func (l layout) flow(n *yaml.Node) string {
	var parts []string
	switch n.Kind {
	case yaml.ScalarNode:
		return l.scalar(n)
	case yaml.SequenceNode:
		for _, e := range n.Content {
			parts = append(parts, l.flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		parts = append(parts, l.scalar(n.Content[i])+": "+l.flow(n.Content[i+1]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (l layout) scalar(n *yaml.Node) string {
	switch {
	case n.Tag != "!!str":
		return n.Value
	case l.json:
		return doubleQuoted(n.Value)
	}
	return plainOrQuoted(n.Value)
}

// spread writes a value of JSON on several lines, but for its first indentation.
func (l layout) spread(n *yaml.Node, indent, unit string) string {
	if n.Kind == yaml.ScalarNode || len(n.Content) == 0 || unit == "" {
		return l.flow(n)
	}
	open, shut, step := "{", "}", 2
	if n.Kind == yaml.SequenceNode {
		open, shut, step = "[", "]", 1
	}
	var b strings.Builder
	b.WriteString(open)
	for i := 0; i < len(n.Content); i += step {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(l.lineBr + indent + unit)
		if step == 2 {
			b.WriteString(l.scalar(n.Content[i]) + ": ")
		}
		b.WriteString(l.spread(n.Content[i+step-1], indent+unit, unit))
	}
	b.WriteString(l.lineBr + indent + shut)
	return b.String()
}
