package registry

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds of what one image may consist of. A real index has some dozens of manifests,
// each a few kilobytes large.
const (
	maxManifests     = 500
	maxManifestBytes = 32 << 20
	maxNesting       = 4
)

var errTooMany = errors.New("more manifests than an image has")

// imageTree is a manifest and everything that it names.
type imageTree struct {
	*manifest
	children []*imageTree
	blobs    []v1.Descriptor
}

// RawManifest is of remote.Taggable.
func (c *imageTree) RawManifest() ([]byte, error) { return c.bytes, nil }

// MediaType is that under which the manifest is put.
func (c *imageTree) MediaType() (types.MediaType, error) { return c.mediaType, nil }

// size is that of all blobs, in bytes.
func (c *imageTree) size() int64 {
	var sum int64
	for _, b := range c.blobs {
		sum += b.Size
	}
	for _, child := range c.children {
		sum += child.size()
	}
	return sum
}

// tree reads a manifest by digest and those below it. All of them are what their
// digests say.
func (c *Client) tree(ctx context.Context, ref name.Reference) (*imageTree, error) {
	return (&treeReader{client: c, repo: ref.Context()}).read(ctx, ref.Identifier(), 0)
}

// treeReader reads one image.
type treeReader struct {
	client       *Client
	repo         name.Repository
	count, bytes int
}

func (r *treeReader) read(ctx context.Context, digest string, depth int) (*imageTree, error) {
	m, err := r.client.fetch(ctx, r.repo.Digest(digest))
	if err != nil && depth > 0 && isNotFound(err) {
		return nil, &goneError{digest: digest}
	}
	if err != nil {
		return nil, err
	}
	r.count++
	r.bytes += len(m.bytes)
	if r.count > maxManifests || r.bytes > maxManifestBytes || depth > maxNesting {
		return nil, errTooMany
	}
	c := &imageTree{manifest: m}
	if m.mediaType.IsIndex() {
		return c, r.children(ctx, c, depth)
	}
	image, err := v1.ParseManifest(bytes.NewReader(m.bytes))
	if err != nil {
		return nil, errNotAManifest
	}
	c.blobs = slices.Concat(image.Layers, []v1.Descriptor{image.Config})
	return c, nil
}

func (r *treeReader) children(ctx context.Context, c *imageTree, depth int) error {
	list, err := v1.ParseIndexManifest(bytes.NewReader(c.bytes))
	if err != nil {
		return errNotAManifest
	}
	for _, d := range list.Manifests {
		if !d.MediaType.IsImage() && !d.MediaType.IsIndex() {
			c.blobs = append(c.blobs, d) // an index may list anything (OCI image specification 1.1, "Image Index")
			continue
		}
		child, err := r.read(ctx, d.Digest.String(), depth+1)
		if err != nil {
			return err
		}
		c.children = append(c.children, child)
	}
	return nil
}
