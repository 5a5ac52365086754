package gitstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommitChain(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		base := snapshot(t, s).Rev
		chain := []Commit{
			{Message: "app: move\n\nImage-Moved: app\n\n", Files: map[string][]byte{
				"app/base/deployment.yaml": []byte("image: b\n"), "new/dir/file.yaml": []byte("new\n"), "app.yaml": nil,
			}},
			{Message: "nothing", Files: files("README.md", "hello\n")},
			{Message: "app: tidy", Author: Identity{Name: "Bo", Email: "bo@example.com"}, Files: map[string][]byte{
				"big/1/2/3/4/deep.yaml": nil, "app-b/y.yaml": {}, "CHANGES": []byte("four\n"), "none/at/all": nil,
			}},
		}
		before := s.Stats()
		done, err := s.Commit(t.Context(), base, chain)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Published{Rev: h.ref("main")}); done != want {
			t.Errorf("published %+v, want %+v", done, want)
		}
		if got := h.ref("refs/imgstream/main"); got != done.Rev {
			t.Errorf("refs/imgstream/main is at %s, want %s", got, done.Rev)
		}
		// 2 blobs, 5 trees and a commit; 2 blobs, 2 trees and a commit. No more is sent.
		after := s.Stats()
		if n, pushes := after.ObjectsWritten-before.ObjectsWritten, after.Pushes-before.Pushes; n != 13 || pushes != 1 {
			t.Errorf("%d objects written in %d pushes", n, pushes)
		}
		want := strings.Join([]string{
			"imgstream imgstream@imgstream.dev 2026-03-04T04:06:07+00:00|Bo bo@example.com 2026-03-04T04:06:07+00:00|app: tidy",
			"D\tbig/1/2/3/4/deep.yaml", "M\tCHANGES", "A\tapp-b/y.yaml",
			"imgstream imgstream@imgstream.dev 2026-03-04T04:06:07+00:00|imgstream imgstream@imgstream.dev 2026-03-04T04:06:07+00:00|app: move",
			"", "Image-Moved: app",
			"D\tapp.yaml", "M\tapp/base/deployment.yaml", "A\tnew/dir/file.yaml",
		}, "\n")
		log := git(t, h.bare, "log", "--name-status", "--no-renames", "--format=%cn %ce %cI|%an %ae %aI|%B", string(base)+"..main")
		if diff := cmp.Diff(sorted(want), sorted(log)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		h.fsck()
		// What was pushed need not be fetched.
		h.is(snapshot(t, s), done.Rev)
		if n := s.Stats().Fetches; n != before.Fetches {
			t.Errorf("%d fetches after our own push", n-before.Fetches)
		}
		h.is(snapshot(t, h.open()), done.Rev)
	})
}

// sorted drops blank lines and the order, which for names is git's own.
func sorted(text string) map[string]int {
	lines := map[string]int{}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			lines[line]++
		}
	}
	return lines
}

func TestCommitKeepsModesAndOrder(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	h.put("run.sh", "1\n")
	h.put("a/x", "")
	h.put("a.b", "")
	h.put("a-b", "")
	h.put("a0", "")
	h.commit("files")
	git(t, h.work, "update-index", "--chmod=+x", "run.sh")
	git(t, h.work, "commit", "-qm", "mode")
	h.push("main")
	s := h.open()
	base := snapshot(t, s).Rev
	rev := publish(t, s, base, "run.sh", "2\n", "a/y", "y", "a.c/z", "z", "a-c", "").Rev
	h.is(snapshot(t, s), rev)
	got := git(t, h.bare, "ls-tree", "--format=%(objectmode) %(path)", string(rev))
	want := `100644 CHANGES
100644 README.md
100644 a-b
100644 a-c
100644 a.b
040000 a.c
040000 a
100644 a0
040000 app-b
100644 app.yaml
040000 app
040000 big
100644 empty
100755 run.sh`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	h.fsck()
}

// A chain without a net change sends nothing.
func TestCommitNothing(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	requests := h.requests.Load()
	for name, chain := range map[string][]Commit{
		"no commits":                nil,
		"no files":                  {{Message: "x"}},
		"same bytes":                {{Message: "x", Files: files("app.yaml", "a\n")}},
		"deletes what is not there": {{Message: "x", Files: map[string][]byte{"none": nil, "no/such/file": nil}}},
	} {
		done, err := s.Commit(t.Context(), base, chain)
		if err != nil || done != (Published{Rev: base}) {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
	if n := h.requests.Load() - requests; n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestCommitRefusesPaths(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	target := git(t, h.work, "hash-object", "-w", "README.md")
	git(t, h.work, "update-index", "--add", "--cacheinfo", "120000,"+target+",link")
	git(t, h.work, "update-index", "--add", "--cacheinfo", "160000,"+string(h.head())+",sub")
	git(t, h.work, "commit", "-qm", "odd entries")
	h.push("main")
	s := h.open()
	base := snapshot(t, s).Rev
	for _, name := range []string{
		"", ".", "/abs", "a//b", "a/", "../x", "a/../b", "./a", "a\x00b", "a\nb", `a\b`,
		".git", ".git/config", "a/.GIT/hooks/x", ".git./x", ".git /x", "git~1/x", "GIT~1", ".g\u200cit/x", ".git::$INDEX_ALLOCATION/x",
		"link", "link/x", "sub", "sub/x", "README.md/x", "app", "app/base",
	} {
		for _, data := range [][]byte{[]byte("x"), nil} {
			_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: map[string][]byte{name: data}}})
			if !errors.Is(err, ErrPath) {
				t.Errorf("%q (delete: %v): %v, want ErrPath", name, data == nil, err)
			}
		}
	}
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("n", "1", "n/m", "2")}})
	if !errors.Is(err, ErrPath) {
		t.Errorf("a file that is a directory too: %v", err)
	}
	if s.Stats().Pushes != 0 || h.ref("main") != base {
		t.Error("something was pushed")
	}
}

func TestCommitRefusesMessagesAndAuthors(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	for _, c := range []Commit{
		{Message: ""},
		{Message: " \n"},
		{Message: "a\x00b"},
		{Message: "x", Author: Identity{Name: "a<b", Email: "a@b"}},
		{Message: "x", Author: Identity{Name: "a", Email: "a@b>\ncommitter x"}},
		{Message: "x", Author: Identity{Name: "a"}},
	} {
		c.Files = files("app.yaml", "changed")
		if _, err := s.Commit(t.Context(), base, []Commit{c}); err == nil {
			t.Errorf("accepted: %+v", c)
		}
	}
	if h.ref("main") != base {
		t.Error("something was pushed")
	}
}

// The branch is not where the commits were made from. Nothing is pushed, and
// the branch stays as it is.
func TestCommitConflicts(t *testing.T) {
	t.Parallel()
	moves := map[string]struct {
		move func(h *host)
		want error
	}{
		"advanced": {func(h *host) { h.change("app.yaml", "theirs\n") }, ErrConflict},
		"rewound": {func(h *host) {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~1")
			h.push("main")
		}, ErrConflict},
		"rewound with a new commit": {func(h *host) {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~1")
			h.change("app.yaml", "theirs\n")
		}, ErrConflict},
		"deleted": {func(h *host) { git(h.t, h.bare, "update-ref", "-d", "refs/heads/main") }, ErrBranchNotFound},
	}
	for name, tt := range moves {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pushing(t, func(h *host) {
				s := h.open()
				base := snapshot(h.t, s).Rev
				tt.move(h)
				at := h.ref("main")
				_, err := s.Commit(h.t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
				if !errors.Is(err, tt.want) || h.ref("main") != at || h.ref("refs/imgstream/main") != "" {
					h.t.Errorf("got %v, want %v; the branch is at %q, want %q", err, tt.want, h.ref("main"), at)
				}
				if s.Stats().Pushes != 0 {
					h.t.Error("a push was sent although the advertisement said that the branch had moved")
				}
			})
			t.Run("between advertisement and update", func(t *testing.T) {
				pushing(t, func(h *host) {
					s := h.open()
					base := snapshot(h.t, s).Rev
					s.wire = &faulty{wire: s.wire, service: receivePack, before: func() error {
						tt.move(h)
						return nil
					}}
					_, err := s.Commit(h.t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
					if !errors.Is(err, tt.want) {
						h.t.Errorf("got %v, want %v", err, tt.want)
					}
					if h.ref("refs/imgstream/main") != "" {
						h.t.Error("refs/imgstream/main was moved without the branch")
					}
					if git(h.t, h.bare, "log", "--all", "--committer=imgstream", "--format=%h") != "" {
						h.t.Error("our commit is on the branch")
					}
				})
			})
		})
	}
}

// After a conflict the next round succeeds, and both changes are on the branch.
func TestCommitAfterConflict(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		for i := range 3 {
			base := snapshot(t, s).Rev
			if i > 0 {
				h.pull()
			}
			h.change("app-b/x.yaml", fmt.Sprint("theirs ", i))
			ours := []Commit{{Message: "x", Files: files("app.yaml", fmt.Sprint("ours ", i))}}
			if _, err := s.Commit(t.Context(), base, ours); !errors.Is(err, ErrConflict) {
				t.Fatalf("got %v, want ErrConflict", err)
			}
			done, err := s.Commit(t.Context(), snapshot(t, s).Rev, ours)
			if err != nil {
				t.Fatal(err)
			}
			snap := snapshot(t, s)
			h.is(snap, done.Rev)
			got := read(t, snap.FS, "app.yaml") + ", " + read(t, snap.FS, "app-b/x.yaml")
			if want := fmt.Sprintf("ours %d, theirs %d", i, i); got != want {
				t.Errorf("the branch holds %s, want %s", got, want)
			}
		}
		h.fsck()
	})
}
