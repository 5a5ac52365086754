// Package gitstore reads and writes one branch of a git repository without a
// work tree: [Store.Snapshot] is one commit as a file system, [Store.Commit]
// publishes a chain of commits that replaces exactly the commit it was made
// from. Remotes are smart HTTP and SSH (no git binary is needed) and local
// repositories (git's own programs do the work there). [WorkTree] is the same
// for the files of a local clone.
//
// It is the only package that uses go-git. It never merges, never forces the
// branch, never creates or resurrects it, and knows nothing about image
// streams.
package gitstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Rev is the hex name of a commit; "" means none.
type Rev string

// Short is the name as people read it: the first seven digits.
func (r Rev) Short() string { return string(r[:min(7, len(r))]) }

func revOf(h plumbing.Hash) Rev {
	if h.IsZero() {
		return ""
	}
	return Rev(h.String())
}

func (r Rev) hash() plumbing.Hash { return plumbing.NewHash(string(r)) }

// Identity is who wrote or committed something. Neither part may hold '<',
// '>' or a control character.
type Identity struct{ Name, Email string }

// DefaultCommitter is used where [Options] names none.
var DefaultCommitter = Identity{Name: "imgstream", Email: "imgstream@imgstream.dev"}

func (id Identity) check() error {
	bad := func(r rune) bool { return r < ' ' || r == '<' || r == '>' || r == 0x7f }
	if strings.TrimSpace(id.Name) == "" || id.Email == "" || strings.ContainsFunc(id.Name+id.Email, bad) {
		return fmt.Errorf("identity %q <%s> is not valid: name and e-mail are needed, without <, > and control characters", id.Name, id.Email)
	}
	return nil
}

// FS is the tree of a [Snapshot]. Every [fs.DirEntry] and [fs.FileInfo] of a
// Store's FS, that of "." included, also has a method Hash() string: git's
// name of the blob or tree. Those of a WorkTree have none.
//
// Symbolic links show as [fs.ModeSymlink] and submodules as [fs.ModeIrregular];
// opening either, or a path through one, is an error.
type FS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
}

// Snapshot is one commit. It never changes and stays readable after the
// branch has moved on.
type Snapshot struct {
	Rev Rev // "" in a WorkTree
	FS  FS

	// Base is the commit of imgstream's last push: that of
	// refs/imgstream/<branch>, whether or not it is an ancestor of Rev, else
	// the newest first-parent commit of Rev whose committer's e-mail is ours.
	// Base is "" and BaseFS nil where there is neither.
	Base   Rev
	BaseFS FS
}

// Commit is one commit of a chain, or one set of files of a work tree.
type Commit struct {
	Message string
	Author  Identity          // zero: the committer
	Files   map[string][]byte // whole new bytes by slash-separated path; nil deletes the file
}

// Published is what became of a chain.
type Published struct {
	Rev    Rev    // the commit the branch is at now; the base, if no commit changed anything
	Notice string // what people should know, such as that refs/imgstream/<branch> could not be moved; "" if nothing
}

// Options say which branch of which repository, and how to reach it.
type Options struct {
	URL    string // http(s)://…, ssh://…, [user@]host:path, file://… or a local path
	Branch string // without refs/heads/

	// Credentials is asked before each request that needs them, so that they
	// can be replaced while running. nil: those of the URL, if any. They are
	// sent to the scheme and host of URL only.
	Credentials func() (Credentials, error)
	CABundle    []byte // PEM, trusted for https in addition to the system's CAs

	// Proxy is the URL of a proxy for http and https: http, https or socks5,
	// with user and password where it wants them. "": as HTTPS_PROXY, HTTP_PROXY
	// and NO_PROXY have it.
	Proxy string

	Committer Identity         // imgstream's own, by which its commits are known; zero: DefaultCommitter
	Person    Identity         // commits instead of imgstream: refs/imgstream/<branch> stays where it is; zero: imgstream commits
	Signer    Signer           // signs every commit that is made; nil: they are not signed
	Now       func() time.Time // nil: time.Now
	Progress  io.Writer        // gets the server's progress texts of a fetch; may be nil
}

// Signer makes the detached, armored signature of a commit. Package sign has
// signers for SSH and OpenPGP keys.
type Signer interface {
	Sign(payload []byte) (armored string, err error)
}

// Store is one branch of one repository. Its methods may be called from
// several goroutines, but do their work one after the other.
type Store struct {
	wire      wire
	where     string                 // the redacted URL
	branch    plumbing.ReferenceName // refs/heads/<branch>
	own       plumbing.ReferenceName // refs/imgstream/<branch>
	committer Identity               // imgstream's own
	person    Identity               // who commits; zero: committer
	signer    Signer                 // nil: none
	now       func() time.Time
	progress  io.Writer
	counts    counters

	mu       sync.Mutex
	server   server   // what the server can do, as far as it is known
	objects  *objects // nil: nothing fetched yet
	floor    int64    // size of objects when it was last fresh
	tip      plumbing.Hash
	snap     Snapshot
	seen     refs   // what snap was made from
	searched search // the last search for a base without refs/imgstream
	refused  string // why own is not moved any more; "" if it is
	lone     lone   // the last push that could not move own
	packer   packer
	receives map[string]bool // what the server takes, of a push that did not fail; nil: not known
}

// Open validates the options. It does no I/O.
func Open(opts Options) (*Store, error) {
	r, err := parseRemote(opts.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{
		where:     r.redacted(),
		branch:    plumbing.NewBranchReferenceName(opts.Branch),
		own:       plumbing.ReferenceName("refs/imgstream/" + opts.Branch),
		committer: opts.Committer,
		person:    opts.Person,
		signer:    opts.Signer,
		now:       opts.Now,
		progress:  opts.Progress,
	}
	if opts.Branch == "" {
		return nil, errors.New("no branch is named: give one with --branch")
	}
	if err := s.branch.Validate(); err != nil {
		return nil, fmt.Errorf("%q is not a valid branch name", opts.Branch)
	}
	if s.committer == (Identity{}) {
		s.committer = DefaultCommitter
	}
	if err := s.committer.check(); err != nil {
		return nil, fmt.Errorf("committer: %w", err)
	}
	if err := s.checkPerson(); err != nil {
		return nil, err
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wire, err = r.wire(opts); err != nil {
		return nil, err
	}
	return s, nil
}

// Stats counts what a Store has done since it was opened.
type Stats struct {
	Looks          int64 // questions where the branch is
	Fetches        int64 // packs asked for
	TreesRead      int64 // tree objects decoded
	BlobsRead      int64 // files read
	ObjectsFetched int64 // objects received
	ObjectsWritten int64 // objects made for commits
	Pushes         int64 // receive-pack requests sent
}

type counters struct {
	looks, fetches, trees, blobs, received, written, pushes atomic.Int64
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	c := &s.counts
	return Stats{
		Looks: c.looks.Load(), Fetches: c.fetches.Load(),
		TreesRead: c.trees.Load(), BlobsRead: c.blobs.Load(),
		ObjectsFetched: c.received.Load(), ObjectsWritten: c.written.Load(), Pushes: c.pushes.Load(),
	}
}
