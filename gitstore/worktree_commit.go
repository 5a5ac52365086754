package gitstore

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// ToCommit gives those of the files that git add has to take, because git's index has them
// otherwise: git refuses names that neither it nor the directory knows. differs is whether
// there is something to commit then: some of them are not as HEAD has them. ErrNoClone:
// nobody commits here.
func (w *WorkTree) ToCommit(names []string) (add []string, differs bool, err error) {
	c, err := findClone(w.dir)
	if err == nil {
		err = c.readable()
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the index of %s: %w", w.dir, err)
	}
	store := c.storage()
	defer func() { err = errors.Join(err, store.Close()) }()
	committed, err := headFiles(store)
	if err != nil {
		return nil, false, fmt.Errorf("read HEAD of %s: %w", w.dir, err)
	}
	indexed, err := indexedFiles(store)
	if err != nil {
		return nil, false, fmt.Errorf("read the index of %s: %w", w.dir, err)
	}
	for _, name := range names {
		is, err := w.blob(name)
		if err != nil {
			return nil, false, err
		}
		was, err := committed(name)
		if err != nil {
			return nil, false, err
		}
		differs = differs || is != was
		if is != indexed[name] {
			add = append(add, name)
		}
	}
	return add, differs, nil
}

// blob is what git would call the file; zero where there is none.
func (w *WorkTree) blob(name string) (plumbing.Hash, error) {
	data, err := w.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return plumbing.ZeroHash, nil
	}
	return plumbing.ComputeHash(plumbing.BlobObject, data), err
}

// headFiles tells the blobs of HEAD by path, zero for those that it does not have.
func headFiles(store *filesystem.Storage) (func(name string) (plumbing.Hash, error), error) {
	head, err := storer.ResolveReference(store, plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) { // nothing is committed yet
		return func(string) (plumbing.Hash, error) { return plumbing.ZeroHash, nil }, nil
	}
	if err != nil {
		return nil, err
	}
	objects := newObjects(&counters{})
	objects.clone = store
	commit, err := objects.commit(head.Hash())
	if err != nil {
		return nil, err
	}
	tree := &commitFS{objects: objects, root: commit.TreeHash}
	return func(name string) (plumbing.Hash, error) {
		e, err := tree.find("stat", name)
		if errors.Is(err, fs.ErrNotExist) {
			return plumbing.ZeroHash, nil
		}
		return e.hash, err
	}, nil
}

// indexedFiles are the blobs of the index by path.
func indexedFiles(store *filesystem.Storage) (map[string]plumbing.Hash, error) {
	index, err := store.Index()
	if err != nil {
		return nil, err
	}
	blobs := map[string]plumbing.Hash{}
	for _, e := range index.Entries {
		blobs[e.Name] = e.Hash
	}
	return blobs, nil
}
