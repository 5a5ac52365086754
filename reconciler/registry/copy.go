package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	remoteerr "github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// blobsAtOnce are uploaded of one image.
const blobsAtOnce = 4

// Copy makes sure that an image lies in the repository that p names: of an index all
// of its images. It is asked for first; blobs that the repository has are left out, and
// those that p.Beside has, or the source in the same registry, are mounted. from reads the image, c writes it. told, where
// set, hears how many bytes of blobs are dealt with; it may be called at any time
// until Copy returns. nil: the image is there, whole.
func (c *Client) Copy(ctx context.Context, p plan.Copy, from *Client, told func(done, total int64)) *plan.Failure {
	source, err := from.parse(p.From)
	if err != nil {
		return invalidReference(p.From)
	}
	target, err := c.parse(p.To + "@" + source.Identifier())
	if err != nil {
		return &plan.Failure{Message: invalidReference(p.To).Message}
	}
	failure, _ := once(ctx, &c.copies, fmt.Sprintf("%q", p), func() (*plan.Failure, error) {
		t := &transfer{from: from, to: c, source: source, target: target, began: c.opts.Now(), told: told}
		if beside, err := c.parse(p.Beside + "@" + source.Identifier()); err == nil {
			t.beside = beside
		}
		return t.run(ctx), ctx.Err()
	})
	return failure
}

// transfer is one image under way from one registry to another.
type transfer struct {
	from, to *Client
	source   name.Reference // by digest; of a mirror, once one has the image
	target   name.Reference // by digest
	beside   name.Reference // in the target's registry, and may have the image; nil: not known
	told     func(done, total int64)

	began       time.Time
	total       int64
	done, moved atomic.Int64 // bytes of blobs: dealt with, and carried over
}

// run copies within the bounds of time, and says for people what came in the way.
func (t *transfer) run(ctx context.Context) *plan.Failure {
	here := t.to.host(t.target.Context().RegistryStr())
	if f := here.held(t.to.opts.Now()); f != nil {
		return f
	}
	limit := t.to.opts.Timeouts.Copy
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := t.copy(bounded)
	switch {
	case err == nil:
		here.record(t.to.opts.Now(), nil, t.to.opts.Logger)
		return nil
	case ctx.Err() != nil:
		return stopped(here.name)
	case bounded.Err() != nil:
		return &plan.Failure{Message: fmt.Sprintf("%s was not copied within %v: the next try goes on with the blobs that are missing", shown(t.source), limit)}
	}
	if reading, ok := errors.AsType[*readError](err); ok {
		return &t.from.verdict(ctx, t.source, reading.error).failure
	}
	v := t.to.pushVerdict(ctx, t.target, err)
	here.record(t.to.opts.Now(), v, t.to.opts.Logger)
	return &v.failure
}

// readError is of the registry that an image is read from.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

func (t *transfer) copy(ctx context.Context) error {
	there, err := t.to.has(ctx, t.target)
	if there || err != nil {
		return err
	}
	image, err := t.locate(ctx)
	if err != nil {
		return &readError{err}
	}
	pusher, err := t.to.bulk.pusher(t.to.keychain)
	if err != nil {
		return err
	}
	if err := t.put(ctx, pusher, image); err != nil {
		return err
	}
	t.to.opts.Logger.InfoContext(ctx, "image copied", "image", shown(t.source), "to", shown(t.target), "bytes", t.total, "carried_over", t.moved.Load(),
		"took", t.to.opts.Now().Sub(t.began).Round(time.Millisecond).String())
	return nil
}

// has asks whether a repository has a manifest. One of which HEAD tells too little
// counts as missing.
func (c *Client) has(ctx context.Context, ref name.Reference) (bool, error) {
	desc, err := c.puller.Head(ctx, ref)
	switch {
	case isHeadUnsupported(err), isNotFound(err), isStatus(err, http.StatusForbidden): // JFrog's answer for what is not there
		return false, nil
	case err != nil:
		return false, err
	}
	return desc.Digest.String() == ref.Identifier(), nil
}

func isStatus(err error, status int) bool {
	terr, ok := errors.AsType[*remoteerr.Error](err)
	return ok && terr.StatusCode == status
}

// locate reads what the image consists of, from the first mirror that has it, else
// from the source, whose failure counts.
func (t *transfer) locate(ctx context.Context) (*imageTree, error) {
	source := t.source
	for _, m := range t.from.policies[source.Context().RegistryStr()].mirrors {
		ref, err := t.from.at(m, source)
		if err != nil {
			continue // the source's repository has no legal name there
		}
		if image, err := t.from.tree(ctx, ref); err == nil {
			t.source = ref
			t.total = image.size()
			return image, nil
		}
	}
	image, err := t.from.tree(ctx, source)
	if err == nil {
		t.total = image.size()
	}
	return image, err
}

// put writes everything that a manifest names, and then the manifest.
func (t *transfer) put(ctx context.Context, pusher *remote.Pusher, c *imageTree) error {
	for _, child := range c.children {
		if err := t.put(ctx, pusher, child); err != nil {
			return err
		}
	}
	uploads, uploading := errgroup.WithContext(ctx)
	uploads.SetLimit(blobsAtOnce)
	for _, d := range c.blobs {
		uploads.Go(func() error { return t.upload(uploading, pusher, d) })
	}
	if err := uploads.Wait(); err != nil {
		return err
	}
	return pusher.Put(ctx, t.target.Context().Digest(c.digest), c)
}

// upload brings one blob over. An error in reading it comes first: that of the upload
// follows from it.
func (t *transfer) upload(ctx context.Context, pusher *remote.Pusher, d v1.Descriptor) error {
	b := &blob{Descriptor: d, of: t, open: func() (io.ReadCloser, error) { return t.read(ctx, d) }}
	var layer v1.Layer = b
	switch {
	case t.source.Context().RegistryStr() == t.target.Context().RegistryStr():
		layer = &remote.MountableLayer{Layer: b, Reference: t.source}
	case t.beside != nil:
		layer = &remote.MountableLayer{Layer: b, Reference: t.beside}
	}
	err := pusher.Upload(ctx, t.target.Context(), layer)
	if reading := b.failed.Load(); reading != nil && err != nil {
		return &readError{*reading}
	}
	t.advance(d.Size-b.count.Load(), 0)
	return err
}

// advance counts what was dealt with.
func (t *transfer) advance(done, moved int64) {
	all := t.done.Add(done)
	t.moved.Add(moved)
	if t.told != nil {
		t.told(all, t.total)
	}
}

// read opens a blob as it lies at the source. Its digest is verified as it is read.
func (t *transfer) read(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	layer, err := t.from.bulk.puller.Layer(ctx, t.source.Context().Digest(d.Digest.String()))
	if err != nil {
		return nil, err
	}
	return layer.Compressed()
}

// blob is one blob of the source, as the target wants to have it.
type blob struct {
	v1.Descriptor
	of     *transfer
	open   func() (io.ReadCloser, error)
	count  atomic.Int64          // of bytes that were read
	failed atomic.Pointer[error] // what reading ran into
}

// Digest is of v1.Layer, as are all others: an upload needs no more of it.
func (b *blob) Digest() (v1.Hash, error) { return b.Descriptor.Digest, nil }

// Size is in bytes, as the manifest says.
func (b *blob) Size() (int64, error) { return b.Descriptor.Size, nil }

// MediaType is that of the manifest.
func (b *blob) MediaType() (types.MediaType, error) { return b.Descriptor.MediaType, nil }

// DiffID is not known.
func (b *blob) DiffID() (v1.Hash, error) { return v1.Hash{}, errors.ErrUnsupported }

// Uncompressed is not to be had.
func (b *blob) Uncompressed() (io.ReadCloser, error) { return nil, errors.ErrUnsupported }

// Compressed opens the blob as it lies at the source.
func (b *blob) Compressed() (io.ReadCloser, error) {
	body, err := b.open()
	if err != nil {
		return nil, b.fail(err)
	}
	return &blobReader{body: body, blob: b}, nil
}

func (b *blob) fail(err error) error {
	b.failed.Store(&err)
	return err
}

type blobReader struct {
	*blob
	body   io.ReadCloser
	closed atomic.Bool
}

// Read counts, and keeps the error, unless it comes of closing.
func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.count.Add(int64(n))
	r.of.advance(int64(n), int64(n))
	if err != nil && !errors.Is(err, io.EOF) && !r.closed.Load() {
		err = r.fail(err)
	}
	return n, err
}

// Close is for the sender, who need not have read all of it.
func (r *blobReader) Close() error {
	r.closed.Store(true)
	return r.body.Close()
}
