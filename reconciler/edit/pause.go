package edit

import (
	"fmt"
	"maps"

	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Pause writes why nothing of a tag moves, or of a whole stream where ref names no tag.
func (s *Specs) Pause(ref stream.Ref, reason string) error {
	return s.annotate(ref, func(d *document, at []any) error {
		if !d.has(append(at, "annotations")...) {
			return d.put(yamledit.Map(yamledit.Field{Key: stream.AnnotationPaused, Value: yamledit.String(reason)}), append(at, "annotations")...)
		}
		return d.put(yamledit.String(reason), append(at, "annotations", stream.AnnotationPaused)...)
	}, func(annotations map[string]string) { annotations[stream.AnnotationPaused] = reason })
}

// Resume takes the pause of a tag or a stream away. It gives whether there was one.
func (s *Specs) Resume(ref stream.Ref) (bool, error) {
	annotations, err := s.annotations(ref)
	if _, paused := annotations[stream.AnnotationPaused]; err != nil || !paused {
		return false, err
	}
	return true, s.annotate(ref, func(d *document, at []any) error {
		if len(annotations) == 1 {
			return d.remove(append(at, "annotations")...)
		}
		return d.remove(append(at, "annotations", stream.AnnotationPaused)...)
	}, func(annotations map[string]string) { delete(annotations, stream.AnnotationPaused) })
}

// annotations are those of a tag, or of a stream where ref names no tag.
func (s *Specs) annotations(ref stream.Ref) (map[string]string, error) {
	found := s.stream(ref.Stream())
	if found == nil {
		return nil, s.missing(ref.Stream())
	}
	if ref.Tag == "" {
		return found.Annotations, nil
	}
	tag := found.Tag(ref.Tag)
	if tag == nil {
		return nil, fmt.Errorf("the spec of %s has no tag %s: %s", ref.Stream(), ref.Tag, found.Pos)
	}
	return tag.Annotations, nil
}

// annotate changes the annotations of a tag or a stream, which are at a path of its
// document, and proves that they became what want makes of them, and nothing else.
func (s *Specs) annotate(ref stream.Ref, change func(d *document, at []any) error, want func(map[string]string)) error {
	if _, err := s.annotations(ref); err != nil {
		return err
	}
	d, err := s.locate(ref.Stream())
	if err != nil {
		return err
	}
	at := []any{"metadata"}
	if ref.Tag != "" {
		i, err := d.tag(ref.Tag)
		if err != nil {
			return err
		}
		at = []any{"spec", "tags", i}
	}
	if err := change(d, at); err != nil {
		return err
	}
	return s.keep(d, func(was, is *stream.Stream) error {
		wanted := *was
		wanted.Tags = append([]stream.Tag(nil), was.Tags...)
		of := &wanted.Annotations
		if t := wanted.Tag(ref.Tag); t != nil {
			of = &t.Annotations
		}
		changed := map[string]string{}
		maps.Copy(changed, *of)
		want(changed)
		if *of = changed; !same(&wanted, is) {
			return fmt.Errorf("%s: the edit would change more than the annotation %s: change the file by hand", was.Pos, stream.AnnotationPaused)
		}
		return nil
	})
}
