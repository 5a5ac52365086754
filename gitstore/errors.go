package gitstore

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"unicode"
)

// Errors that callers act on, found with [errors.Is]. The messages around them
// name the repository and what to do next.
var (
	// ErrConflict: the branch (or a file of the work tree) is not what the
	// commits were made from. Take a new Snapshot and compute again.
	ErrConflict = errors.New("the branch moved")
	// ErrRepositoryNotFound: there is no repository, or the credentials may not see it.
	ErrRepositoryNotFound = errors.New("repository not found")
	// ErrBranchNotFound: the branch was never there or has been deleted. It is not created.
	ErrBranchNotFound = errors.New("branch does not exist")
	// ErrUnauthorized: credentials are missing, wrong, or not sufficient.
	ErrUnauthorized = errors.New("wrong or missing credentials")
	// ErrIncomplete: an object that a commit needs is missing. The Store fetches
	// everything afresh at its next Snapshot; the file is never taken for absent.
	ErrIncomplete = errors.New("object is missing from the store")
	// ErrPath: a path that must not be written: absolute, with "..", in .git,
	// through a symbolic link, a submodule or a file.
	ErrPath = errors.New("path cannot be written")
)

// RejectedError is a push that the server refused by policy or permission
// while the branch stayed where it was. Trying again does not help.
type RejectedError struct {
	URL    string // redacted
	Branch string
	Reason string // the server's status, such as "pre-receive hook declined"
	Words  string // what the server printed besides; may be "" or have several lines
	Err    error  // ErrUnauthorized for 401 and 403, else nil
}

func (e *RejectedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "push to %s of %s was refused: %s", e.Branch, e.URL, e.Reason)
	for line := range strings.Lines(e.Words) {
		fmt.Fprintf(&b, "\n  remote: %s", strings.TrimRight(line, "\n"))
	}
	switch {
	case e.Err != nil:
		fmt.Fprint(&b, "\ncheck that the credentials are valid and may write to this repository")
	default:
		fmt.Fprintf(&b, "\nallow %s to be pushed to by imgstream, or satisfy the rule that refused it", e.Branch)
	}
	return b.String()
}

func (e *RejectedError) Unwrap() error { return e.Err }

// refusalError is a RejectedError in the making: the server named a refusal,
// but the branch has not been looked at yet.
type refusalError struct {
	reason string // of the branch
	own    string // of refs/imgstream/<branch>; "" if that was not refused
	words  string
	err    error
}

func (e *refusalError) Error() string {
	if e.words == "" {
		return e.reason
	}
	return e.reason + " (" + strings.ReplaceAll(e.words, "\n", "; ") + ")"
}

func (e *refusalError) Unwrap() error { return e.err }

// statusError is a server that does not answer as git does: an HTTP status
// other than 200, a login over SSH that is refused, a service that ends at once.
type statusError struct {
	status string // "503 Service Unavailable", "git-upload-pack ended with status 1"
	words  string // what the server says in plain text
	hint   string
	err    error // one of the sentinels, or nil
}

func (e *statusError) Error() string {
	text := e.status
	if e.err != nil {
		text = e.err.Error() + " (" + e.status + ")"
	}
	if e.words != "" {
		text += ": " + e.words
	}
	if e.hint != "" {
		text += ": " + e.hint
	}
	return text
}

func (e *statusError) Unwrap() error { return e.err }

// explainDial adds what to do to a server that cannot be reached.
func explainDial(err error) error {
	hint := ""
	dns, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case unknown && dns.IsNotFound:
		hint = "check the name of the host"
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "check that the server runs, and its port"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}

// maxWords bounds what is kept of a server's text.
const maxWords = 4096

// printable makes other people's text safe to show: control characters go,
// line ends stay, and it is cut to maxWords.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r', r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(clean) > maxWords {
		clean = strings.ToValidUTF8(clean[:maxWords], "") + "…"
	}
	return strings.TrimSpace(clean)
}
