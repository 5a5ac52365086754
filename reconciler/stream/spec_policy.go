package stream

import (
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/policy"
)

// partAnnotations are the annotations that the parts of a policy are written in.
var partAnnotations = map[string]string{
	policy.PartKind:    AnnotationPolicy,
	policy.PartRange:   AnnotationPolicyRange,
	policy.PartPattern: AnnotationPolicyPattern,
	policy.PartOrder:   AnnotationPolicyOrder,
}

// tagPolicy reads the annotations that choose a tag of a repository (semantics.md 3).
func (r *reader) tagPolicy(annotations, o object, tag *Tag) {
	if !slices.ContainsFunc(policyAnnotations, annotations.has) {
		return
	}
	p, faults := policy.Parse(policy.Rule{
		Kind: tag.Annotations[AnnotationPolicy], Range: tag.Annotations[AnnotationPolicyRange],
		Pattern: tag.Annotations[AnnotationPolicyPattern], Order: tag.Annotations[AnnotationPolicyOrder],
	})
	for _, f := range faults {
		name := partAnnotations[f.Part]
		r.errorf(annotations.at(name).line, f.Hint, "annotation %s %s", name, f.Message)
	}
	tag.Policy = p
	line := o.at("from").line
	switch {
	case tag.From == nil || tag.From.Kind != KindDockerImage:
		r.errorf(line, "write from: {kind: DockerImage, name: registry/repository}, or remove the annotation",
			"annotation %s chooses a tag of a repository, and from names none", AnnotationPolicy)
	case namesTag(tag.From.Name):
		r.errorf(line, "leave the tag or digest out of from.name, or remove the annotation",
			"annotation %s chooses the tag, and from.name %q names one", AnnotationPolicy, tag.From.Name)
	case tag.Reference:
		r.errorf(o.at("reference").line, "remove it, so that the image is imported", "reference: true imports nothing, so that annotation %s has no effect", AnnotationPolicy)
	}
}

// namesTag says whether an image reference has a tag or a digest of its own.
func namesTag(image string) bool {
	return strings.ContainsAny(image[strings.LastIndex(image, "/")+1:], ":@")
}
