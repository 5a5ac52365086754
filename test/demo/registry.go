package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// registryFile holds, in a kept folder, what the registry needs to be served again.
const registryFile = "registry.json"

// imageRegistry is a registry on loopback that holds one image.
type imageRegistry struct {
	Address string // host:port
	Image   string // the newest image, as a tarball beside registryFile

	server *http.Server
	newest v1.Image
}

// startRegistry listens on address; port 0 takes a free one.
func startRegistry(ctx context.Context, address string) (*imageRegistry, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	r := &imageRegistry{Address: listener.Addr().String()}
	r.server = &http.Server{
		Handler:           registry.New(registry.Logger(log.New(io.Discard, "", 0))),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *imageRegistry) close() { _ = r.server.Close() }

// repository is where the demo's image lives.
func (r *imageRegistry) repository() string { return r.Address + "/shop/web" }

// push makes a new image and puts it under the tag 1.0.
func (r *imageRegistry) push() (digest string, err error) {
	image, err := random.Image(1024, 1)
	if err != nil {
		return "", err
	}
	return r.put(image)
}

func (r *imageRegistry) put(image v1.Image) (digest string, err error) {
	ref, err := name.ParseReference(r.repository() + ":1.0")
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref, image); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	r.newest = image
	hash, err := image.Digest()
	return hash.String(), err
}

// save writes what serveKept needs.
func (r *imageRegistry) save(file string) error {
	r.Image = "newest-image.tar"
	tag, err := name.NewTag(r.repository() + ":1.0")
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(filepath.Join(filepath.Dir(file), r.Image), tag, r.newest); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func load(dir string) (*imageRegistry, error) {
	text, err := os.ReadFile(filepath.Join(dir, registryFile))
	if err != nil {
		return nil, fmt.Errorf("%w: run make demo KEEP=1 first", err)
	}
	r := &imageRegistry{}
	return r, json.Unmarshal(text, r)
}

// serveKept serves the registry of a kept folder, with its newest image.
func serveKept(ctx context.Context, dir string) error {
	kept, err := load(dir)
	if err != nil {
		return err
	}
	r, err := startRegistry(ctx, kept.Address)
	if err != nil {
		return err
	}
	defer r.close()
	image, err := tarball.ImageFromPath(filepath.Join(dir, kept.Image), nil)
	if err != nil {
		return err
	}
	if _, err := r.put(image); err != nil {
		return err
	}
	fmt.Printf("The registry %s serves %s:1.0. Ctrl-C ends it.\n", r.Address, r.repository())
	<-ctx.Done()
	return nil
}

// pushKept moves the tag in the registry that serveKept serves.
func pushKept(dir string) error {
	r, err := load(dir)
	if err != nil {
		return err
	}
	digest, err := r.push()
	if err != nil {
		return fmt.Errorf("%w: serve the registry first, with make demo-registry", err)
	}
	fmt.Printf("%s:1.0 is now %s\n", r.repository(), digest)
	return r.save(filepath.Join(dir, registryFile))
}
