package stream

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const annotationPrefix = "imgstream.dev/"

var (
	tagFields    = []string{"name", "annotations", "from", "reference", "generation", "importPolicy", "referencePolicy"}
	fromFields   = append([]string{"kind", "namespace", "name"}, unusedFrom...)
	importFields = []string{"insecure", "scheduled", "importMode"}
	kinds        = []string{KindDockerImage, KindImageStreamTag, KindImageStreamImage}

	policyAnnotations = []string{AnnotationPolicy, AnnotationPolicyRange, AnnotationPolicyPattern, AnnotationPolicyOrder}
	knownAnnotations  = slices.Concat([]string{AnnotationPaused, AnnotationReimport, AnnotationInterval, AnnotationMinAge, AnnotationPlatforms}, policyAnnotations)
)

// tag reads one entry of spec.tags; ok is false where no name says which tag it
// is. Every error of the entry blocks it (semantics.md 5).
func (r *reader) tag(f field, s *Stream) (tag Tag, ok bool) {
	before := r.errors
	r.ref = s.TagRef(peek(f.value, "name"))
	o := r.object(f, "spec.tags[]", tagFields...)
	tag = Tag{Name: r.name(o, "name"), Pos: Pos{Line: f.line}}
	if !IsTag(tag.Name) {
		if r.ref.Tag = ""; r.errors == before {
			r.errorf(o.at("name").line, `write letters, digits, "_", "." and "-", at most 128, beginning with a letter, digit or "_"`,
				"spec.tags[].name %q is not the name of a tag", tag.Name)
		}
		return Tag{}, false
	}
	r.generation(o)
	annotations := r.object(o.at("annotations"), "spec.tags[].annotations")
	tag.Annotations = r.annotations(annotations, true)
	tag.Reference = r.on(o, "reference")
	r.from(o, s, &tag)
	r.tagPolicy(annotations, o, &tag)
	r.importPolicy(o, &tag)
	r.referencePolicy(o, &tag)
	tag.Blocked = r.errors > before
	return tag, true
}

// generation is a cluster's count of changes; 0 asks a cluster to import again
// (openshift.md 2.3).
func (r *reader) generation(o object) {
	if peek(o.at("generation").value) == "0" {
		r.noticef(o.at("generation").line, "ask with imgstream import-image, or change the annotation "+AnnotationReimport,
			"spec.tags[].generation: 0 asks for no import here")
		return
	}
	r.unuse(o, "generation")
}

// from reads the source of a tag (openshift.md 1.3 V8 to V10, V16, V18).
func (r *reader) from(o object, s *Stream, tag *Tag) {
	if o.at("from").value == nil {
		return
	}
	before := r.errors
	f := r.object(o.at("from"), "spec.tags[].from", fromFields...)
	r.unuse(f, unusedFrom...)
	tag.From = &From{Kind: r.text(f, "kind"), Namespace: r.name(f, "namespace"), Name: r.name(f, "name")}
	if tag.From.Name == "" && r.errors == before {
		r.errorf(f.at("name").line, "write what the tag takes its image from", "spec.tags[].from.name is missing")
	}
	if r.errors == before {
		r.kind(f, tag.From.Kind)
	}
	if r.errors == before {
		r.source(f, s, tag.From)
	}
}

// kind reads V9 of openshift.md 1.3.
func (r *reader) kind(f object, kind string) {
	all := "write " + strings.Join(kinds, ", ")
	switch {
	case slices.Contains(kinds, kind):
	case kind == "":
		r.errorf(f.at("kind").line, all, "spec.tags[].from.kind is missing")
	default:
		r.errorf(f.at("kind").line, cmp.Or(didYouMean(kind, kinds), all), "spec.tags[].from.kind %q is not known", kind)
	}
}

func (r *reader) source(f object, s *Stream, from *From) {
	line := f.at("name").line
	if from.Namespace != "" && !IsNamespace(from.Namespace) {
		r.errorf(f.at("namespace").line, namespaceHint, "from.namespace %q is not a namespace", from.Namespace)
	}
	if from.Kind != KindDockerImage {
		if _, err := ParseSource(s.Ref(), *from); err != nil {
			r.errorf(line, "", "%v", err)
		}
		return
	}
	if _, err := ParseImage(from.Name); err != nil {
		r.errorf(line, "write [registry/]repository[:tag] or [registry/]repository@digest", "from.name: %v", err)
	}
	if from.Namespace != "" && from.Namespace != s.Namespace {
		r.errorf(f.at("namespace").line, "remove it", "from.namespace is not for kind: %s, whose images lie in a registry", KindDockerImage)
	}
}

// importPolicy reads V11 and V14 of openshift.md 1.3.
func (r *reader) importPolicy(o object, tag *Tag) {
	p := r.object(o.at("importPolicy"), "spec.tags[].importPolicy", importFields...)
	tag.Scheduled = r.flag(p, "scheduled")
	if tag.Scheduled != nil && *tag.Scheduled && (tag.From == nil || tag.From.Kind != KindDockerImage) {
		r.errorf(p.at("scheduled").line, "remove it: a tag that follows another moves with it", "only tags with from.kind: %s may be scheduled", KindDockerImage)
	}
	if tag.Insecure = r.on(p, "insecure"); tag.Insecure {
		r.noticef(p.at("insecure").line, "the operator's plainHTTP or caFile of that host decides", "importPolicy.insecure has no effect here")
	}
	line := p.at("importMode").line
	switch tag.ImportMode = r.text(p, "importMode"); tag.ImportMode {
	case "", ModePreserveOriginal, ModeLegacy:
	default:
		r.errorf(line, "write PreserveOriginal, or remove it", "importMode %q is not known", tag.ImportMode)
	}
}

// referencePolicy reads V13 of openshift.md 1.3.
func (r *reader) referencePolicy(o object, tag *Tag) {
	p := r.object(o.at("referencePolicy"), "spec.tags[].referencePolicy", "type")
	switch tag.ReferencePolicy = r.text(p, "type"); tag.ReferencePolicy {
	case "", ReferenceSource, ReferenceLocal:
	default:
		r.errorf(p.at("type").line, "write type: Source or type: Local", "referencePolicy.type %q is not known", tag.ReferencePolicy)
	}
}

// annotations reads them, and reports those that imgstream reads and that are misspelt
// or cannot be used.
func (r *reader) annotations(o object, onTag bool) map[string]string {
	all := r.strings(o)
	for _, f := range o.fields {
		name := f.name
		switch {
		case onTag && (name == annotationPreferOS || name == annotationPreferArch):
			if all[name] != "" && !platformWord.MatchString(all[name]) {
				r.errorf(f.line, "write a word like linux or arm64", "annotation %s: %q is none", name, all[name])
			}
		case !strings.HasPrefix(name, annotationPrefix):
		case name == AnnotationPaused && all[name] == "false":
			r.noticef(f.line, "remove the annotation to go on", "%s: \"false\" pauses: the value is the reason", name)
		case name == AnnotationPaused, name == AnnotationReimport, onTag && slices.Contains(policyAnnotations, name):
		case slices.Contains(policyAnnotations, name):
			r.errorf(f.line, "move it to the tag", "annotation %s stands on a stream", name)
		case name == AnnotationInterval:
			if d, err := time.ParseDuration(all[name]); err != nil || d <= 0 {
				r.errorf(f.line, "write hours, minutes and seconds like 1h30m or 15m", "annotation %s: %q is not a time span", name, all[name])
			}
		case name == AnnotationMinAge:
			if d, err := time.ParseDuration(all[name]); err != nil || d < 0 {
				r.errorf(f.line, "write hours and minutes like 72h or 1h30m, or 0s for none", "annotation %s: %q is not a time span", name, all[name])
			}
		case name == AnnotationPlatforms:
			if _, err := ParsePlatforms(all[name]); err != nil {
				r.errorf(f.line, platformsHint, "annotation %s: %v", name, err)
			}
		default:
			r.errorf(f.line, didYouMean(name, knownAnnotations), "unknown annotation %s", name)
		}
	}
	return all
}
