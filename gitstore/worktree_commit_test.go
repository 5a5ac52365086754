package gitstore

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestToCommit(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	if _, _, err := tree.ToCommit([]string{"a"}); !errors.Is(err, ErrNoClone) {
		t.Errorf("without a clone: %v", err)
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, differs bool, want ...string) {
		t.Helper()
		add, got, err := tree.ToCommit([]string{"a", "b", "gone"})
		if err != nil || got != differs || !cmp.Equal(add, want) {
			t.Errorf("%s: %v, %t, %v; want %v, %t", when, add, got, err, want, differs)
		}
	}
	git("init", "-q")
	check("nothing there", false)
	write("a", "1")
	check("before the first commit", true, "a")
	git("add", "a")
	check("all is staged", true)
	git("commit", "-qm", "1")
	check("as committed", false)
	write("a", "2")
	write("b", "1")
	check("changed and new", true, "a", "b")
	git("add", "a", "b")
	write("a", "1")
	remove("b")
	check("staged, and taken back", false, "a", "b")
	git("add", "-A")
	check("the index agrees", false)
	remove("a")
	check("deleted", true, "a")
}
