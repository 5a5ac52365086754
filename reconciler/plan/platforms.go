package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// question asks where a reference that a tag imports points to.
func (p *Present) question(t *tag, image stream.Image) Import {
	return Import{
		Reference: image.String(), Scope: p.operator.scope(image, t),
		Legacy: t.spec.IsLegacy(p.settings()), Prefer: p.prefer(t),
	}
}

// prefer is Import.Prefer of a tag.
func (p *Present) prefer(t *tag) string {
	if s := names(t.spec.Preferred(p.settings()), ","); s != stream.DefaultPlatform {
		return s
	}
	return ""
}

func names(platforms []stream.Platform, separator string) string {
	all := make([]string, len(platforms))
	for i, p := range platforms {
		all[i] = p.String()
	}
	return strings.Join(all, separator)
}

// lacks are the platforms that a tag requires and an image does not have. What was taken
// once is not looked at again.
func (p *Present) lacks(t *tag, a Answer) []stream.Platform {
	if slices.Contains(digestsOf(t.cur), a.Digest) {
		return nil
	}
	var lacks []stream.Platform
	for _, want := range t.stream.Required(t.spec, p.settings()) {
		if !slices.ContainsFunc(a.Platforms, want.Wants) {
			lacks = append(lacks, want)
		}
	}
	return lacks
}

// incomplete keeps a tag from an image that lacks a platform that the tag requires, until
// the registry has one with all of them.
func (n *Next) incomplete(t *tag, st *stream.Status, im Import, a Answer) (*stream.Status, bool) {
	lacks := n.lacks(t, a)
	switch {
	case len(lacks) == 0:
		return nil, false
	case a.Image == nil && len(a.Platforms) == 0:
		n.report(t, stream.Error, fmt.Sprintf("%s is not taken: its platforms could not be read", a.Digest), "")
		return st, true
	}
	n.report(t, stream.Error, fmt.Sprintf("%s is not taken yet: it has no image for %s", a.Digest, names(lacks, ", ")),
		"push an image with all of them, or change "+stream.AnnotationPlatforms+" or imports.requiredPlatforms")
	return n.fail(t, st, stream.ReasonPlatformMissing, fmt.Sprintf("%q does not have all of the platforms %s", im.Reference, names(t.stream.Required(t.spec, n.settings()), ", "))), true
}

// legacy tells which specs have images recorded of one platform alone (semantics.md 3).
func legacy(tip *View) []stream.Problem {
	var all []stream.Problem
	for _, s := range tip.Tree.Streams {
		for i := range s.Tags {
			if t := &s.Tags[i]; t.ImportMode == stream.ModeLegacy {
				all = append(all, stream.Problem{
					Severity: stream.Notice, Pos: t.Pos, Ref: s.TagRef(t.Name),
					Message: "importMode: Legacy takes one image of an index: nodes of another platform cannot run it",
					Hint:    "write importMode: PreserveOriginal, or remove it",
				})
			}
		}
	}
	return all
}
