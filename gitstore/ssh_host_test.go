package gitstore

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer is an SSH server in this process that runs commands in a shell,
// as sshd does. Its fields are set by set.
type sshServer struct {
	t        testing.TB
	config   ssh.ServerConfig
	address  string
	oldGit   bool                             // no environment is taken, so that git speaks version 0
	sessions int64                            // how many a connection may have in its life; 0: any number
	exec     func(ssh.Channel, string) uint32 // instead of the shell; the exit status

	connected, started atomic.Int64

	mu    sync.Mutex
	users map[string]bool // "user fingerprint"
	conns map[net.Conn]bool
}

func newSSHServer(tb testing.TB, hostKeys ...ssh.Signer) *sshServer {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &sshServer{t: tb, address: listener.Addr().String(), users: map[string]bool{}, conns: map[net.Conn]bool{}}
	s.config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.users[c.User()+" "+ssh.FingerprintSHA256(key)] {
			return nil, errors.New("not registered")
		}
		return &ssh.Permissions{}, nil
	}
	for _, key := range hostKeys {
		s.config.AddHostKey(key)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		s.cut()
		serving.Wait()
	})
	return s
}

// set changes how those are served who connect from now on.
func (s *sshServer) set(change func(*sshServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// allow registers a user's keys.
func (s *sshServer) allow(user string, keys ...ssh.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.users[user+" "+ssh.FingerprintSHA256(key)] = true
	}
}

// cut ends all connections.
func (s *sshServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// open counts the connections that are there now.
func (s *sshServer) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *sshServer) serve(raw net.Conn) {
	s.mu.Lock()
	s.conns[raw] = true
	s.mu.Unlock()
	defer func() {
		_ = raw.Close()
		s.mu.Lock()
		delete(s.conns, raw)
		s.mu.Unlock()
	}()
	_, channels, requests, err := ssh.NewServerConn(raw, &s.config)
	if err != nil {
		return
	}
	s.connected.Add(1)
	go ssh.DiscardRequests(requests)
	var running sync.WaitGroup
	defer running.Wait()
	for had := int64(0); ; had++ {
		next, ok := <-channels
		if !ok {
			return
		}
		if s.sessions > 0 && had >= s.sessions {
			_ = next.Reject(ssh.ResourceShortage, "one session only")
			continue
		}
		channel, requests, err := next.Accept()
		if err != nil {
			return
		}
		running.Go(func() { s.session(channel, requests) })
	}
}

func (s *sshServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	env := os.Environ()
	for r := range requests {
		var pair struct{ Name, Value string }
		var command struct{ Line string }
		switch {
		case r.Type == "env" && !s.oldGit && ssh.Unmarshal(r.Payload, &pair) == nil:
			env = append(env, pair.Name+"="+pair.Value)
			_ = r.Reply(true, nil)
		case r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) == nil:
			_ = r.Reply(true, nil)
			s.started.Add(1)
			go func() {
				for r := range requests {
					_ = r.Reply(false, nil)
				}
			}()
			s.run(channel, env, command.Line)
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

func (s *sshServer) run(channel ssh.Channel, env []string, line string) {
	defer func() { _ = channel.Close() }()
	var status uint32
	if s.exec != nil {
		status = s.exec(channel, line)
	} else {
		status = shell(s.t, channel, env, line)
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
}

var gitExecPath = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output() //nolint:noctx // once, for all tests
	return strings.TrimSpace(string(out)), err
})

func shell(tb testing.TB, channel ssh.Channel, env []string, line string) uint32 {
	tb.Helper()
	path, err := gitExecPath()
	if err != nil {
		tb.Error(err)
	}
	cmd := exec.Command("sh", "-c", line) //nolint:noctx // ends with its channel
	cmd.Env = slices.Concat(env, []string{"PATH=" + path + string(os.PathListSeparator) + os.Getenv("PATH")})
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Error(err)
		return 1
	}
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	if err := cmd.Wait(); err != nil {
		return uint32(cmd.ProcessState.ExitCode()) //nolint:gosec // -1 is as good as any other
	}
	return 0
}

// newKey is a fresh ed25519 key and its PEM.
func newKey(tb testing.TB) (ssh.Signer, Secret) {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return keyOf(tb, key)
}

func keyOf(tb testing.TB, key any) (ssh.Signer, Secret) {
	tb.Helper()
	signer, err1 := ssh.NewSignerFromKey(key)
	block, err2 := ssh.MarshalPrivateKey(key, "")
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	return signer, Secret(pem.EncodeToMemory(block))
}

// newSSHHost has one user, git, with one key.
func newSSHHost(tb testing.TB) *host {
	tb.Helper()
	h := newFileHost(tb)
	hostKey, _ := newKey(tb)
	signer, key := newKey(tb)
	h.ssh = newSSHServer(tb, hostKey)
	h.ssh.allow("git", signer.PublicKey())
	h.url = "ssh://" + h.ssh.address + h.bare
	h.options = func(o *Options) {
		o.Credentials = static(Credentials{SSHKey: key, KnownHosts: knownhosts.Line([]string{h.ssh.address}, hostKey.PublicKey())})
	}
	return h
}

func newOldSSHHost(tb testing.TB) *host {
	tb.Helper()
	h := newSSHHost(tb)
	h.ssh.set(func(s *sshServer) { s.oldGit = true })
	return h
}
