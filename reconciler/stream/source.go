package stream

import (
	"maps"
	"strings"
	"time"
)

// Tag finds a tag of the stream by name, or nil.
func (s *Stream) Tag(name string) *Tag {
	for i := range s.Tags {
		if s.Tags[i].Name == name {
			return &s.Tags[i]
		}
	}
	return nil
}

// Paused gives the reason why nothing moves: the tag's, else the stream's. A pause
// without a reason is one too.
func (s *Stream) Paused(tag *Tag) (reason string, ok bool) {
	if reason, ok = tag.Annotations[AnnotationPaused]; ok {
		return reason, true
	}
	reason, ok = s.Annotations[AnnotationPaused]
	return reason, ok
}

// Interval is how often the tag is asked for when it is scheduled: by its own
// annotation, else the stream's, else the settings.
func (s *Stream) Interval(tag *Tag, settings Settings) time.Duration {
	for _, annotations := range []map[string]string{tag.Annotations, s.Annotations} {
		if d, err := time.ParseDuration(annotations[AnnotationInterval]); err == nil && d > 0 {
			return d
		}
	}
	return settings.Imports.Interval
}

// MinAge is how long a digest waits before the tag takes it; 0: not at all. The tag's
// own annotation decides; without one an imported tag has its stream's, else the
// settings', and a tag that follows another waits no second time. A digest that the
// spec names (ImageStreamImage) never waits.
func (s *Stream) MinAge(tag *Tag, settings Settings) time.Duration {
	if tag.From == nil || tag.From.Kind == KindImageStreamImage {
		return 0
	}
	if d, err := time.ParseDuration(tag.Annotations[AnnotationMinAge]); err == nil {
		return d
	}
	if tag.From.Kind != KindDockerImage {
		return 0
	}
	if d, err := time.ParseDuration(s.Annotations[AnnotationMinAge]); err == nil {
		return d
	}
	return settings.Imports.MinAge
}

// Source is what a status records of the spec's source, with only what the spec
// sets; nil for a tag that is only pushed to. ownNamespace is the stream's.
func (t *Tag) Source(ownNamespace string) *Source {
	if t.From == nil {
		return nil
	}
	src := &Source{
		Kind:       t.From.Kind,
		Name:       t.From.Name,
		Reference:  t.Reference,
		ImportMode: t.ImportMode,
		Reimport:   t.Annotations[AnnotationReimport],
	}
	if t.From.Namespace != ownNamespace {
		src.Namespace = t.From.Namespace
	}
	for name, value := range t.Annotations {
		if name != AnnotationPolicy && !strings.HasPrefix(name, AnnotationPolicy+"-") {
			continue
		}
		if src.Policy == nil {
			src.Policy = map[string]string{}
		}
		src.Policy[name] = value
	}
	return src
}

// Same says that both are the same place to take images from: Equal, whatever was
// asked for once. A rejection holds as long as the source is the same.
func (a *Source) Same(b *Source) bool {
	if a == nil || b == nil {
		return a == b
	}
	asked := *a
	asked.Reimport = b.Reimport
	return asked.Equal(b)
}

// Equal says that an answer to one source is an answer to the other. Two nil
// sources are equal.
func (a *Source) Equal(b *Source) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name && a.Reference == b.Reference &&
		a.ImportMode == b.ImportMode && a.Reimport == b.Reimport && maps.Equal(a.Policy, b.Policy)
}

// Answers says that the last import, or a rejection, answered a tag whose source is src.
func (s *Status) Answers(src *Source) bool {
	return s != nil && s.Source != nil && s.Source.Equal(src)
}

// IsScheduled says whether the tag is imported again as time passes: by the spec,
// else by the settings. A digest never changes, so a reference by digest is not; what is
// only a reference (reference: true) is never imported.
func (t *Tag) IsScheduled(settings Settings) bool {
	if t.From == nil || t.From.Kind != KindDockerImage || t.Reference {
		return false
	}
	img, err := ParseImage(t.From.Name)
	if err != nil || img.Digest != "" {
		return false
	}
	if t.Scheduled != nil {
		return *t.Scheduled
	}
	return settings.Imports.Scheduled
}
