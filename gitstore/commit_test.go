package gitstore

import (
	"errors"
	"fmt"
	"io"
	"net/http"
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

func TestDeclinedByAHook(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		base := snapshot(t, s).Rev
		h.hook("pre-receive", "echo 'Freeze until Monday:'; printf 'ask \\033[31mops\\n' >&2; exit 1")
		_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
		want := fmt.Sprintf(`push to main of %s was refused: pre-receive hook declined
  remote: Freeze until Monday:
  remote: ask [31mops
allow main to be pushed to by imgstream, or satisfy the rule that refused it`, h.url)
		rejected, ok := errors.AsType[*RejectedError](err)
		if !ok || err.Error() != want || rejected.Reason != "pre-receive hook declined" || errors.Is(err, ErrConflict) {
			t.Errorf("got %v\nwant %s", err, want)
		}
		if h.ref("main") != base || h.ref("refs/imgstream/main") != "" {
			t.Error("a reference was moved")
		}
		h.hook("pre-receive", "exit 0")
		done, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
		if err != nil || done.Notice != "" || h.ref("refs/imgstream/main") != done.Rev {
			t.Errorf("after the freeze: %+v, %v", done, err)
		}
	})
}

// A hook declines while the branch moves: that is a conflict, whatever it says.
func TestDeclinedWhileTheBranchMoves(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	s.wire = &faulty{wire: s.wire, service: receivePack, before: func() error {
		h.change("app.yaml", "theirs\n")
		h.hook("pre-receive", "exit 1")
		return nil
	}}
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}

func TestOnlyOurRefIsDeclined(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		h.hook("update", `case "$1" in refs/heads/*) ;; *) echo "no refs like that"; exit 1;; esac`)
		base := snapshot(t, s).Rev
		want := "main was pushed without refs/imgstream/main: hook declined (no refs like that; error: hook declined to update refs/imgstream/main)"
		for i := range 2 {
			done := publish(t, s, base, "app.yaml", fmt.Sprint("ours ", i))
			if done.Notice != want || h.ref("main") != done.Rev || h.ref("refs/imgstream/main") != "" {
				t.Errorf("published %+v, want notice %q", done, want)
			}
			snap := snapshot(t, s)
			if snap.Base != done.Rev || snap.Rev != done.Rev {
				t.Errorf("base is %s, want that by committer, %s", snap.Base, done.Rev)
			}
			base = done.Rev
		}
		if n := s.Stats().Pushes; n != 3 {
			t.Errorf("%d pushes, want 3: the refusal is remembered", n)
		}
		h.fsck()
	})
}

// A ref of an earlier push that may not be moved any more is not the base of
// what this process pushed since.
func TestStaleRef(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		first := publish(t, s, snapshot(t, s).Rev, "app.yaml", "1").Rev
		h.hook("update", `case "$1" in refs/heads/*) ;; *) exit 1;; esac`)
		done := publish(t, s, first, "app.yaml", "2")
		want := "main was pushed without refs/imgstream/main: hook declined (error: hook declined to update refs/imgstream/main); it stays at " + first.Short() + ": delete it, or let imgstream move it"
		if done.Notice != want {
			t.Errorf("notice %q, want %q", done.Notice, want)
		}
		if snap := snapshot(t, s); snap.Base != done.Rev {
			t.Errorf("base is %s, want %s", snap.Base, done.Rev)
		}
		h.pull()
		h.change("app.yaml", "3")
		if snap := snapshot(t, s); snap.Base != done.Rev || read(t, snap.BaseFS, "app.yaml") != "2" {
			t.Errorf("base after a person's push is %s, want %s", snap.Base, done.Rev)
		}
	})
}

func TestServerWithoutAtomic(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		git(t, h.bare, "config", "receive.advertiseAtomic", "false")
		s := h.open()
		done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
		want := "main was pushed without refs/imgstream/main: the server has no atomic pushes"
		if done.Notice != want || h.ref("main") != done.Rev || h.ref("refs/imgstream/main") != "" {
			t.Errorf("published %+v, want notice %q", done, want)
		}
		if snap := snapshot(t, s); snap.Base != done.Rev {
			t.Errorf("base by committer is %q", snap.Base)
		}
	})
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		wire := s.wire
		base := snapshot(t, s).Rev
		chain := []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}}

		s.wire = &faulty{wire: wire, service: receivePack, before: func() error { return lost }}
		_, err := s.Commit(t.Context(), base, chain)
		if _, rejected := errors.AsType[*RejectedError](err); !errors.Is(err, lost) || rejected || errors.Is(err, ErrConflict) {
			t.Errorf("lost before it was executed: %v", err)
		}
		if h.ref("main") != base {
			t.Fatal("the branch moved")
		}
		s.wire = &faulty{wire: wire, service: receivePack, after: lost}
		done, err := s.Commit(t.Context(), base, chain)
		if err != nil || done.Rev != h.ref("main") || done.Notice != "" {
			t.Errorf("lost after it was executed: %+v, %v", done, err)
		}
		h.is(snapshot(t, s), done.Rev)
		if snap := snapshot(t, s); snap.Base != done.Rev {
			t.Errorf("base is %s, want %s", snap.Base, done.Rev)
		}
	})
}

// The same with connections that break.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	chain := []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}}
	execute := false
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, receivePack) {
			if execute {
				next.ServeHTTP(&cutter{ResponseWriter: w, cut: new(bool)}, r)
			}
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
	_, err := s.Commit(t.Context(), base, chain)
	if _, rejected := errors.AsType[*RejectedError](err); err == nil || rejected || errors.Is(err, ErrConflict) || h.ref("main") != base {
		t.Errorf("broken before it was executed: %v", err)
	}
	execute = true
	if done, err := s.Commit(t.Context(), base, chain); err != nil || done.Rev != h.ref("main") || done.Rev == base {
		t.Errorf("broken after it was executed: %+v, %v", done, err)
	}
}

// Answers of the web server: only 401 and 403 are refusals.
func TestStatusOfAPush(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	base := snapshot(t, h.open()).Rev
	for _, on := range []string{http.MethodGet, http.MethodPost} {
		for status, refused := range map[int]bool{401: true, 403: true, 429: false, 500: false, 502: false, 503: false, 413: false} {
			h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == on && strings.Contains(r.URL.String(), receivePack) {
					w.Header().Set("Content-Type", "text/plain")
					w.WriteHeader(status)
					_, _ = io.WriteString(w, "because")
					return
				}
				next.ServeHTTP(w, r)
			})
			s := h.open()
			snapshot(t, s)
			_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
			_, rejected := errors.AsType[*RejectedError](err)
			if err == nil || rejected != refused || errors.Is(err, ErrUnauthorized) != refused || !strings.Contains(err.Error(), "because") {
				t.Errorf("%s answers %d: %v", on, status, err)
			}
		}
	}
	if h.ref("main") != base {
		t.Error("something was pushed")
	}
}

// The branch that a person has checked out in a local repository.
func TestCheckedOutBranch(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	for _, url := range []string{h.work, "file://" + h.work} {
		s := h.open(func(o *Options) { o.URL = url })
		snap := snapshot(t, s)
		_, err := s.Commit(t.Context(), snap.Rev, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
		rejected, ok := errors.AsType[*RejectedError](err)
		if !ok || rejected.Reason != "branch is currently checked out" || !strings.Contains(rejected.Words, "receive.denyCurrentBranch") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if got := git(t, h.work, "status", "--porcelain"); got != "" {
		t.Errorf("the work tree changed: %s", got)
	}
}

func TestCommitWithoutSnapshot(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		done := publish(t, h.open(), h.ref("main"), "app.yaml", "ours\n")
		if h.ref("main") != done.Rev {
			t.Errorf("main is at %s, want %s", h.ref("main"), done.Rev)
		}
		_, err := h.open().Commit(t.Context(), Rev(strings.Repeat("1", 40)), []Commit{{Message: "x", Files: files("app.yaml", "2")}})
		if !errors.Is(err, ErrConflict) {
			t.Errorf("a base that never was: %v", err)
		}
	})
}
