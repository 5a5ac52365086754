// Package ledger keeps the books of a branch: on one side what people committed and what
// registries served, on the other what the branch says. Nothing may be lost, and nothing
// may be there twice. It reads the branch with git and its files with a YAML library of
// its own, never with imgstream's code.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// historyLimit is the default of the settings.
const historyLimit = 10

// committer is how imgstream's commits are known.
const committer = "imgstream@imgstream.dev"

// Ledger is safe for concurrent use.
type Ledger struct {
	// NoOwnRef says that the server keeps no refs/imgstream/<branch>.
	NoOwnRef bool

	repo    *gitserver.Repository
	streams map[string]fixture.Stream // by namespace/name

	mu     sync.Mutex
	from   string   // the commit up to which the history is balanced
	people []string // commits that were not seen in it yet
	tags   map[string]*tag
	sum    Sum
}

// tag is what should be said about the tag 1.0 of a stream.
type tag struct {
	served []string // digests that were not imported yet, in order
	latest string   // what the registry serves
	taken  string   // what a person took back and the registry goes on serving; "" for none
	held   string   // what a person wrote into the consumer since the last move; "" for nothing
	flaps  bool     // its digests come back: where it stands is not said
}

// Sum is what was balanced so far.
type Sum struct{ People, Served, Imported, Skipped, TakenBack, Held int }

// Open begins the books at the tip of a branch.
func Open(ctx context.Context, repo *gitserver.Repository, streams []fixture.Stream) (*Ledger, error) {
	l := &Ledger{repo: repo, streams: map[string]fixture.Stream{}, tags: map[string]*tag{}}
	for _, s := range streams {
		l.streams[Name(s)] = s
		l.tags[Name(s)] = &tag{}
	}
	var err error
	l.from, err = repo.Tip(ctx)
	return l, err
}

// Name is how a stream is called in commits.
func Name(s fixture.Stream) string { return s.Namespace + "/" + s.Name }

// Person enters a commit of a person that the server took.
func (l *Ledger) Person(commit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people = append(l.people, commit)
	l.sum.People++
}

// Served enters a digest that a registry serves from now on. It is new.
func (l *Ledger) Served(s fixture.Stream, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tags[Name(s)]
	t.served, t.latest, t.taken = append(t.served, digest), digest, ""
	l.sum.Served++
}

// Flaps enters a digest that a registry serves from now on, and may have served before.
func (l *Ledger) Flaps(s fixture.Stream, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tags[Name(s)]
	t.flaps, t.latest = true, digest
}

// TookBack enters a revert of the commit that brought what the registry still serves.
func (l *Ledger) TookBack(s fixture.Stream, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tags[Name(s)].taken = digest
	l.sum.TakenBack++
}

// Held enters what a person wrote into the consumer of a stream.
func (l *Ledger) Held(s fixture.Stream, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tags[Name(s)].held = digest
	l.sum.Held++
}

// Latest is the digest that the registry serves for a stream.
func (l *Ledger) Latest(s fixture.Stream) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tags[Name(s)].latest
}

// Quiet reports whether nothing that a person did to a stream is in force.
func (l *Ledger) Quiet(s fixture.Stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tags[Name(s)]
	return t.taken == "" && t.held == ""
}

// Sum is what was balanced so far.
func (l *Ledger) Sum() Sum {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum
}

// History balances the history since the last time: the branch was never rewound, every
// commit of a person is in it, every digest was imported in the order it was served, and
// none twice.
func (l *Ledger) History(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tip, err := l.repo.Tip(ctx)
	if err != nil {
		return err
	}
	if _, err := l.repo.Git(ctx, "merge-base", "--is-ancestor", l.from, tip); err != nil {
		return fmt.Errorf("%s is lost from the branch: %w", l.from, err)
	}
	commits, err := log(ctx, l.repo, l.from, tip)
	if err != nil {
		return err
	}
	var problems []error
	there := map[string]bool{}
	for _, c := range commits {
		there[c.id] = true
		for _, m := range c.moves {
			problems = append(problems, l.imported(c, m))
		}
	}
	for _, p := range l.people {
		if !there[p] {
			problems = append(problems, fmt.Errorf("a person's commit %s is lost", p))
		}
	}
	l.from, l.people = tip, nil
	return errors.Join(problems...)
}

// imported enters an import.
func (l *Ledger) imported(c commit, m move) error {
	t := l.tags[m.stream]
	if m.tag != "1.0" || m.cause != "import" {
		return nil
	}
	l.sum.Imported++
	if t == nil {
		return fmt.Errorf("%s imports %s of %s, which is no stream of this test", c.id, m.is, m.stream)
	}
	t.held = ""
	if t.flaps {
		return nil
	}
	i := slices.Index(t.served, m.is)
	if i < 0 {
		return fmt.Errorf("%s imports %s of %s, which was imported before, or was never to be", c.id, m.is, m.stream)
	}
	l.sum.Skipped += i
	t.served = t.served[i+1:]
	return nil
}

// AtRest balances the history and everything that the tip says: call it when imgstream
// has nothing to do any more.
func (l *Ledger) AtRest(ctx context.Context) error {
	problems := []error{l.History(ctx), l.repo.Fsck(ctx), l.ownRef(ctx)}
	files, err := l.repo.Files(ctx, gitserver.Branch)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range l.streams {
		if err := l.tags[name].check(files, s); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append(problems, Twice(files))...)
}

// ownRef checks that refs/imgstream/<branch> is at imgstream's newest commit.
func (l *Ledger) ownRef(ctx context.Context) error {
	if l.NoOwnRef {
		return nil
	}
	own, err := l.repo.Git(ctx, "rev-parse", "refs/imgstream/"+gitserver.Branch)
	if err != nil {
		return err
	}
	newest, err := l.repo.Git(ctx, "log", "-1", "--first-parent", "--committer="+committer, "--format=%H", gitserver.Branch)
	if err != nil || own == newest {
		return err
	}
	return fmt.Errorf("refs/imgstream/%s is at %s, and imgstream's newest commit is %s", gitserver.Branch, strings.TrimSpace(own), strings.TrimSpace(newest))
}

// check compares what the tip says about a stream with what it should.
func (t *tag) check(files map[string]string, s fixture.Stream) error {
	st, err := statusOf(files, s, "1.0")
	if err != nil {
		return err
	}
	live, err := statusOf(files, s, "live")
	if err != nil {
		return err
	}
	used, err := usedDigest(files, s)
	if err != nil {
		return err
	}
	if n := len(st.Items); n > historyLimit {
		return fmt.Errorf("1.0 has %d items", n)
	}
	if t.flaps {
		return nil
	}
	want := t.latest
	if t.taken != "" {
		want = st.head()
		if st.head() == t.taken || !st.rejects(t.taken) {
			return fmt.Errorf("%s was taken back, and the tag is at %s", t.taken, st.head())
		}
	} else if len(t.served) > 0 {
		return fmt.Errorf("%s is lost", strings.Join(t.served, ", "))
	}
	consumer := want
	if t.held != "" {
		consumer = t.held
	}
	if st.head() != want || live.head() != want || used != consumer {
		return fmt.Errorf("1.0 is at %s, live at %s, both should be at %s; the consumer is at %s and should be at %s",
			st.head(), live.head(), want, used, consumer)
	}
	return nil
}
