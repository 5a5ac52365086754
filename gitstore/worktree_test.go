package gitstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func openTree(tb testing.TB, dir string) (*WorkTree, Snapshot) {
	tb.Helper()
	w, err := OpenWorkTree(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	snap, err := w.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return w, snap
}

func TestWorkTreeFS(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	w, snap := openTree(t, filepath.Join(h.work, "app", "base"))
	if w.Dir() != h.work || snap.Rev != "" || snap.Base != "" || snap.BaseFS != nil {
		t.Errorf("opened %s: %+v", w.Dir(), snap)
	}
	if err := fstest.TestFS(snap.FS, "README.md", "app/base/deployment.yaml", "empty"); err != nil {
		t.Error(err)
	}
	var top []string
	list, err := snap.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		top = append(top, e.Name())
	}
	if diff := cmp.Diff([]string{"CHANGES", "README.md", "app", "app-b", "app.yaml", "big", "empty"}, top); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What lies in another clone, a submodule or a linked work tree, is not on the branch.
func TestWorkTreeLeavesOtherClonesOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755), os.Mkdir(filepath.Join(dir, "own"), 0o755),
		os.WriteFile(filepath.Join(dir, "sub", ".git"), []byte("gitdir: ../.git/modules/sub\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "sub", "deep", "f"), []byte("x"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	if _, snap := openTree(t, dir); fstest.TestFS(snap.FS, "own", "sub/deep/f") != nil {
		t.Error("a folder of clones that is none itself is not read whole")
	}
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, snap := openTree(t, dir)
	if list, err := snap.FS.ReadDir("."); err != nil || len(list) != 1 || list[0].Name() != "own" {
		t.Errorf("listed %v, %v", list, err)
	}
	for _, name := range []string{"sub", "sub/deep", "sub/deep/f"} {
		if _, err := fs.Stat(snap.FS, name); !errors.Is(err, errSubmodule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorkTreeFollowsNoLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(
		os.WriteFile(outside, []byte("secret"), 0o600), os.Mkdir(filepath.Join(dir, "d"), 0o755),
		os.WriteFile(filepath.Join(dir, "d", "f"), []byte("x"), 0o644),
		os.Symlink(outside, filepath.Join(dir, "out")), os.Symlink("d", filepath.Join(dir, "in")),
		os.Symlink("d/f", filepath.Join(dir, "file")), os.Symlink("none", filepath.Join(dir, "dangling")),
		os.MkdirAll(filepath.Join(dir, "d", ".GIT"), 0o755), os.WriteFile(filepath.Join(dir, "d", ".GIT", "x"), nil, 0o644),
	); err != nil {
		t.Fatal(err)
	}
	w, snap := openTree(t, dir)
	for name, want := range map[string]error{
		"out": errSymlink, "in": errSymlink, "in/f": errSymlink, "file": errSymlink, "dangling": errSymlink,
		"d/.GIT/x": fs.ErrNotExist, ".git/config": fs.ErrNotExist, "../x": fs.ErrInvalid, "d/f/x": fs.ErrNotExist,
	} {
		if _, err := snap.FS.ReadFile(name); !errors.Is(err, want) {
			t.Errorf("read %s: %v, want %v", name, err, want)
		}
		if _, err := snap.FS.Open(name); !errors.Is(err, want) {
			t.Errorf("open %s: %v, want %v", name, err, want)
		}
	}
	info, err := snap.FS.Stat("out")
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("stat of a link: %v, %v", info, err)
	}
	for _, name := range []string{"out", "in/new", "file", "dangling", ".git/hooks/x", "../x", "/x", "d", "d/f/x"} {
		_, err := w.Commit(t.Context(), "", []Commit{{Files: files(name, "changed")}})
		if err == nil || errors.Is(err, ErrConflict) {
			t.Errorf("write %s: %v", name, err)
		}
	}
	if data, _ := os.ReadFile(outside); string(data) != "secret" {
		t.Error("a file outside was written")
	}
}

func TestWorkTreeCommit(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	if err := os.Chmod(filepath.Join(h.work, "app.yaml"), 0o750); err != nil {
		t.Fatal(err)
	}
	w, snap := openTree(t, h.work)
	for _, name := range []string{"app.yaml", "empty", "README.md"} {
		read(t, snap.FS, name)
	}
	if _, err := snap.FS.ReadFile("new/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	chain := []Commit{
		{Files: files("app.yaml", "1", "new/a", "a")},
		{Files: map[string][]byte{"app.yaml": []byte("2"), "README.md": nil, "new/b": {}, "none": nil}},
	}
	done, err := w.Commit(t.Context(), snap.Rev, chain)
	if err != nil || done != (Published{}) {
		t.Fatalf("%+v, %v", done, err)
	}
	want := " D README.md\n M app.yaml\n?? new/a\n?? new/b"
	if got := "" + git(t, h.work, "-c", "core.fileMode=false", "status", "--porcelain", "-uall", "--no-renames"); " "+got != want {
		t.Errorf("status:\n%s\nwant:\n%s", got, want)
	}
	info, err := os.Stat(filepath.Join(h.work, "app.yaml"))
	if err != nil || info.Mode() != 0o750 || read(t, snap.FS, "app.yaml") != "2" {
		t.Errorf("app.yaml: %v, %v", info, err)
	}
	// What was written counts as read.
	if _, err := w.Commit(t.Context(), "", []Commit{{Files: files("app.yaml", "3", "README.md", "back")}}); err != nil {
		t.Error(err)
	}
}

func TestWorkTreeConflicts(t *testing.T) {
	t.Parallel()
	changes := map[string]func(h *host) error{
		"changed":  func(h *host) error { return os.WriteFile(filepath.Join(h.work, "app.yaml"), []byte("theirs"), 0o644) },
		"deleted":  func(h *host) error { return os.Remove(filepath.Join(h.work, "app.yaml")) },
		"appeared": func(h *host) error { return os.WriteFile(filepath.Join(h.work, "new"), nil, 0o644) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFileHost(t)
			w, snap := openTree(t, h.work)
			read(t, snap.FS, "app.yaml")
			read(t, snap.FS, "empty")
			if err := change(h); err != nil {
				t.Fatal(err)
			}
			before := git(t, h.work, "status", "--porcelain")
			_, err := w.Commit(t.Context(), "", []Commit{{Files: files("empty", "ours", "app.yaml", "ours", "new", "ours")}})
			if !errors.Is(err, ErrConflict) {
				t.Errorf("got %v, want ErrConflict", err)
			}
			if after := git(t, h.work, "status", "--porcelain"); after != before {
				t.Errorf("something was written:\n%s", after)
			}
		})
	}
	h := newFileHost(t)
	w, _ := openTree(t, h.work)
	if _, err := w.Commit(t.Context(), "", []Commit{{Files: files("app.yaml", "ours")}}); !errors.Is(err, ErrConflict) {
		t.Errorf("a file that was not read: %v", err)
	}
	if _, err := w.Commit(t.Context(), h.head(), nil); !errors.Is(err, ErrConflict) {
		t.Errorf("a base: %v", err)
	}
}

func TestWorkTreeErrors(t *testing.T) {
	t.Parallel()
	if _, err := OpenWorkTree(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// A file that was listed and not read can be deleted, and not written.
func TestWorkTreeDeletesWhatItSaw(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"seen", "unseen/x"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	w, snap := openTree(t, dir)
	if _, err := fs.ReadDir(snap.FS, "."); err != nil {
		t.Fatal(err)
	}
	commit := func(name string, data []byte) error {
		_, err := w.Commit(t.Context(), "", []Commit{{Message: "m", Files: map[string][]byte{name: data}}})
		return err
	}
	if err := commit("unseen/x", nil); !errors.Is(err, ErrConflict) {
		t.Errorf("deleted unseen: %v", err)
	}
	if err := commit("seen", []byte("2")); !errors.Is(err, ErrConflict) {
		t.Errorf("written unread: %v", err)
	}
	if err := commit("seen", nil); err != nil {
		t.Errorf("deleted seen: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "seen")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}
