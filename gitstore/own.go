package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Own tells which of the commits have our e-mail as committer. One that the store
// lacks is fetched, alone where the server filters. One that the server does not know
// or does not give by its name is not ours, and neither is what is no commit. Nothing
// is sent when there is nothing to ask.
func (s *Store) Own(ctx context.Context, snap Snapshot, revs []Rev) (map[Rev]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := make(map[Rev]bool, len(revs))
	for _, rev := range revs {
		if !plumbing.IsHash(string(rev)) {
			continue
		}
		c, err := s.single(ctx, rev.hash(), snap.Rev.hash())
		if err != nil {
			return nil, fmt.Errorf("look for commit %s in %s: %w", rev.Short(), s.where, err)
		}
		if c != nil && strings.EqualFold(c.Committer.Email, s.committer.Email) {
			own[rev] = true
		}
	}
	return own, nil
}

// single is one commit, whatever branch it is on; nil if it cannot be had. What is
// fetched for it is not kept: the store holds whole commits only.
func (s *Store) single(ctx context.Context, name, have plumbing.Hash) (*object.Commit, error) {
	if s.objects == nil {
		s.objects = newObjects(&s.counts)
	}
	if c, err := s.objects.commit(name); err == nil {
		return c, nil
	}
	if !s.server.known {
		if _, err := s.look(ctx); err != nil {
			return nil, err
		}
	}
	if !s.server.shallow {
		return nil, nil //nolint:nilnil // it would come with all its history
	}
	st := newStaging(s.objects)
	err := s.request(ctx, s.singleRequest(name, have), st)
	if _, refused := errors.AsType[*serverError](err); refused {
		return nil, nil //nolint:nilnil // as documented
	}
	if err != nil {
		return nil, err
	}
	s.counts.received.Add(int64(len(st.Objects)))
	obj, err := st.ObjectStorage.EncodedObject(plumbing.CommitObject, name)
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // a tag, a tree or a file
	}
	return decodeCommit(obj)
}

// singleRequest asks for a commit without its tree, or for what its tree has that
// another one has not.
func (s *Store) singleRequest(name, have plumbing.Hash) request {
	r := request{wants: []plumbing.Hash{name}, depth: 1}
	switch {
	case s.server.filter:
		r.filter = packp.FilterTreeDepth(0)
	case s.objects.has(have):
		r.have = have
	}
	return r
}
