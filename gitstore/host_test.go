package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "gitstore")
	if err != nil {
		panic(err)
	}
	for k, v := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"),
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
		"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
		"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
	} {
		if err := os.Setenv(k, v); err != nil {
			panic(err)
		}
	}
	_ = os.Unsetenv("SSH_AUTH_SOCK")
	code := m.Run()
	stopSSHD()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// git runs the real git in a directory and returns what it prints.
func git(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	out, err := tryGit(tb, dir, args...)
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryGit(tb testing.TB, dir string, args ...string) (string, error) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "git", append([]string{"-c", "gc.auto=0"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// host is a bare repository, a person's clone of it, and the way to reach it.
type host struct {
	t    testing.TB
	bare string
	work string
	url  string

	options     func(*Options) // what it takes to reach it; nil: nothing
	ssh         *sshServer     // nil: it is not reached over SSH
	requests    atomic.Int64
	connections atomic.Int64
	mu          sync.Mutex
	handler     func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// kinds are the ways a repository is reached in the conformance suite.
var kinds = map[string]func(testing.TB) *host{
	"file":       newFileHost,
	"http":       newHTTPHost,
	"http v0":    newOldHTTPHost,
	"http parts": newFilterHTTPHost, // offers filters
	"https":      newHTTPSHost,
	"ssh":        newSSHHost,
	"ssh v0":     newOldSSHHost,
	"sshd":       newSSHDHost,
}

// conformance runs a test over each kind of remote.
func conformance(t *testing.T, test func(h *host)) {
	t.Helper()
	over(t, slices.Sorted(maps.Keys(kinds)), test)
}

// pushing runs a test over those that differ in how a push travels.
func pushing(t *testing.T, test func(h *host)) {
	t.Helper()
	over(t, []string{"file", "http", "ssh"}, test)
}

func over(t *testing.T, names []string, test func(h *host)) {
	t.Helper()
	for _, name := range names {
		open := kinds[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(open(t))
		})
	}
}

// seed is the tree that every host starts with.
var seed = map[string]string{
	"README.md": "hello\n", "app/base/deployment.yaml": "image: a\n", "app/base/kustomization.yaml": "images: []\n",
	"app.yaml": "a\n", "app-b/x.yaml": "b\n", "big/1/2/3/4/deep.yaml": "deep\n", "empty": "",
}

// template is a seeded host's directory, made once.
var template = sync.OnceValues(func() (string, error) {
	top := filepath.Join(os.Getenv("HOME"), "template")
	h := at(nil, top)
	script := `set -e
git init -q --bare -b main repo.git
git -C repo.git config gc.auto 0
git -C repo.git config http.receivepack true
git init -q -b main work
cd work
git remote add origin ../repo.git
for line in one two three; do echo $line > CHANGES; git add -A; git commit -qm $line; done
git push -q origin main
git -C ../repo.git repack -adbq`
	for name, data := range seed {
		file := filepath.Join(h.work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(data), 0o644)); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(context.Background(), "sh", "-c", script)
	cmd.Dir = top
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return top, nil
})

func at(tb testing.TB, top string) *host { //nolint:thelper // nil for the template
	h := &host{t: tb, bare: filepath.Join(top, "repo.git"), work: filepath.Join(top, "work")}
	h.url = h.bare
	return h
}

func newFileHost(tb testing.TB) *host {
	tb.Helper()
	from, err := template()
	if err != nil {
		tb.Fatal(err)
	}
	top := tb.TempDir()
	if err := os.CopyFS(top, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
	return at(tb, top)
}

// bitmap repacks the server's repository with reachability bitmaps, as git gc
// does by default in a bare one.
func (h *host) bitmap() {
	h.t.Helper()
	git(h.t, h.bare, "repack", "-adbq")
	if found, _ := filepath.Glob(filepath.Join(h.bare, "objects/pack/*.bitmap")); len(found) == 0 {
		h.t.Fatal("the server has no bitmap")
	}
}

// traffic is how many requests the server got, on how many connections; not
// counted where it does not say.
func (h *host) traffic() (requests, connections int64, counted bool) {
	if h.ssh != nil {
		return h.ssh.started.Load(), h.ssh.connected.Load(), true
	}
	return h.requests.Load(), h.connections.Load(), strings.HasPrefix(h.url, "http")
}

func (h *host) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		h.connections.Add(1)
	}
}

func newHTTPHost(tb testing.TB) *host {
	tb.Helper()
	h := newFileHost(tb)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ConnState = h.count
	srv.Start()
	tb.Cleanup(srv.Close)
	h.url = srv.URL + "/repo.git"
	return h
}

func newOldHTTPHost(tb testing.TB) *host {
	tb.Helper()
	h := newHTTPHost(tb)
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Git-Protocol")
		next.ServeHTTP(w, r)
	})
	return h
}

func newFilterHTTPHost(tb testing.TB) *host {
	tb.Helper()
	h := newHTTPHost(tb)
	git(tb, h.bare, "config", "uploadpack.allowFilter", "true")
	return h
}

// handle puts a handler in front of git's; nil takes it away.
func (h *host) handle(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler = f
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	h.mu.Lock()
	front := h.handler
	h.mu.Unlock()
	next := h.backend()
	if front == nil {
		next.ServeHTTP(w, r)
		return
	}
	front(w, r, next)
}

func (h *host) backend() http.Handler {
	exe, err := exec.LookPath("git")
	if err != nil {
		h.t.Error(err)
	}
	return &cgi.Handler{
		Path: exe, Args: []string{"http-backend"},
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(h.bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=x",
			"HOME=" + os.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
			"GIT_COMMITTER_NAME=server", "GIT_COMMITTER_EMAIL=server@example.com",
		},
		InheritEnv: []string{"PATH"},
		Stderr:     io.Discard,
	}
}

// put writes a file of the person's clone; commit commits everything.
func (h *host) put(name, data string) {
	h.t.Helper()
	file := filepath.Join(h.work, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) commit(message string) Rev {
	h.t.Helper()
	git(h.t, h.work, "add", "-A")
	git(h.t, h.work, "commit", "-q", "--allow-empty", "-m", message)
	return h.head()
}

func (h *host) head() Rev { return Rev(git(h.t, h.work, "rev-parse", "HEAD")) }

func (h *host) push(refspec string) {
	h.t.Helper()
	git(h.t, h.work, "push", "-qf", "origin", refspec)
}

// pull brings the person's clone to where the branch is.
func (h *host) pull() {
	h.t.Helper()
	git(h.t, h.work, "fetch", "-q", "origin")
	git(h.t, h.work, "reset", "-q", "--hard", "origin/main")
}

// change is a person's whole commit of one file.
func (h *host) change(name, data string) Rev {
	h.t.Helper()
	h.put(name, data)
	rev := h.commit("change " + name)
	h.push("main")
	return rev
}

func (h *host) ref(name string) Rev {
	h.t.Helper()
	out, err := tryGit(h.t, h.bare, "rev-parse", "--verify", "-q", name)
	if err != nil {
		return ""
	}
	return Rev(out)
}

// fsck fails if the server's repository holds anything git objects to.
func (h *host) fsck() {
	h.t.Helper()
	if out := git(h.t, h.bare, "fsck", "--strict", "--full", "--no-dangling"); out != "" {
		h.t.Errorf("git fsck --strict: %s", out)
	}
}

// hook installs a hook on the server.
func (h *host) hook(name, script string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.bare, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))

func (h *host) open(change ...func(*Options)) *Store {
	h.t.Helper()
	opts := Options{URL: h.url, Branch: "main", Now: func() time.Time { return testTime }}
	if h.options != nil {
		h.options(&opts)
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := Open(opts)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(s.Close)
	return s
}

func snapshot(tb testing.TB, s *Store) Snapshot {
	tb.Helper()
	snap, err := s.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return snap
}

func files(pairs ...string) map[string][]byte {
	m := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = []byte(pairs[i+1])
	}
	return m
}

// publish commits one change of ours.
func publish(tb testing.TB, s *Store, base Rev, pairs ...string) Published {
	tb.Helper()
	done, err := s.Commit(tb.Context(), base, []Commit{{Message: "imgstream: move", Files: files(pairs...)}})
	if err != nil {
		tb.Fatal(err)
	}
	return done
}

// whole reads a tree completely: "mode hash name" and bytes of each file, the
// way listing prints it.
func whole(tb testing.TB, fsys FS) map[string]string {
	tb.Helper()
	got := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		key := info.Mode().String() + " " + d.(interface{ Hash() string }).Hash() + " " + name
		if !info.Mode().IsRegular() {
			got[key] = ""
			return nil
		}
		data, err := fsys.ReadFile(name)
		got[key] = string(data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// listing is what git itself says a commit holds, in the form of whole.
func (h *host) listing(rev Rev) map[string]string {
	h.t.Helper()
	modes := map[string]string{"100644": "-rw-r--r--", "100755": "-rwxr-xr-x", "120000": "Lrwxrwxrwx", "160000": "?---------"}
	want := map[string]string{}
	for line := range strings.SplitSeq(git(h.t, h.bare, "ls-tree", "-r", string(rev)), "\n") {
		meta, name, _ := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		data := ""
		if strings.HasPrefix(f[0], "100") {
			cmd := exec.CommandContext(h.t.Context(), "git", "cat-file", "blob", f[2])
			cmd.Dir = h.bare
			out, err := cmd.Output()
			if err != nil {
				h.t.Fatal(err)
			}
			data = string(out)
		}
		want[modes[f[0]]+" "+f[2]+" "+name] = data
	}
	return want
}

// is fails unless snap is a commit, completely.
func (h *host) is(snap Snapshot, rev Rev) {
	h.t.Helper()
	if snap.Rev != rev {
		h.t.Errorf("snapshot is at %s, want %s", snap.Rev, rev)
	}
	if diff := cmp.Diff(h.listing(rev), whole(h.t, snap.FS)); diff != "" {
		h.t.Errorf("snapshot differs from git's listing (-git +ours):\n%s", diff)
	}
}

func read(tb testing.TB, fsys FS, name string) string {
	tb.Helper()
	data, err := fsys.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// faulty is a wire on which something happens around the first call of a
// service that is not a look.
type faulty struct {
	wire
	service string
	before  func() error // its error replaces the call
	after   error        // replaces the answer of the call, which was made
	once    sync.Once
}

func (f *faulty) call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error) {
	if service != f.service || v2 {
		return f.wire.call(ctx, service, v2, request)
	}
	hit := false
	f.once.Do(func() { hit = true })
	if hit && f.before != nil {
		if err := f.before(); err != nil {
			return nil, err
		}
	}
	body, err := f.wire.call(ctx, service, v2, request)
	if err == nil && hit && f.after != nil {
		_, _ = io.Copy(io.Discard, body)
		return nil, errors.Join(f.after, body.Close())
	}
	return body, err
}

// import600 puts 600 commits on the branch.
func (h *host) import600() {
	h.t.Helper()
	var b strings.Builder
	for i := range 600 {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter Ann <ann@example.com> %d +0000\ndata 1\nx\n", 1700000000+i)
		if i == 0 {
			fmt.Fprintf(&b, "from refs/heads/main^0\n")
		}
		fmt.Fprintf(&b, "M 644 inline CHANGES\ndata 4\n%04d\n", i)
	}
	cmd := exec.CommandContext(h.t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = h.bare, strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
}
