package gitstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// depths are the steps in which history is fetched where it is needed; the
// last is all of it.
var depths = []int{50, 500, 5000, 0}

// search is the outcome of findBase for a tip.
type search struct {
	tip, base plumbing.Hash
	done      bool
}

// history reads commits and trees from the store and, beyond it, from what was
// fetched for one question. The latter never enters the store: it is not
// complete, and the store claims completeness to the server.
type history struct {
	objects *objects
	deeper  storer.EncodedObjectStorer // nil: nothing fetched
	commits map[plumbing.Hash]*object.Commit
}

func (h *history) find(t plumbing.ObjectType, name plumbing.Hash) (plumbing.EncodedObject, error) {
	obj, err := h.objects.get(t, name)
	if err == nil || h.deeper == nil {
		return obj, err
	}
	obj, err = h.deeper.EncodedObject(t, name)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, &missingError{name}
	}
	return obj, err
}

func (h *history) commit(name plumbing.Hash) (*object.Commit, error) {
	if c, ok := h.commits[name]; ok {
		return c, nil
	}
	obj, err := h.find(plumbing.CommitObject, name)
	if err != nil {
		return nil, err
	}
	c, err := decodeCommit(obj)
	if err == nil {
		h.commits[name] = c
	}
	return c, err
}

func (h *history) tree(name plumbing.Hash) (*tree, error) {
	t, err := h.objects.tree(name)
	if err == nil || h.deeper == nil {
		return t, err
	}
	obj, err := h.find(plumbing.TreeObject, name)
	if err != nil {
		return nil, err
	}
	return decodeTree(obj)
}

// explore runs a question on what the store has, and again on more and more
// history until the question finds nothing missing.
func (s *Store) explore(ctx context.Context, filter packp.Filter, from []plumbing.Hash, question func(*history) error) error {
	h := &history{objects: s.objects, commits: map[plumbing.Hash]*object.Commit{}}
	err := question(h)
	if errors.Is(err, ErrIncomplete) && !s.server.known {
		if _, err := s.look(ctx); err != nil {
			return err
		}
	}
	for i := 0; errors.Is(err, ErrIncomplete) && i < len(depths); i++ {
		// Compressed packs in memory: without a filter this is a clone.
		deeper := filesystem.NewStorage(memfs.New(), cache.NewObjectLRUDefault())
		r := request{wants: slices.Clone(from), depth: depths[i]}
		if s.server.filter {
			r.filter = filter
		}
		if !s.server.shallow {
			r.depth = 0
		}
		if err := s.request(ctx, r, deeper); err != nil {
			return err
		}
		h.deeper = deeper
		err = question(h)
	}
	return err
}

// firstParent is the next commit of the first-parent line; zero at its end.
func firstParent(c *object.Commit) plumbing.Hash {
	if len(c.ParentHashes) == 0 {
		return plumbing.ZeroHash
	}
	return c.ParentHashes[0]
}

// findBase is the newest commit on the first-parent line of tip that has our
// e-mail as committer; zero if there is none. An earlier search is not
// repeated.
func (s *Store) findBase(ctx context.Context, tip plumbing.Hash) (plumbing.Hash, error) {
	var base plumbing.Hash
	err := s.explore(ctx, packp.FilterTreeDepth(0), []plumbing.Hash{tip}, func(h *history) error {
		base = plumbing.ZeroHash
		for at := tip; !at.IsZero(); {
			if s.searched.done && at == s.searched.tip {
				base = s.searched.base
				return nil
			}
			c, err := h.commit(at)
			if err != nil {
				return err
			}
			if strings.EqualFold(c.Committer.Email, s.committer.Email) {
				base = at
				return nil
			}
			at = firstParent(c)
		}
		return nil
	})
	if err != nil {
		return plumbing.ZeroHash, err
	}
	s.searched = search{tip: tip, base: base, done: true}
	return base, nil
}

// ChangedAt tells for each path at which commit people gave the file the bytes
// (or the absence) it has in snap: the newest such commit on the first-parent
// line of snap.Rev that the base does not contain, else snap.Rev. It is
// ErrConflict if the history cannot be had because the branch was rewound.
func (s *Store) ChangedAt(ctx context.Context, snap Snapshot, paths []string) (map[string]Rev, error) {
	at := make(map[string]Rev, len(paths))
	for _, p := range paths {
		at[p] = snap.Rev
	}
	if len(at) == 0 || snap.Base == "" || snap.Base == snap.Rev {
		return at, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = newObjects(&s.counts)
	}
	from := []plumbing.Hash{snap.Rev.hash(), snap.Base.hash()}
	var found map[string]plumbing.Hash
	question := func(h *history) error {
		line, err := h.line(from[0], from[1])
		if err == nil {
			found, err = h.changes(line, slices.Collect(maps.Keys(at)))
		}
		return err
	}
	err := s.explore(ctx, packp.FilterBlobNone(), from, question)
	_, refused := errors.AsType[*serverError](err)
	if refused && from[1] != s.seen.own { // as in loadBelow: no reference names the base
		err = s.explore(ctx, packp.FilterBlobNone(), from[:1], question)
		_, refused = errors.AsType[*serverError](err)
	}
	if refused {
		now, lookErr := s.look(ctx)
		switch {
		case lookErr != nil:
			err = lookErr
		case now.branch != from[0]:
			err = ErrConflict
		default: // the base is gone from the server
			return at, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %s of %s: %w", s.branch.Short(), s.where, err)
	}
	for p, h := range found {
		at[p] = revOf(h)
	}
	return at, nil
}

// line is the first-parent line of tip, newest first, down to the first commit
// that base contains, which ends it; a root ends it too.
func (h *history) line(tip, base plumbing.Hash) ([]*object.Commit, error) {
	contained := h.ancestors(base)
	var line []*object.Commit
	for at := tip; !at.IsZero(); {
		c, err := h.commit(at)
		if err != nil {
			return nil, err
		}
		line = append(line, c)
		if contained[at] {
			return line, nil
		}
		at = firstParent(c)
	}
	return append(line, nil), nil // below the root there is nothing
}

// ancestors are base and the commits below it, as far as they are known.
func (h *history) ancestors(base plumbing.Hash) map[plumbing.Hash]bool {
	known := map[plumbing.Hash]bool{base: true}
	for todo := []plumbing.Hash{base}; len(todo) > 0; {
		c, err := h.commit(todo[0])
		todo = todo[1:]
		if err != nil {
			continue
		}
		for _, p := range c.ParentHashes {
			if !known[p] {
				known[p] = true
				todo = append(todo, p)
			}
		}
	}
	return known
}

// changes walks the line down and notes for each path the commit whose
// predecessor has something else there. The last of the line is only a
// predecessor; nil stands for an empty tree.
func (h *history) changes(line []*object.Commit, paths []string) (map[string]plumbing.Hash, error) {
	present, err := h.blobs(line[0], paths)
	if err != nil {
		return nil, err
	}
	found := map[string]plumbing.Hash{}
	for i := 0; i+1 < len(line) && len(paths) > 0; i++ {
		if line[i+1] != nil && line[i].TreeHash == line[i+1].TreeHash {
			continue
		}
		before, err := h.blobs(line[i+1], paths)
		if err != nil {
			return nil, err
		}
		paths = slices.DeleteFunc(paths, func(p string) bool {
			if before[p] == present[p] {
				return false
			}
			found[p] = line[i].Hash
			return true
		})
	}
	return found, nil
}

// blobs names what a commit has at each path; the zero hash where nothing is.
func (h *history) blobs(c *object.Commit, paths []string) (map[string]plumbing.Hash, error) {
	got := map[string]plumbing.Hash{}
	if c == nil {
		return got, nil
	}
	for _, p := range paths {
		at := entry{mode: modeTree, hash: c.TreeHash}
		for segment := range strings.SplitSeq(p, "/") {
			if !at.isTree() {
				at = entry{}
				break
			}
			t, err := h.tree(at.hash)
			if err != nil {
				return nil, err
			}
			if at, _ = t.find(segment); at.mode == "" {
				break
			}
		}
		got[p] = at.hash
	}
	return got, nil
}
