package stream

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// DefaultPlatform is the platform where the settings name none.
const DefaultPlatform = "linux/amd64"

// Platform is what an image runs on, in Go's words, as registries write it.
type Platform struct{ OS, Architecture, Variant string }

const platformsHint = "write platforms like linux/amd64 or linux/arm/v7"

var platformWord = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// ParsePlatform reads os/architecture[/variant].
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.ContainsFunc(parts, func(p string) bool { return !platformWord.MatchString(p) }) {
		return Platform{}, fmt.Errorf("%q is not os/architecture[/variant]", s)
	}
	return Platform{OS: parts[0], Architecture: parts[1], Variant: strings.Join(parts[2:], "")}, nil
}

// ParsePlatforms reads platforms with commas between them; none is none.
func ParsePlatforms(s string) ([]Platform, error) {
	var all []Platform
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := ParsePlatform(part)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// String gives os/architecture[/variant]; what is not known is empty.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Wants says whether an image for have will do. A part of p that is empty is any; an
// image without a variant has the usual one of its architecture.
func (p Platform) Wants(have Platform) bool {
	if have.Variant == "" {
		have.Variant = map[string]string{"arm": "v7", "arm64": "v8"}[have.Architecture]
	}
	return (p.OS == "" || p.OS == have.OS) && (p.Architecture == "" || p.Architecture == have.Architecture) &&
		(p.Variant == "" || p.Variant == have.Variant)
}

// Annotations of a tag that say which image of an index Legacy takes (openshift.md 2.9).
const (
	annotationPreferOS   = "importer.image.openshift.io/prefer-os"
	annotationPreferArch = "importer.image.openshift.io/prefer-arch"
)

// IsLegacy says whether one image of an index is recorded instead of the index: by the
// tag, else by the settings.
func (t *Tag) IsLegacy(settings Settings) bool {
	if t.ImportMode != "" {
		return t.ImportMode == ModeLegacy
	}
	return settings.Imports.ImportMode == ModeLegacy
}

// Preferred says which image of an index speaks for it, or is taken for it, the most
// wanted first: what the tag's annotations prefer, where one image is taken, then the
// platform of the settings.
func (t *Tag) Preferred(settings Settings) []Platform {
	var all []Platform
	if own := (Platform{OS: t.Annotations[annotationPreferOS], Architecture: t.Annotations[annotationPreferArch]}); t.IsLegacy(settings) && own != (Platform{}) {
		all = append(all, own)
	}
	platform, err := ParsePlatform(settings.Imports.Platform)
	if err != nil { // settings that were not parsed
		return all
	}
	return append(all, platform)
}

// Required are the platforms that an image must have to be taken: by the tag's own
// annotation, else the stream's, else the settings.
func (s *Stream) Required(tag *Tag, settings Settings) []Platform {
	for _, annotations := range []map[string]string{tag.Annotations, s.Annotations} {
		if text, there := annotations[AnnotationPlatforms]; there {
			all, _ := ParsePlatforms(text) // checked when the spec was read
			return all
		}
	}
	all, _ := ParsePlatforms(strings.Join(settings.Imports.RequiredPlatforms, ","))
	return all
}
