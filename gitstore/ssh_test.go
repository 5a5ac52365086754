package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// Connections that break between two requests, and a server that allows one
// session on each, cost nothing but new connections.
func TestSSHReconnects(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	s := h.open()
	for i := range 3 {
		h.pull()
		rev := h.change("app.yaml", fmt.Sprint("theirs ", i))
		h.is(snapshot(t, s), rev)
		publish(t, s, rev, "app.yaml", fmt.Sprint("ours ", i))
		h.ssh.cut()
	}
	if n := h.ssh.connected.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
	h = newSSHHost(t)
	h.ssh.set(func(s *sshServer) { s.sessions = 1 })
	s = h.open()
	rev := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
	h.is(snapshot(t, s), rev)
}

// Connections end with Close, and each session once its request is answered.
func TestSSHLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *host{"v2": newSSHHost, "v0": newOldSSHHost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			s := h.open()
			w := s.wire.(*sshWire)
			publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
			if w.resting == nil || w.resting.session != nil {
				t.Errorf("after a push there rests %+v, want a connection alone", w.resting)
			}
			for _, service := range []string{uploadPack, receivePack} {
				if _, err := s.ask(t.Context(), service, service == uploadPack); err != nil {
					t.Fatal(err)
				}
				kept := w.resting
				if kept == nil || kept.session == nil {
					t.Fatalf("no %s waits for its request", service)
				}
				w.expire(kept)
				if w.resting == nil || w.resting.session != nil || w.resting.conn != kept.conn {
					t.Errorf("%s was not ended, or the connection not kept", service)
				}
			}
			w.expire(w.resting)
			for h.ssh.open() > 0 {
				time.Sleep(time.Millisecond)
			}
			snapshot(t, s)
			s.Close()
			for h.ssh.open() > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// Whatever a server leaves out, a request ends with its context.
func TestSSHEndsWithTheContext(t *testing.T) {
	t.Parallel()
	why := errors.New("shutting down")
	silent := newFileHost(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	silent.url = "ssh://" + listener.Addr().String() + "/x"
	hosts := map[string]*host{"no greeting": silent}
	for name, said := range map[string]string{
		"no advertisement": "", "half an advertisement": "000eversion 2\n00", "no answer": "000eversion 2\n000cls-refs\n0000",
	} {
		h := newSSHHost(t)
		exec := func(c ssh.Channel, _ string) uint32 {
			_, _ = io.WriteString(c, said)
			_, _ = io.Copy(io.Discard, c)
			for { // until the connection ends
				if _, err := c.SendRequest("there?", true, nil); err != nil {
					return 0
				}
				time.Sleep(time.Millisecond)
			}
		}
		h.ssh.set(func(s *sshServer) { s.exec = exec })
		hosts[name] = h
	}
	for name, h := range hosts {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		_, err := h.open().Snapshot(ctx)
		if !errors.Is(err, why) {
			t.Errorf("%s: %v, want the cause", name, err)
		}
		timer.Stop()
		cancel(nil)
	}
}

// closed tells when it was closed.
type closed chan time.Time

func (c closed) Close() error {
	c <- time.Now()
	return nil
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn, start := make(closed, 1), time.Now()
		w := watchOver(t.Context(), conn, time.Minute)
		time.Sleep(50 * time.Second)
		w.again(time.Minute)
		if at := <-conn; at.Sub(start) != 110*time.Second {
			t.Errorf("closed after %s, want 110 s", at.Sub(start))
		}
		if err := w.cause(io.EOF); err == nil || err.Error() != "no data for 1m0s" {
			t.Errorf("the cause is %v", err)
		}
		w.end()
		w = watchOver(t.Context(), conn, time.Minute)
		w.end()
		time.Sleep(time.Hour)
		select {
		case <-conn:
			t.Error("closed after its end")
		default:
		}
	})
}

// What servers say instead of an advertisement, on standard error but for the last.
func TestSSHRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, out, stderr string
		want              string
		is                error
	}{
		{"git", "", "fatal: '/x' does not appear to be a git repository", "repository not found (git-upload-pack ended with status 7): " +
			"fatal: '/x' does not appear to be a git repository: check the path, and that the key may read the repository", ErrRepositoryNotFound},
		{"GitHub", "", "ERROR: Repository not found.", "repository not found (git-upload-pack ended with status 7): " +
			"ERROR: Repository not found.: check the path, and that the key may read the repository", ErrRepositoryNotFound},
		{
			"GitLab", "", "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.",
			"", ErrRepositoryNotFound,
		},
		{"denied", "", "ERROR: access denied\x1b[0m", "wrong or missing credentials (git-upload-pack ended with status 7): " +
			"ERROR: access denied[0m: check the user and the key, and what they may do", ErrUnauthorized},
		{"overloaded", "", "fatal: out of memory", "git-upload-pack ended with status 7: fatal: out of memory", nil},
		{"nothing", "", "", "git-upload-pack ended with status 7", nil},
		{"as a line of the protocol", pkt("ERR access denied"), "", "wrong or missing credentials (git-upload-pack ended with status 7): " +
			"the server says: access denied: check the user and the key, and what they may do", ErrUnauthorized},
		{"a login script", "Welcome!\n", "", `the answer is not git's, it begins with "Welcome!": check the path, and that login scripts print nothing`, nil},
		{"cut", pkt("version 2\n") + "00", "", "git-upload-pack ended with status 7", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newSSHHost(t)
			exec := func(c ssh.Channel, _ string) uint32 {
				_, _ = io.WriteString(c, tt.out)
				_, _ = io.WriteString(c.Stderr(), tt.stderr)
				return 7
			}
			h.ssh.set(func(s *sshServer) { s.exec = exec })
			_, err := h.open().Snapshot(t.Context())
			want := "read main of " + h.url + ": " + tt.want
			if err == nil || tt.want != "" && err.Error() != want || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if tt.is == nil && (errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrRepositoryNotFound)) {
				t.Errorf("%v is taken for more than it says", err)
			}
		})
	}
}

// A key that may read and not write.
func TestSSHReadOnly(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	h.ssh.cut()
	exec := func(c ssh.Channel, line string) uint32 {
		if strings.HasPrefix(line, uploadPack) {
			return shell(t, c, nil, line)
		}
		_, _ = io.WriteString(c.Stderr(), "ERROR: The key you are authenticating with has been marked as read only.\n")
		return 1
	}
	h.ssh.set(func(s *sshServer) { s.exec = exec })
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
	rejected, ok := errors.AsType[*RejectedError](err)
	if !ok || !errors.Is(err, ErrUnauthorized) || !strings.Contains(rejected.Reason, "marked as read only") {
		t.Errorf("got %v", err)
	}
}

// Names that a shell would take for something else.
func TestSSHPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"it's", "a b", "!!", `$(touch x)`, "`x`;x", `back\slash`, `"q"`, "ümlaut", "a&b|c>d"} {
		h := newSSHHost(t)
		odd := filepath.Join(filepath.Dir(h.bare), name)
		git(t, h.bare, "clone", "-q", "--bare", ".", odd)
		s := h.open(func(o *Options) {
			o.URL = "ssh://" + h.ssh.address + strings.NewReplacer("%", "%25", " ", "%20", "?", "%3f").Replace(odd)
		})
		done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
		if got := git(t, odd, "rev-parse", "main"); got != string(done.Rev) {
			t.Errorf("%s is at %s, want %s", name, got, done.Rev)
		}
	}
}

// Git gives only what a reference names over SSH, in the old protocol as in the
// new one as long as nothing else is configured. A base that none names comes
// with the history above it.
func TestSSHBaseWithoutReference(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *host{"v2": newSSHHost, "v0": newOldSSHHost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			s := h.open()
			ours := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
			h.pull()
			theirs := h.change("app.yaml", "theirs\n")
			git(t, h.bare, "update-ref", "-d", "refs/imgstream/main")
			h.import600()
			fresh := h.open()
			snap := snapshot(t, fresh)
			h.is(snap, h.ref("main"))
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("base is %q, want %q", snap.Base, ours)
			}
			got, err := fresh.ChangedAt(t.Context(), snap, []string{"app.yaml"})
			if err != nil || got["app.yaml"] != theirs {
				t.Errorf("changed at %v, %v, want %s", got, err, theirs)
			}
		})
	}
}
