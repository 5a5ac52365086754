package gitstore

import (
	"context"
	"io"
)

// wire carries git's stateless protocol (gitprotocol-http(5)): one whole
// question, one whole answer, whichever way the bytes travel.
type wire interface {
	// advertise asks a service for references and capabilities, in protocol
	// version 2 if the other side knows it.
	advertise(ctx context.Context, service string, v2 bool) (io.ReadCloser, error)
	// call sends a request to a service.
	call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error)
}

// The two services of a git server.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// maxAnswer bounds what is read of an advertisement or a report: some 700,000
// references.
const maxAnswer = 64 << 20
