package gitstore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A work tree knows imgstream's last commit below HEAD, and what came after it.
func TestWorkTreeBase(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(subject, email string) Rev {
		t.Helper()
		git(t, dir, "add", "-A")
		git(t, dir, "-c", "user.name=x", "-c", "user.email="+email, "commit", "-q", "-m", subject)
		return Rev(git(t, dir, "rev-parse", "HEAD"))
	}
	t.Setenv("GIT_COMMITTER_EMAIL", "")
	t.Setenv("GIT_AUTHOR_EMAIL", "")
	for _, v := range []string{"GIT_COMMITTER_EMAIL", "GIT_AUTHOR_EMAIL"} {
		if err := os.Unsetenv(v); err != nil {
			t.Fatal(err)
		}
	}
	find := func() *WorkTree {
		t.Helper()
		w, err := OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		if err := w.FindBase(t.Context(), Identity{}); err != nil {
			t.Fatal(err)
		}
		return w
	}
	at := func(w *WorkTree) Snapshot {
		t.Helper()
		snap, err := w.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return snap
	}
	if snap := at(find()); snap.Base != "" || snap.BaseFS != nil {
		t.Errorf("before the first commit: %+v", snap)
	}
	put("a", "1")
	put("b", "1")
	commit("first", "ada@example.com")
	if snap := at(find()); snap.Base != "" {
		t.Errorf("without a commit of imgstream: %+v", snap)
	}
	put("a", "2")
	ours := commit("ours", "IMGSTREAM@imgstream.dev")
	put("a", "1")
	taken := commit("taken back", "ada@example.com")
	put("c", "1")
	head := commit("more", "ada@example.com")
	put("b", "not committed")
	for range 2 {
		w := find()
		snap := at(w)
		if snap.Base != ours || read(t, snap.BaseFS, "a") != "2" || read(t, snap.FS, "a") != "1" {
			t.Errorf("base %q, want %q", snap.Base, ours)
		}
		changed, err := w.ChangedAt(t.Context(), snap, []string{"a", "b"})
		if diff := cmp.Diff(map[string]Rev{"a": taken, "b": head}, changed); err != nil || diff != "" {
			t.Error(err, diff)
		}
		own, err := w.Own(t.Context(), snap, []Rev{ours, head, "no hash", "0000000000000000000000000000000000000001"})
		if diff := cmp.Diff(map[Rev]bool{ours: true}, own); err != nil || diff != "" {
			t.Error(err, diff)
		}
		git(t, dir, "gc", "-q") // from packs, too
	}
	shallow := t.TempDir()
	git(t, shallow, "clone", "-q", "--depth", "1", "file://"+dir, "s")
	dir = filepath.Join(shallow, "s")
	if snap := at(find()); snap.Base != "" {
		t.Errorf("in a shallow clone: %+v", snap)
	}
	dir = t.TempDir()
	w := find()
	if changed, err := w.ChangedAt(t.Context(), at(w), []string{"a"}); err != nil || len(changed) > 0 {
		t.Errorf("without a clone: %v, %v", changed, err)
	}
}
