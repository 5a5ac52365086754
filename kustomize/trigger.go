package kustomize

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// triggersKey is OpenShift's annotation of a workload: a JSON list of entries, each of
// which binds the image of one container to an image stream tag (openshift.md 3.1).
const (
	triggersKey   = triggersGroup + "/triggers"
	triggersGroup = "image.openshift.io"
)

// triggerPlace is the entry of an annotation that binds a use.
type triggerPlace struct {
	doc    int
	at     yamledit.Path // of the annotation's value
	index  int           // of the entry in the list
	marked bool          // a marker binds the same
}

// BoundBy is what binds a use, in words.
func (u Use) BoundBy() string {
	if u.trigger != nil && !u.trigger.marked {
		return "trigger"
	}
	return "marker"
}

// annotation is the trigger annotation of one document.
type annotation struct {
	pod    *pod
	at     yamledit.Path
	value  *yaml.Node
	line   int
	within []yamledit.Span // of the value's text; nil where that cannot be told
	yaml   *yamledit.File
}

// lineOf is the line of an offset of the text where it is known, else that of the value.
func (a *annotation) lineOf(off int) int {
	if off >= len(a.within) {
		return a.line
	}
	return a.yaml.LineAt(a.within[off].Start)
}

// escapedKey is the annotation's key as some encoders of JSON write it.
var escapedKey = []byte(strings.ReplaceAll(triggersKey, "/", `\/`))

// hasTriggers reports whether a file may have the annotation.
func hasTriggers(src []byte) bool {
	return bytes.Contains(src, []byte(triggersGroup)) && (bytes.Contains(src, []byte(triggersKey)) || bytes.Contains(src, escapedKey))
}

// readTriggers makes uses of the annotations of a file, behind those of its markers.
func (s *scanner) readTriggers() {
	if !hasTriggers(s.yaml.Bytes()) {
		return
	}
	for _, d := range s.docs {
		f := keyFinder{}
		f.walk(d.root, nil)
		f.report(s, d)
		for i, value := range f.here {
			if i > 0 {
				s.problem(f.here[i].Line, "", finding{message: "the annotation " + triggersKey + " stands in the document twice", hint: "keep one"})
				break
			}
			s.readAnnotation(d, value)
		}
	}
	s.bindTriggers()
}

// keyFinder finds the annotation's key in a document.
type keyFinder struct {
	here      []*yaml.Node // values in metadata.annotations
	elsewhere []int        // lines
}

var annotationSteps = []string{"metadata", "annotations"}

func (f *keyFinder) walk(n *yaml.Node, steps []string) {
	for i, c := range n.Content {
		step := ""
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			step = keyName(n.Content[i-1])
		}
		switch {
		case step == triggersKey && slices.Equal(steps, annotationSteps):
			f.here = append(f.here, c)
		case step == triggersKey:
			f.elsewhere = append(f.elsewhere, c.Line)
		}
		f.walk(c, append(steps, step))
	}
}

// report tells, once for each document, of annotations that OpenShift does not read.
func (f *keyFinder) report(s *scanner, d *document) {
	if len(f.elsewhere) == 0 {
		return
	}
	p := finding{
		notice:  true,
		message: fmt.Sprintf("the annotation %s binds nothing here (%d times in the document)", triggersKey, len(f.elsewhere)),
		hint:    "write it into metadata.annotations of the workload itself, not of its pods",
	}
	switch {
	case text(d.root, "kind") == "Template":
		p.hint = "the objects of a Template are left alone: write what oc process makes of it into the repository"
	case d.kustomization:
		p.hint = "write it into the manifest itself, or a marker on an images: entry"
	}
	s.problem(f.elsewhere[0], "", p)
}

// readAnnotation binds the entries of one annotation. One that is wrong disables itself
// alone; two that bind one place to different tags disable each other.
func (s *scanner) readAnnotation(d *document, value *yaml.Node) {
	a := &annotation{at: slices.Concat(d.at, yamledit.Path{"metadata", "annotations", triggersKey}), line: value.Line, yaml: s.yaml, pod: podOf(d)}
	a.value = target(value)
	if a.value == value {
		a.within = s.yaml.Within(value)
	}
	switch {
	case a.value.Kind == yaml.ScalarNode && a.value.ShortTag() == "!!null":
		return // as in a patch, which takes the annotation away
	case a.value.Kind != yaml.ScalarNode:
		s.problem(a.line, "", finding{message: "the annotation " + triggersKey + " is no text", hint: "write its JSON as a text: " + triggersKey + ": |-"})
		return
	}
	// Only aliases make that more than the file is.
	if s.triggerWork += len(a.value.Value) + 8*a.pod.size(); s.triggerWork > 3*MaxSize {
		s.problem(a.line, "", finding{message: "aliases repeat more trigger annotations and containers than are read", hint: "write them out where they belong"})
		return
	}
	a.pod.index()
	triggers, at, err := parseTriggers(a.value.Value)
	switch {
	case err != nil && isTemplate(a.value.Value):
		s.problem(a.line, "", finding{notice: true, message: "the trigger annotation is a template expression: left alone", hint: "bind the value that fills it in by a marker"})
	case err != nil:
		s.problem(a.lineOf(at), "", finding{message: fmt.Sprintf("the trigger annotation is not JSON that OpenShift reads: %v", err), hint: triggerHint})
	}
	bound := map[string]*triggered{}
	var all []*triggered
	for i, t := range triggers {
		if b := s.triggered(a, i, t, bound); b != nil {
			bound[b.use.Path] = b
			all = append(all, b)
		}
	}
	for _, b := range all {
		if !b.dropped {
			s.triggers = append(s.triggers, *b)
		}
	}
}

// triggered is a use that an annotation makes.
type triggered struct {
	use     Use
	line    int // of the entry
	dropped bool
}

// triggered is what one entry binds, nil when that is nothing new; bound are those of the
// entries before it, by key path.
func (s *scanner) triggered(a *annotation, index int, t trigger, bound map[string]*triggered) *triggered {
	line := a.lineOf(t.at)
	for _, f := range t.found {
		s.problem(line, "", f)
	}
	if t.wrong {
		return nil
	}
	p, wrong := a.pod.image(t.fieldPath)
	if wrong != nil {
		s.problem(line, "", *wrong)
		return nil
	}
	use := s.newUse(p.doc, p.trail, p.node.Line, marker{ref: t.ref})
	use.value, use.Label = newField(p.node), p.label()
	use.trigger = &triggerPlace{doc: p.doc.index, at: a.at, index: index}
	if t.paused {
		use.Paused = pausedByTrigger
	}
	if isTemplate(use.value.text) {
		use.Refused = "the value is a template expression"
	}
	other := bound[use.Path]
	switch {
	case other == nil:
		return &triggered{use: use, line: line}
	case use.qualified() == other.use.qualified():
		s.problem(line, use.Path, finding{
			message: fmt.Sprintf("duplicate triggers are not allowed: line %d binds %s to %s already", other.line, use.Path, t.ref), hint: "drop one of them",
		})
	default:
		other.dropped = true
		s.problem(line, use.Path, finding{
			message: fmt.Sprintf("duplicate triggers are not allowed: %s for %s here, %s on line %d: neither is followed", t.ref, use.Path, other.use.Ref, other.line), hint: "keep one",
		})
	}
	return nil
}

// bindTriggers adds the uses that annotations make, unless a marker binds the same place:
// to the same tag it is one use, to another one none.
func (s *scanner) bindTriggers() {
	marked := map[identity]int{}
	for i, u := range s.Uses {
		marked[u.identity()] = i
	}
	dropped := map[identity]bool{}
	for _, t := range s.triggers {
		i, twice := marked[t.use.identity()]
		if !twice {
			s.bind(t.use)
			continue
		}
		u := &s.Uses[i]
		if u.Part == Whole && u.qualified() == t.use.qualified() {
			u.trigger, u.Paused = t.use.trigger, firstOf(u.Paused, t.use.Paused)
			u.trigger.marked = true
			continue
		}
		dropped[u.identity()] = true
		s.problem(t.line, u.Path, finding{
			message: fmt.Sprintf("the trigger for %s and the marker for %s bind one value (line %d): neither is followed", t.use.Ref, u.markerText(), u.Line),
			hint:    "write one tag in both, with its namespace, or drop one of them",
		})
	}
	s.Uses = slices.DeleteFunc(s.Uses, func(u Use) bool { return dropped[u.identity()] })
}

// markerText is what a marker says: the tag, and the part.
func (u Use) markerText() string {
	if u.Part == Whole {
		return u.Ref
	}
	return u.Ref + ":" + string(u.Part)
}

// qualified is the tag with its namespace, as far as the file says it.
func (u Use) qualified() string {
	if strings.Contains(u.Ref, "/") {
		return u.Ref
	}
	return u.Namespace + "/" + u.Ref
}

// target is what an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// templateTriggers is what a template that only a tool makes YAML of says: it was never
// imgstream's to write.
func templateTriggers(src []byte) *File {
	f := &File{}
	before, _, _ := bytes.Cut(src, []byte(triggersKey))
	line := 1 + bytes.Count(before, []byte("\n"))
	f.problem(line, "", finding{notice: true, message: "a trigger annotation in a template: left alone", hint: "bind the value that fills it in by a marker"})
	return f
}
