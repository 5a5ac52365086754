package stream

import (
	"bytes"
	"maps"
	"slices"
)

// Encode writes the status file, format version 1 of product.md 2: the same
// value gives the same bytes, and ParseStatus gives the value back.
func (s *Status) Encode() []byte {
	w := &writer{}
	w.line(skipMark)
	w.field("", "apiVersion", groupVersion)
	w.field("", "kind", statusKind)
	w.line("metadata:")
	w.field("  ", "name", s.Ref.Name+":"+s.Ref.Tag)
	w.field("  ", "namespace", s.Ref.Namespace)
	w.line("  annotations:")
	w.field("    ", localConfig, "true")
	w.source(s.Source)
	w.items(s.Items)
	if s.Candidate != nil {
		w.line("candidate:")
		w.field("  ", "image", s.Candidate.Image)
		w.field("  ", "firstSeen", s.Candidate.FirstSeen)
	}
	w.rest(s)
	return w.Bytes()
}

// Equal says that both statuses have the same file: each field is in it, and
// ParseStatus gives each back.
func (s *Status) Equal(other *Status) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.Ref == other.Ref && s.Source.Equal(other.Source) && s.Candidate.equal(other.Candidate) &&
		slices.Equal(s.Items, other.Items) && slices.Equal(s.Rejected, other.Rejected) &&
		slices.Equal(s.Conditions, other.Conditions) && slices.Equal(s.Pending, other.Pending)
}

func (c *Candidate) equal(other *Candidate) bool {
	if c == nil || other == nil {
		return c == other
	}
	return *c == *other
}

// writer writes YAML in block style; empty values are left out.
type writer struct{ bytes.Buffer }

func (w *writer) line(s string) { w.WriteString(s + "\n") }

func (w *writer) field(indent, key, value string) {
	if value != "" {
		w.line(indent + key + ": " + scalar(value))
	}
}

// element writes one mapping of a list: keys and values in turn.
func (w *writer) element(pairs ...string) {
	indent := "- "
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			w.field(indent, pairs[i], pairs[i+1])
			indent = "  "
		}
	}
}

func (w *writer) source(src *Source) {
	if src == nil {
		return
	}
	w.line("source:")
	w.field("  ", "kind", src.Kind)
	w.field("  ", "namespace", src.Namespace)
	w.field("  ", "name", src.Name)
	if src.Reference {
		w.line("  reference: true")
	}
	w.field("  ", "importMode", src.ImportMode)
	if len(src.Policy) > 0 {
		w.line("  policy:")
		for _, key := range slices.Sorted(maps.Keys(src.Policy)) {
			w.line("    " + scalar(key) + ": " + scalar(src.Policy[key]))
		}
	}
	w.field("  ", "reimport", src.Reimport)
}

func (w *writer) items(items []Item) {
	if len(items) == 0 {
		return
	}
	w.line("items:")
	for _, i := range items {
		w.element("image", i.Image, "dockerImageReference", i.DockerImageReference, "index", i.Index,
			"created", i.Created, "from", i.From, "cause", i.Cause)
	}
}

func (w *writer) rest(s *Status) {
	if len(s.Rejected) > 0 {
		w.line("rejected:")
	}
	for _, r := range s.Rejected {
		w.element("image", r.Image, "commit", r.Commit, "at", r.At)
	}
	if len(s.Conditions) > 0 {
		w.line("conditions:")
	}
	for _, c := range s.Conditions {
		w.element("type", c.Type, "status", c.Status, "reason", c.Reason, "message", c.Message, "lastTransitionTime", c.LastTransitionTime)
	}
	if len(s.Pending) > 0 {
		w.line("pending:")
	}
	for _, p := range s.Pending {
		w.element("file", p.File, "path", p.Path)
	}
}
