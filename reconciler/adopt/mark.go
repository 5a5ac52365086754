package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// marking is a file that gets markers, in pieces that stand alone: its documents. So a
// proof costs what one document costs, however many the file has.
type marking struct {
	file   *file
	pieces []piece
}

// piece is one document, and the lines before it.
type piece struct {
	src   []byte
	above int // lines of the file before it
	lines int // that it had at first
}

// documentStart is a line that begins a document; no text of YAML has one.
var documentStart = regexp.MustCompile(`(?m)^---(?:[ \t\r\n]|$)`)

func newMarking(f *file) *marking {
	m := &marking{file: f}
	var starts []int
	if f.yaml != nil {
		for _, at := range documentStart.FindAllIndex(f.src, -1) {
			starts = append(starts, at[0])
		}
	}
	from, above := 0, 0
	for _, to := range append(starts, len(f.src)) {
		if to == from && to < len(f.src) {
			continue
		}
		lines := bytes.Count(f.src[from:to], []byte("\n"))
		m.pieces = append(m.pieces, piece{f.src[from:to], above, lines})
		from, above = to, above+lines
	}
	return m
}

// bytes are those of the file as it is now.
func (m *marking) bytes() []byte {
	var all []byte
	for _, p := range m.pieces {
		all = append(all, p.src...)
	}
	return all
}

// mark binds a place to ref, and nothing else.
func (m *marking) mark(p *place, ref string) error {
	for i := range m.pieces {
		piece := &m.pieces[i]
		last := i == len(m.pieces)-1
		if p.line <= piece.above || !last && p.line > piece.above+piece.lines {
			continue
		}
		now, err := p.mark(piece.src, piece.above, ref)
		if err == nil {
			piece.src = now
		}
		return err
	}
	return fmt.Errorf("%s has no line %d", p.file.path, p.line)
}

// mark binds the place to ref in src, which begins behind the line above of the file, and
// nothing else; it changes comments alone, and in JSON, which has none, OpenShift's annotation.
func (p *place) mark(src []byte, above int, ref string) ([]byte, error) {
	if p.spot != nil {
		s, err := p.spotIn(src, above)
		if err != nil {
			return nil, err
		}
		if kustomize.IsJSON(p.file.path) {
			return kustomize.Trigger(p.file.base(), src, s, ref)
		}
		return kustomize.Mark(p.file.base(), src, s, ref)
	}
	y, err := yamledit.Parse(src)
	if err != nil {
		return nil, err
	}
	var first error
	for _, try := range []func(*yamledit.File, int, string) (*yamledit.File, error){p.markEach, p.markOnce} {
		now, err := try(y, above, ref)
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

// spotIn is the spot of the place in a piece of its file. Markers that were written before
// it may have moved it down.
func (p *place) spotIn(src []byte, above int) (kustomize.Spot, error) {
	if above == 0 {
		return *p.spot, nil
	}
	spots, err := kustomize.Spots(p.file.base(), src)
	if err != nil {
		return kustomize.Spot{}, err
	}
	found := slices.DeleteFunc(spots, func(s kustomize.Spot) bool {
		return s.Path != p.spot.Path || s.Kind != p.spot.Kind || s.Line < p.spot.Line-above
	})
	if len(found) == 0 {
		return kustomize.Spot{}, &yamledit.Error{Line: p.line, Reason: "no image stands at " + p.spot.Path}
	}
	return found[0], nil
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
func (p *place) markEach(y *yamledit.File, above int, ref string) (*yamledit.File, error) {
	if len(p.setters) == 0 {
		_, line := p.file.yaml.Lines(p.value)
		line -= above
		text := "# " + marker(ref, string(p.part))
		if old := commentOn(y, line); old != "" {
			text += " " + strings.TrimLeft(old, "# \t")
		}
		return y.SetComment(line, text)
	}
	var err error
	for _, m := range p.setters {
		if y, err = y.SetComment(m.line-above, replaceSetter(commentOn(y, m.line-above), marker(ref, m.part))); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// markOnce writes one marker for all of an images: entry, in the place of Flux's last
// one: that of its tag, as people write them.
func (p *place) markOnce(y *yamledit.File, above int, ref string) (*yamledit.File, error) {
	if len(p.setters) == 0 {
		return nil, errors.New("no marker can be written here")
	}
	last := len(p.setters) - 1
	y, err := y.SetComment(p.setters[last].line-above, replaceSetter(commentOn(y, p.setters[last].line-above), marker(ref, "")))
	for _, m := range slices.Backward(p.setters[:last]) {
		if err == nil {
			y, err = y.SetComment(m.line-above, withoutSetter(commentOn(y, m.line-above)))
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
	src, err := p.mark(p.file.src, 0, probe)
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
