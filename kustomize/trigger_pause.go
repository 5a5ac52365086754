package kustomize

import (
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// pauseTrigger stops the entry of the annotation that binds a use, or lets it go. The
// caller proves that nothing else is paused.
func pauseTrigger(y *yamledit.File, u Use, stop bool) ([]byte, error) {
	place := u.trigger
	node, err := y.At(place.doc, place.at)
	if err != nil {
		return nil, err
	}
	text := node.Value
	triggers, _, wrong := parseTriggers(text)
	if wrong != nil || place.index >= len(triggers) {
		return nil, &yamledit.Error{Line: node.Line, Reason: "the trigger annotation cannot be read"}
	}
	at, put := triggers[place.index].pause(text, stop)
	within := y.Within(node)
	if within == nil || at == (yamledit.Span{}) {
		return nil, &yamledit.Error{Line: node.Line, Reason: "cannot tell where the trigger says that it is paused"}
	}
	written := put
	if y.Bytes()[y.Span(node).Start] == '"' {
		written = strings.ReplaceAll(put, `"`, `\"`)
	}
	now, err := y.Splice(place.doc, place.at, yamledit.Span{Start: within[at.Start-1].End, End: within[at.End-1].End}, written, text[:at.Start]+put+text[at.End:])
	if err != nil {
		return nil, err
	}
	return now.Bytes(), nil
}

// pause is the change of the text that stops an entry or lets it go: what stands at a
// span becomes put. The span is zero where nothing is to be done.
func (t trigger) pause(text string, stop bool) (at yamledit.Span, put string) {
	i := slices.IndexFunc(t.members, func(m member) bool { return m.is(pausedKey) })
	switch {
	case i < 0 && stop:
		last := t.members[len(t.members)-1]
		return yamledit.Span{Start: last.to, End: last.to}, t.separator(text) + `"` + pausedKey + `"` + t.colon(text) + "true"
	case i < 0:
		return at, ""
	case stop:
		m := t.members[i]
		return yamledit.Span{Start: m.to - len(m.value), End: m.to}, "true"
	case i > 0:
		return yamledit.Span{Start: t.members[i-1].to, End: t.members[i].to}, ""
	}
	return yamledit.Span{Start: t.members[0].from, End: t.members[1].from}, ""
}

// colon is how the entry writes what stands between a key and its value.
func (t trigger) colon(text string) string {
	m := t.members[0]
	if strings.HasSuffix(text[m.from:m.to-len(m.value)], " ") {
		return ": "
	}
	return ":"
}

// separator is how the entry writes what stands between two keys on one line.
func (t trigger) separator(text string) string {
	if t.colon(text) == ": " {
		return ", "
	}
	return ","
}
