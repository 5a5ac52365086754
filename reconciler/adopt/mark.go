package adopt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// mark binds the place to ref in src, and nothing else; it changes comments alone.
func (p *place) mark(src []byte, ref string) ([]byte, error) {
	if p.spot != nil {
		return kustomize.Mark(p.file.base(), src, *p.spot, ref)
	}
	y, err := yamledit.Parse(src)
	if err != nil {
		return nil, err
	}
	var first error
	for _, try := range []func(*yamledit.File, string) (*yamledit.File, error){p.markEach, p.markOnce} {
		now, err := try(y, ref)
		if err == nil {
			err = provesBinding(p.file.base(), src, now.Bytes(), ref)
		}
		if err == nil {
			return now.Bytes(), nil
		}
		if first == nil {
			first = err
		}
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

// markEach writes one marker for each of Flux's, with the part that it has; behind a
// value without one, before the comment that is there.
func (p *place) markEach(y *yamledit.File, ref string) (*yamledit.File, error) {
	if len(p.setters) == 0 {
		_, line := p.file.yaml.Lines(p.value)
		text := "# " + marker(ref, string(p.part))
		if old := commentOn(y, line); old != "" {
			text += " " + strings.TrimLeft(old, "# \t")
		}
		return y.SetComment(line, text)
	}
	var err error
	for _, m := range p.setters {
		if y, err = y.SetComment(m.line, replaceSetter(commentOn(y, m.line), marker(ref, m.part))); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// markOnce writes one marker for all of an images: entry, in the place of Flux's last
// one: that of its tag, as people write them.
func (p *place) markOnce(y *yamledit.File, ref string) (*yamledit.File, error) {
	if len(p.setters) == 0 {
		return nil, errors.New("no marker can be written here")
	}
	last := len(p.setters) - 1
	y, err := y.SetComment(p.setters[last].line, replaceSetter(commentOn(y, p.setters[last].line), marker(ref, "")))
	for _, m := range slices.Backward(p.setters[:last]) {
		if err == nil {
			y, err = y.SetComment(m.line, withoutSetter(commentOn(y, m.line)))
		}
	}
	return y, err
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
