package gitstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		ours := publish(t, h.open(), h.ref("main"), "app.yaml", "ours\n").Rev
		ada := Identity{Name: "Ada", Email: "ada@example.com"}
		s := h.open(func(o *Options) { o.Person = ada })
		snap := snapshot(t, s)
		done, err := s.Commit(t.Context(), snap.Rev, []Commit{{Message: "by hand", Files: map[string][]byte{"app.yaml": []byte("hers\n")}}})
		if err != nil || done.Notice != "" {
			t.Fatal(done, err)
		}
		if got := git(t, h.bare, "log", "-1", "--format=%an %ae %cn %ce", "main"); got != "Ada ada@example.com Ada ada@example.com" {
			t.Errorf("the commit is by %s", got)
		}
		for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
			snap := snapshot(t, s)
			if snap.Rev != done.Rev || snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("%s: tip %q base %q, want %q and %q", name, snap.Rev, snap.Base, done.Rev, ours)
			}
		}
	})
}

func TestPersonIsNotImgstream(t *testing.T) {
	for email, want := range map[string]string{"IMGSTREAM@imgstream.dev": "imgstream's own e-mail", "<": "is not valid"} {
		_, err := Open(Options{URL: t.TempDir(), Branch: "main", Person: Identity{Name: "x", Email: email}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", email, err, want)
		}
	}
}

func TestUser(t *testing.T) {
	global := filepath.Join(t.TempDir(), "gitconfig")
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	for _, v := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"} {
		t.Setenv(v, "")
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	is := func(want Identity, wantErr error) {
		t.Helper()
		if got, err := User(dir); got != want || !errors.Is(err, wantErr) {
			t.Errorf("got %v, %v; want %v, %v", got, err, want, wantErr)
		}
	}
	is(Identity{}, ErrNoUser)
	if err := os.WriteFile(global, []byte("[user]\n\tname = Ada\n\temail = ada@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	is(Identity{"Ada", "ada@example.com"}, nil)
	git(t, dir, "config", "user.email", "ada@work.example")
	is(Identity{"Ada", "ada@work.example"}, nil)
	t.Setenv("GIT_AUTHOR_NAME", "Ada L.")
	is(Identity{"Ada L.", "ada@work.example"}, nil)
}
