package kustomize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// bindEntry makes a use of an entry that has markers.
func (s *scanner) bindEntry(e *entry) {
	if len(e.marks) == 0 {
		return
	}
	use := s.newUse(e.doc, e.trail, e.node.Line, e.marks[0].marker)
	use.Deploys = e.deploys
	for _, m := range e.marks {
		if m.ref != use.Ref {
			s.problem(m.line, use.Path, finding{
				message: fmt.Sprintf("two markers on one entry: %s here, %s on line %d", m.ref, use.Ref, e.marks[0].line),
				hint:    "keep one",
			})
			return
		}
		if m.part != Whole {
			s.problem(m.line, use.Path, finding{
				message: fmt.Sprintf("%s:%s: a marker on an images: entry is for all of it", m.ref, m.part),
				hint:    fmt.Sprintf("drop :%s", m.part),
			})
			return
		}
		if use.Paused == "" {
			use.Paused = m.paused
		}
		use.Lookup = use.Lookup || m.lookup
		use.marks = append(use.marks, m.line)
	}
	if e.strings {
		s.bindText(use, e)
		return
	}
	use.entry, use.Refused = readEntry(e.node)
	use.Label, use.dash, use.last = use.entry.name.text, e.dash, e.last
	if use.Lookup {
		s.bindLookup(&use)
	}
	s.bind(use)
}

// noLookup is what lookup in a marker on a single value says.
var noLookup = finding{notice: true, message: "lookup has no effect on a single value", hint: "drop lookup from the marker"}

// bindLookup takes an entry for one that local lookup made, unless people made another
// one of it.
func (s *scanner) bindLookup(u *Use) {
	text := entryText(u.entry.name.text)
	if u.Lookup = refersTo(text, u.Ref); u.Lookup {
		u.Label = text
		return
	}
	s.problem(u.Line, u.Path, finding{
		notice:  true,
		message: fmt.Sprintf("lookup has no effect: local lookup would not write the name %s for %s; the entry is yours", u.entry.name.text, u.Ref),
		hint:    "drop lookup from the marker, or remove the entry to have it made anew",
	})
}

// bindValue makes a use of the value that a line comment stands behind.
func (s *scanner) bindValue(c yamledit.Comment, m mark) {
	var on []place
	for _, p := range s.values[c.Line] {
		if s.yaml.Span(p.node).Start < c.Start {
			on = append(on, p)
		}
	}
	if m.part == Whole {
		if g := s.groupBehind(c, on); g != nil {
			g.marks = append(g.marks, m)
			return
		}
	}
	if m.part == Whole && len(on) > 1 {
		on = onlyImage(on)
	}
	switch {
	case len(on) == 0 && isTemplate(s.yaml.Line(c.Line)):
		s.problem(c.Line, "", finding{
			message: "the value is a template expression",
			hint:    "bind what it is filled in from, or drop the marker",
		})
		return
	case len(on) == 0:
		s.problem(c.Line, "", finding{
			message: "the marker stands on no single value",
			hint:    "put it at the end of the line of the value, or on the key of a mapping with repository and tag or digest",
		})
		return
	case len(on) > 1:
		s.problem(c.Line, "", finding{message: "several values stand on the line of the marker", hint: "write each on a line of its own"})
		return
	}
	p := on[0]
	use := s.newUse(p.doc, p.trail, p.node.Line, m.marker)
	use.Part, use.Paused, use.marks = m.part, m.paused, []int{c.Line}
	use.value = newField(p.node)
	use.Label = p.label()
	use.Refused = refuseValue(p.trail, use.value, m.part)
	if m.part == Whole {
		use.Refused = firstOf(refuseName(p, use.value), use.Refused)
	}
	if m.part != Whole {
		use.Group = groupOfPart(p)
		use.Refused = firstOf(use.Refused, refusePart(p, use.value, m.part))
	}
	if m.lookup {
		s.problem(c.Line, use.Path, noLookup)
	}
	s.bind(use)
}

// onlyImage is the one of the values on a line that shows an image, as in
// {name: web, image: r/web:1}; all of them where none does, or more, or where a tag or a
// digest stands beside it.
func onlyImage(on []place) []place {
	images := slices.DeleteFunc(slices.Clone(on), func(p place) bool { return kindOfValue(p.trail.keys(), newField(p.node)) == "" })
	if len(images) != 1 {
		return on
	}
	for _, key := range []string{"tag", "digest", "sha"} {
		if get(images[0].parent(), key) != nil {
			return on
		}
	}
	return images
}

func (s *scanner) newUse(d *document, t trail, line int, m marker) Use {
	return Use{
		Line: line, Path: d.pathText(t), Document: d.id, Namespace: d.namespace, Ref: m.ref,
		Job: len(t.steps) > 1 && t.steps[0] == "spec" && t.steps[1] == "template" && isFixedJob(d.root),
		doc: d.index, at: slices.Concat(d.at, t.steps),
	}
}

// bind adds a use after asking whether any image could be written there.
func (s *scanner) bind(u Use) {
	for _, e := range u.edits(u.probe()) {
		if u.Refused != "" {
			break
		}
		if refusal, ok := errors.AsType[*yamledit.Error](s.yaml.Check(e)); ok {
			u.Refused = refusal.Reason
		}
	}
	s.Uses = append(s.Uses, u)
}

// probe is an image that no file shows, in the repository that this use shows.
func (u Use) probe() Image {
	img := Image{Name: "probe.invalid/image", Tag: "probe", Digest: "sha256:" + strings.Repeat("0", 64)}
	switch {
	case u.entry != nil:
		img.Name = u.entry.repository()
	case u.parts != nil && u.parts.registry.text != "":
		img.Name = u.parts.registry.text + "/probe" // the split that stands there can stay
	}
	return img
}

// label names a value: the container's or element's name, else its last two keys.
func (p place) label() string {
	n := len(p.trail.steps)
	if n == 0 {
		return ""
	}
	if name := p.doc.nameOf(p.trail.nodes[n-1]); name != p.node && scalarText(name) != "" {
		return scalarText(name)
	}
	keys := p.trail.steps[max(0, n-2):]
	if _, isIndex := keys[0].(int); isIndex && n > 1 {
		keys = keys[1:]
	}
	return keys.String()
}

// refuseName says that a value names what has an image beside it, as the name of a container.
func refuseName(p place, value field) string {
	image := get(p.parent(), "image")
	if p.trail.steps == nil || p.trail.steps[len(p.trail.steps)-1] != "name" || !isSingle(image) || strings.ContainsAny(value.text, "/:@") {
		return ""
	}
	return fmt.Sprintf("the value is a name, and the image stands beside it: put the marker behind image (line %d)", image.Line)
}

// isTemplate reports whether a text is filled in by a tool: Helm, Jinja, envsubst.
func isTemplate(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "${")
}

// refuseValue says why a value is no image, so that nothing else is overwritten.
func refuseValue(t trail, value field, part Part) string {
	text := value.text
	if _, _, named := cutName(text); named && !isTemplate(text) && !strings.Contains(text, "://") {
		return refuseNamed(value, part)
	}
	bare := !strings.Contains(text, "/")
	isTag := len(t.steps) > 0 && (t.steps[len(t.steps)-1] == "tag" || t.steps[len(t.steps)-1] == "newTag")
	_, tag, digest := splitPullSpec(text)
	switch {
	case isTemplate(text):
		return "the value is a template expression"
	case strings.Contains(text, "://"):
		return "the value is a URL, not an image"
	case strings.ContainsAny(text, " \t\n"):
		return "the value holds white space: it is no image"
	case value.other && part != PartTag:
		return "the value is a number or a word that YAML does not read as text: no image"
	case part == Whole && bare && (isTag || isDigest(text)):
		return "the value is a part of an image: write :tag or :digest behind the stream tag"
	case part == PartName && (tag != "" || digest != ""):
		return "the value shows more than a name: drop :name to have all of it written"
	case (part == PartTag || part == PartDigest) && !bare || part == PartDigest && strings.Contains(text, "@"):
		return fmt.Sprintf("the value is no %s", part)
	}
	return ""
}
