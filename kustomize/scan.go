package kustomize

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// scanner attributes the marker comments of one file to what they stand on, by
// line and column: the YAML parser moves comments between nodes.
type scanner struct {
	*File
	yaml     *yamledit.File
	comments []yamledit.Comment
	runs     []run // by comment
	docs     []*document
	lists    []*list         // by line
	values   map[int][]place // by last line, for the lines that hold a marker

	found       *groups // nil: not looked for yet
	triggers    []triggered
	triggerWork int // what was read for annotations
}

// place is one value that a marker can stand on.
type place struct {
	doc   *document
	node  *yaml.Node
	trail trail
}

// read finds the uses of a parsed file.
func read(name string, y *yamledit.File) *File {
	s := &scanner{
		File: &File{}, yaml: y, comments: y.Comments(), runs: runs(y.Comments()),
		docs: documents(name, y.Documents()), values: map[int][]place{},
	}
	s.findPlaces()
	for i, c := range s.comments {
		if !strings.Contains(c.Text, markerKey) {
			continue
		}
		if IsJSON(name) {
			s.problem(c.Line, "", finding{message: noComments, hint: triggerInstead})
			continue
		}
		m, ok, found := parseMarker(c.Text)
		for _, f := range found {
			s.problem(c.Line, "", f)
		}
		if ok {
			s.attribute(i, mark{c.Line, m})
		}
	}
	for _, l := range s.lists {
		for _, e := range l.entries {
			s.bindEntry(e)
		}
		if !l.strings {
			s.reportOrder(l)
		}
	}
	s.bindGroups()
	s.joinParts()
	s.readTriggers()
	s.reportTexts()
	slices.SortStableFunc(s.Uses, func(a, b Use) int { return cmp.Compare(a.Line, b.Line) })
	slices.SortStableFunc(s.Problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return s.File
}

func (s *scanner) findPlaces() {
	lines := map[int]bool{}
	for _, c := range s.comments {
		if !c.Own && strings.Contains(c.Text, markerKey) {
			lines[c.Line] = true
		}
	}
	for _, d := range s.docs {
		s.lists = append(s.lists, lists(s.yaml, d)...)
		if len(lines) > 0 {
			s.walk(d, d.root, trail{}, lines)
		}
	}
}

// walk collects the values that end on a line with a marker; a block scalar
// counts where it begins, since its marker stands behind its | or >.
func (s *scanner) walk(d *document, n *yaml.Node, t trail, lines map[int]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.ScalarNode || key.Kind == yaml.AliasNode {
				s.walk(d, n.Content[i+1], t.down(n, keyName(key)), lines)
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.walk(d, c, t.down(n, i), lines)
		}
	default:
		_, line := s.yaml.Lines(n)
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			line = n.Line
		}
		if lines[line] {
			s.values[line] = append(s.values[line], place{d, n, t.clone()})
		}
	}
}

// attribute gives the marker in comment i to its entry or value, or reports
// that there is none.
func (s *scanner) attribute(i int, m mark) {
	c := s.comments[i]
	var e *entry
	var wrong *finding
	if l := s.listAt(i); l != nil {
		e, wrong = l.take(s, i)
	}
	switch {
	case wrong != nil:
		s.problem(c.Line, "images", *wrong)
	case e != nil:
		e.marks = append(e.marks, m)
	case c.Own:
		s.attributeOwn(i, m)
	default:
		s.bindValue(c, m)
	}
}

// attributeOwn gives the marker in comment i, on a line of its own, to its group.
func (s *scanner) attributeOwn(i int, m mark) {
	g, wrong := s.groupBelow(i)
	switch {
	case wrong != nil:
		s.problem(m.line, "", *wrong)
	case g == nil:
		s.problem(m.line, "", s.aloof(i))
	case m.part != Whole:
		s.problem(m.line, g.doc.pathText(g.trail), finding{
			message: fmt.Sprintf("%s:%s stands on a line of its own: that is for all of the image", m.ref, m.part),
			hint:    "put it at the end of the line of the value, or drop :" + string(m.part),
		})
	default:
		g.marks = append(g.marks, m)
	}
}

// listAt is the list that comment i can belong to: the one that it stands
// directly above, else the last one that begins before it; nil when there is none.
func (s *scanner) listAt(i int) *list {
	line := s.comments[i].Line
	if s.comments[i].Own && !s.runs[i].dead {
		line = s.runs[i].last + 1
	}
	next := sort.Search(len(s.lists), func(k int) bool { return s.lists[k].line > line })
	if next > 0 && s.lists[next-1].line == line {
		return s.lists[next-1]
	}
	next = sort.Search(len(s.lists), func(k int) bool { return s.lists[k].line > s.comments[i].Line })
	if next == 0 {
		return nil
	}
	return s.lists[next-1]
}

// take finds the entry of the list that comment i belongs to; a finding says
// that it stands in the list and yet on no entry.
func (l *list) take(s *scanner, i int) (*entry, *finding) {
	c := s.comments[i]
	var on []*entry
	for k := sort.Search(len(l.entries), func(k int) bool { return l.entries[k].last >= c.Line }); k < len(l.entries) && len(on) < 2; k++ {
		e := l.entries[k]
		if e.dash > c.Line {
			break
		}
		if !c.Own || c.Line > e.dash {
			on = append(on, e)
		}
	}
	switch {
	case c.Line <= l.line:
		return nil, &finding{message: "the marker stands on images: itself", hint: "put it above the dash of the entry, or behind a key of it"}
	case len(on) == 1:
		return on[0].bindable("the entry has no keys")
	case len(on) > 1:
		return nil, &finding{message: "several entries stand on the line of the marker", hint: "write each on lines of its own"}
	case c.Own:
		return l.takeBetween(s, i)
	}
	return nil, nil
}

// commentedEntry is the first line of an entry that was commented out.
var commentedEntry = regexp.MustCompile(`^#+\s*-(\s+(name|newName|newTag|digest)\s*:|$)`)

// takeBetween finds the entry for a marker on a line of its own between two
// entries, or below the last one: what it stands above, unless it is indented as
// a part of the entry before it.
func (l *list) takeBetween(s *scanner, i int) (*entry, *finding) {
	c := s.comments[i]
	after := sort.Search(len(l.entries), func(k int) bool { return l.entries[k].dash > c.Line })
	before, last := after-1, after == len(l.entries)
	inside := before >= 0 && c.Column > l.entries[before].dashColumn
	switch {
	case last && (!inside || c.Line > l.bottom):
		return nil, nil
	case s.runs[i].dead:
		return nil, &finding{notice: true, message: "the marker stands above an entry that is commented out"}
	case last:
		return l.entries[before].bindable(noKeys)
	case inside:
		return nil, &finding{
			message: "the marker stands between two entries and may belong to either",
			hint:    "put it behind a key of its entry, or above its dash and as far left as the dash",
		}
	}
	return l.entries[after].bindable(noKeys)
}

const noKeys = "the marker stands above an entry without keys"

// bindable is the entry, or what is to be said of one that is none.
func (e *entry) bindable(none string) (*entry, *finding) {
	isText := e.node.Kind == yaml.ScalarNode || e.node.Kind == yaml.AliasNode
	switch {
	case e.strings && !isText:
		return nil, &finding{message: "the entry is no single text", hint: "write - [NAME=]IMAGE"}
	case !e.strings && e.node.Kind != yaml.MappingNode:
		return nil, &finding{message: none, hint: "write - name: IMAGE"}
	}
	return e, nil
}

// run is what follows a comment line by line, as long as there are comments.
type run struct {
	last int  // line of the last one; its own line when none follows
	dead bool // one that follows begins an entry that was commented out
}

func runs(comments []yamledit.Comment) []run {
	all := make([]run, len(comments))
	for i := len(comments) - 1; i >= 0; i-- {
		all[i].last = comments[i].Line
		if i+1 < len(comments) && comments[i+1].Own && comments[i+1].Line == comments[i].Line+1 {
			all[i] = run{all[i+1].last, all[i+1].dead || commentedEntry.MatchString(comments[i+1].Text)}
		}
	}
	return all
}

// aloof says why a marker on a line of its own binds nothing.
func (s *scanner) aloof(i int) finding {
	if s.runs[i].dead {
		return finding{notice: true, message: "the marker stands above an entry that is commented out"}
	}
	return finding{
		message: "the marker stands on a line of its own and above no images: entry of a kustomization",
		hint:    "put it at the end of the line of the value, or above the key of a mapping with repository and tag or digest",
	}
}

// reportTexts says where the word of a marker is text of a value: people who
// write it into a patch or a script may think that it binds something.
func (s *scanner) reportTexts() {
	src, count, first := s.yaml.Bytes(), bytes.Count(s.yaml.Bytes(), []byte(markerKey)), 0
	for _, c := range s.comments {
		count -= strings.Count(c.Text, markerKey)
	}
	if count == 0 {
		return
	}
	covered := s.comments
	for at := 0; first == 0; {
		next := at + bytes.Index(src[at:], []byte(markerKey))
		for len(covered) > 0 && covered[0].Start+len(covered[0].Text) <= next {
			covered = covered[1:]
		}
		if len(covered) == 0 || next < covered[0].Start {
			first = 1 + bytes.Count(src[:next], []byte("\n"))
		}
		at = next + len(markerKey)
	}
	s.problem(first, "", finding{
		notice:  true,
		message: fmt.Sprintf("%s stands in the text of a value (%d times in the file) and binds nothing there", markerKey, count),
		hint:    s.textHint(),
	})
}

// textHint says where a marker can stand instead of in a text.
func (s *scanner) textHint() string {
	hint := "a marker is a comment of the file itself"
	if slices.ContainsFunc(s.docs, func(d *document) bool { return d.deployer.isArgoCD() }) {
		hint += ": write the values of a chart as valuesObject, in a values file, or as parameters"
	}
	return hint
}
