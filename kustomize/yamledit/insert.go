package yamledit

import (
	"bytes"
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

// insertion puts pairs behind the last key of a mapping.
func (f *File) insertion(n *yaml.Node, pairs []Pair) ([]replacement, error) {
	end := f.end(n.Content[len(n.Content)-1])
	if end < 0 {
		return nil, refuse(n.Line, "cannot tell where the mapping ends")
	}
	if n.Style&yaml.FlowStyle != 0 {
		return f.insertFlow(n, end, pairs), nil
	}
	return f.insertLines(n, end, pairs), nil
}

// insertLines writes one line per pair below the last line of a block mapping.
func (f *File) insertLines(n *yaml.Node, end int, pairs []Pair) []replacement {
	last := n.Content[len(n.Content)-2]
	indent := f.lead(f.spans[last].Start)
	if len(bytes.Trim(indent, " \t")) > 0 {
		indent = bytes.Repeat([]byte(" "), last.Column-1)
	}
	var b strings.Builder
	at := f.lineEnd(end)
	brk := f.src[at : at+breakLen(f.src, at)]
	for _, p := range pairs {
		line := string(indent) + plainOrQuoted(p.Key) + ": " + plainOrQuoted(p.Value)
		if len(brk) > 0 {
			b.WriteString(line + string(brk))
		} else {
			b.WriteString(f.lineBreak() + line)
		}
	}
	at += len(brk)
	return []replacement{{Span: Span{at, at}, text: b.String()}}
}

// lineBreak is the file's own: that of its first line.
func (f *File) lineBreak() string {
	at := f.lineEnd(0)
	if n := breakLen(f.src, at); n > 0 {
		return string(f.src[at : at+n])
	}
	return "\n"
}

// insertFlow writes the pairs inside the braces: on lines of their own where the
// last key has one, else behind it.
func (f *File) insertFlow(n *yaml.Node, end int, pairs []Pair) []replacement {
	key := n.Content[len(n.Content)-2]
	texts := f.flowPairs(n, pairs)
	comma := f.skipBlank(end)
	hasComma := comma < len(f.src) && f.src[comma] == ','
	rest := comma
	if hasComma {
		rest = f.skipBlank(comma + 1)
	}
	indent := string(f.lead(f.spans[key].Start))
	onOwnLine := strings.Trim(indent, " \t") == ""
	if !onOwnLine || rest < len(f.src) && f.src[rest] != '#' && breakLen(f.src, rest) == 0 {
		sep := ", "
		if strings.HasSuffix(f.colon(n), ":") {
			sep = ","
		}
		return []replacement{{Span: Span{end, end}, text: sep + strings.Join(texts, sep)}}
	}
	brk := f.lineBreak() + indent
	lines := brk + strings.Join(texts, ","+brk)
	at := f.lineEnd(rest)
	if hasComma {
		return []replacement{{Span: Span{at, at}, text: lines + ","}}
	}
	return []replacement{{Span: Span{end, end}, text: ","}, {Span: Span{at, at}, text: lines}}
}

// flowPairs writes pairs as the last one of the mapping is written: JSON stays JSON.
func (f *File) flowPairs(n *yaml.Node, pairs []Pair) []string {
	json := n.Content[len(n.Content)-2].Style&yaml.DoubleQuotedStyle != 0
	var texts []string
	for _, p := range pairs {
		if json {
			texts = append(texts, doubleQuoted(p.Key)+f.colon(n)+doubleQuoted(p.Value))
		} else {
			texts = append(texts, plainOrQuoted(p.Key)+": "+plainOrQuoted(p.Value))
		}
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
