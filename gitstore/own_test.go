package gitstore

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// namedKinds are the remotes that give commits that no reference names: all but plain SSH
// (uploadpack.allowReachableSHA1InWant).
var namedKinds = []string{"file", "http", "http v0", "http parts", "https"}

func own(tb testing.TB, s *Store, revs ...Rev) map[Rev]bool {
	tb.Helper()
	got, err := s.Own(tb.Context(), snapshot(tb, s), revs)
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// Ours, people's, and names that are no commit of the repository or no commit at all.
func TestOwn(t *testing.T) {
	t.Parallel()
	over(t, namedKinds, func(h *host) {
		first := h.open()
		ours := publish(h.t, first, snapshot(h.t, first).Rev, "app.yaml", "ours\n").Rev
		h.pull()
		theirs := h.change("README.md", "theirs\n")
		later := publish(h.t, first, snapshot(h.t, first).Rev, "app.yaml", "later\n").Rev
		h.pull()
		h.change("README.md", "more\n")
		tree := Rev(git(h.t, h.work, "rev-parse", "HEAD^{tree}"))
		blob := Rev(git(h.t, h.work, "rev-parse", "HEAD:README.md"))
		want := map[Rev]bool{ours: true, later: true}
		revs := []Rev{
			ours, theirs, later, h.head(), tree, blob,
			Rev(strings.Repeat("0", 40)), Rev(strings.Repeat("ab", 20)), Rev(strings.Repeat("ab", 32)), "main", "",
		}
		for name, s := range map[string]*Store{"that pushed them": first, "opened later": h.open()} {
			if diff := cmp.Diff(want, own(h.t, s, revs...)); diff != "" {
				h.t.Errorf("a store %s (-want +got):\n%s", name, diff)
			}
			h.is(snapshot(h.t, s), h.head())
		}
		h.advance(3)
		h.is(snapshot(h.t, first), h.head())
	})
}

// What a server does not give by its name is not ours, and no error.
func TestOwnRefused(t *testing.T) {
	t.Parallel()
	over(t, []string{"ssh", "ssh v0", "sshd"}, func(h *host) {
		s := h.open()
		publish(h.t, s, snapshot(h.t, s).Rev, "app.yaml", "ours\n")
		h.pull()
		old := h.head()
		later := publish(h.t, s, snapshot(h.t, s).Rev, "app.yaml", "later\n").Rev
		want := map[Rev]bool{later: true}
		got := own(h.t, h.open(), old, later, Rev(strings.Repeat("ab", 20)))
		delete(got, old) // newer servers give it
		if diff := cmp.Diff(want, got); diff != "" {
			h.t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// A commit in the store, a name that is none and no name cost nothing; another commit
// comes alone where the server filters.
func TestOwnCosts(t *testing.T) {
	t.Parallel()
	over(t, []string{"http", "http parts"}, func(h *host) {
		first := h.open()
		old := publish(h.t, first, snapshot(h.t, first).Rev, "app/base/deployment.yaml", "ours\n").Rev
		tip := publish(h.t, first, old, "app/base/deployment.yaml", "later\n").Rev
		s := h.open()
		snap := snapshot(h.t, s)
		before, requests := s.Stats(), h.requests.Load()
		ask := func(revs ...Rev) int64 {
			if _, err := s.Own(h.t.Context(), snap, revs); err != nil {
				h.t.Fatal(err)
			}
			return h.requests.Load() - requests
		}
		if n := ask() + ask(tip) + ask("main", Rev(strings.Repeat("ab", 32))); n != 0 {
			h.t.Errorf("%d requests for nothing", n)
		}
		if n := ask(old); n != 1 {
			h.t.Errorf("%d requests for one commit", n)
		}
		// The commit, and without a filter the three trees and the file that differ.
		want := int64(1)
		if !s.server.filter {
			want = 5
		}
		if n := s.Stats().ObjectsFetched - before.ObjectsFetched; n != want {
			h.t.Errorf("%d objects came, want %d", n, want)
		}
	})
}

// A server that is down is an error, not a word about a commit.
func TestOwnServerDown(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	snap := snapshot(t, s)
	h.handle(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "gone fishing", http.StatusServiceUnavailable)
	})
	_, err := s.Own(t.Context(), snap, []Rev{Rev(strings.Repeat("ab", 20))})
	want := "look for commit abababa in " + s.where + ": 503 Service Unavailable: gone fishing: the server is busy or not well: try again later"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestOwnOfAWorkTree(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	w, err := OpenWorkTree(h.work)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if got, err := w.Own(t.Context(), Snapshot{}, []Rev{h.head()}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}
