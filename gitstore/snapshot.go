package gitstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// looksPerSnapshot bounds how often a branch that moves between the look and
// the fetch is looked at again.
const looksPerSnapshot = 3

// Snapshot returns the commit the branch is at now. While the branch and
// refs/imgstream/<branch> stay, it returns the previous value, after one look.
// Everything the commit needs is there when it returns.
func (s *Store) Snapshot(ctx context.Context) (Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.snapshot(ctx)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read %s of %s: %w", s.branch.Short(), s.where, err)
	}
	return snap, nil
}

func (s *Store) snapshot(ctx context.Context) (Snapshot, error) {
	for attempt := 1; ; attempt++ {
		now, err := s.look(ctx)
		if err != nil {
			return Snapshot{}, err
		}
		if now.branch.IsZero() {
			return Snapshot{}, s.noBranch()
		}
		if s.objects != nil && s.objects.broken.Load() {
			s.drop()
		}
		if now == s.seen {
			return s.snap, nil
		}
		err = s.read(ctx, now)
		if err == nil {
			return s.snap, nil
		}
		// What was looked at is gone, if the branch was rewound meanwhile.
		if _, gone := errors.AsType[*serverError](err); !gone || attempt == looksPerSnapshot {
			return Snapshot{}, err
		}
	}
}

func (s *Store) noBranch() error {
	return fmt.Errorf("%w: imgstream neither creates nor recreates a branch; push a first commit to %s, or name another branch",
		ErrBranchNotFound, s.branch.Short())
}

// read makes s.snap of what a look said.
func (s *Store) read(ctx context.Context, now refs) error {
	base := now.own
	if s.lone.ref == now.own && s.objects != nil && s.objects.has(s.lone.pushed) {
		base = s.lone.pushed
	}
	if err := s.load(ctx, now.branch, base); err != nil {
		return err
	}
	s.tip = now.branch
	if base.IsZero() {
		var err error
		if base, err = s.findBase(ctx, now.branch); err != nil {
			return fmt.Errorf("look for the last commit of %s: %w", s.committer.Email, err)
		}
		if err := s.loadBelow(ctx, now.branch, base); err != nil {
			return err
		}
	}
	s.trim(now.branch, base)
	return s.show(now, base)
}

// show sets s.snap from commits that are in the store.
func (s *Store) show(now refs, base plumbing.Hash) error {
	tipFS, err := s.files(now.branch)
	if err != nil {
		return err
	}
	snap := Snapshot{Rev: revOf(now.branch), FS: tipFS, Base: revOf(base)}
	if base == now.branch {
		snap.BaseFS = tipFS
	} else if !base.IsZero() {
		if snap.BaseFS, err = s.files(base); err != nil {
			return err
		}
	}
	s.snap, s.seen = snap, now
	return nil
}

func (s *Store) files(h plumbing.Hash) (FS, error) {
	c, err := s.objects.commit(h)
	if err != nil {
		return nil, err
	}
	return &commitFS{objects: s.objects, root: c.TreeHash}, nil
}

// slack is how much a store may grow at least before it is trimmed.
const slack = 1 << 20

// trim drops what no longer is reachable once the store has doubled. That
// walks what is kept, so it costs little per change, and asks nobody.
func (s *Store) trim(commits ...plumbing.Hash) {
	if s.floor == 0 || s.objects.bytes < s.floor {
		s.floor = s.objects.bytes
	}
	if s.objects.bytes > 2*s.floor+slack {
		s.objects = s.objects.keep(commits...)
		s.floor = s.objects.bytes
	}
}
