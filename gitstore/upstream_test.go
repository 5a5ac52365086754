package gitstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestUpstream(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		set    [][]string // git commands in the clone
		dir    string
		url    string
		branch string
		err    error
	}{
		{"tracked", [][]string{{"config", "branch.main.remote", "up"}, {"config", "branch.main.merge", "refs/heads/prod"}, {"remote", "add", "up", "https://host/up.git"}}, "", "https://host/up.git", "prod", nil},
		{"no upstream", [][]string{{"checkout", "-q", "-b", "feature/x"}}, "", "https://host/o.git", "feature/x", nil},
		{"subdirectory", nil, "app/base", "https://host/o.git", "main", nil},
		{"not there yet", nil, "app/none", "https://host/o.git", "main", nil},
		{"linked work tree", [][]string{{"worktree", "add", "-q", "-b", "linked", "tree"}}, "tree/app", "https://host/o.git", "linked", nil},
		{"detached", [][]string{{"checkout", "-q", "--detach"}}, "", "https://host/o.git", "", ErrDetached},
		{"no origin", [][]string{{"remote", "remove", "origin"}}, "", "", "", ErrNoRemote},
		{"insteadOf", [][]string{
			{"remote", "set-url", "origin", "gh:a/b"},
			{"config", "url.https://wrong/.insteadOf", "gh"},
			{"config", "url.https://github.com/.insteadOf", "gh:"},
		}, "", "https://github.com/a/b", "main", nil},
		{"another branch of the clone", [][]string{{"config", "branch.main.remote", "."}, {"config", "branch.main.merge", "refs/heads/base"}}, "", "TOP", "base", nil},
		{"relative", [][]string{{"remote", "set-url", "origin", "../repo.git"}}, "app", "TOP/../repo.git", "main", nil},
		{"the remote is a URL", [][]string{{"config", "branch.main.remote", "https://host/direct"}}, "", "https://host/direct", "main", nil},
		{"unborn", [][]string{{"checkout", "-q", "--orphan", "new"}}, "", "https://host/o.git", "new", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newFileHost(t)
			git(t, h.work, "remote", "set-url", "origin", "https://host/o.git")
			for _, args := range tt.set {
				git(t, h.work, args...)
			}
			url, branch, err := Upstream(filepath.Join(h.work, tt.dir))
			want := tt.url
			if len(want) >= 3 && want[:3] == "TOP" {
				want = filepath.Join(h.work, want[3:])
			}
			if url != want || branch != tt.branch || !errors.Is(err, tt.err) {
				t.Errorf("got %q %q %v, want %q %q %v", url, branch, err, want, tt.branch, tt.err)
			}
		})
	}
	if _, _, err := Upstream(t.TempDir()); !errors.Is(err, ErrNoClone) {
		t.Errorf("outside of a clone: %v", err)
	}
}

func TestUpstreamOfABrokenClone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"config": "[remote", "HEAD": ""} {
		h := newFileHost(t)
		file := filepath.Join(h.work, ".git", name)
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Upstream(h.work); err == nil {
			t.Errorf("%s with %q was read", name, content)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Upstream(dir); err == nil {
		t.Error("a .git file with nonsense was read")
	}
}
