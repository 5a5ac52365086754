package stream

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// DefaultNamespace is the namespace where neither document nor settings name one.
const DefaultNamespace = "default"

const (
	maxNamespace = 63
	maxStream    = 255 // namespace/name, openshift.md 1.3 V5
)

var (
	nameSyntax      = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	namespaceSyntax = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$`)
	prefixSyntax    = regexp.MustCompile(`^(?:(?:sha256:)?[0-9a-f]{1,64}|(?:sha512:)?[0-9a-f]{1,128})$`)
)

// Ref names a stream, a tag of it, or an image in its history:
// sso/keycloak, sso/keycloak:25.0, sso/keycloak@sha256:….
type Ref struct{ Namespace, Name, Tag, Digest string }

// Stream is the stream that r belongs to.
func (r Ref) Stream() Ref { return Ref{Namespace: r.Namespace, Name: r.Name} }

// String gives namespace/name, namespace/name:tag or namespace/name@digest.
func (r Ref) String() string {
	s := r.Name
	if r.Namespace != "" {
		s = r.Namespace + "/" + s
	}
	switch {
	case r.Digest != "":
		s += "@" + r.Digest
	case r.Tag != "":
		s += ":" + r.Tag
	}
	return s
}

// ParseTagRef reads [namespace/]stream:tag, as markers and the command line write it.
func ParseTagRef(s, defaultNamespace string) (Ref, error) {
	ref := Ref{Namespace: defaultNamespace}
	rest := s
	if namespace, name, ok := strings.Cut(s, "/"); ok {
		ref.Namespace, rest = namespace, name
	}
	ref.Name, ref.Tag, _ = strings.Cut(rest, ":")
	switch {
	case !strings.Contains(rest, ":"):
		return Ref{}, fmt.Errorf("%q names no tag: write [namespace/]stream:tag", s)
	case !IsNamespace(ref.Namespace):
		return Ref{}, fmt.Errorf("%q: %q is not a namespace: write [namespace/]stream:tag", s, ref.Namespace)
	case !IsName(ref.Name):
		return Ref{}, fmt.Errorf("%q: %q is not the name of a stream: write [namespace/]stream:tag", s, ref.Name)
	case !IsTag(ref.Tag):
		return Ref{}, fmt.Errorf("%q: %q is not a tag: write [namespace/]stream:tag", s, ref.Tag)
	}
	return ref, nil
}

// ParseRef reads what Ref.String writes of a tag or an image, the namespace
// included: namespace/stream:tag or namespace/stream@digest.
func ParseRef(s string) (Ref, error) {
	name, digest, image := strings.Cut(s, "@")
	if !image {
		return ParseTagRef(s, "")
	}
	namespace, name, _ := strings.Cut(name, "/")
	if !IsNamespace(namespace) || !IsName(name) || !IsDigest(digest) {
		return Ref{}, fmt.Errorf("%q is not namespace/stream@digest", s)
	}
	return Ref{Namespace: namespace, Name: name, Digest: digest}, nil
}

// ParseSource gives what a tag of the stream own takes its image from, when its
// source is an ImageStreamTag (name is <tag> or <stream>:<tag>) or an
// ImageStreamImage (<digest> or <stream>@<digest>). The digest may be a prefix;
// one without an algorithm is taken for sha256, or sha512 where it is too long for that.
func ParseSource(own Ref, from From) (Ref, error) {
	if namespace, rest, ok := strings.Cut(from.Name, "/"); ok {
		return Ref{}, fmt.Errorf("from.name %q holds a namespace: write from.namespace: %s and from.name: %q", from.Name, namespace, rest)
	}
	parse := parseTagSource
	if from.Kind == KindImageStreamImage {
		parse = parseImageSource
	}
	ref, err := parse(from.Name)
	if err != nil {
		return Ref{}, fmt.Errorf("from.name %q: %w", from.Name, err)
	}
	ref.Namespace = cmp.Or(from.Namespace, own.Namespace)
	ref.Name = cmp.Or(ref.Name, own.Name)
	return ref, nil
}

func parseTagSource(name string) (Ref, error) {
	if strings.Contains(name, "@") {
		return Ref{}, fmt.Errorf("it names an image, not a tag: write kind: %s", KindImageStreamImage)
	}
	ref := Ref{Tag: name}
	if stream, tag, ok := strings.Cut(name, ":"); ok {
		ref = Ref{Name: stream, Tag: tag}
		if !IsName(stream) {
			return Ref{}, fmt.Errorf("%q is not the name of a stream: write <tag> or <stream>:<tag>", stream)
		}
	}
	if !IsTag(ref.Tag) {
		return Ref{}, fmt.Errorf("%q is not a tag: write <tag> or <stream>:<tag>", ref.Tag)
	}
	return ref, nil
}

func parseImageSource(name string) (Ref, error) {
	ref := Ref{Digest: name}
	if stream, digest, ok := strings.Cut(name, "@"); ok {
		ref = Ref{Name: stream, Digest: digest}
		if !IsName(stream) {
			return Ref{}, fmt.Errorf("%q is not the name of a stream: write <stream>@<digest> or <digest>", stream)
		}
	}
	if !prefixSyntax.MatchString(ref.Digest) {
		return Ref{}, fmt.Errorf("%q is not a digest: write <stream>@<digest> or <digest>, or kind: %s for a tag", ref.Digest, KindImageStreamTag)
	}
	if !strings.Contains(ref.Digest, ":") {
		ref.Digest = algorithm(ref.Digest) + ref.Digest
	}
	return ref, nil
}

func algorithm(hex string) string {
	if len(hex) > 64 {
		return "sha512:"
	}
	return "sha256:"
}

// IsName says whether s may be the name of a stream (openshift.md 1.3 V2, V3).
func IsName(s string) bool { return nameSyntax.MatchString(s) }

// IsNamespace says whether s may be a namespace: a label of RFC 1123.
func IsNamespace(s string) bool {
	return len(s) <= maxNamespace && namespaceSyntax.MatchString(s)
}

// StatusPath is where the status of a tag lies below the status directory.
func StatusPath(statusDirectory string, tag Ref) string {
	return path.Join(statusDirectory, tag.Namespace, tag.Name, tag.Tag+".yaml")
}

// ParseStatusPath is the inverse of StatusPath; ok is false for every other path.
func ParseStatusPath(statusDirectory, file string) (tag Ref, ok bool) {
	rest, below := strings.CutPrefix(file, path.Clean(statusDirectory)+"/")
	rest, yaml := strings.CutSuffix(rest, ".yaml")
	parts := strings.Split(rest, "/")
	if !below || !yaml || len(parts) != 3 {
		return Ref{}, false
	}
	tag = Ref{Namespace: parts[0], Name: parts[1], Tag: parts[2]}
	if !IsNamespace(tag.Namespace) || !IsName(tag.Name) || !IsTag(tag.Tag) {
		return Ref{}, false
	}
	return tag, true
}
