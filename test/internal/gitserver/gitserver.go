// Package gitserver serves bare git repositories over smart HTTP on loopback, by git's
// own http-backend, and counts what it is asked. It is for tests and measurements.
package gitserver

import (
	"context"
	"fmt"
	"io"
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
	"time"
)

// Login is what the server asks for; the zero value is nothing.
type Login struct{ Username, Password string }

// Request is one request that reached git.
type Request struct {
	Method, Path, Query string
	Took                time.Duration // in the server, git's own process included
}

// Service is the program of git that answered: git-upload-pack or git-receive-pack.
func (r Request) Service() string {
	if service, ok := strings.CutPrefix(r.Query, "service="); ok {
		return service
	}
	return r.Path[strings.LastIndexByte(r.Path, '/')+1:]
}

// Server is a running server. Close ends it.
type Server struct {
	root   string
	login  Login
	http   *httptest.Server
	git    http.Handler
	tap    atomic.Pointer[Tap]
	inGit  sync.WaitGroup
	mu     sync.Mutex
	counts Counts
}

// Counts is what a server was asked since the last Reset.
type Counts struct {
	Requests    []Request // those that were let through, in the order of their ends
	Refused     int       // for want of the login
	Connections int       // new ones
}

// Start serves the bare repositories in the folder root.
func Start(root string, login Login) (*Server, error) {
	exe, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	s := &Server{root: root, login: login}
	s.git = &cgi.Handler{
		Path:       exe,
		Args:       []string{"http-backend"},
		Env:        append(hermetic(root), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=somebody"),
		InheritEnv: []string{"PATH"},
		Stderr:     io.Discard,
	}
	s.http = httptest.NewUnstartedServer(s)
	s.http.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.counts.Connections++
			s.mu.Unlock()
		}
	}
	s.http.Start()
	return s, nil
}

// Close ends the server and its connections.
func (s *Server) Close() { s.http.Close() }

// ServeHTTP checks the login, gives the request to git, and writes it down.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	username, password, _ := r.BasicAuth()
	if s.login != (Login{}) && s.login != (Login{Username: username, Password: password}) {
		s.mu.Lock()
		s.counts.Refused++
		s.mu.Unlock()
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	s.inGit.Add(1)
	defer s.inGit.Done()
	start := time.Now()
	if tap := s.tap.Load(); tap != nil {
		s.tapped(w, r, *tap)
	} else {
		s.git.ServeHTTP(w, r)
	}
	took := time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Requests = append(s.counts.Requests, Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Took: took})
}

// Reset waits until no request is with git, forgets the counts, and gives them.
func (s *Server) Reset() Counts {
	s.inGit.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	counts.Requests = slices.Clone(counts.Requests)
	s.counts = Counts{Requests: counts.Requests[:0:0]}
	return counts
}

// Env is the environment of a git that sees nothing of the user's configuration and
// keeps what it must in home.
func Env(home string) []string { return append(os.Environ(), hermetic(home)...) }

func hermetic(home string) []string {
	return []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
}

// run runs git in a directory with what goes into it, and gives what it prints.
func run(ctx context.Context, dir, home string, in io.Reader, args ...string) (string, error) {
	return runIn(ctx, dir, Env(home), in, args...)
}

func runIn(ctx context.Context, dir string, env []string, in io.Reader, args ...string) (string, error) {
	return runAs(ctx, []string{"git"}, dir, env, in, args...)
}

func runAs(ctx context.Context, git []string, dir string, env []string, in io.Reader, args ...string) (string, error) {
	all := slices.Concat(git, args)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, env, in
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
