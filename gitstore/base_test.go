package gitstore

import (
	"fmt"
	"testing"
)

func TestBase(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		if snap := snapshot(t, s); snap.Base != "" || snap.BaseFS != nil {
			t.Errorf("base of a branch nobody pushed to: %q", snap.Base)
		}
		ours := publish(t, s, h.ref("main"), "app.yaml", "ours\n").Rev
		if snap := snapshot(t, s); snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
			t.Errorf("base after our push is %q", snap.Base)
		}
		h.pull()
		theirs := h.change("app.yaml", "theirs\n")
		for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
			snap := snapshot(t, s)
			h.is(snap, theirs)
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("%s: base by ref is %q, want %q", name, snap.Base, ours)
			}
		}
		// By committer, through 60 commits of other people and a merge.
		git(t, h.bare, "update-ref", "-d", "refs/imgstream/main")
		h.advance(60)
		git(t, h.work, "checkout", "-q", "-b", "side", "HEAD~3")
		h.put("side", "1")
		h.commit("side")
		git(t, h.work, "checkout", "-q", "main")
		git(t, h.work, "merge", "-q", "--no-edit", "side")
		h.push("main")
		h.bitmap()
		for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
			snap := snapshot(t, s)
			h.is(snap, h.head())
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("%s: base by committer is %q, want %q", name, snap.Base, ours)
			}
		}
		// The rewind of the branch does not take the ref along.
		git(t, h.bare, "update-ref", "refs/imgstream/main", string(ours))
		git(t, h.work, "reset", "-q", "--hard", string(ours)+"~1")
		h.push("main")
		if snap := snapshot(t, s); snap.Base != ours || snap.Rev != h.head() || read(t, snap.FS, "app.yaml") != "a\n" {
			t.Errorf("base after a rewind is %q, want %q", snap.Base, ours)
		}
		// Only the ref moves.
		git(t, h.bare, "update-ref", "refs/imgstream/main", string(h.head()))
		if snap := snapshot(t, s); snap.Base != h.head() || read(t, snap.BaseFS, "app.yaml") != "a\n" {
			t.Errorf("base after the ref moved alone is %q, want %q", snap.Base, h.head())
		}
	})
}

// advance makes many commits quickly.
func (h *host) advance(n int) {
	h.t.Helper()
	for i := range n {
		h.put("CHANGES", fmt.Sprint("advance ", i))
		git(h.t, h.work, "commit", "-qam", "advance")
	}
	h.push("main")
}

// Where there is no base, the search for it is not repeated for every move.
func TestBaseIsSearchedOnce(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		h.advance(60)
		s := h.open()
		snapshot(t, s)
		before := s.Stats().Fetches
		h.change("app.yaml", "1")
		snapshot(t, s)
		if n := s.Stats().Fetches - before; n != 1 {
			t.Errorf("%d fetches after one move, want 1", n)
		}
	})
}
