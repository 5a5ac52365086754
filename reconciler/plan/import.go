// Package plan decides. From values alone (what a commit says, what people did
// since imgstream's last push, what registries answered, the time) it computes
// the questions to ask, the next status of every tag, and the files and commits
// that bring it about. It sees no git, no clock and no socket; the same values
// give the same bytes.
package plan

import (
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Import is one question to a registry: what does this reference point to? It is
// comparable: one question is asked once in a pass, however many tags ask it.
type Import struct {
	// Reference is fully qualified (docker.io/library/mysql:5.7, or …@sha256:…),
	// as stream.Image.String gives it.
	Reference string
	// Scope names the operator's credentials that are bound to the asking tags'
	// namespaces or paths; "" for those that everybody may use.
	Scope string
	// Legacy asks for one image of an index instead of the index.
	Legacy bool
	// Prefer says which image of an index is taken by Legacy, and speaks for the index
	// else, the most wanted first: platforms with commas between them, parts of which may
	// be empty (/arm64). "" is linux/amd64, which is also what comes after them.
	Prefer string
	// Exists asks only whether the registry still has the Reference, which is by digest.
	Exists bool
	// Tags asks for the names of all tags instead, of the repository that Reference is,
	// without tag and digest.
	Tags bool
	// Created asks when the image was made: Answer.Image is there for a known digest, too.
	Created bool
}

// Prefers takes Prefer apart.
func (im Import) Prefers() []stream.Platform {
	var all []stream.Platform
	for s := range strings.SplitSeq(im.Prefer, ",") {
		parts := append(strings.Split(s, "/"), "", "")
		if p := (stream.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}); p != (stream.Platform{}) {
			all = append(all, p)
		}
	}
	return all
}

// Question is an Import with what is already known about it.
type Question struct {
	Import Import
	// Known are the digests that every asking tag has in its history, and that are
	// described as the settings want it. An answer that is one of them needs no content
	// to be fetched.
	Known []string
	// Children are the Known images that the asking tags took from an index, by its digest.
	Children map[string]string
}

// Answer is what a registry said. A failed lookup is an answer.
type Answer struct {
	Digest string // sha256:… or sha512:…; "" when Failure is set
	Index  string // the index that Digest was taken from; "" unless Legacy took it from one

	// Known says that Digest is one that the Question knew: what follows is not all there.
	Known bool

	// What Digest holds.
	Platforms []stream.Platform     // of the image, or of the index; none when they could not be read
	Image     *stream.ImageMetadata // as Fit gives it, with its environment; nil when it could not be read
	Labels    Labels                // empty when they could not be read

	Tags []string // sorted, each once: all that the repository has, where Import.Tags asks for them

	Failure *Failure
}

// Labels are what an image says of itself (org.opencontainers.image.*; of an index,
// what one of its images says). They are other people's text, as it came; "" where
// the image has none.
type Labels struct{ Source, Revision, Version string }

// Failure is why there is no digest.
type Failure struct {
	// Reason is set when the failure is a fact about the reference (one of the
	// stream.Reason constants): it becomes a condition of the tag. "" means a state
	// of the host (credentials, DNS, TLS, 429, 5xx, timeouts), which stays out of git.
	Reason string
	// Message says what happened, for people: host, HTTP status, what to do. It is
	// printed and logged, and never committed.
	Message string
	// Hint says what to do about it; may be empty.
	Hint string
}

// Answers are the answers of one pass.
type Answers map[Import]Answer
