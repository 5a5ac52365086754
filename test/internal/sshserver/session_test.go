package sshserver

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]struct{ program, path string }{
		"git-upload-pack '/r/a b.git'": {"git-upload-pack", "/r/a b.git"},
		"git-receive-pack /r.git":      {"git-receive-pack", "/r.git"},
		"git-receive-pack '/r.git":     {},
		"git-receive-pack ''":          {},
		"git-receive-pack":             {},
		"git-upload-archive '/r.git'":  {},
		"git-upload-pack '/r'; ls ''":  {},
		"":                             {},
	} {
		program, path, err := parse(line)
		if program != want.program || path != want.path || (err == nil) != (want.path != "") {
			t.Errorf("%q: %q, %q, %v", line, program, path, err)
		}
	}
}

// git gets in with the key and the known host, and a push is timed.
func TestPush(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh")
	}
	files, err := gitserver.Start(t.TempDir(), gitserver.Login{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	repo, err := files.Create(t.Context(), "apps", map[string]string{"a": "a\n"})
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	s, err := Start(home, gitserver.Env(home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = repo.Dir, append(gitserver.Env(home), "GIT_SSH_COMMAND="+s.Command())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("push", "--quiet", s.URL(repo.Dir), "main:refs/heads/other")
	if took := s.Received(); len(took) != 1 || took[0] <= 0 {
		t.Errorf("the pushes took %v", took)
	}
	if took := s.Received(); len(took) != 0 {
		t.Errorf("they are given twice: %v", took)
	}
	tip := git("rev-parse", "main")
	if got := git("ls-remote", s.URL(repo.Dir), "refs/heads/other"); got != tip+"\trefs/heads/other" {
		t.Errorf("the server has %q, want %s", got, tip)
	}
}
