package yamledit

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Item is a new element of a list: a mapping of single values, one on each line.
type Item struct {
	Pairs   []Pair
	Comment string // behind the first pair, from the # on; "" for none
}

// Pair is a key and its value, which is always a string, whatever it looks like.
type Pair struct{ Key, Value string }

// growth is what a list, or a mapping that gets one, is to be given.
type growth struct {
	key   string // of the new list; "" = the node is the list
	items []Item
}

func (f *File) planItem(c *change, n *yaml.Node, e Edit) error {
	if err := e.Item.check(n); err != nil {
		return err
	}
	if e.Insert == "" {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || n.Style&yaml.FlowStyle != 0 {
			return refuse(n.Line, "no list with a dash on each element: write it so, or take it away")
		}
	} else if err := f.planList(c, n, e.Insert); err != nil {
		return err
	}
	g := c.grow[n]
	if g == nil {
		g = &growth{key: e.Insert}
		c.grow[n] = g
		c.grown = append(c.grown, n)
	}
	g.items = append(g.items, *e.Item)
	return nil
}

// planList refuses a mapping that cannot get a list at the end of its document.
func (f *File) planList(c *change, n *yaml.Node, key string) error {
	switch {
	case !slices.Contains(f.docs, n):
		return refuse(n.Line, "a new list is put at the end of a document alone")
	case n.Kind != yaml.MappingNode || len(n.Content) == 0 || n.Style&yaml.FlowStyle != 0:
		return refuse(n.Line, "no mapping with a key on each line to put %s below", key)
	case c.grow[n] != nil && c.grow[n].key != key:
		return refuse(n.Line, "two new lists")
	}
	return f.insertable(n, key)
}

func (i *Item) check(n *yaml.Node) error {
	if len(i.Pairs) == 0 || i.Comment != "" && !strings.HasPrefix(i.Comment, "#") || !writable(i.Comment) {
		return refuse(n.Line, "the new element does not fit on lines of text")
	}
	for _, p := range i.Pairs {
		if !writable(p.Key) || !writable(p.Value) {
			return refuse(n.Line, "the new value does not fit on one line of text")
		}
	}
	return nil
}

// appended puts new elements below the last one of a list, or a new list at the end
// of the document.
func (f *File) appended(n *yaml.Node, g *growth) (replacement, error) {
	indent, at, head := []byte(nil), 0, ""
	if g.key == "" {
		if indent = f.lead(f.offset(n)); len(bytes.Trim(indent, " ")) > 0 {
			return replacement{}, refuse(n.Line, "the list does not begin on a line of its own")
		}
		end := f.end(n)
		if end < 0 {
			return replacement{}, refuse(n.Line, "cannot tell where the list ends")
		}
		at = f.belowComments(max(end-1, f.offset(n)), n.Column)
	} else {
		indent = f.lead(f.spans[n.Content[0]].Start)
		if len(bytes.Trim(indent, " ")) > 0 {
			return replacement{}, refuse(n.Line, "the mapping does not begin on a line of its own")
		}
		head = string(indent) + plainOrQuoted(g.key) + ":"
		at = f.documentEnd(n)
	}
	lines := itemLines(string(indent), g.items)
	if head != "" {
		lines = slices.Insert(lines, 0, head)
	}
	r := replacement{Span: Span{at, at}, text: f.linesAt(at, lines)}
	for _, i := range g.items {
		if i.Comment != "" {
			r.comments = append(r.comments, strings.TrimRight(i.Comment, " \t"))
		}
	}
	return r, nil
}

// belowComments is where the line begins that is below the one with off, and below
// comments within the last element of a list: indented deeper than its dash.
func (f *File) belowComments(off, dash int) int {
	for {
		next := f.nextLine(off)
		at := f.skipBlank(next)
		if at == len(f.src) || f.src[at] != '#' || at-next < dash {
			return next
		}
		off = at
	}
}

// documentEnd is where a document ends, comments below it included: at the end of the
// file, or before the line that ends the document.
func (f *File) documentEnd(n *yaml.Node) int {
	off := max(f.end(n)-1, f.offset(n))
	for {
		next := f.nextLine(off)
		if next == len(f.src) || f.endsDocument(next) {
			return next
		}
		off = next
	}
}

func (f *File) endsDocument(off int) bool {
	line := strings.TrimRight(string(f.src[off:f.lineEnd(off)]), " \t")
	return line == "..." || line == "---" || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "... ")
}

// nextLine is where the line below the one with off begins; the end of the file where
// there is none.
func (f *File) nextLine(off int) int {
	end := f.lineEnd(off)
	return end + breakLen(f.src, end)
}

// linesAt is lines of text for off: where a line begins, or the end of a file without a
// last line break, which stays so.
func (f *File) linesAt(off int, lines []string) string {
	if len(f.lead(off)) > 0 {
		brk := f.lineBreak()
		return brk + strings.Join(lines, brk)
	}
	above := f.lineEnd(f.lines[f.line(off)-2])
	brk := string(f.src[above:off])
	return strings.Join(lines, brk) + brk
}

func itemLines(indent string, items []Item) []string {
	var lines []string
	for _, item := range items {
		for i, p := range item.Pairs {
			line := indent + "  "
			if i == 0 {
				line = indent + "- "
			}
			line += plainOrQuoted(p.Key) + ": " + patternText(p.Value)
			if i == 0 && item.Comment != "" {
				line += " " + strings.TrimRight(item.Comment, " \t")
			}
			lines = append(lines, line)
		}
	}
	return lines
}

var plainPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./:-]*\$$`)

// patternText is plainOrQuoted with the eyes of somebody who reads a regular expression.
func patternText(value string) string {
	switch {
	case plainPattern.MatchString(value):
		return value
	case strings.Contains(value, `\`):
		return singleQuoted(value)
	}
	return plainOrQuoted(value)
}

// planDelete takes the element that a path leads to away.
func (f *File) planDelete(c *change, list, n *yaml.Node) error {
	if list == nil || list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0 {
		return refuse(n.Line, "no element with a dash of its own")
	}
	if c.gone[n] {
		return refuse(n.Line, "two edits take this element away")
	}
	c.gone[n] = true
	if !slices.Contains(c.shrunk, list) {
		c.shrunk = append(c.shrunk, list)
	}
	return nil
}

// deletions are the lines of the elements that go, and that of their list's key where
// none is left and no comment stands there.
func (f *File) deletions(c *change, list *yaml.Node) ([]replacement, error) {
	runs, err := f.runs(c, list)
	if err != nil {
		return nil, err
	}
	left := slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return !c.gone[n] })
	if key := f.rootKey(list); !left && c.grow[list] == nil {
		if key != nil && len(runs) == 1 && len(bytes.Trim(f.lead(f.spans[key].Start), " ")) == 0 && !f.commentsIn(Span{f.spans[key].Start, runs[0].Start}) {
			c.gone[key] = true
			runs = []Span{{f.spans[key].Start, runs[len(runs)-1].End}}
		} else {
			c.emptied[list] = true
		}
	}
	var all []replacement
	for _, r := range runs {
		all = append(all, replacement{Span: f.wholeLines(r.Start, r.End), drop: true})
	}
	return all, nil
}

// runs are the elements that go: from the first dash of each run of them to an offset in
// its last line.
func (f *File) runs(c *change, list *yaml.Node) ([]Span, error) {
	var all []Span
	for _, n := range list.Content {
		if !c.gone[n] {
			continue
		}
		from, err := f.dash(list, n)
		if err != nil {
			return nil, err
		}
		to, err := f.lastLine(n)
		if err != nil {
			return nil, err
		}
		if last := len(all) - 1; last >= 0 && f.line(all[last].End)+1 == f.line(from) {
			all[last].End = to
		} else {
			all = append(all, Span{from, to})
		}
	}
	return all, nil
}

// dash is where the dash of an element stands.
func (f *File) dash(list, n *yaml.Node) (int, error) {
	for line := f.line(f.offset(n)); line >= list.Line; line-- {
		at := f.skipBlank(f.lines[line-1])
		if at < len(f.src) && f.src[at] == '-' && at-f.lines[line-1] == list.Column-1 {
			return at, nil
		}
	}
	return 0, refuse(n.Line, "cannot tell where the element begins")
}

// lastLine is an offset in the last line of an element, which it has for itself.
func (f *File) lastLine(n *yaml.Node) (int, error) {
	end := f.end(n)
	if end < 0 {
		return 0, refuse(n.Line, "cannot tell where the element ends")
	}
	if rest := f.skipBlank(end); rest < len(f.src) && f.src[rest] != '#' && breakLen(f.src, rest) == 0 {
		return 0, refuse(f.line(rest), "something else stands behind the element")
	}
	return max(f.offset(n), end-1), nil
}

// wholeLines is the lines from one offset to another with their line breaks; at the
// end of a file without a last one, the line break before them.
func (f *File) wholeLines(from, to int) Span {
	s := Span{f.lines[f.line(from)-1], f.lineEnd(to)}
	if n := breakLen(f.src, s.End); n > 0 {
		s.End += n
		return s
	}
	if line := f.line(from); line > 1 {
		s.Start = f.lineEnd(f.lines[line-2])
	}
	return s
}

func (f *File) commentsIn(s Span) bool {
	return slices.ContainsFunc(f.comments, func(c Comment) bool { return s.Start <= c.Start && c.Start < s.End })
}

// rootKey is the key of a list that is a value of a document's root and not the only
// one there, else nil.
func (f *File) rootKey(list *yaml.Node) *yaml.Node {
	for _, d := range f.docs {
		if d.Kind != yaml.MappingNode || d.Style&yaml.FlowStyle != 0 || len(d.Content) == 2 {
			continue
		}
		for i := 0; i+1 < len(d.Content); i += 2 {
			if d.Content[i+1] == list {
				return d.Content[i]
			}
		}
	}
	return nil
}

// offset is where a node begins.
func (f *File) offset(n *yaml.Node) int {
	var c cursor
	return max(0, c.seek(f, n.Line, n.Column))
}
