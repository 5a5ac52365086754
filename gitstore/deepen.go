package gitstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// loadBelow brings a commit of the first-parent line of tip into the store.
// Over HTTP any commit of the branch may be asked for. Over SSH git gives only
// what a reference names, unless it is configured otherwise
// (uploadpack.allowReachableSHA1InWant): then the branch is fetched with so
// much history that the commit is in it.
func (s *Store) loadBelow(ctx context.Context, tip, below plumbing.Hash) error {
	err := s.load(ctx, tip, below)
	if _, refused := errors.AsType[*serverError](err); !refused {
		return err
	}
	for _, depth := range s.depths() {
		deeper := filesystem.NewStorage(memfs.New(), cache.NewObjectLRUDefault())
		if err := s.request(ctx, request{wants: []plumbing.Hash{tip}, depth: depth}, deeper); err != nil {
			return err
		}
		h := &history{objects: s.objects, deeper: deeper}
		st := newStaging(s.objects)
		err = h.copyCommit(st, below)
		if !errors.Is(err, ErrIncomplete) {
			s.objects.add(st)
			return err
		}
	}
	return err
}

// depths are the steps that the server can go.
func (s *Store) depths() []int {
	if !s.server.shallow {
		return depths[len(depths)-1:]
	}
	return depths
}

// copyCommit stages a commit with everything below its tree.
func (h *history) copyCommit(to *staging, name plumbing.Hash) error {
	obj, err := h.copyObject(to, plumbing.CommitObject, name)
	if err != nil {
		return err
	}
	c, err := decodeCommit(obj)
	if err != nil {
		return err
	}
	if err := h.copyTree(to, c.TreeHash); err != nil {
		return fmt.Errorf("commit %s: %w", name, err)
	}
	return nil
}

func (h *history) copyTree(to *staging, name plumbing.Hash) error {
	obj, err := h.copyObject(to, plumbing.TreeObject, name)
	if err != nil {
		return err
	}
	t, err := decodeTree(obj)
	if err != nil {
		return err
	}
	for _, e := range t.entries {
		switch {
		case e.mode == modeSubmodule:
		case e.isTree():
			err = h.copyTree(to, e.hash)
		default:
			_, err = h.copyObject(to, plumbing.BlobObject, e.hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *history) copyObject(to *staging, t plumbing.ObjectType, name plumbing.Hash) (plumbing.EncodedObject, error) {
	obj, err := h.find(t, name)
	if err != nil {
		return nil, err
	}
	data, err := content(obj)
	if err != nil {
		return nil, err
	}
	to.write(t, data)
	return obj, nil
}
