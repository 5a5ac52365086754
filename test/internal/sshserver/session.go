package sshserver

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// The programs that may be run.
const (
	upload  = "git-upload-pack"
	receive = "git-receive-pack"
)

// parse reads a command as git's clients write it: a program and a quoted path.
func parse(line string) (program, path string, err error) {
	program, path, _ = strings.Cut(line, " ")
	if inner, ok := strings.CutPrefix(path, "'"); ok {
		if path, ok = strings.CutSuffix(inner, "'"); !ok {
			return "", "", fmt.Errorf("%q: the quote is not closed", line)
		}
	}
	if program != upload && program != receive || path == "" || strings.ContainsAny(path, `'"\`) {
		return "", "", fmt.Errorf("%q is not served", line)
	}
	return program, path, nil
}

// quote quotes a path for the shell in which git runs GIT_SSH_COMMAND.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// session serves the one command of a channel.
func (s *Server) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	env := s.env
	for r := range requests {
		var pair struct{ Name, Value string }
		var command struct{ Line string }
		switch {
		case r.Type == "env" && ssh.Unmarshal(r.Payload, &pair) == nil && pair.Name == "GIT_PROTOCOL":
			env = append(slices.Clip(env), pair.Name+"="+pair.Value)
			_ = r.Reply(true, nil)
		case r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) == nil:
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(requests)
			s.run(channel, env, command.Line)
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

// run runs a command, and takes its time where it is a push.
func (s *Server) run(channel ssh.Channel, env []string, line string) {
	defer func() { _ = channel.Close() }()
	program, path, err := parse(line)
	if program == receive {
		s.receiving.Add(1)
		defer s.receiving.Done()
	}
	var status struct{ Code uint32 }
	var took time.Duration
	if err == nil {
		took, err = serveGit(channel, env, strings.TrimPrefix(program, "git-"), path)
	}
	if err != nil {
		status.Code = 1
		_, _ = fmt.Fprintln(channel.Stderr(), err)
	}
	if program == receive {
		s.mu.Lock()
		s.received = append(s.received, took)
		s.mu.Unlock()
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
}

// serveGit runs a service of git on a channel, and says how long that took without the
// wait between the advertisement and the first byte of the client.
func serveGit(channel ssh.Channel, env []string, service, path string) (time.Duration, error) {
	start := time.Now()
	w := &wait{start: start}
	cmd := exec.Command("git", service, path) //nolint:noctx // ends with its channel
	cmd.Env, cmd.Stdout, cmd.Stderr = env, stamped{channel, w}, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		_, _ = io.Copy(stdin, reading{channel, w})
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	return time.Since(start) - w.took(), err
}

// wait is the time between the last byte that the server wrote before the client's
// first, and that one, both since start.
type wait struct {
	start    time.Time
	wrote    atomic.Int64
	answered atomic.Int64 // 0: not yet
}

func (w *wait) took() time.Duration {
	return time.Duration(max(0, w.answered.Load()-w.wrote.Load()))
}

type stamped struct {
	io.Writer
	wait *wait
}

func (s stamped) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if s.wait.answered.Load() == 0 {
		s.wait.wrote.Store(int64(time.Since(s.wait.start)))
	}
	return n, err
}

type reading struct {
	io.Reader
	wait *wait
}

func (r reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.wait.answered.Load() == 0 {
		r.wait.answered.Store(int64(time.Since(r.wait.start)))
	}
	return n, err
}
