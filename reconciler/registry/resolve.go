package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

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
	key := fmt.Sprint(q.Import, slices.Sorted(slices.Values(q.Known)), q.Children) // maps are printed sorted
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
	if d, ok := source.(name.Digest); ok && !q.Import.Exists {
		if a, known := recorded(q, d.DigestStr(), q.Import.Legacy); known {
			return a
		}
	}
	for _, m := range c.policies[source.Context().RegistryStr()].mirrors {
		ref, err := c.at(m, source)
		if err != nil {
			continue // the source's repository has no legal name there
		}
		if a := c.ask(ctx, ref, q); a.Failure == nil {
			return a
		}
	}
	return c.ask(ctx, source, q)
}

// recorded is the answer that the history of the asking tags has for a digest. Of an
// index from which one image is to be taken, that is the image that was.
func recorded(q plan.Question, digest string, index bool) (plan.Answer, bool) {
	if q.Import.Legacy && index {
		child := q.Children[digest]
		return plan.Answer{Digest: child, Index: digest, Known: true}, child != ""
	}
	return plan.Answer{Digest: digest, Known: true}, slices.Contains(q.Known, digest)
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
func (c *Client) ask(ctx context.Context, ref name.Reference, q plan.Question) plan.Answer {
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
	answer, err := c.look(bounded, ref, q)
	switch {
	case err == nil:
		h.record(c.opts.Now(), nil, c.opts.Logger)
		return answer
	case ctx.Err() != nil:
		return plan.Answer{Failure: stopped(h.name)}
	}
	v := c.verdict(ctx, ref, err)
	h.record(c.opts.Now(), v, c.opts.Logger)
	return plan.Answer{Failure: &v.failure}
}

// look asks for the digest of a reference, and for the content only when it is new.
func (c *Client) look(ctx context.Context, ref name.Reference, q plan.Question) (plan.Answer, error) {
	if q.Import.Tags {
		return c.tags(ctx, ref.Context())
	}
	if d, ok := ref.(name.Digest); ok && c.contents.get(d.DigestStr(), c.opts.Now()) == nil && !slices.Contains(q.Known, d.DigestStr()) {
		ct, err := c.content(ctx, d, nil) // the content is the proof that it is there
		if err != nil {
			return plan.Answer{}, err
		}
		return c.answer(ctx, d, ct, q)
	}
	digest, index, m, err := c.head(ctx, ref)
	if err != nil {
		return plan.Answer{}, err
	}
	if a, known := recorded(q, digest, index); known {
		return a, nil
	}
	d := ref.Context().Digest(digest)
	ct, err := c.content(ctx, d, m)
	if isNotFound(err) {
		return plan.Answer{}, &goneError{digest: digest}
	}
	if err != nil {
		return plan.Answer{}, err
	}
	return c.answer(ctx, d, ct, q)
}

// answer says what the content of d means for the question: of an index, one image is
// taken, or speaks for it.
func (c *Client) answer(ctx context.Context, d name.Digest, ct *content, q plan.Question) (plan.Answer, error) {
	a := plan.Answer{Digest: d.DigestStr(), Platforms: ct.platforms(), Image: ct.image, Labels: ct.labels}
	if !ct.index {
		return a, nil
	}
	child := ct.preferred(q.Import.Prefers())
	if q.Import.Legacy {
		return c.taken(ctx, d, child, a, q)
	}
	a.Image = ct.spokenFor(nil)
	if child == "" {
		return a, nil
	}
	of, err := c.content(ctx, d.Context().Digest(child), nil)
	switch {
	case ctx.Err() != nil:
		return plan.Answer{}, ctx.Err()
	case isNotFound(err): // the index says that it is there, and it is not: nothing speaks for it
	case err != nil:
		a.Image = nil
	default:
		a.Image, a.Labels = ct.spokenFor(of), of.labels
	}
	return a, nil
}

// taken is the answer of one image instead of its index.
func (c *Client) taken(ctx context.Context, index name.Digest, child string, a plan.Answer, q plan.Question) (plan.Answer, error) {
	if child == "" {
		return plan.Answer{}, errNoImages
	}
	a = plan.Answer{Digest: child, Index: index.DigestStr(), Platforms: a.Platforms}
	if a.Known = slices.Contains(q.Known, child); a.Known {
		return a, nil
	}
	ct, err := c.content(ctx, index.Context().Digest(child), nil)
	if isNotFound(err) {
		return plan.Answer{}, &goneError{digest: child}
	}
	if err != nil {
		return plan.Answer{}, err
	}
	a.Image, a.Labels = ct.image, ct.labels
	return a, nil
}

// head asks where a reference points to, and whether that is an index. A registry of
// which only GET tells that gives the manifest with it; else that is nil.
func (c *Client) head(ctx context.Context, ref name.Reference) (digest string, index bool, m *manifest, err error) {
	desc, err := c.puller.Head(ctx, ref)
	switch {
	case isHeadUnsupported(err):
		m, err := c.fetch(ctx, ref)
		if err != nil {
			return "", false, nil, err
		}
		return m.digest, m.mediaType.IsIndex(), m, nil
	case err != nil:
		return "", false, nil, err
	}
	return desc.Digest.String(), desc.MediaType.IsIndex(), nil, nil
}

// content gives what a digest holds, and fetches it, if m is not it, once, whichever
// repository asks first.
func (c *Client) content(ctx context.Context, d name.Digest, m *manifest) (*content, error) {
	return once(ctx, &c.contents.fetching, d.DigestStr(), func() (*content, error) {
		if ct := c.contents.get(d.DigestStr(), c.opts.Now()); ct != nil {
			return ct, nil
		}
		if m == nil {
			var err error
			if m, err = c.fetch(ctx, d); err != nil {
				return nil, err
			}
		}
		ct, err := c.learn(ctx, d.Context(), m)
		if err != nil {
			return nil, err
		}
		c.contents.put(d.DigestStr(), ct)
		return ct, nil
	})
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

// isMissing says that a registry does not have a blob.
func isMissing(err error) bool {
	var terr *remoteerr.Error
	return errors.As(err, &terr) && terr.StatusCode == http.StatusNotFound
}
