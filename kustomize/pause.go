package kustomize

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Pause puts "paused" with a reason into the marker of a place as Parse gave it, or
// takes it out where the reason is "". Only the marker's comment differs, and only
// whether this one place is paused: else it is ErrUnproven, and nothing changed. The
// reason must be one line. The entry of a trigger annotation gets "paused": true, and no
// reason, for which OpenShift has no place.
func Pause(name string, src []byte, u Use, reason string) ([]byte, error) {
	if !IsYAML(name) {
		return pausePlain(name, src, u, reason)
	}
	y, broken := parse(src)
	if broken != "" {
		return nil, &yamledit.Error{Reason: broken}
	}
	before := read(name, y)
	comments := slices.Clone(y.Comments())
	slices.SortStableFunc(comments, func(a, b yamledit.Comment) int { return u.owns(b) - u.owns(a) })
	for _, c := range comments {
		if m, ok, _ := parseMarker(c.Text); !ok || m.ref != u.Ref {
			continue
		}
		text, err := pauseMarker(c.Text, reason)
		if err != nil {
			return nil, &yamledit.Error{Line: c.Line, Reason: err.Error()}
		}
		now := slices.Concat(src[:c.Start], []byte(text), src[c.Start+len(c.Text):])
		if after := Parse(name, now); pausesOnly(before, after, u, reason) {
			return now, nil
		}
	}
	if now := resumeAll(src, y, before, u); reason == "" && now != nil && pausesOnly(before, Parse(name, now), u, "") {
		return now, nil
	}
	if is, ok := before.Find(u); ok && is.trigger != nil {
		stops := reason != ""
		if stops {
			reason = pausedByTrigger
		}
		now, err := pauseTrigger(y, is, stops)
		if err != nil {
			return nil, err
		}
		if pausesOnly(before, Parse(name, now), is, reason) {
			return now, nil
		}
	}
	return nil, &yamledit.Error{Line: u.Line, Reason: "no marker was found whose change pauses this place alone: change it by hand"}
}

// resumeAll takes the pause out of every marker of a place, and of the other parts of its
// image; nil where there are none, or one of them cannot be read.
func resumeAll(src []byte, y *yamledit.File, before *File, u Use) []byte {
	var changes []change
	for _, c := range y.Comments() {
		of := slices.ContainsFunc(before.Uses, func(v Use) bool {
			return (v.identity() == u.identity() || v.sameImage(u)) && v.owns(c) == 1
		})
		if !of {
			continue
		}
		text, err := pauseMarker(c.Text, "")
		if err != nil {
			return nil
		}
		changes = append(changes, change{yamledit.Span{Start: c.Start, End: c.Start + len(c.Text)}, text})
	}
	if len(changes) == 0 {
		return nil
	}
	return splice(src, changes)
}

// owns is 1 for the comment of a marker of the place, 0 for all others.
func (u Use) owns(c yamledit.Comment) int {
	if slices.Contains(u.marks, c.Line) {
		return 1
	}
	return 0
}

// pausesOnly reports whether two files bind the same, but that the place has the reason,
// and with it the other parts of its image.
func pausesOnly(before, after *File, u Use, reason string) bool {
	if after == nil || after.Broken != "" || len(before.Uses) != len(after.Uses) {
		return false
	}
	for i, was := range before.Uses {
		if was.Document == u.Document && was.Path == u.Path && was.Line == u.Line || was.sameImage(u) {
			was.Paused = reason
		}
		is := after.Uses[i]
		if was.Document != is.Document || was.Path != is.Path || was.Line != is.Line || was.Ref != is.Ref || was.Part != is.Part || was.Paused != is.Paused {
			return false
		}
	}
	return true
}

// pauseMarker changes the JSON object that a marker's comment begins with; what follows
// it stays.
func pauseMarker(comment, reason string) (string, error) {
	start := strings.IndexByte(comment, '{')
	body := comment[start:]
	end, err := withoutKey(&body, "paused")
	if err != nil || reason == "" {
		return comment[:start] + body, err
	}
	inner := strings.TrimRight(body[:end-1], " \t")
	comma := ", "
	if inner == "{" {
		comma = ""
	}
	return comment[:start] + inner + comma + `"paused": ` + quote(reason) + body[len(inner):], nil
}

// withoutKey cuts a key out of the JSON object that body begins with, and gives where
// that ends.
func withoutKey(body *string, key string) (end int, err error) {
	d := json.NewDecoder(strings.NewReader(*body))
	if _, err := d.Token(); err != nil {
		return 0, err
	}
	var cut yamledit.Span
	for first := true; d.More(); first = false {
		from := int(d.InputOffset())
		is, err := d.Token()
		if err != nil {
			return 0, err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return 0, err
		}
		if is == key {
			cut = yamledit.Span{Start: from, End: int(d.InputOffset())}
			if rest := strings.TrimLeft((*body)[cut.End:], " \t"); first && strings.HasPrefix(rest, ",") {
				cut.End = len(*body) - len(strings.TrimLeft(rest[1:], " \t"))
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return 0, err
	}
	end = int(d.InputOffset()) - (cut.End - cut.Start)
	*body = (*body)[:cut.Start] + (*body)[cut.End:]
	return end, nil
}

// quote is a JSON string with < and & as they are.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string cannot fail
	return strings.TrimRight(b.String(), "\n")
}
