// Package plan decides. From values alone (what a commit says, what people did
// since imgstream's last push, what registries answered, the time) it computes
// the questions to ask, the next status of every tag, and the files and commits
// that bring it about. It sees no git, no clock and no socket; the same values
// give the same bytes.
package plan

// Import is one question to a registry: what does this reference point to? It is
// comparable: one question is asked once in a pass, however many tags ask it.
type Import struct {
	// Reference is fully qualified (docker.io/library/mysql:5.7, or …@sha256:…),
	// as stream.Image.String gives it.
	Reference string
	// Scope names the operator's credentials that are bound to the asking tags'
	// namespaces or paths; "" for those that everybody may use.
	Scope string
}

// Question is an Import with what is already known about it.
type Question struct {
	Import Import
	// Known are the digests that every asking tag has in its history. An answer
	// that is one of them needs no content to be fetched.
	Known []string
}

// Answer is what a registry said. A failed lookup is an answer.
type Answer struct {
	Digest  string // sha256:… or sha512:…; "" when Failure is set
	Labels  Labels // of the image; empty for a digest that was known, and when they could not be read
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
