package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// request is one question to upload-pack.
type request struct {
	wants  []plumbing.Hash
	have   plumbing.Hash // a commit whose whole tree is in the store, or zero
	depth  int           // commits from each want on; 0: all
	filter packp.Filter  // "": none
}

// load brings commits with their whole trees into the store.
//
// The store is shallow at every commit it holds, and each request says just
// that: one commit that is complete here ("have") and ends here ("shallow"),
// depth 1 from what is wanted, and thin-pack, without which the server does not
// compare the trees and sends all of them. So what comes is the difference of
// two trees, whatever lies between the commits: an advance, a revert, a rewind,
// a merge of an old branch. Without the shallow line the server would believe
// that the whole history is here, and leave out what it thinks we have.
func (s *Store) load(ctx context.Context, commits ...plumbing.Hash) error {
	wants := slices.DeleteFunc(slices.Clone(commits), func(h plumbing.Hash) bool {
		return h.IsZero() || (s.objects != nil && s.objects.has(h))
	})
	if len(wants) == 0 {
		return nil
	}
	err := s.fetch(ctx, wants)
	if errors.Is(err, ErrIncomplete) {
		s.drop()
		wants = slices.DeleteFunc(slices.Clone(commits), plumbing.Hash.IsZero)
		err = s.fetch(ctx, wants)
	}
	return err
}

// drop forgets every object, so that the next fetch starts afresh.
func (s *Store) drop() {
	s.objects, s.tip, s.snap, s.seen = nil, plumbing.ZeroHash, Snapshot{}, refs{}
}

func (s *Store) fetch(ctx context.Context, wants []plumbing.Hash) error {
	if s.objects == nil {
		s.objects = newObjects(&s.counts)
	}
	r := request{wants: wants, depth: 1}
	if s.objects.has(s.tip) {
		r.have = s.tip
	}
	if !s.server.shallow {
		r.depth, r.have = 0, plumbing.ZeroHash // right, if costly: everything
	}
	st := newStaging(s.objects)
	if err := s.request(ctx, r, st); err != nil {
		return err
	}
	s.counts.received.Add(int64(len(st.Objects)))
	s.objects.add(st)
	for _, h := range wants {
		c, err := s.objects.commit(h)
		if err == nil {
			err = s.objects.check(c.TreeHash)
		}
		if err != nil {
			return fmt.Errorf("commit %s: %w", h, err)
		}
	}
	return nil
}

// request sends one question and stores the pack that answers it.
func (s *Store) request(ctx context.Context, r request, to storer.EncodedObjectStorer) error {
	s.counts.fetches.Add(1)
	q := s.uploadPackRequest(r)
	var b bytes.Buffer
	if err := q.UploadRequest.Encode(&b); err != nil {
		return err
	}
	if err := q.UploadHaves.Encode(&b, false); err != nil {
		return err
	}
	if err := pktline.NewEncoder(&b).EncodeString("done\n"); err != nil {
		return err
	}
	body, err := s.wire.call(ctx, uploadPack, false, b.Bytes())
	if err != nil {
		return err
	}
	err = s.receive(q, body, to)
	return errors.Join(err, body.Close())
}

func (s *Store) uploadPackRequest(r request) *packp.UploadPackRequest {
	q := packp.NewUploadPackRequest()
	for _, c := range []capability.Capability{
		capability.Sideband64k, capability.OFSDelta, capability.Shallow, capability.ThinPack,
	} {
		_ = q.Capabilities.Set(c)
	}
	_ = q.Capabilities.Set(capability.Agent, userAgent)
	if s.progress == nil {
		_ = q.Capabilities.Set(capability.NoProgress)
	}
	if r.filter != "" {
		_ = q.Capabilities.Set(capability.Filter)
	}
	q.Wants, q.Depth, q.Filter = r.wants, packp.DepthCommits(r.depth), r.filter
	if !r.have.IsZero() {
		q.Haves, q.Shallows = []plumbing.Hash{r.have}, []plumbing.Hash{r.have}
	}
	return q
}

// receive reads an answer of upload-pack to its end.
func (s *Store) receive(q *packp.UploadPackRequest, body io.ReadCloser, to storer.EncodedObjectStorer) error {
	answer := packp.NewUploadPackResponse(q)
	if err := answer.Decode(body); err != nil {
		return broken(err)
	}
	pack := sideband.NewDemuxer(sideband.Sideband64k, answer)
	if s.progress != nil {
		pack.Progress = printableWriter{s.progress}
	}
	err := unpack(pack, to)
	switch {
	case errors.Is(err, packfile.ErrReferenceDeltaNotFound), errors.Is(err, plumbing.ErrObjectNotFound):
		return fmt.Errorf("%w: the base of a delta", ErrIncomplete)
	case err != nil:
		return fmt.Errorf("read the pack: %w", err)
	}
	_, err = io.Copy(io.Discard, pack)
	return err
}

// unpack stores a pack: whole where the storage keeps packs, else object by object.
func unpack(pack io.Reader, to storer.EncodedObjectStorer) error {
	if packs, ok := to.(storer.PackfileWriter); ok {
		return packfile.WritePackfileToObjectStorage(packs, pack)
	}
	p, err := packfile.NewParserWithStorage(packfile.NewScanner(pack), to)
	if err != nil {
		return err
	}
	_, err = p.Parse()
	return err
}

// serverError is what the server says instead of an answer.
type serverError struct{ words string }

func (e *serverError) Error() string { return "the server says: " + e.words }

// printableWriter passes on other people's progress lines without what could
// steer a terminal.
type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(b []byte) (int, error) {
	clean := bytes.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r >= ' ' && r < 0x7f {
			return r
		}
		return -1
	}, b)
	if _, err := p.w.Write(clean); err != nil {
		return 0, err
	}
	return len(b), nil
}
