// Package tagserver is a registry in memory on loopback whose tags are cheap to move, and
// that can be made to fail: go-containerregistry's registry, filled without a socket. It
// is for tests.
package tagserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/registry"
)

const (
	configType   = "application/vnd.oci.image.config.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

// Tap sees every request first. Where it gives true, it has answered.
type Tap func(w http.ResponseWriter, r *http.Request) (answered bool)

// Server is a running registry. Close ends it.
type Server struct {
	Host string // host:port, as references name it

	http   *httptest.Server
	images http.Handler
	tap    atomic.Pointer[Tap]

	mu   sync.Mutex
	made int              // images so far
	has  map[string]image // by repository@digest
}

type image struct {
	manifest []byte
	config   string // its digest
}

// Start starts an empty registry.
func Start() *Server {
	s := &Server{
		images: registry.New(registry.Logger(log.New(io.Discard, "", 0))),
		has:    map[string]image{},
	}
	s.http = httptest.NewServer(s)
	s.Host = strings.TrimPrefix(s.http.URL, "http://")
	return s
}

// Close ends the registry and its connections.
func (s *Server) Close() { s.http.Close() }

// SetTap has the requests from now on tapped; nil: no more.
func (s *Server) SetTap(t Tap) {
	if t == nil {
		s.tap.Store(nil)
		return
	}
	s.tap.Store(&t)
}

// Handler is the registry behind the tap.
func (s *Server) Handler() http.Handler { return s.images }

// ServeHTTP answers as a registry does, unless the tap has.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if tap := s.tap.Load(); tap != nil && (*tap)(w, r) {
		return
	}
	s.images.ServeHTTP(w, r)
}

// Move puts a new image under a tag, and gives its digest. The same calls give the same
// digests.
func (s *Server) Move(ctx context.Context, repository, tag string) (digest string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":{"number":"%d"}}}`, s.made)
	blob := digestOf(config)
	if err := s.send(ctx, http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+blob, "application/octet-stream", config); err != nil {
		return "", err
	}
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		manifestType, configType, blob, len(config))
	digest = digestOf(manifest)
	s.has[repository+"@"+digest] = image{manifest, blob}
	return digest, s.point(ctx, repository, tag, manifest)
}

// Point puts an image that a repository has under a tag.
func (s *Server) Point(ctx context.Context, repository, tag, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, ok := s.has[repository+"@"+digest]
	if !ok {
		return fmt.Errorf("%s has no %s", repository, digest)
	}
	return s.point(ctx, repository, tag, is.manifest)
}

func (s *Server) point(ctx context.Context, repository, tag string, manifest []byte) error {
	return s.send(ctx, http.MethodPut, "/v2/"+repository+"/manifests/"+tag, manifestType, manifest)
}

// Drop removes an image that no tag names.
func (s *Server) Drop(ctx context.Context, repository, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.has[repository+"@"+digest]
	delete(s.has, repository+"@"+digest)
	return errors.Join(
		s.send(ctx, http.MethodDelete, "/v2/"+repository+"/manifests/"+digest, "", nil),
		s.send(ctx, http.MethodDelete, "/v2/"+repository+"/blobs/"+is.config, "", nil),
	)
}

// send speaks to the registry without a socket.
func (s *Server) send(ctx context.Context, method, path, contentType string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	answer := httptest.NewRecorder()
	s.images.ServeHTTP(answer, r)
	if answer.Code >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return nil
}

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }
