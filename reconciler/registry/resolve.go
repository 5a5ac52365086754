package registry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	remoteerr "github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/singleflight"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// Resolve answers one question. Callers that ask the same at the same time share
// one answer. There is no error: a failed lookup is an answer.
func (c *Client) Resolve(ctx context.Context, q plan.Question) plan.Answer {
	key := q.Import.Reference + "\n" + strings.Join(slices.Sorted(slices.Values(q.Known)), "\n")
	a, _ := once(ctx, &c.questions, key, func() (plan.Answer, error) {
		return c.resolve(ctx, q), ctx.Err()
	})
	return a
}

// once shares the work of callers with the same key. An error that another caller
// ran into is not shared: its context, or its registry, is not this caller's.
func once[T any](ctx context.Context, g *singleflight.Group, key string, work func() (T, error)) (T, error) {
	for {
		mine := false
		v, err, _ := g.Do(key, func() (any, error) {
			mine = true
			return work()
		})
		if mine || err == nil || ctx.Err() != nil {
			return v.(T), err
		}
	}
}

// resolve asks the mirrors in order and then the source, whose failure counts.
func (c *Client) resolve(ctx context.Context, q plan.Question) plan.Answer {
	source, err := c.parse(q.Import.Reference)
	if err != nil {
		return plan.Answer{Failure: invalidReference(q.Import.Reference)}
	}
	if d, ok := source.(name.Digest); ok && slices.Contains(q.Known, d.DigestStr()) {
		return plan.Answer{Digest: d.DigestStr()}
	}
	for _, m := range c.policies[source.Context().RegistryStr()].mirrors {
		ref, err := c.at(m, source)
		if err != nil {
			continue // the source's repository has no legal name there
		}
		if a := c.ask(ctx, ref, q.Known); a.Failure == nil {
			return a
		}
	}
	return c.ask(ctx, source, q.Known)
}

// parse reads a fully qualified reference. A host that may be asked without TLS is
// marked for go-containerregistry, which tries HTTPS first; all others are refused
// by the transport should it try.
func (c *Client) parse(s string) (name.Reference, error) {
	ref, err := name.ParseReference(s)
	if err != nil {
		return nil, err
	}
	if !isCleanPath(ref.Context().RepositoryStr()) {
		return nil, errNotClean
	}
	if d, ok := ref.(name.Digest); ok {
		if _, err := v1.NewHash(d.DigestStr()); err != nil {
			return nil, err
		}
	}
	if mayBePlain(c.policies, ref.Context().RegistryStr()) {
		return name.ParseReference(s, name.Insecure)
	}
	return ref, nil
}

// at is the source's reference as a mirror has it.
func (c *Client) at(m mirror, source name.Reference) (name.Reference, error) {
	repo := m.repository(source.Context())
	if d, ok := source.(name.Digest); ok {
		return c.parse(repo + "@" + d.DigestStr())
	}
	return c.parse(repo + ":" + source.Identifier())
}

// ask puts the question to one host, within the bounds of that host.
func (c *Client) ask(ctx context.Context, ref name.Reference, known []string) plan.Answer {
	h := c.host(ref.Context().RegistryStr())
	leave, err := c.enter(ctx, h)
	if err != nil {
		return plan.Answer{Failure: stopped(h.name)}
	}
	defer leave()
	if f := h.held(c.opts.Now()); f != nil {
		return plan.Answer{Failure: f}
	}
	bounded, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Question)
	defer cancel()
	digest, err := c.digest(bounded, ref, known)
	switch {
	case err == nil:
		h.record(c.opts.Now(), nil, c.opts.Logger)
		return plan.Answer{Digest: digest, Labels: c.labelsOf(digest)}
	case ctx.Err() != nil:
		return plan.Answer{Failure: stopped(h.name)}
	}
	v := c.verdict(ctx, ref, err)
	h.record(c.opts.Now(), v, c.opts.Logger)
	return plan.Answer{Failure: &v.failure}
}

// digest asks for the digest of a reference, and for the content only when the
// digest is new.
func (c *Client) digest(ctx context.Context, ref name.Reference, known []string) (string, error) {
	if d, ok := ref.(name.Digest); ok && !c.isVerified(d.DigestStr()) {
		return d.DigestStr(), c.verify(ctx, d, nil)
	}
	digest, m, err := c.head(ctx, ref)
	if err != nil {
		return "", err
	}
	if slices.Contains(known, digest) || c.isVerified(digest) {
		return digest, nil
	}
	err = c.verify(ctx, ref.Context().Digest(digest), m)
	if isNotFound(err) {
		return "", &goneError{digest: digest}
	}
	return digest, err
}

// head asks where a reference points to. A registry of which only GET tells that
// gives the manifest with it; else that is nil.
func (c *Client) head(ctx context.Context, ref name.Reference) (string, *manifest, error) {
	desc, err := c.puller.Head(ctx, ref)
	switch {
	case isHeadUnsupported(err):
		m, err := c.fetch(ctx, ref)
		if err != nil {
			return "", nil, err
		}
		return m.digest, m, nil
	case err != nil:
		return "", nil, err
	}
	return desc.Digest.String(), nil, nil
}

// verify fetches the content of a digest, if m is not it, and the labels once in
// the life of the client, whichever repository asks first.
func (c *Client) verify(ctx context.Context, d name.Digest, m *manifest) error {
	_, err := once(ctx, &c.contents, d.DigestStr(), func() (struct{}, error) {
		if c.isVerified(d.DigestStr()) {
			return struct{}{}, nil
		}
		return struct{}{}, c.learn(ctx, d, m)
	})
	return err
}

func (c *Client) learn(ctx context.Context, d name.Digest, m *manifest) error {
	if m == nil {
		var err error
		if m, err = c.fetch(ctx, d); err != nil {
			return err
		}
	}
	labels, err := c.labels(ctx, d.Context(), m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified[m.digest] = labels
	return nil
}

// manifest is an image manifest or an index whose bytes are what the digest says.
type manifest struct {
	digest    string
	mediaType types.MediaType
	bytes     []byte
}

// fetch gets a manifest; that of a tag has the digest of its bytes.
func (c *Client) fetch(ctx context.Context, ref name.Reference) (*manifest, error) {
	desc, err := c.puller.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	mediaType := mediaTypeOf(http.Header{"Content-Type": {string(desc.MediaType)}})
	if err := checkManifest(mediaType, desc.Manifest); err != nil {
		return nil, err
	}
	return &manifest{digest: desc.Digest.String(), mediaType: mediaType, bytes: desc.Manifest}, nil
}

func (c *Client) isVerified(digest string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, verified := c.verified[digest]
	return verified
}

func (c *Client) labelsOf(digest string) plan.Labels {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verified[digest]
}

// isHeadUnsupported says that only GET can tell the digest: the registry does not
// know HEAD, or answers it without what is needed.
func isHeadUnsupported(err error) bool {
	if errors.Is(err, errHeadUnusable) {
		return true
	}
	var terr *remoteerr.Error
	return errors.As(err, &terr) && manifestOf(terr.Request) != "" &&
		(terr.StatusCode == http.StatusMethodNotAllowed || terr.StatusCode == http.StatusNotImplemented)
}

// isNotFound says that a registry does not have a manifest. A 404 for anything else
// (the API itself, a token service) is no word about a reference.
func isNotFound(err error) bool {
	var terr *remoteerr.Error
	return errors.As(err, &terr) && terr.StatusCode == http.StatusNotFound && manifestOf(terr.Request) != ""
}
