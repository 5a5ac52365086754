// Package sshserver runs git's services over SSH on loopback for one user with one key,
// and takes the time of pushes. It is for tests and measurements.
package sshserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// User is who may log in.
const User = "git"

// Server is a running server. Close ends it.
type Server struct {
	KeyFile        string // the user's private key
	KnownHostsFile string // names the server's

	config   ssh.ServerConfig
	listener net.Listener
	env      []string
	serving  sync.WaitGroup

	receiving sync.WaitGroup // pushes that run
	mu        sync.Mutex
	conns     map[net.Conn]bool
	received  []time.Duration
}

// Start starts a server that keeps its keys in the folder dir and runs git with env.
func Start(dir string, env []string) (*Server, error) {
	s := &Server{
		KeyFile: filepath.Join(dir, "id_ed25519"), KnownHostsFile: filepath.Join(dir, "known_hosts"),
		env: env, conns: map[net.Conn]bool{},
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // it does not wait
		return nil, err
	}
	if err := s.keys(); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.serving.Go(s.accept)
	return s, nil
}

// keys makes the server's key and the user's, and writes what the user needs.
func (s *Server) keys() error {
	host, _, err1 := newKey()
	user, text, err2 := newKey()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	s.config.AddHostKey(host)
	public := user.PublicKey().Marshal()
	s.config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != User || !bytes.Equal(key.Marshal(), public) {
			return nil, errors.New("who are you?")
		}
		return &ssh.Permissions{}, nil
	}
	line := knownhosts.Line([]string{s.listener.Addr().String()}, host.PublicKey())
	return errors.Join(
		os.WriteFile(s.KeyFile, text, 0o600),
		os.WriteFile(s.KnownHostsFile, []byte(line+"\n"), 0o600),
	)
}

func newKey() (ssh.Signer, []byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, err
	}
	return signer, pem.EncodeToMemory(block), nil
}

// URL is that of a repository in an absolute directory.
func (s *Server) URL(dir string) string {
	return "ssh://" + User + "@" + s.listener.Addr().String() + filepath.ToSlash(dir)
}

// Command is what GIT_SSH_COMMAND has to be for git to get in, with nothing of the
// user's own configuration.
func (s *Server) Command() string {
	return "ssh -F none -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=yes" +
		" -o GlobalKnownHostsFile=none -o UserKnownHostsFile=" + quote(s.KnownHostsFile) + " -i " + quote(s.KeyFile)
}

// Received waits until no push runs, and gives what each took in the server since the
// last call, git's own process included and what it waited for the client to make its
// request up left out.
func (s *Server) Received() []time.Duration {
	s.receiving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	received := s.received
	s.received = nil
	return received
}

// Close ends the server and its connections.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

func (s *Server) serve(raw net.Conn) {
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
	go ssh.DiscardRequests(requests)
	var running sync.WaitGroup
	defer running.Wait()
	for next := range channels {
		channel, requests, err := next.Accept()
		if err != nil {
			return
		}
		running.Go(func() { s.session(channel, requests) })
	}
}
