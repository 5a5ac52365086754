package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// cloned is the history that a work tree belongs to.
type cloned struct {
	objects   *objects
	store     *filesystem.Storage
	committer Identity
	head      plumbing.Hash
	base      plumbing.Hash // zero: none
}

// FindBase looks for imgstream's last commit: the newest one on the first-parent line of
// HEAD whose committer has this e-mail (zero: DefaultCommitter). It becomes the Base of
// Snapshots. There is none where the work tree belongs to no clone, where nothing is
// committed yet, and where a shallow clone does not reach that far: then nothing was done
// by people. refs/imgstream/<branch> is not looked at: a clone does not fetch it.
func (w *WorkTree) FindBase(ctx context.Context, committer Identity) error {
	if committer == (Identity{}) {
		committer = DefaultCommitter
	}
	c, err := findClone(w.dir)
	if errors.Is(err, ErrNoClone) {
		return nil
	}
	if err == nil {
		err = c.readable()
	}
	if err != nil {
		return fmt.Errorf("read the history of %s: %w", w.dir, err)
	}
	store := c.storage()
	head, err := storer.ResolveReference(store, plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return store.Close()
	}
	if err != nil {
		_ = store.Close()
		return fmt.Errorf("read HEAD of %s: %w", w.dir, err)
	}
	found := &cloned{objects: newObjects(&counters{}), store: store, committer: committer, head: head.Hash()}
	found.objects.clone = store
	if err := found.findBase(ctx); err != nil {
		_ = store.Close()
		return fmt.Errorf("read the history of %s: %w", w.dir, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clone = found
	return nil
}

// storage opens the clone's own objects.
func (c clone) storage() *filesystem.Storage {
	return filesystem.NewStorageWithOptions(
		dotgit.NewRepositoryFilesystem(osfs.New(c.gitDir), osfs.New(c.common)), cache.NewObjectLRUDefault(),
		filesystem.Options{
			KeepDescriptors: true,
			AlternatesFS:    osfs.New(filepath.VolumeName(c.common) + string(filepath.Separator)),
		})
}

func (c *cloned) findBase(ctx context.Context) error {
	for at := c.head; !at.IsZero(); {
		commit, err := c.objects.commit(at)
		switch {
		case errors.Is(err, ErrIncomplete):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case c.own(commit):
			c.base = at
			return nil
		}
		at = firstParent(commit)
	}
	return nil
}

func (c *cloned) own(commit *object.Commit) bool {
	return strings.EqualFold(commit.Committer.Email, c.committer.Email)
}

// files is the tree of the base, nil where there is none.
func (c *cloned) files() (Rev, FS, error) {
	if c == nil || c.base.IsZero() {
		return "", nil, nil
	}
	commit, err := c.objects.commit(c.base)
	if err != nil {
		return "", nil, err
	}
	return revOf(c.base), &commitFS{objects: c.objects, root: commit.TreeHash}, nil
}

// Own tells which of the commits the clone has, and have our e-mail as committer; none
// before FindBase.
func (w *WorkTree) Own(_ context.Context, _ Snapshot, revs []Rev) (map[Rev]bool, error) {
	own := map[Rev]bool{}
	for _, rev := range revs {
		if w.clone == nil || !plumbing.IsHash(string(rev)) {
			continue
		}
		if commit, err := w.clone.objects.commit(rev.hash()); err == nil && w.clone.own(commit) {
			own[rev] = true
		}
	}
	return own, nil
}

// ChangedAt tells for each path at which commit above the base the file got the bytes (or
// the absence) that it has at HEAD, else HEAD: what is not committed yet has no commit.
func (w *WorkTree) ChangedAt(_ context.Context, _ Snapshot, paths []string) (map[string]Rev, error) {
	at := make(map[string]Rev, len(paths))
	if w.clone == nil {
		return at, nil
	}
	for _, p := range paths {
		at[p] = revOf(w.clone.head)
	}
	h := &history{objects: w.clone.objects, commits: map[plumbing.Hash]*object.Commit{}}
	line, err := h.line(w.clone.head, w.clone.base)
	if err == nil && len(paths) > 0 {
		var found map[string]plumbing.Hash
		found, err = h.changes(line, slices.Clone(paths))
		for p, hash := range found {
			at[p] = revOf(hash)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", w.dir, err)
	}
	return at, nil
}
