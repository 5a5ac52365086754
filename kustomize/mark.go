package kustomize

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Binding is a place, as Spots gave it, and the [namespace/]stream:tag that it is to follow.
type Binding struct {
	Spot Spot
	Ref  string
}

// Mark binds a place by a marker: behind the name of an images: entry, or above its dash where
// a comment stands behind the name; behind the key of an image in several keys, or above that;
// behind any other value, before the text of the comment that is there; on the line above
// FROM; behind the value of a line of other text, or above the line. Bytes are only added, in comments. It is proved that the file binds this place and
// else what it bound before, and that without the marker it is src again; else it is
// ErrUnproven.
func Mark(name string, src []byte, s Spot, ref string) ([]byte, error) {
	now, errs := MarkAll(name, src, []Binding{{s, ref}})
	if errs[0] != nil {
		return nil, errs[0]
	}
	return now, nil
}

// MarkAll is Mark for several places of one file, with one proof for all. It gives the bytes
// with the markers that could be written, and one error for each place, nil for those.
func MarkAll(name string, src []byte, bindings []Binding) (now []byte, errs []error) {
	m := marking{name: name, src: src, bindings: bindings, errs: make([]error, len(bindings))}
	all := make([]int, len(bindings))
	for i := range all {
		all[i] = i
	}
	m.write(all)
	return m.src, m.errs
}

// marking is one call of MarkAll.
type marking struct {
	name     string
	src      []byte // with the markers so far
	bindings []Binding
	errs     []error
}

// write writes some markers. Should their proof fail, it looks for those to blame by halves.
func (m *marking) write(some []int) {
	is, err := placesOf(m.name, m.src)
	var rest []int
	var fit []Binding
	for _, i := range some {
		b := m.bindings[i]
		if m.errs[i] = err; err == nil {
			b.Spot, m.errs[i] = is.markable(b, false)
		}
		if m.errs[i] == nil {
			rest, fit = append(rest, i), append(fit, b)
		}
	}
	if len(rest) == 0 {
		return
	}
	now, err := is.mark(fit)
	switch {
	case err == nil:
		m.src = now
	case len(rest) == 1:
		m.errs[rest[0]] = err
	default:
		m.write(rest[:len(rest)/2])
		m.write(rest[len(rest)/2:])
	}
}

// markable finds a spot that is to be bound, by a marker or a trigger, or says why it cannot
// be.
func (p *places) markable(b Binding, trigger bool) (Spot, error) {
	var m marker
	if err := m.setRef(b.Ref); err != nil {
		return b.Spot, err
	}
	if m.part != Whole {
		return b.Spot, fmt.Errorf("%q names a part of an image: write stream:tag alone", b.Ref)
	}
	is, err := p.find(b.Spot)
	switch {
	case err != nil:
	case is.Bound != "":
		err = &yamledit.Error{Line: is.Line, Reason: "bound to " + is.Bound + " already"}
	case IsJSON(p.name) && !trigger:
		err = &yamledit.Error{Line: is.Line, Reason: noComments + ": " + triggerInstead}
	case is.Refused != "" && (!trigger || !is.blank):
		err = &yamledit.Error{Line: is.Line, Reason: is.Refused}
	}
	return is, err
}

// mark writes markers in the best way that there is for each; that of a single one in any
// way that can be proved.
func (p *places) mark(bindings []Binding) (now []byte, first error) {
	var notes []note
	for _, b := range bindings {
		for _, way := range p.ways(b) {
			n, err := way()
			if err == nil && len(bindings) == 1 {
				if now, err = p.with(bindings, []note{n}); err == nil {
					return now, nil
				}
			}
			first = cmp.Or(first, err)
			if err == nil {
				notes, first = append(notes, n), nil
				break
			}
		}
		if first != nil {
			return nil, first
		}
	}
	return p.with(bindings, notes)
}

// note is a marker and where it goes: in YAML, or in other text.
type note struct {
	yaml  yamledit.Note
	plain change
}

// with writes markers and proves them.
func (p *places) with(bindings []Binding, notes []note) ([]byte, error) {
	now, err := p.put(notes)
	if err == nil {
		err = p.proveMarks(now, bindings)
	}
	if err == nil {
		err = p.proveUndone(now, bindings)
	}
	if err != nil {
		return nil, err
	}
	return now.src, nil
}

func (p *places) put(notes []note) (*places, error) {
	if p.yaml == nil {
		changes := make([]change, len(notes))
		for i, n := range notes {
			changes[i] = n.plain
		}
		return placesOf(p.name, splice(p.src, changes))
	}
	all := make([]yamledit.Note, len(notes))
	for i, n := range notes {
		all[i] = n.yaml
	}
	y, err := p.yaml.Annotate(all...)
	if err != nil {
		return nil, err
	}
	return yamlPlaces(p.name, y), nil
}

// ways are those to write the marker of a spot, the best one first.
func (p *places) ways(b Binding) []func() (note, error) {
	s, text := b.Spot, "# "+markerText(b.Ref)
	behind := func(line int) func() (note, error) {
		return func() (note, error) {
			if c, ok := p.comments[line]; ok {
				return note{}, &yamledit.Error{Line: line, Reason: "a comment stands there already: " + c.Text}
			}
			return note{yaml: yamledit.Note{Line: line, Text: text}}, nil
		}
	}
	above := func(line, column int) func() (note, error) {
		return func() (note, error) {
			return note{yaml: yamledit.Note{Line: line, Column: column, Text: text}}, nil
		}
	}
	before := func() (note, error) { return p.before(s.markLine(p.yaml), b.Ref) }
	switch {
	case s.from != nil:
		return []func() (note, error){func() (note, error) { return p.aboveFrom(s, b.Ref), nil }}
	case s.text != nil:
		return p.markText(s, b.Ref)
	case s.entry != nil:
		return []func() (note, error){behind(s.entry.line()), above(s.entry.dash, s.entry.dashColumn)}
	case s.group != nil:
		return []func() (note, error){behind(s.group.head), above(s.group.head, s.group.column()), before}
	}
	return []func() (note, error){before}
}

// markLine is the line at whose end the marker of a value or a group stands.
func (s Spot) markLine(y *yamledit.File) int {
	if s.group != nil {
		return s.group.head
	}
	_, line := y.Lines(s.value)
	if s.value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line = s.value.Line
	}
	return line
}

// column is where the key or the dash of a group begins, from 1.
func (g *group) column() int {
	n := len(g.trail.nodes)
	if n == 0 {
		return g.node.Column
	}
	return g.trail.nodes[n-1].Column
}

// line is where the marker of an entry goes: behind its name, or its text.
func (e *entry) line() int {
	if name := get(e.node, "name"); name != nil {
		return name.Line
	}
	return e.last
}

func markerText(ref string) string { return fmt.Sprintf(`{"%s": "%s"}`, markerKey, ref) }

// directive is a comment that a tool may read, and so must begin as it does.
var directive = regexp.MustCompile(`^#+[ \t]*([+!@$<{]|[\w./-]+[:=]|(nosec|noqa|checkov|trivy|kics|tflint)\b)`)

// before is a marker at the end of a line, before the text of its comment.
func (p *places) before(line int, ref string) (note, error) {
	c, ok := p.comments[line]
	switch {
	case !ok:
		return note{yaml: yamledit.Note{Line: line, Text: "# " + markerText(ref)}}, nil
	case strings.Contains(c.Text, markerKey):
		return note{}, &yamledit.Error{Line: line, Reason: "another marker stands on the line: write each value on a line of its own"}
	case strings.Contains(c.Text, "$imagepolicy"):
		return note{}, &yamledit.Error{Line: line, Reason: "Flux's marker stands behind the value, and one of both can write it: take that away first"}
	case directive.MatchString(c.Text):
		return note{}, &yamledit.Error{Line: line, Reason: "a comment that a tool may read stands behind the value, and a marker must begin its comment: put one of them elsewhere by hand"}
	}
	text := strings.TrimLeft(strings.TrimLeft(c.Text, "#"), " \t")
	return note{yaml: yamledit.Note{Line: line, Text: c.Text[:len(c.Text)-len(text)] + markerText(ref) + " " + text}}, nil
}

// aboveFrom is a marker on the line above an instruction.
func (p *places) aboveFrom(s Spot, ref string) note {
	at := lineStart(p.src, s.from.First)
	lead := p.src[at:]
	lead = lead[:len(lead)-len(strings.TrimLeft(string(lead), " \t"))]
	return note{plain: change{yamledit.Span{Start: at, End: at}, string(lead) + "# " + fromMarkerKey + " " + ref + breakOf(p.src, at)}}
}

// lineStart is the offset of a line, from 1. A byte order mark belongs to no line.
func lineStart(src []byte, line int) (at int) {
	text := string(src)
	if strings.HasPrefix(text, "\ufeff") {
		at = len("\ufeff")
	}
	for ; line > 1; line-- {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	return at
}

// breakOf is the line break of the line that begins at an offset, else that of the first line.
func breakOf(src []byte, at int) string {
	for _, text := range []string{string(src[at:]), string(src)} {
		if line, _, ok := strings.Cut(text, "\n"); ok {
			return line[len(strings.TrimRight(line, "\r")):] + "\n"
		}
	}
	return "\n"
}

// proveMarks requires that the file binds what it bound, and the spots as well, with no
// finding that it did not have.
func (p *places) proveMarks(now *places, bindings []Binding) error {
	line := bindings[0].Spot.Line
	known := map[string]bool{}
	for _, q := range p.file.Problems {
		known[q.Message] = true
	}
	for _, q := range now.file.Problems {
		if !known[q.Message] {
			return &yamledit.Error{Line: line, Reason: "a marker cannot be written here: " + q.Message}
		}
	}
	fresh := map[identity]bool{}
	for _, b := range bindings {
		is, err := now.find(b.Spot)
		switch {
		case err != nil:
			return err
		case is.Bound != b.Ref || len(is.Uses) != 1:
			return &yamledit.Error{Line: line, Reason: "with the marker something else would be bound"}
		case is.Uses[0].Refused != "":
			return &yamledit.Error{Line: line, Reason: is.Uses[0].Refused}
		case is.Image != b.Spot.Image:
			return &yamledit.Error{Line: line, Reason: "with the marker the place would show something else"}
		}
		fresh[is.Uses[0].identity()] = true
	}
	if len(now.file.Uses) != len(p.file.Uses)+len(bindings) {
		return &yamledit.Error{Line: line, Reason: "with the marker something else would be bound"}
	}
	rest := slices.DeleteFunc(slices.Clone(now.file.Uses), func(u Use) bool { return fresh[u.identity()] })
	if !slices.EqualFunc(p.file.Uses, rest, sameBinding) {
		return &yamledit.Error{Line: line, Reason: "with the marker another one would bind something else"}
	}
	return nil
}

// proveUndone requires that without the markers the bytes are those from before.
func (p *places) proveUndone(now *places, bindings []Binding) error {
	var uses []Use
	for _, b := range bindings {
		is, err := now.find(b.Spot)
		if err != nil {
			return err
		}
		uses = append(uses, is.Uses...)
	}
	src, err := now.withoutMarks(uses)
	if err == nil && string(src) != string(p.src) {
		err = &yamledit.Error{Line: bindings[0].Spot.Line, Reason: "the marker could not be taken away again without a trace"}
	}
	return err
}
