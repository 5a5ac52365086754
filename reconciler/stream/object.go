package stream

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// object is a YAML mapping whose keys were checked.
type object struct {
	place  string // how messages call it: spec.tags[], or "" for the document
	line   int
	fields []field // in the order written, names unique
	index  map[string]int
	bad    bool // its keys were reported: what seems to be missing may be among them
}

// field is one key of a mapping.
type field struct {
	name  string
	line  int
	value *yaml.Node // nil for null
}

// at gives a field by name; its value is nil where there is none.
func (o object) at(name string) field {
	if i, ok := o.index[name]; ok {
		return o.fields[i]
	}
	return field{name: name, line: o.line}
}

// path is how messages call a field.
func (o object) path(name string) string {
	if o.place == "" {
		return name
	}
	return o.place + "." + name
}

// object reads a mapping that may have the known keys; null is an empty one.
// Without known keys it is free form.
func (r *reader) object(f field, place string, known ...string) object {
	o := object{place: place, line: f.line, index: map[string]int{}}
	if f.value == nil {
		return o
	}
	o.line = f.value.Line
	if f.value.Kind != yaml.MappingNode {
		r.errorf(f.line, "write it as a mapping of keys and values", "%s is not a mapping", nameOf(place))
		o.bad = true
		return o
	}
	r.collect(&o, f.value, false)
	if len(known) > 0 {
		o.bad = r.checkKeys(o, known)
	}
	return o
}

func nameOf(place string) string {
	if place == "" {
		return "the document"
	}
	return place
}

// collect takes the keys of a mapping, and after them those that merge keys (<<)
// bring and that it has not itself.
func (r *reader) collect(o *object, n *yaml.Node, merged bool) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.errorf(key.Line, "write plain keys", "a key of %s is not text", nameOf(o.place))
		case key.Tag == "!!merge":
			merges = append(merges, value)
		case !o.has(key.Value):
			o.index[key.Value] = len(o.fields)
			o.fields = append(o.fields, field{name: key.Value, line: key.Line, value: notNull(value)})
		case !merged:
			r.errorf(key.Line, "remove one of them", "%s stands twice", o.path(key.Value))
		}
	}
	for _, m := range merges {
		r.merge(o, m)
	}
}

func (r *reader) merge(o *object, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		r.collect(o, n, true)
	case yaml.SequenceNode:
		for _, m := range n.Content {
			r.merge(o, m)
		}
	}
}

func (o object) has(name string) bool {
	_, ok := o.index[name]
	return ok
}

func notNull(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	return n
}

// misplaced are keys that people write one level too high, by place.
var misplaced = map[string]string{
	"spec.tags[].scheduled":  "importPolicy: {scheduled: …}",
	"spec.tags[].insecure":   "importPolicy: {insecure: …}",
	"spec.tags[].importMode": "importPolicy: {importMode: …}",
	"spec.local":             "lookupPolicy: {local: …}",
}

// checkKeys reports the keys that are not known and says whether there was one.
func (r *reader) checkKeys(o object, known []string) (bad bool) {
	for _, f := range o.fields {
		if slices.Contains(known, f.name) {
			continue
		}
		hint := didYouMean(f.name, known)
		if right := misplaced[o.path(f.name)]; right != "" {
			hint = "write " + right
		}
		if hint == "" && r.strict {
			hint = "known here: " + strings.Join(known, ", ")
		}
		if hint == "" {
			r.noteUnused(o.path(f.name))
			continue
		}
		r.errorf(f.line, hint, "unknown field %s", o.path(f.name))
		bad = true
	}
	return bad
}

// list gives the elements of a list, as fields without a name; null is an empty one.
func (r *reader) list(o object, name string) []field {
	f := o.at(name)
	if f.value == nil {
		return nil
	}
	if f.value.Kind != yaml.SequenceNode {
		r.errorf(f.line, "write it as a list", "%s is not a list", o.path(name))
		return nil
	}
	elements := make([]field, len(f.value.Content))
	for i, n := range f.value.Content {
		elements[i] = field{line: n.Line, value: notNull(n)}
	}
	return elements
}

// texts gives a list of strings.
func (r *reader) texts(o object, name string) []string {
	var all []string
	for _, f := range r.list(o, name) {
		if s, ok := r.scalar(f, "an element of "+o.path(name)); ok && s != "" {
			all = append(all, s)
		}
	}
	return all
}

// text gives a string as it is written, whatever type YAML would give it, so
// that 1.10 stays 1.10; null is "".
func (r *reader) text(o object, name string) string {
	s, _ := r.scalar(o.at(name), o.path(name))
	return s
}

// required is text that must not be empty.
func (r *reader) required(o object, name string) string {
	before := r.errors
	s := r.text(o, name)
	if s == "" && r.errors == before && !o.bad {
		r.errorf(o.at(name).line, "", "%s is missing", o.path(name))
	}
	return s
}

func (r *reader) scalar(f field, what string) (string, bool) {
	switch {
	case f.value == nil:
		return "", true
	case f.value.Kind != yaml.ScalarNode:
		r.errorf(f.line, "write one value", "%s is not text", what)
		return "", false
	}
	return f.value.Value, true
}

// flag gives a boolean, or nil where none is written.
func (r *reader) flag(o object, name string) *bool {
	f := o.at(name)
	if f.value == nil {
		return nil
	}
	if f.value.Kind != yaml.ScalarNode || f.value.Tag != "!!bool" {
		r.errorf(f.line, "write true or false, without quotes", "%s is not a boolean", o.path(name))
		return nil
	}
	yes := strings.EqualFold(f.value.Value, "true")
	return &yes
}

// on is a boolean that is false where none is written.
func (r *reader) on(o object, name string) bool {
	yes := r.flag(o, name)
	return yes != nil && *yes
}

// strings gives the fields of a free-form mapping as strings, or nil; values keep
// their literal text.
func (r *reader) strings(o object) map[string]string {
	if len(o.fields) == 0 {
		return nil
	}
	m := make(map[string]string, len(o.fields))
	for _, f := range o.fields {
		if s, ok := r.scalar(f, o.path(f.name)); ok {
			m[f.name] = s
		}
	}
	return m
}

// moment gives a time as it is written; it must be there and be RFC 3339.
func (r *reader) moment(o object, name string) string {
	s := r.required(o, name)
	if s != "" && !isMoment(s) {
		r.errorf(o.at(name).line, `write it as "2026-11-20T12:00:03Z"`, "%s %q is not a time", o.path(name), s)
	}
	return s
}

func isMoment(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// digest gives a digest in full, which must be there.
func (r *reader) digest(o object, name string) string {
	s := r.required(o, name)
	if s != "" && !IsDigest(s) {
		r.errorf(o.at(name).line, "write sha256: and 64 hexadecimal digits", "%s %q is not a digest", o.path(name), s)
	}
	return s
}
