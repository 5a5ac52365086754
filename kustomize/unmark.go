package kustomize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Unmark takes away the marker that binds a place as Parse gave it: the comment, or its
// line where nothing else stands on it; and its entry in a trigger annotation. What people wrote behind the marker in its
// comment stays, and so do the markers of other tools. It is proved that the file binds
// the rest as before; else it is ErrUnproven.
func Unmark(name string, src []byte, u Use) ([]byte, error) {
	before, err := placesOf(name, src)
	if err != nil {
		return nil, err
	}
	is, ok := before.file.Find(u)
	if !ok || is.Ref != u.Ref || is.Part != u.Part {
		return nil, &yamledit.Error{Line: u.Line, Reason: fmt.Sprintf("no marker for %s binds %s here", u.Ref, u.Path)}
	}
	now, err := before.withoutMarks([]Use{is})
	if err != nil {
		return nil, err
	}
	after := Parse(name, now)
	if after == nil {
		after = &File{}
	}
	rest := slices.DeleteFunc(slices.Clone(before.file.Uses), func(v Use) bool { return v.identity() == is.identity() })
	if after.Broken != "" || !slices.EqualFunc(rest, after.Uses, sameBinding) {
		return nil, &yamledit.Error{Line: u.Line, Reason: "without the marker something else would be bound: take it away by hand"}
	}
	return now, nil
}

// withoutMarks takes away what binds some uses.
func (p *places) withoutMarks(uses []Use) ([]byte, error) {
	if p.yaml == nil {
		return p.withoutPlain(uses)
	}
	var notes []yamledit.Note
	for _, u := range uses {
		lines := slices.Clone(u.marks)
		slices.Sort(lines)
		for _, line := range slices.Compact(lines) {
			c, ok := p.comments[line]
			if !ok {
				return nil, &yamledit.Error{Line: line, Reason: "no comment stands here"}
			}
			text, err := unmarkComment(c.Text)
			if err != nil {
				return nil, &yamledit.Error{Line: line, Reason: err.Error()}
			}
			notes = append(notes, yamledit.Note{Line: line, Text: text})
		}
	}
	y, err := p.yaml.Annotate(notes...)
	for _, u := range uses {
		if u.trigger != nil && err == nil {
			y, err = withoutTrigger(y, u)
		}
	}
	if err != nil {
		return nil, err
	}
	return y.Bytes(), nil
}

// withoutPlain takes the comments of markers away in a file that is not YAML.
func (p *places) withoutPlain(uses []Use) ([]byte, error) {
	var changes []change
	for _, u := range uses {
		c, err := u.unmarkPlain(p.src)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	now := splice(p.src, changes)
	if dockerfile.Is(p.name) {
		return now, sameReferences(p.src, now)
	}
	return now, nil
}

// unmarkPlain is the change that takes the comment of a marker away.
func (u Use) unmarkPlain(src []byte) (change, error) {
	at, rest := u.plain.marker, ""
	text := string(src[at.Start:at.End])
	if !u.plain.dockerfile {
		opener := text[:strings.IndexByte(text, '{')]
		opener = strings.TrimRight(opener, " \t")
		left, err := unmarkComment("#" + text[len(opener):])
		if err != nil {
			return change{}, &yamledit.Error{Line: u.Line, Reason: err.Error()}
		}
		if left != "" {
			rest = opener + left[1:]
		}
	}
	if rest == "" {
		at = commentSpan(src, at)
	}
	return change{at, rest}, nil
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
