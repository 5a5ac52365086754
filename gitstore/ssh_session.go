package gitstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// sshConn is an authenticated connection.
type sshConn struct {
	client *ssh.Client
	raw    net.Conn
	with   Credentials
}

// Close ends everything on the connection at once.
func (c *sshConn) Close() error { return c.raw.Close() }

// sshSession is one run of a service on the server, which has advertised its
// references and waits for the request.
type sshSession struct {
	conn    *sshConn
	service string
	v2      bool // what it speaks, whatever it was asked for
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  tail // to be read after session.Wait
}

// start runs a service and reads its advertisement. After an error the
// connection is closed.
func (c *sshConn) start(ctx context.Context, service, path string, v2 bool) (*sshSession, []byte, error) {
	guard := watchOver(ctx, c, connectTimeout)
	defer guard.end()
	s := &sshSession{conn: c, service: service}
	answer, err := s.run(guard, service+" "+shellQuote(path), v2)
	if err != nil {
		err = guard.cause(s.failure(err))
		_ = c.Close()
		return nil, nil, err
	}
	s.v2 = bytes.HasPrefix(answer, []byte("000eversion 2\n"))
	return s, answer, nil
}

func (s *sshSession) run(guard *watch, command string, v2 bool) ([]byte, error) {
	session, err := s.conn.client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("open a session: %w", err)
	}
	stdin, err1 := session.StdinPipe()
	stdout, err2 := session.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	session.Stderr = &s.stderr
	if v2 { // whether the server takes it shows in what it answers
		payload := ssh.Marshal(struct{ Name, Value string }{"GIT_PROTOCOL", "version=2"})
		if _, err := session.SendRequest("env", false, payload); err != nil {
			return nil, fmt.Errorf("open a session: %w", err)
		}
	}
	if err := session.Start(command); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.service, err)
	}
	s.session, s.stdin, s.stdout = session, stdin, bufio.NewReader(stdout)
	guard.again(answerTimeout)
	return readAdvertisement(watchedReader{s.stdout, guard})
}

// failure explains why there is no advertisement: by the server's words, if it
// has any.
func (s *sshSession) failure(err error) error {
	_, said := errors.AsType[*serverError](err)
	if s.session == nil || !said && !errors.Is(err, io.EOF) {
		return err
	}
	exit := s.session.Wait()
	words := printable(string(s.stderr))
	if said {
		words = printable(err.Error() + "\n" + words)
	}
	status, exited := errors.AsType[*ssh.ExitError](exit)
	switch {
	case exited:
		return refusedByWords(fmt.Sprintf("%s ended with status %d", s.service, status.ExitStatus()), words)
	case words != "":
		return refusedByWords(s.service+" ended", words)
	}
	return fmt.Errorf("%s ended without an answer: %w", s.service, io.ErrUnexpectedEOF)
}

// send sends the request; what comes back is the answer.
func (s *sshSession) send(ctx context.Context, request []byte, rest func(*sshConn)) *sshAnswer {
	guard := watchOver(ctx, s.conn, answerTimeout)
	a := &sshAnswer{session: s, guard: guard, rest: rest, from: watchedReader{s.stdout, guard}}
	for chunk := range slices.Chunk(request, 32<<10) {
		if _, err := s.stdin.Write(chunk); err != nil {
			break // the end of the answer says why
		}
		guard.again(answerTimeout)
	}
	_ = s.stdin.Close()
	return a
}

// dismiss ends a session that gets no request.
func (s *sshSession) dismiss(ctx context.Context) error {
	guard := watchOver(ctx, s.conn, connectTimeout)
	defer guard.end()
	_, _ = io.WriteString(s.stdin, "0000")
	_ = s.stdin.Close()
	_, _ = io.Copy(io.Discard, s.stdout)
	err := guard.cause(s.session.Wait())
	if err != nil {
		_ = s.conn.Close()
	}
	return err
}

// sshAnswer is what a service answers. Where that ends, a failure of the
// service is the error, with its own words.
type sshAnswer struct {
	session *sshSession
	guard   *watch
	from    io.Reader
	rest    func(*sshConn) // gets the connection back
	done    bool
}

func (a *sshAnswer) Read(p []byte) (int, error) {
	if a.done {
		return 0, io.EOF
	}
	n, err := a.from.Read(p)
	if n > 0 || err == nil {
		return n, nil
	}
	a.done = true
	return 0, a.finish(err)
}

func (a *sshAnswer) finish(err error) error {
	defer a.guard.end()
	if !errors.Is(err, io.EOF) {
		_ = a.session.conn.Close()
		return err
	}
	exit := a.guard.cause(a.session.session.Wait())
	if status, ok := errors.AsType[*ssh.ExitError](exit); ok {
		a.rest(a.session.conn)
		text := fmt.Sprintf("%s ended with status %d", a.session.service, status.ExitStatus())
		if words := printable(string(a.session.stderr)); words != "" {
			text += ": " + words
		}
		return errors.New(text)
	}
	if exit != nil {
		_ = a.session.conn.Close()
		return fmt.Errorf("the connection was lost: %w", exit)
	}
	a.rest(a.session.conn)
	return io.EOF
}

// Close lets a service that has more to say say it, so that it is not ended
// in the middle of an update.
func (a *sshAnswer) Close() error {
	if _, err := io.CopyN(io.Discard, a, maxAnswer); err == nil {
		a.done = true
		a.guard.end()
		_ = a.session.conn.Close()
	}
	return nil
}

// readAdvertisement reads packet lines (gitprotocol-common(5)) up to the first
// flush, that included. It is io.EOF if the end comes before that, and a
// *serverError if the server says so.
func readAdvertisement(from io.Reader) ([]byte, error) {
	var answer bytes.Buffer
	for {
		start := answer.Len()
		if _, err := io.CopyN(&answer, from, 4); err != nil {
			return nil, cutOff(err)
		}
		head := string(answer.Bytes()[start:])
		n, err := strconv.ParseUint(head, 16, 16)
		switch {
		case err != nil || n > 0 && n < 4:
			rest, _ := io.ReadAll(io.LimitReader(from, 80))
			return nil, fmt.Errorf("the answer is not git's, it begins with %q: check the path, and that login scripts print nothing",
				printable(head+string(rest)))
		case n == 0:
			return answer.Bytes(), nil
		case answer.Len()+int(n) > maxAnswer:
			return nil, fmt.Errorf("the server's answer is longer than %d bytes", maxAnswer)
		}
		if _, err := io.CopyN(&answer, from, int64(n)-4); err != nil {
			return nil, cutOff(err)
		}
		if said, ok := bytes.CutPrefix(answer.Bytes()[start+4:], []byte("ERR ")); ok {
			return nil, &serverError{printable(string(said))}
		}
	}
}

// cutOff makes one error of an end in the middle.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}
