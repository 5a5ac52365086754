package kustomize

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Mark binds a place, as Spots gave it, to ref ([namespace/]stream:tag) by a marker: behind
// the name of an images: entry, or above its dash where a comment stands behind the name;
// behind the key of an image in several keys, or above that; behind any other value, before
// the text of the comment that is there; on the line above FROM. Bytes are only added, in
// comments. It is proved that the file binds this place and else what it bound before, and
// that Unmark gives src again; else it is ErrUnproven.
func Mark(name string, src []byte, s Spot, ref string) ([]byte, error) {
	is, err := markable(name, src, s, ref, false)
	switch {
	case err != nil:
		return nil, err
	case IsJSON(name):
		return nil, &yamledit.Error{Line: is.Line, Reason: noComments + ": " + triggerInstead}
	case is.from != nil:
		return markFrom(name, src, is, ref)
	}
	y, broken := parse(src)
	if broken != "" {
		return nil, &yamledit.Error{Reason: broken}
	}
	var first error
	for _, try := range is.marking(ref) {
		now, err := try(y)
		if err == nil {
			err = proveMark(name, src, now.Bytes(), is, ref)
		}
		if err == nil {
			err = proveUndone(name, src, now.Bytes(), is)
		}
		if err == nil {
			return now.Bytes(), nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// markable finds a spot that is to be bound in the bytes, by a marker or a trigger, or says
// why it cannot be.
func markable(name string, src []byte, s Spot, ref string, trigger bool) (Spot, error) {
	var m marker
	if err := m.setRef(ref); err != nil {
		return s, err
	}
	if m.part != Whole {
		return s, fmt.Errorf("%q names a part of an image: write stream:tag alone", ref)
	}
	is, err := sameSpot(name, src, s)
	switch {
	case err != nil:
	case is.Bound != "":
		err = &yamledit.Error{Line: is.Line, Reason: "bound to " + is.Bound + " already"}
	case is.Refused != "" && (!trigger || !is.blank):
		err = &yamledit.Error{Line: is.Line, Reason: is.Refused}
	}
	return is, err
}

// sameSpot finds the spot in the bytes, which may not be those that it was read from.
func sameSpot(name string, src []byte, s Spot) (Spot, error) {
	all, err := Spots(name, src)
	if err != nil {
		return s, err
	}
	i := slices.IndexFunc(all, func(o Spot) bool { return o.Document == s.Document && o.Path == s.Path && o.Kind == s.Kind })
	if i < 0 {
		return s, &yamledit.Error{Line: s.Line, Reason: "no image stands at " + s.Path}
	}
	return all[i], nil
}

// marking are the ways to write the marker of a spot, the best one first.
func (s Spot) marking(ref string) []func(*yamledit.File) (*yamledit.File, error) {
	text := "# " + markerText(ref)
	behind := func(line int) func(*yamledit.File) (*yamledit.File, error) {
		return func(y *yamledit.File) (*yamledit.File, error) {
			if c, ok := commentOn(y, line); ok {
				return nil, &yamledit.Error{Line: line, Reason: "a comment stands there already: " + c.Text}
			}
			return y.SetComment(line, text)
		}
	}
	above := func(line, column int) func(*yamledit.File) (*yamledit.File, error) {
		return func(y *yamledit.File) (*yamledit.File, error) { return y.CommentAbove(line, column, text) }
	}
	before := func(y *yamledit.File) (*yamledit.File, error) { return markBefore(y, s.markLine(y), ref) }
	switch {
	case s.entry != nil:
		return []func(*yamledit.File) (*yamledit.File, error){behind(s.entry.line()), above(s.entry.dash, s.entry.dashColumn)}
	case s.group != nil:
		return []func(*yamledit.File) (*yamledit.File, error){behind(s.group.head), above(s.group.head, s.group.column()), before}
	}
	return []func(*yamledit.File) (*yamledit.File, error){before}
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

func commentOn(y *yamledit.File, line int) (yamledit.Comment, bool) {
	i := slices.IndexFunc(y.Comments(), func(c yamledit.Comment) bool { return c.Line == line })
	if i < 0 {
		return yamledit.Comment{}, false
	}
	return y.Comments()[i], true
}

// directive is a comment that a tool may read, and so must begin as it does.
var directive = regexp.MustCompile(`^#+[ \t]*([+!@$<{]|[\w./-]+[:=]|(nosec|noqa|checkov|trivy|kics|tflint)\b)`)

// markBefore writes a marker at the end of a line, before the text of its comment.
func markBefore(y *yamledit.File, line int, ref string) (*yamledit.File, error) {
	c, ok := commentOn(y, line)
	switch {
	case !ok:
		return y.SetComment(line, "# "+markerText(ref))
	case strings.Contains(c.Text, markerKey):
		return nil, &yamledit.Error{Line: line, Reason: "another marker stands on the line: write each value on a line of its own"}
	case strings.Contains(c.Text, "$imagepolicy"):
		return nil, &yamledit.Error{Line: line, Reason: "Flux's marker stands behind the value, and one of both can write it: take that away first"}
	case directive.MatchString(c.Text):
		return nil, &yamledit.Error{Line: line, Reason: "a comment that a tool may read stands behind the value, and a marker must begin its comment: put one of them elsewhere by hand"}
	}
	text := strings.TrimLeft(strings.TrimLeft(c.Text, "#"), " \t")
	return y.SetComment(line, c.Text[:len(c.Text)-len(text)]+markerText(ref)+" "+text)
}

// markFrom writes the marker on the line above an instruction.
func markFrom(name string, src []byte, s Spot, ref string) ([]byte, error) {
	at, brk := lineStart(src, s.from.First)
	lead := src[at:]
	lead = lead[:len(lead)-len(strings.TrimLeft(string(lead), " \t"))]
	now := splice(src, []change{{yamledit.Span{Start: at, End: at}, string(lead) + "# " + fromMarkerKey + " " + ref + brk}})
	if err := proveMark(name, src, now, s, ref); err != nil {
		return nil, err
	}
	return now, proveUndone(name, src, now, s)
}

// lineStart is the offset of a line, from 1, and the line break that the file has. A byte
// order mark belongs to no line.
func lineStart(src []byte, line int) (at int, brk string) {
	text := string(src)
	if strings.HasPrefix(text, "\ufeff") {
		at = len("\ufeff")
	}
	brk = "\n"
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		brk = "\r\n"
	}
	for ; line > 1; line-- {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	return at, brk
}

// proveMark requires that the file binds what it bound, and the spot as well, with no
// finding that it did not have.
func proveMark(name string, src, now []byte, s Spot, ref string) error {
	before, after := Parse(name, src), Parse(name, now)
	if before == nil {
		before = &File{}
	}
	if after == nil || after.Broken != "" {
		return &yamledit.Error{Line: s.Line, Reason: "with the marker the file cannot be read"}
	}
	for _, p := range after.Problems {
		if !slices.ContainsFunc(before.Problems, func(q Problem) bool { return p.Message == q.Message }) {
			return &yamledit.Error{Line: s.Line, Reason: "a marker cannot be written here: " + p.Message}
		}
	}
	is, err := sameSpot(name, now, s)
	switch {
	case err != nil:
		return err
	case is.Bound != ref || len(is.Uses) != 1 || len(after.Uses) != len(before.Uses)+1:
		return &yamledit.Error{Line: s.Line, Reason: "with the marker something else would be bound"}
	case is.Image != s.Image:
		return &yamledit.Error{Line: s.Line, Reason: "with the marker the place would show something else"}
	}
	if !slices.EqualFunc(before.Uses, without(after.Uses, is.Uses), sameBinding) {
		return &yamledit.Error{Line: s.Line, Reason: "with the marker another one would bind something else"}
	}
	return nil
}

// proveUndone requires that Unmark gives the bytes from before.
func proveUndone(name string, src, now []byte, s Spot) error {
	is, err := sameSpot(name, now, s)
	if err != nil {
		return err
	}
	for _, u := range is.Uses {
		if now, err = Unmark(name, now, u); err != nil {
			return err
		}
	}
	if string(now) != string(src) {
		return &yamledit.Error{Line: s.Line, Reason: "the marker could not be taken away again without a trace"}
	}
	return nil
}

func without(uses, gone []Use) []Use {
	return slices.DeleteFunc(slices.Clone(uses), func(u Use) bool {
		return slices.ContainsFunc(gone, func(g Use) bool { return g.identity() == u.identity() })
	})
}

// Unmark takes away the marker that binds a place as Parse gave it: the comment, or its
// line where nothing else stands on it; and its entry in a trigger annotation. What people wrote behind the marker in its
// comment stays, and so do the markers of other tools. It is proved that the file binds
// the rest as before; else it is ErrUnproven.
func Unmark(name string, src []byte, u Use) ([]byte, error) {
	before := Parse(name, src)
	if before == nil || before.Broken != "" {
		return nil, &yamledit.Error{Line: u.Line, Reason: "no marker can be read in the file"}
	}
	is, ok := before.Find(u)
	if !ok || is.Ref != u.Ref || is.Part != u.Part {
		return nil, &yamledit.Error{Line: u.Line, Reason: fmt.Sprintf("no marker for %s binds %s here", u.Ref, u.Path)}
	}
	now, err := withoutMarks(name, src, is)
	if err != nil {
		return nil, err
	}
	after := Parse(name, now)
	if after == nil {
		after = &File{}
	}
	if after.Broken != "" || !slices.EqualFunc(without(before.Uses, []Use{is}), after.Uses, sameBinding) {
		return nil, &yamledit.Error{Line: u.Line, Reason: "without the marker something else would be bound: take it away by hand"}
	}
	return now, nil
}

// withoutMarks takes the comments of a use away, the last one first.
func withoutMarks(name string, src []byte, u Use) ([]byte, error) {
	if u.plain != nil {
		return withoutPlain(name, src, u)
	}
	y, err := yamledit.Parse(src)
	if err != nil {
		return nil, err
	}
	for _, line := range slices.Backward(slices.Sorted(slices.Values(u.marks))) {
		c, ok := commentOn(y, line)
		if !ok {
			return nil, &yamledit.Error{Line: line, Reason: "no comment stands here"}
		}
		text, err := unmarkComment(c.Text)
		if err != nil {
			return nil, &yamledit.Error{Line: line, Reason: err.Error()}
		}
		if y, err = y.SetComment(line, text); err != nil {
			return nil, err
		}
	}
	if u.trigger != nil {
		if y, err = withoutTrigger(y, u); err != nil {
			return nil, err
		}
	}
	return y.Bytes(), nil
}

// withoutPlain takes the comment of a marker away in a file that is not YAML.
func withoutPlain(name string, src []byte, u Use) ([]byte, error) {
	at, rest := u.plain.marker, ""
	text := string(src[at.Start:at.End])
	if !u.plain.dockerfile {
		opener := text[:strings.IndexByte(text, '{')]
		opener = strings.TrimRight(opener, " \t")
		left, err := unmarkComment("#" + text[len(opener):])
		if err != nil {
			return nil, &yamledit.Error{Line: u.Line, Reason: err.Error()}
		}
		if left != "" {
			rest = opener + left[1:]
		}
	}
	if rest == "" {
		at = commentSpan(src, at)
	}
	now := splice(src, []change{{at, rest}})
	if u.plain.dockerfile {
		return now, sameReferences(src, now)
	}
	return now, nil
}

// commentSpan is a comment with the blanks before it, or with its line where it is alone.
func commentSpan(src []byte, c yamledit.Span) yamledit.Span {
	head := strings.TrimRight(string(src[:c.Start]), " \t")
	if head != "" && !strings.HasSuffix(head, "\n") && head != "\ufeff" {
		return yamledit.Span{Start: len(head), End: c.End}
	}
	end := c.End
	if i := strings.IndexByte(string(src[c.End:]), '\n'); i >= 0 && strings.TrimRight(string(src[c.End:c.End+i]), "\r \t") == "" {
		end = c.End + i + 1
	}
	return yamledit.Span{Start: len(head), End: end}
}

// sameReferences requires that two Dockerfiles name the same images.
func sameReferences(before, after []byte) error {
	a, err := dockerfile.Parse(before)
	if err != nil {
		return &yamledit.Error{Reason: err.Error()}
	}
	b, err := dockerfile.Parse(after)
	if err != nil || !slices.EqualFunc(a.References, b.References, func(a, b dockerfile.Reference) bool {
		return a.Keyword == b.Keyword && a.Name == b.Name && a.Text == b.Text
	}) {
		return &yamledit.Error{Reason: "without the marker the Dockerfile would say something else"}
	}
	return nil
}

// unmarkComment takes the marker out of the comment that it begins; "" where nothing of
// people is left.
func unmarkComment(comment string) (string, error) {
	start := strings.IndexByte(comment, '{')
	if start < 0 {
		return "", errors.New("the comment holds no marker")
	}
	body := comment[start:]
	end := 0
	for _, key := range []string{markerKey, "paused", "lookup"} {
		var err error
		if end, err = withoutKey(&body, key); err != nil {
			return "", err
		}
	}
	if strings.Trim(body[:end], "{} \t") != "" {
		return comment[:start] + body, nil
	}
	rest := strings.TrimLeft(body[end:], " \t")
	if rest == "" {
		return "", nil
	}
	return comment[:start] + rest, nil
}
