package adopt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// marking is a file that gets markers.
type marking struct {
	file   *file
	src    []byte // with those so far
	places []bound
}

// bound is a place and what its marker says.
type bound struct {
	*place
	ref string
}

func newMarking(f *file) *marking { return &marking{file: f, src: f.src} }

// write binds the places, and nothing else. It reports whether one was bound; those that
// cannot be are left.
func (m *marking) write(leave func(*place, error)) (some bool) {
	var spots []bound
	for _, b := range m.places {
		if b.spot != nil {
			spots = append(spots, b)
			continue
		}
		now, err := b.mark(m.src, b.ref) // it adds no line
		if err != nil {
			leave(b.place, err)
			continue
		}
		m.src, some = now, true
	}
	for i, err := range m.markSpots(spots) {
		if err != nil {
			leave(spots[i].place, err)
		}
		some = some || err == nil
	}
	return some
}

// markSpots writes the markers of spots with one proof; in JSON, which can have none,
// OpenShift's annotation.
func (m *marking) markSpots(spots []bound) (errs []error) {
	name := m.file.base()
	if !kustomize.IsJSON(name) {
		bindings := make([]kustomize.Binding, len(spots))
		for i, b := range spots {
			bindings[i] = kustomize.Binding{Spot: *b.spot, Ref: b.ref}
		}
		m.src, errs = kustomize.MarkAll(name, m.src, bindings)
		return errs
	}
	for _, b := range spots {
		now, err := kustomize.Trigger(name, m.src, *b.spot, b.ref)
		if err == nil {
			m.src = now
		}
		errs = append(errs, err)
	}
	return errs
}

// mark binds a place that is no spot to ref, and nothing else; it changes comments alone, and
// no line.
func (p *place) mark(src []byte, ref string) ([]byte, error) {
	y, err := yamledit.Parse(src)
	if err != nil {
		return nil, err
	}
	var first error
	for _, notes := range [][]yamledit.Note{p.eachNote(y, ref), p.oneNote(y, ref)} {
		now, err := y.Annotate(notes...)
		if err == nil {
			err = provesBinding(p.file.base(), src, now.Bytes(), ref)
		}
		if err == nil {
			return now.Bytes(), nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// marker is a marker's text; part may be empty.
func marker(ref string, part string) string {
	if part != "" {
		ref += ":" + part
	}
	return fmt.Sprintf(`{"$imagestream": %q}`, ref)
}

// eachNote is one marker for each of Flux's, with the part that it has; behind a value
// without one, before the comment that is there.
func (p *place) eachNote(y *yamledit.File, ref string) []yamledit.Note {
	if len(p.setters) == 0 {
		_, line := p.file.yaml.Lines(p.value)
		text := "# " + marker(ref, string(p.part))
		if old := commentOn(y, line); old != "" {
			text += " " + strings.TrimLeft(old, "# \t")
		}
		return []yamledit.Note{{Line: line, Text: text}}
	}
	var notes []yamledit.Note
	for _, m := range p.setters {
		notes = append(notes, yamledit.Note{Line: m.line, Text: replaceSetter(commentOn(y, m.line), marker(ref, m.part))})
	}
	return notes
}

// oneNote is one marker for all of an images: entry, in the place of Flux's last one: that of
// its tag, as people write them.
func (p *place) oneNote(y *yamledit.File, ref string) []yamledit.Note {
	var notes []yamledit.Note
	for i, m := range p.setters {
		text := withoutSetter(commentOn(y, m.line))
		if i == len(p.setters)-1 {
			text = replaceSetter(commentOn(y, m.line), marker(ref, ""))
		}
		notes = append(notes, yamledit.Note{Line: m.line, Text: text})
	}
	return notes
}

// commentOn is the comment on a line; "" = none.
func commentOn(y *yamledit.File, line int) string {
	i := slices.IndexFunc(y.Comments(), func(c yamledit.Comment) bool { return c.Line == line })
	if i < 0 {
		return ""
	}
	return y.Comments()[i].Text
}

// provesBinding requires that a file binds what it bound, and something more to ref, which
// can be written, with no finding that it did not have.
func provesBinding(name string, before, after []byte, ref string) error {
	was, is := kustomize.Parse(name, before), kustomize.Parse(name, after)
	if was == nil {
		was = &kustomize.File{}
	}
	if is == nil || is.Broken != "" {
		return errors.New("with a marker the file cannot be read")
	}
	for _, p := range is.Problems {
		if !slices.ContainsFunc(was.Problems, func(o kustomize.Problem) bool { return o.Message == p.Message }) {
			return &yamledit.Error{Line: p.Line, Reason: p.Message}
		}
	}
	fresh := 0
	for _, u := range is.Uses {
		old, known := was.Find(u)
		switch {
		case known && old.Ref == u.Ref:
		case known || u.Ref != ref:
			return errors.New("with a marker something else would be bound")
		case u.Refused != "":
			return &yamledit.Error{Line: u.Line, Reason: u.Refused}
		default:
			fresh++
		}
	}
	if fresh == 0 || len(is.Uses) != len(was.Uses)+fresh {
		return errors.New("no marker can be written here")
	}
	return nil
}

// statedBy is the namespace that a file states for a place that is no spot: what a marker
// on it would say. It lists the place where no marker can be written.
func (a *Adoption) statedBy(p *place) string {
	const probe = "probe/probe:probe"
	src, err := p.mark(p.file.src, probe)
	if err != nil {
		a.leave(stream.Warning, p, reasonOf(err), "")
		return ""
	}
	for _, u := range kustomize.Parse(p.file.base(), src).Uses {
		if u.Ref == probe {
			return u.Namespace
		}
	}
	return ""
}
