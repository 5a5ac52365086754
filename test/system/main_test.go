// Package system_test runs imgstream as a whole against real servers: CNCF Distribution
// and git over HTTP. End-to-end tests run the binary, tests that count use the library.
package system_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/registries"
)

// binary is the imgstream under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "imgstream-system-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Setenv("DOCKER_CONFIG", dir); err != nil { // for tests that ask in the process
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "imgstream")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", binary, "./cmd/imgstream")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build imgstream: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is a process that ended.
type result struct {
	code           int
	stdout, stderr string
	peak           int64 // bytes of memory; 0 where the system does not say
}

// imgstream runs the binary with an environment that holds nothing of the user's, and
// fails when a secret shows in what it prints.
func (w *world) imgstream(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &stdout, &stderr
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "DOCKER_CONFIG=" + w.dir}, w.env...)
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	r := result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		r.peak = usage.Maxrss << 10
	}
	w.noSecretIn(t, "what imgstream prints", r.stdout+r.stderr)
	return r
}

// sync runs a pass over the remote branch with the flags of the world.
func (w *world) sync(t *testing.T, args ...string) result {
	t.Helper()
	return w.imgstream(t, append([]string{"sync", "--repo", w.repo.URL, "--branch", gitserver.Branch}, append(w.flags, args...)...)...)
}

// world is a registry, a git server with one repository, and what reaches them.
type world struct {
	dir      string // of the process; holds no clone
	shape    fixture.Shape
	registry *registries.Registry
	git      *gitserver.Server
	repo     *gitserver.Repository
	digests  []string // of the tag 1.0 of each stream

	env, flags []string
	secrets    []string
}

func newRegistry(t *testing.T) *registries.Registry {
	t.Helper()
	r, err := registries.Plain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// newWorld pushes one image per stream and makes the repository that names them.
func newWorld(t *testing.T, registry *registries.Registry, login gitserver.Login, shape fixture.Shape) *world {
	t.Helper()
	shape.Registry = registry.Host
	w := &world{dir: t.TempDir(), shape: shape, registry: registry}
	for _, s := range shape.All() {
		w.digests = append(w.digests, w.push(t, s))
	}
	var err error
	if w.git, err = gitserver.Start(t.TempDir(), login); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.git.Close)
	if w.repo, err = w.git.Create(t.Context(), "apps", shape.Files()); err != nil {
		t.Fatal(err)
	}
	registry.Reset()
	return w
}

// push moves the tag 1.0 of a stream's image.
func (w *world) push(t *testing.T, s fixture.Stream) string {
	t.Helper()
	digest, err := w.registry.Push(t.Context(), s.Repository+":1.0")
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// commit is a person's push.
func (w *world) commit(t *testing.T, files map[string]string) {
	t.Helper()
	if err := w.repo.Commit(t.Context(), "a person's change", files); err != nil {
		t.Fatal(err)
	}
}

func (w *world) gitOut(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.repo.Git(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func (w *world) tip(t *testing.T) string {
	t.Helper()
	return w.gitOut(t, "rev-parse", gitserver.Branch)
}

func (w *world) files(t *testing.T, rev string) map[string]string {
	t.Helper()
	files, err := w.repo.Files(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// fsck fails when git objects to anything in the repository.
func (w *world) fsck(t *testing.T) {
	t.Helper()
	if err := w.repo.Fsck(t.Context()); err != nil {
		t.Errorf("git fsck --strict: %v", err)
	}
}

func (w *world) noSecretIn(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range w.secrets {
		if strings.Contains(text, secret) {
			t.Errorf("a secret shows in %s:\n%s", where, text)
		}
	}
}
