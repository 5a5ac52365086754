package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/test/internal/fixture"
)

// images is a registry on loopback in which every stream of a fixture.Shape is at rest:
// its tag has the image that its status says. What is pushed is served from then on. It
// counts what it is asked.
type images struct {
	host string // host:port, as references name it

	http   *httptest.Server
	pushed http.Handler
	mu     sync.Mutex
	moved  map[string]bool // by repository
	asked  map[string]int  // by method and kind: "GET manifests", "HEAD blobs"
}

func newImages() *images {
	m := &images{pushed: registry.New(registry.Logger(log.New(io.Discard, "", 0))), moved: map[string]bool{}, asked: map[string]int{}}
	m.http = httptest.NewServer(m)
	m.host = strings.TrimPrefix(m.http.URL, "http://")
	return m
}

func (m *images) close() { m.http.Close() }

// reset gives what was asked since the last call, without pings.
func (m *images) reset() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := maps.Clone(m.asked)
	clear(m.asked)
	return asked
}

func (m *images) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := parsePlace(r.URL.Path)
	m.mu.Lock()
	if ok {
		m.asked[r.Method+" "+at.kind]++
	}
	if r.Method == http.MethodPut {
		m.moved[at.repository] = true
	}
	moved := m.moved[at.repository]
	m.mu.Unlock()
	if body, contentType := at.rests(); ok && !moved && body != nil {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("Docker-Content-Digest", fixture.DigestOf(body))
		_, _ = w.Write(body) // not at all, to a HEAD
		return
	}
	m.pushed.ServeHTTP(w, r)
}

// place is what a path of a registry's API names.
type place struct {
	repository, kind, reference string // kind: manifests, blobs
}

// parsePlace is false for other parts of the API.
func parsePlace(path string) (at place, ok bool) {
	path, ok = strings.CutPrefix(path, "/v2/")
	for _, kind := range []string{"manifests", "blobs"} {
		if repository, reference, found := strings.Cut(path, "/"+kind+"/"); ok && found {
			return place{repository, kind, reference}, true
		}
	}
	return place{}, false
}

// rests is what lies there when nothing was pushed; nil for nothing.
func (p place) rests() (body []byte, contentType string) {
	i, ok := streamOf(p.repository)
	if !ok {
		return nil, ""
	}
	manifest, config := fixture.Image(i)
	switch {
	case p.kind == "blobs" && p.reference == fixture.DigestOf(config):
		return config, "application/octet-stream"
	case p.kind == "manifests" && (p.reference == "1.0" || p.reference == fixture.DigestOf(manifest)):
		return manifest, fixture.MediaType
	}
	return nil, ""
}

// streamOf is the number of the stream that has a repository.
func streamOf(repository string) (i int, ok bool) {
	var team int
	_, err := fmt.Sscanf(repository, "team-%d/app-%d", &team, &i)
	return i, err == nil && repository == fmt.Sprintf("team-%03d/app-%05d", team, i)
}

// push puts a new image under the tag of a stream.
func (m *images) push(ctx context.Context, s fixture.Stream) error {
	image, err := random.Image(16, 1)
	if err != nil {
		return err
	}
	ref, err := m.tag(s)
	if err != nil {
		return err
	}
	return remote.Write(ref, image, remote.WithContext(ctx))
}

// pushIndex puts an index under the tag of a stream.
func (m *images) pushIndex(ctx context.Context, s fixture.Stream, index v1.ImageIndex) error {
	ref, err := m.tag(s)
	if err != nil {
		return err
	}
	return remote.WriteIndex(ref, index, remote.WithContext(ctx))
}

func (m *images) tag(s fixture.Stream) (name.Reference, error) {
	return name.ParseReference(m.host + "/" + s.Repository + ":1.0")
}
