package edit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// SetTag makes an entry of spec.tags say what want says, and adds one where there is
// none. Annotations of an entry that is there stay, want's are set beside them. What means
// the same is left as it is written: no type is Source, false is the same as absent.
func (s *Specs) SetTag(ref stream.Ref, want stream.Tag) error {
	d, err := s.locate(ref.Stream())
	if err != nil {
		return err
	}
	i, err := d.tag(want.Name)
	if err != nil {
		return err
	}
	if i < 0 {
		err = d.addTag(want)
	} else {
		err = d.setTag(i, want)
	}
	if err != nil {
		return err
	}
	return s.keep(d, func(was, is *stream.Stream) error { return onlyTag(was, is, want) })
}

// onlyTag proves that a stream differs in one tag, which says what is wanted.
func onlyTag(was, is *stream.Stream, want stream.Tag) error {
	rest, got := without(is, want.Name)
	before, _ := without(was, want.Name)
	if !same(before, rest) || got == nil || !says(*got, want) {
		return fmt.Errorf("%s: the edit of tag %s would not say what is meant: change the file by hand", is.Pos, want.Name)
	}
	return nil
}

// without is a stream but for one tag and its history, and that tag.
func without(s *stream.Stream, tag string) (*stream.Stream, *stream.Tag) {
	rest := *s
	rest.Tags = slices.DeleteFunc(slices.Clone(s.Tags), func(t stream.Tag) bool { return t.Name == tag })
	rest.Seed = slices.DeleteFunc(slices.Clone(s.Seed), func(seed stream.Seed) bool { return seed.Tag == tag })
	return &rest, s.Tag(tag)
}

func says(got, want stream.Tag) bool {
	for name, value := range want.Annotations {
		if got.Annotations[name] != value {
			return false
		}
	}
	return equal(got.From, want.From) && got.Reference == want.Reference && got.Insecure == want.Insecure &&
		on(got.Scheduled) == on(want.Scheduled) && got.ImportMode == want.ImportMode && policy(got.ReferencePolicy) == policy(want.ReferencePolicy)
}

func on(flag *bool) bool { return flag != nil && *flag }

func policy(s string) string {
	if s == "" {
		return policySource
	}
	return s
}

const policySource = "Source"

// tag is the index of a tag's entry; -1 where there is none.
func (d *document) tag(name string) (int, error) {
	found := -1
	for i, entry := range contentOf(d.node("spec", "tags")) {
		if text(entry, "name") != name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%s: tag %s stands twice: remove one of them", stream.Pos{File: d.path, Line: entry.Line}, name)
		}
		found = i
	}
	return found, nil
}

// addTag puts a new entry behind the last one.
func (d *document) addTag(t stream.Tag) error {
	entry := entryOf(t)
	switch {
	case d.node("spec") == nil:
		return d.put(yamledit.Map(yamledit.Field{Key: "tags", Value: yamledit.List(entry)}), "spec")
	case d.node("spec", "tags") == nil:
		return d.put(yamledit.List(entry), "spec", "tags")
	}
	file, err := d.file.Append(d.doc, d.pathTo("spec", "tags"), entry)
	return d.took(file, err)
}

// entryOf is a tag as a new entry has it.
func entryOf(t stream.Tag) yamledit.Value {
	fields := []yamledit.Field{{Key: "name", Value: yamledit.String(t.Name)}}
	add := func(key string, below []yamledit.Field) {
		if len(below) > 0 {
			fields = append(fields, yamledit.Field{Key: key, Value: yamledit.Map(below...)})
		}
	}
	add("annotations", texts(t.Annotations))
	if t.From != nil {
		add("from", fromFields(t.From))
	}
	if t.Reference {
		fields = append(fields, yamledit.Field{Key: "reference", Value: yamledit.Bool(true)})
	}
	var importPolicy []yamledit.Field
	if t.Insecure {
		importPolicy = append(importPolicy, yamledit.Field{Key: "insecure", Value: yamledit.Bool(true)})
	}
	if t.Scheduled != nil {
		importPolicy = append(importPolicy, yamledit.Field{Key: "scheduled", Value: yamledit.Bool(*t.Scheduled)})
	}
	if t.ImportMode != "" {
		importPolicy = append(importPolicy, yamledit.Field{Key: "importMode", Value: yamledit.String(t.ImportMode)})
	}
	add("importPolicy", importPolicy)
	if policy(t.ReferencePolicy) != policySource {
		add("referencePolicy", []yamledit.Field{{Key: "type", Value: yamledit.String(t.ReferencePolicy)}})
	}
	return yamledit.Map(fields...)
}

func texts(m map[string]string) []yamledit.Field {
	var fields []yamledit.Field
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fields = append(fields, yamledit.Field{Key: key, Value: yamledit.String(m[key])})
	}
	return fields
}

func fromFields(f *stream.From) []yamledit.Field {
	fields := []yamledit.Field{{Key: "kind", Value: yamledit.String(f.Kind)}}
	if f.Namespace != "" {
		fields = append(fields, yamledit.Field{Key: "namespace", Value: yamledit.String(f.Namespace)})
	}
	return append(fields, yamledit.Field{Key: "name", Value: yamledit.String(f.Name)})
}

// setTag changes an entry, one key at a time.
func (d *document) setTag(i int, want stream.Tag) error {
	e := &entry{document: d, i: i}
	for _, f := range texts(want.Annotations) {
		e.text(want.Annotations[f.Key], "annotations", f.Key)
	}
	e.from(want.From)
	e.flag(want.Reference, "reference")
	e.flag(want.Insecure, "importPolicy", "insecure")
	e.flag(on(want.Scheduled), "importPolicy", "scheduled")
	e.text(want.ImportMode, "importPolicy", "importMode")
	e.policy(want.ReferencePolicy)
	return e.err
}

// entry is one entry of spec.tags that is being changed. After the first error nothing
// is changed any more.
type entry struct {
	*document
	i   int
	err error
}

func (e *entry) steps(keys ...string) []any {
	steps := []any{"spec", "tags", e.i}
	for _, k := range keys {
		steps = append(steps, k)
	}
	return steps
}

// set writes a value, with the mapping around it where there is none.
func (e *entry) set(v yamledit.Value, keys ...string) {
	if e.err != nil {
		return
	}
	if len(keys) == 2 && e.node(e.steps(keys[0])...) == nil {
		v, keys = yamledit.Map(yamledit.Field{Key: keys[1], Value: v}), keys[:1]
	}
	e.err = e.put(v, e.steps(keys...)...)
}

// unset takes a key away, and what it stands in where nothing else does.
func (e *entry) unset(keys ...string) {
	if e.err != nil || e.node(e.steps(keys...)...) == nil {
		return
	}
	if around := e.node(e.steps(keys[0])...); len(keys) == 2 && len(around.Content) == 2 {
		keys = keys[:1]
	}
	e.err = e.remove(e.steps(keys...)...)
}

// text sets a text; "" takes it away.
func (e *entry) text(want string, keys ...string) {
	outer := e.node(e.steps(keys[:len(keys)-1]...)...)
	switch is := text(outer, keys[len(keys)-1]); {
	case want == "" && is != "":
		e.unset(keys...)
	case want != is:
		e.set(yamledit.String(want), keys...)
	}
}

// flag sets a boolean that is false where it is absent.
func (e *entry) flag(want bool, keys ...string) {
	n := e.node(e.steps(keys...)...)
	is := n != nil && (n.Value == "true" || n.Value == "True" || n.Value == "TRUE")
	switch {
	case want && !is:
		e.set(yamledit.Bool(true), keys...)
	case !want && is:
		e.unset(keys...)
	}
}

func (e *entry) from(want *stream.From) {
	switch {
	case want == nil:
		e.unset("from")
	case !e.has(e.steps("from")...) || len(e.node(e.steps("from")...).Content) == 0:
		if e.err == nil {
			e.err = e.put(yamledit.Map(fromFields(want)...), e.steps("from")...)
		}
	default:
		e.text(want.Kind, "from", "kind")
		e.text(want.Namespace, "from", "namespace")
		e.text(want.Name, "from", "name")
	}
}

func (e *entry) policy(want string) {
	is := text(e.node(e.steps("referencePolicy")...), "type")
	switch {
	case policy(is) == policy(want):
	case policy(want) == policySource:
		e.unset("referencePolicy", "type")
	default:
		e.set(yamledit.String(want), "referencePolicy", "type")
	}
}

// RemoveTag takes the entry of a tag away, and what an export's status says of it, which
// would bring its history back. It gives whether there was anything.
func (s *Specs) RemoveTag(ref stream.Ref) (bool, error) {
	d, err := s.locate(ref.Stream())
	if err != nil {
		return false, err
	}
	i, err := d.tag(ref.Tag)
	if err != nil {
		return false, err
	}
	removed := i >= 0
	if removed {
		if err := d.remove("spec", "tags", i); err != nil {
			return false, err
		}
	}
	history := contentOf(d.node("status", "tags"))
	for i, entry := range slices.Backward(history) {
		if text(entry, "tag") != ref.Tag {
			continue
		}
		if err := d.remove("status", "tags", i); err != nil {
			return false, err
		}
		removed = true
	}
	if !removed {
		return false, nil
	}
	return true, s.keep(d, func(was, is *stream.Stream) error {
		if rest, _ := without(was, ref.Tag); !same(rest, is) {
			return fmt.Errorf("%s: the removal of tag %s would change more: change the file by hand", was.Pos, ref.Tag)
		}
		return nil
	})
}

// SetLookup turns the local lookup of a stream on or off. It gives whether that changed
// anything.
func (s *Specs) SetLookup(ref stream.Ref, local bool) (bool, error) {
	if now := s.stream(ref); now != nil && now.LookupLocal == local {
		return false, nil
	}
	d, err := s.locate(ref)
	if err != nil {
		return false, err
	}
	v := yamledit.Bool(local)
	switch {
	case d.node("spec") == nil:
		err = d.put(yamledit.Map(yamledit.Field{Key: "lookupPolicy", Value: yamledit.Map(yamledit.Field{Key: "local", Value: v})}), "spec")
	case d.node("spec", "lookupPolicy") == nil:
		err = d.put(yamledit.Map(yamledit.Field{Key: "local", Value: v}), "spec", "lookupPolicy")
	default:
		err = d.put(v, "spec", "lookupPolicy", "local")
	}
	if err != nil {
		return false, err
	}
	return true, s.keep(d, func(was, is *stream.Stream) error {
		want := *was
		want.LookupLocal = local
		if !same(&want, is) {
			return fmt.Errorf("%s: the edit would change more than lookupPolicy: change the file by hand", was.Pos)
		}
		return nil
	})
}

// SetRepository sets spec.dockerImageRepository: the stream takes all tags of it.
func (s *Specs) SetRepository(ref stream.Ref, repository string) error {
	d, err := s.locate(ref)
	if err != nil {
		return err
	}
	if d.node("spec") == nil {
		err = d.put(yamledit.Map(yamledit.Field{Key: "dockerImageRepository", Value: yamledit.String(repository)}), "spec")
	} else {
		err = d.put(yamledit.String(repository), "spec", "dockerImageRepository")
	}
	if err != nil {
		return err
	}
	return s.keep(d, func(was, is *stream.Stream) error {
		want := *was
		want.DockerImageRepository = repository
		if !same(&want, is) {
			return fmt.Errorf("%s: the edit would change more than dockerImageRepository: change the file by hand", was.Pos)
		}
		return nil
	})
}

// Annotate sets an annotation of a stream.
func (s *Specs) Annotate(ref stream.Ref, key, text string) error {
	d, err := s.locate(ref)
	if err != nil {
		return err
	}
	if d.node("metadata", "annotations") == nil {
		err = d.put(yamledit.Map(yamledit.Field{Key: key, Value: yamledit.String(text)}), "metadata", "annotations")
	} else {
		err = d.put(yamledit.String(text), "metadata", "annotations", key)
	}
	if err != nil {
		return err
	}
	return s.keep(d, func(was, is *stream.Stream) error {
		want := *was
		want.Annotations = maps.Clone(was.Annotations)
		if want.Annotations == nil {
			want.Annotations = map[string]string{}
		}
		want.Annotations[key] = text
		if !same(&want, is) {
			return fmt.Errorf("%s: the edit would change more than an annotation: change the file by hand", was.Pos)
		}
		return nil
	})
}
