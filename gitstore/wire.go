package gitstore

import (
	"context"
	"io"
)

// wire carries git's stateless protocol (gitprotocol-http(5)): one whole
// question, one whole answer, whichever way the bytes travel. An answer is read
// to its end and closed before the next question.
type wire interface {
	// advertise asks a service for references and capabilities, in protocol
	// version 2 if the other side knows it.
	advertise(ctx context.Context, service string, v2 bool) (io.ReadCloser, error)
	// call sends a request to a service.
	call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error)
	// stateless reports whether a call costs less without an advertisement.
	stateless() bool
	// close ends the connections that are kept; a later question opens new ones.
	close()
}

// Close ends the connections that are kept for later requests. A Store that is
// used afterwards connects again; one that is not closed ends them by itself
// after some minutes.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.close()
}

// The two services of a git server.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// maxAnswer bounds what is read of an advertisement or a report: some 700,000
// references.
const maxAnswer = 64 << 20
