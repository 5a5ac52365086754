package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
allow main to be pushed to by imgstream, or satisfy the rule that refused it`, Redact(h.url))
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
		want := "main was pushed without refs/imgstream/main: hook declined (no refs like that; error: hook declined to update refs/imgstream/main); without it, imgstream's newest commit on the branch counts as its last push"
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
		want := "main was pushed without refs/imgstream/main: hook declined (error: hook declined to update refs/imgstream/main); without it, imgstream's newest commit on the branch counts as its last push; it stays at " + first.Short() + ": delete it, or let imgstream move it"
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
		want := "main was pushed without refs/imgstream/main: the server has no atomic pushes; without it, imgstream's newest commit on the branch counts as its last push"
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

// overtaken loses the answer to a push, and lets another one come before anybody looks.
type overtaken struct {
	wire
	by func()
}

func (o *overtaken) call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error) {
	body, err := o.wire.call(ctx, service, v2, request)
	if service != receivePack || err != nil {
		return body, err
	}
	_, _ = io.Copy(io.Discard, body)
	o.by()
	return nil, errors.Join(errors.New("connection reset"), body.Close())
}

// A push that landed, was overtaken, and whose answer was lost, landed: our ref says so.
func TestLostAnswerOfAnOvertakenPush(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		t := h.t
		s := h.open()
		var theirs Rev
		s.wire = &overtaken{wire: s.wire, by: func() {
			h.pull()
			theirs = h.change("notes.txt", "theirs\n")
		}}
		done, err := s.Commit(t.Context(), snapshot(t, s).Rev, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
		if err != nil || done.Rev != h.ref("refs/imgstream/main") || done.Notice != "" {
			t.Errorf("%+v, %v", done, err)
		}
		if snap := snapshot(t, s); snap.Rev != theirs || snap.Base != done.Rev || read(t, snap.FS, "app.yaml") != "ours\n" {
			t.Errorf("read %s on %s, want %s on %s", snap.Rev, snap.Base, theirs, done.Rev)
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

// A push after the first needs no advertisement, also where another was faster; whatever
// moved meanwhile, nothing is lost, and a refusal is one only after an advertisement.
func TestPushWithoutAdvertisement(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	asked := 0
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.RawQuery, receivePack) {
			asked++
		}
		next.ServeHTTP(w, r)
	})
	done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "1")
	done = publish(t, s, snapshot(t, s).Rev, "app.yaml", "2")
	if asked != 1 || h.ref("main") != done.Rev || h.ref("refs/imgstream/main") != done.Rev {
		t.Errorf("%d advertisements, %+v", asked, done)
	}
	base := snapshot(t, s).Rev
	h.pull()
	theirs := h.change("notes.txt", "theirs")
	if _, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "3")}}); !errors.Is(err, ErrConflict) || h.ref("main") != theirs {
		t.Errorf("another push was faster: %v", err)
	}
	done = publish(t, s, snapshot(t, s).Rev, "app.yaml", "3")
	if asked != 1 || h.ref("main") != done.Rev || git(t, h.bare, "show", "main:notes.txt") != "theirs" {
		t.Errorf("%d advertisements, %+v", asked, done)
	}
	base = snapshot(t, s).Rev
	git(t, h.bare, "update-ref", "-d", "refs/imgstream/main")
	if done = publish(t, s, base, "app.yaml", "4"); asked != 2 || done.Notice != "" || h.ref("refs/imgstream/main") != done.Rev {
		t.Errorf("our ref was deleted meanwhile: %d advertisements, %+v", asked, done)
	}
	base = snapshot(t, s).Rev
	h.hook("pre-receive", "exit 1")
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "5")}})
	if _, rejected := errors.AsType[*RejectedError](err); !rejected || asked != 4 || h.ref("main") != base {
		t.Errorf("refused: %v, %d advertisements", err, asked)
	}
	h.hook("pre-receive", "exit 0")
	git(t, h.bare, "config", "receive.advertiseAtomic", "false")
	if done = publish(t, s, base, "app.yaml", "5"); asked != 5 || done.Notice == "" {
		t.Errorf("after a refusal: %d advertisements, %+v", asked, done)
	}
	h.fsck()
}

// A push that was sent goes on when its caller gives up: it moves both references or none.
func TestGivenUpWhileReferencesMove(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	reached := filepath.Join(t.TempDir(), "reached")
	h.hook("reference-transaction", `[ "$1" = prepared ] || exit 0; : >`+reached+`; sleep 0.2`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(reached); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, _ = s.Commit(ctx, base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
	if tip := h.ref("main"); tip == base || h.ref("refs/imgstream/main") != tip {
		t.Errorf("main is at %s, was at %s; refs/imgstream/main is at %s", tip, base, h.ref("refs/imgstream/main"))
	}
}
