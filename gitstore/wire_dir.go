package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// dirWire is a repository on this machine. git's own programs answer, as they
// do behind an HTTP server, with its hooks and its configuration.
type dirWire struct{ dir string }

func (w *dirWire) advertise(ctx context.Context, service string, v2 bool) (io.ReadCloser, error) {
	return w.run(ctx, v2, nil, program(service), "--stateless-rpc", "--advertise-refs", w.dir)
}

func (w *dirWire) call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error) {
	return w.run(ctx, v2, request, program(service), "--stateless-rpc", w.dir)
}

// pushGrace is how long a push that was sent may go on when its caller gives up. It moves
// two references one after the other; ended between them, it would leave ours behind.
const pushGrace = time.Second

func (w *dirWire) stateless() bool { return true }

func (w *dirWire) close() {}

func program(service string) string { return strings.TrimPrefix(service, "git-") }

func (w *dirWire) run(ctx context.Context, v2 bool, stdin []byte, args ...string) (io.ReadCloser, error) {
	if _, err := os.Stat(w.dir); err != nil {
		return nil, fmt.Errorf("%w: there is no such directory", ErrRepositoryNotFound)
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = gitEnv(v2)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Cancel = func() error {
		if stdin != nil && args[0] == program(receivePack) {
			time.Sleep(pushGrace)
		}
		// Asked to end, receive-pack takes its lock files away.
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	cmd.WaitDelay = 5 * time.Second
	p := &process{ctx: ctx, cmd: cmd}
	cmd.Stderr = &p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = stdout
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%w: a local repository needs git; install it, or use an https URL", err)
		}
		return nil, err
	}
	return p, nil
}

// gitEnv is the environment without what ties git to another repository, as
// it is set where a hook runs us.
func gitEnv(v2 bool) []string {
	local := []string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX",
		"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE",
		"GIT_PROTOCOL", "LC_ALL",
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(local, name)
	})
	env = append(env, "LC_ALL=C")
	if v2 {
		env = append(env, "GIT_PROTOCOL=version=2")
	}
	return env
}

// process reads a program's output. Where that ends, a failure of the program
// is the error, with its own words.
type process struct {
	ctx    context.Context //nolint:containedctx // of the one call whose answer this is
	cmd    *exec.Cmd
	stdout io.Reader
	stderr tail
	done   bool
}

func (p *process) Read(b []byte) (int, error) {
	n, err := p.stdout.Read(b)
	if n > 0 || !errors.Is(err, io.EOF) || p.done {
		return n, err
	}
	if err := p.wait(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func (p *process) wait() error {
	p.done = true
	err := p.cmd.Wait()
	switch words := printable(string(p.stderr)); {
	case err == nil:
		return nil
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case strings.Contains(words, "does not appear to be a git repository"):
		return ErrRepositoryNotFound
	case words != "":
		return fmt.Errorf("%w: %s", err, words)
	}
	return err
}

// Close lets a program that has more to say say it, so that it is never
// killed in the middle of an update.
func (p *process) Close() error {
	if p.done {
		return nil
	}
	_, _ = io.Copy(io.Discard, p.stdout)
	_ = p.wait()
	return nil
}

// tail keeps the last maxWords that were written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	if over := len(*t) - maxWords; over > 0 {
		*t = append((*t)[:0], (*t)[over:]...)
	}
	return len(b), nil
}
