// Package hooks reads what registries send when somebody pushes. A payload is a hint to
// ask the registry, never the source of a digest: all that is taken from it is which
// tag to ask for. It knows nobody, and it does no I/O.
package hooks

import (
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"slices"
	"strings"
)

// MaxBody is the largest payload that is read, in bytes.
const MaxBody = 1 << 20

// maxHints are taken of one payload. Registries send a handful of events at a time.
const maxHints = 1000

// Hint says that a tag of a repository may point to another image now.
type Hint struct {
	Host       string // host[:port] in lower case; docker.io for its aliases; "": the sender did not say
	Repository string // in lower case, as references have it: library/mysql
	Tag        string
}

// Reference is the tag in full. The Hint has a Host.
func (h Hint) Reference() string { return h.Host + "/" + h.Repository + ":" + h.Tag }

// At is h with a host in the place of what the sender calls itself; "" changes nothing.
func (h Hint) At(host string) Hint {
	if host != "" {
		return newHint(host, h.Repository, h.Tag)
	}
	return h
}

// newHint makes names what references make of them.
func newHint(host, repository, tag string) Hint {
	h := Hint{Host: strings.ToLower(host), Repository: strings.ToLower(strings.Trim(repository, "/")), Tag: tag}
	switch h.Host {
	case "index.docker.io", "registry-1.docker.io":
		h.Host = "docker.io"
	}
	if h.Host == "docker.io" && !strings.Contains(h.Repository, "/") {
		h.Repository = "library/" + h.Repository
	}
	return h
}

var (
	hostSyntax       = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$`)
	repositorySyntax = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	tagSyntax        = regexp.MustCompile(`^[\w][\w.-]{0,127}$`)
	// digestTag is what some clients call what belongs to a digest: signatures, referrers.
	digestTag = regexp.MustCompile(`^sha(?:256|512)-[0-9a-f]{64}`)
)

// usable reports whether the hint names a tag that a stream can follow.
func (h Hint) usable() bool {
	return (h.Host == "" || hostSyntax.MatchString(h.Host)) && len(h.Repository) <= 255 && repositorySyntax.MatchString(h.Repository) &&
		tagSyntax.MatchString(h.Tag) && !digestTag.MatchString(h.Tag)
}

// add keeps each usable hint once.
func add(hints []Hint, h Hint) []Hint {
	if !h.usable() || len(hints) == maxHints || slices.Contains(hints, h) {
		return hints
	}
	return append(hints, h)
}

// Bears reports whether the value of an Authorization header is the bearer token. It
// compares hashes, so that the time it takes tells neither token nor its length. No
// token is nobody's.
func Bears(authorization, token string) bool {
	scheme, sent, _ := strings.Cut(authorization, " ")
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && token != "" && strings.EqualFold(scheme, "Bearer")
}
