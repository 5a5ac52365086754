package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/test/internal/fixture"
)

// images is a registry on loopback in which every stream of a fixture.Shape is at rest:
// its tag has the digest that its status says. What is pushed is served from then on.
type images struct {
	host string // host:port, as references name it

	http   *httptest.Server
	pushed http.Handler
	mu     sync.Mutex
	moved  map[string]bool // by path of a manifest
}

func newImages() *images {
	m := &images{pushed: registry.New(registry.Logger(log.New(io.Discard, "", 0))), moved: map[string]bool{}}
	m.http = httptest.NewServer(m)
	m.host = strings.TrimPrefix(m.http.URL, "http://")
	return m
}

func (m *images) close() { m.http.Close() }

func (m *images) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i, ok := streamOf(r.URL.Path)
	m.mu.Lock()
	if r.Method == http.MethodPut {
		m.moved[r.URL.Path] = true
	}
	rests := ok && r.Method == http.MethodHead && !m.moved[r.URL.Path]
	m.mu.Unlock()
	if !rests {
		m.pushed.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Content-Length", "2")
	w.Header().Set("Docker-Content-Digest", fixture.Digest(i))
}

// streamOf is the number of the stream whose tag a path names.
func streamOf(path string) (i int, ok bool) {
	var team int
	_, err := fmt.Sscanf(path, "/v2/team-%d/app-%d/manifests/1.0", &team, &i)
	return i, err == nil && path == fmt.Sprintf("/v2/team-%03d/app-%05d/manifests/1.0", team, i)
}

// push puts a new image under the tag of a stream.
func (m *images) push(ctx context.Context, s fixture.Stream) error {
	ref, err := name.ParseReference(m.host + "/" + s.Repository + ":1.0")
	if err != nil {
		return err
	}
	image, err := random.Image(16, 1)
	if err != nil {
		return err
	}
	return remote.Write(ref, image, remote.WithContext(ctx))
}
