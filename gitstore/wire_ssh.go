package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// How long a connection is kept without a request, and a service that has
// advertised its references waits for the one that may follow.
const (
	keepConnection = 5 * time.Minute
	keepSession    = 5 * time.Second
)

// sshWire runs git's services over SSH, each request in a session of its own
// on a connection that is kept as long as the server and the credentials
// allow. The session of an advertisement serves the request that follows it.
type sshWire struct {
	sshRemote
	credentials func() (Credentials, error)
	agent       string // the socket of ssh-agent; "" if there is none

	mu      sync.Mutex
	resting *resting // nil: nothing is kept, or it is in use
}

// resting is a connection between two requests. Who takes it owns it.
type resting struct {
	conn    *sshConn
	session *sshSession // waits for its request; nil: none does
	timer   *time.Timer
}

func newSSHWire(r sshRemote, credentials func() (Credentials, error)) *sshWire {
	return &sshWire{sshRemote: r, credentials: credentials, agent: os.Getenv("SSH_AUTH_SOCK")}
}

func (w *sshWire) advertise(ctx context.Context, service string, v2 bool) (io.ReadCloser, error) {
	s, answer, err := w.start(ctx, service, v2, w.take())
	if err != nil {
		return nil, err
	}
	w.put(&resting{conn: s.conn, session: s})
	return io.NopCloser(bytes.NewReader(answer)), nil
}

// stateless: each session begins with an advertisement.
func (w *sshWire) stateless() bool { return false }

func (w *sshWire) call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error) {
	kept := w.take()
	if kept != nil && kept.session != nil && kept.session.service == service && kept.session.v2 == v2 {
		return kept.session.send(ctx, request, w.rest), nil
	}
	s, _, err := w.start(ctx, service, v2, kept)
	if err != nil {
		return nil, err
	}
	if s.v2 != v2 {
		w.put(&resting{conn: s.conn, session: s})
		return nil, errors.New("the server answers in another version of git's protocol than before")
	}
	return s.send(ctx, request, w.rest), nil
}

// start starts a service on the connection that was kept, else on a new one:
// also where the old one turns out to be broken, or good for one session only.
func (w *sshWire) start(ctx context.Context, service string, v2 bool, kept *resting) (*sshSession, []byte, error) {
	c, err := w.credentials()
	if err != nil {
		kept.close()
		return nil, nil, fmt.Errorf("read the credentials: %w", err)
	}
	if conn := kept.ready(ctx, c); conn != nil {
		s, answer, err := conn.start(ctx, service, w.path, v2)
		if _, said := errors.AsType[*statusError](err); err == nil || said || ctx.Err() != nil {
			return s, answer, err
		}
	}
	conn, err := w.connect(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return conn.start(ctx, service, w.path, v2)
}

// connect tries once more if the credentials were replaced meanwhile.
func (w *sshWire) connect(ctx context.Context, c Credentials) (*sshConn, error) {
	conn, err := w.dial(ctx, c)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	again, readErr := w.credentials()
	if readErr != nil || again == c {
		return nil, err
	}
	return w.dial(ctx, again)
}

func (w *sshWire) dial(ctx context.Context, c Credentials) (*sshConn, error) {
	known, err := parseKnownHosts(c.KnownHosts, w.address)
	if err != nil {
		return nil, err
	}
	l, err := w.login(ctx, c)
	if err != nil {
		return nil, err
	}
	defer l.close()
	dialer := net.Dialer{Timeout: connectTimeout, KeepAlive: connectTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, explainDial(err)
	}
	client, err := handshake(ctx, raw, known, l)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &sshConn{client: client, raw: raw, with: c}, nil
}

// handshake verifies the host and authenticates.
func handshake(ctx context.Context, raw net.Conn, known knownHosts, l *login) (*ssh.Client, error) {
	guard := watchOver(ctx, raw, connectTimeout)
	defer guard.end()
	verified := false
	conn, channels, requests, err := ssh.NewClientConn(raw, known.address, &ssh.ClientConfig{
		User: l.user, Auth: l.methods, ClientVersion: "SSH-2.0-imgstream",
		HostKeyAlgorithms: known.algorithms(),
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			err := known.check(host, remote, key)
			verified = err == nil
			return err
		},
	})
	if err == nil {
		return ssh.NewClient(conn, channels, requests), nil
	}
	badHost, unverified := errors.AsType[*hostKeyError](err)
	_, network := errors.AsType[net.Error](err)
	switch {
	case guard.ctx.Err() != nil:
		return nil, guard.cause(err)
	case unverified:
		return nil, badHost
	case verified && !network && !errors.Is(err, io.EOF):
		return nil, l.refused()
	}
	return nil, err
}

// take is what rests, if anything does; it is the caller's then.
func (w *sshWire) take() *resting {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.resting
	if r != nil {
		r.timer.Stop()
	}
	w.resting = nil
	return r
}

func (w *sshWire) rest(conn *sshConn) { w.put(&resting{conn: conn}) }

func (w *sshWire) put(r *resting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resting.close()
	w.resting = r
	keep := keepConnection
	if r.session != nil {
		keep = keepSession
	}
	r.timer = time.AfterFunc(keep, func() { w.expire(r) })
}

// expire ends a session that waited in vain, or a connection nobody needs.
func (w *sshWire) expire(r *resting) {
	w.mu.Lock()
	mine := w.resting == r
	if mine {
		w.resting = nil
	}
	w.mu.Unlock()
	switch {
	case !mine:
	case r.session == nil:
		r.close()
	case r.session.dismiss(context.Background()) == nil:
		w.rest(r.conn)
	}
}

func (w *sshWire) close() { w.take().close() }

func (r *resting) close() {
	if r != nil {
		_ = r.conn.Close()
	}
}

// ready is the connection, fit for a new session of the same credentials; else
// it is closed and nil.
func (r *resting) ready(ctx context.Context, c Credentials) *sshConn {
	switch {
	case r == nil:
		return nil
	case r.conn.with != c:
		r.close()
		return nil
	case r.session != nil && r.session.dismiss(ctx) != nil:
		return nil
	}
	return r.conn
}

// refusedByWords is a service that ended instead of answering. Servers say why
// in texts of their own; those of git, GitHub, GitLab, Gitea and Bitbucket are
// told apart.
func refusedByWords(status, words string) error {
	e := &statusError{status: status, words: words}
	holds := func(part string) bool { return strings.Contains(strings.ToLower(words), part) }
	switch {
	case slices.ContainsFunc([]string{
		"does not appear to be a git repository", "repository not found", "could not be found",
		"repository does not exist", "project not found",
	}, holds):
		e.err, e.hint = ErrRepositoryNotFound, "check the path, and that the key may read the repository"
	case slices.ContainsFunc([]string{
		"denied", "read only", "read-only", "not allowed", "not authorized", "unauthorized", "forbidden", "permission",
	}, holds):
		e.err, e.hint = ErrUnauthorized, "check the user and the key, and what they may do"
	}
	return e
}
