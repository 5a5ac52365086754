package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A branch that moves between reading and pushing is read again, and nobody's commit is
// lost; the verb is told once.
func TestChangeAfterALostRace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "Ada")
		t.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "--bare", "-b", "main", "shop.git")
	git("clone", "-q", "shop.git", "shop")
	push := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "shop", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git("-C", "shop", "add", ".")
		git("-C", "shop", "commit", "-q", "-m", text)
		git("-C", "shop", "push", "-q", "origin", "HEAD:main")
	}
	push("a", "0")
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr, now: clock, dir: dir}
	var w workplace
	w.repo, w.branch = "shop.git", "main"
	tries := 0
	changed, err := w.change(t.Context(), a, func(f files) (change, error) {
		tries++
		was, err := f.FS.(interface{ ReadFile(string) ([]byte, error) }).ReadFile("a")
		if err != nil {
			return change{}, err
		}
		if tries < 3 {
			push("a", fmt.Sprint(tries))
		}
		return change{files: map[string][]byte{"b": append(was, "+"...)}, message: "mine", out: "done\n"}, nil
	})
	if err != nil || !changed || tries != 3 || stdout.String() != "done\n" {
		t.Fatalf("%v, %v after %d tries; %q %q", changed, err, tries, &stdout, &stderr)
	}
	if got := git("--git-dir", "shop.git", "log", "--format=%s", "main"); got != "mine\n2\n1\n0" {
		t.Errorf("the branch has %q", got)
	}
	if got := git("--git-dir", "shop.git", "show", "main:b"); got != "2+" {
		t.Errorf("what was pushed was computed from %q", got)
	}
	// Somebody who is always faster ends it.
	git("-C", "shop", "pull", "-q", "--ff-only", "origin", "main")
	tries = 3
	_, err = w.change(t.Context(), a, func(files) (change, error) {
		tries++
		push("a", fmt.Sprint(tries))
		return change{files: map[string][]byte{"b": []byte("x")}, message: "mine"}, nil
	})
	if err == nil || tries != 3+maxChanges || !strings.Contains(err.Error(), "other writers were faster each time: run it again") {
		t.Errorf("%v after %d tries", err, tries-3)
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"": "''", "a/b.yaml": "a/b.yaml", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "ä": "'ä'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q is quoted as %s, want %s", in, got, want)
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(in)).Output(); err != nil || string(out) != in {
			t.Errorf("a shell reads %q as %q, %v", in, out, err)
		}
	}
}
