package stream

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// DockerRegistry is the registry of references that name none.
const DockerRegistry = "docker.io"

const (
	defaultTag        = "latest"
	maxRepository     = 255
	registryGrammar   = `^(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)(?::[0-9]{1,5})?$`
	repositoryGrammar = `^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`
)

var (
	registrySyntax   = regexp.MustCompile(registryGrammar)
	repositorySyntax = regexp.MustCompile(repositoryGrammar)
	tagSyntax        = regexp.MustCompile(`^[\w][\w.-]{0,127}$`)
)

// Image is a reference to an image in a registry with Docker's defaults
// applied: docker.io, library/, and the tag latest where neither tag nor digest
// is given (openshift.md 1.10 without its quirks).
type Image struct {
	Registry   string // host or host:port in lower case; docker.io for its aliases
	Repository string
	Tag        string // may stand beside a digest, which wins
	Digest     string // sha256:… or sha512:…
}

// ParseImage reads [registry[:port]/]repository[:tag][@digest]. The first
// segment of several is a registry if it has a dot or a colon or is localhost.
func ParseImage(s string) (Image, error) {
	img, err := parseImage(s)
	if err != nil {
		return Image{}, fmt.Errorf("invalid image reference %q: %w", s, err)
	}
	return img, nil
}

func parseImage(s string) (Image, error) {
	if s == "" {
		return Image{}, errors.New("it is empty")
	}
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return Image{}, fmt.Errorf("leave out %s://", scheme)
	}
	var img Image
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		if !IsDigest(digest) {
			return Image{}, errors.New("the digest must be sha256: and 64, or sha512: and 128 lower-case hexadecimal digits")
		}
		img.Digest = digest
	}
	if first, path, ok := strings.Cut(rest, "/"); ok && isRegistry(first) {
		img.Registry, rest = strings.ToLower(first), path
	}
	if name, tag, ok := strings.Cut(rest, ":"); ok {
		if !IsTag(tag) {
			return Image{}, fmt.Errorf("%q is not a tag", tag)
		}
		rest, img.Tag = name, tag
	}
	img.Repository = rest
	return img.withDefaults(), img.check()
}

func isRegistry(segment string) bool {
	return segment == "localhost" || strings.ContainsAny(segment, ".:")
}

func (i Image) check() error {
	switch {
	case i.Registry != "" && !registrySyntax.MatchString(i.Registry):
		return fmt.Errorf("%q is not a registry host", i.Registry)
	case i.Repository == "":
		return errors.New("the repository name is missing")
	case i.Repository != strings.ToLower(i.Repository):
		return errors.New("repository name must be lowercase")
	case len(i.Repository) > maxRepository:
		return fmt.Errorf("repository name is longer than %d characters", maxRepository)
	case !repositorySyntax.MatchString(i.Repository):
		return fmt.Errorf("%q is not a repository name", i.Repository)
	}
	return nil
}

func (i Image) withDefaults() Image {
	switch i.Registry {
	case "", "index.docker.io", "registry-1.docker.io":
		i.Registry = DockerRegistry
	}
	if i.Registry == DockerRegistry && !strings.Contains(i.Repository, "/") {
		i.Repository = "library/" + i.Repository
	}
	if i.Tag == "" && i.Digest == "" {
		i.Tag = defaultTag
	}
	return i
}

// Name gives registry/repository.
func (i Image) Name() string { return i.Registry + "/" + i.Repository }

// Pull gives the pull spec of an image of this repository by digest.
func (i Image) Pull(digest string) string { return i.Name() + "@" + digest }

// String gives the reference in full; a digest wins over a tag.
func (i Image) String() string {
	if i.Digest != "" {
		return i.Pull(i.Digest)
	}
	return i.Name() + ":" + i.Tag
}

// IsTag says whether s may be the name of a tag.
func IsTag(s string) bool { return tagSyntax.MatchString(s) }

// IsDigest says whether s is a whole digest of a kind that is accepted.
func IsDigest(s string) bool {
	algorithm, hex, _ := strings.Cut(s, ":")
	return (algorithm == "sha256" && len(hex) == 64 || algorithm == "sha512" && len(hex) == 128) && strings.Trim(hex, "0123456789abcdef") == ""
}
