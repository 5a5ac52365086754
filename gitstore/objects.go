package gitstore

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"
)

// objects holds what was fetched and written, in memory. It is replaced as a
// whole when it has grown (see keep); a Snapshot keeps the one it was made
// from. Its methods may be called from several goroutines.
type objects struct {
	counts *counters
	broken atomic.Bool // an object turned out to be missing

	cloneMu sync.Mutex
	clone   storer.EncodedObjectStorer // of a local clone, read where raw lacks something; nil: none

	mu    sync.RWMutex
	raw   map[plumbing.Hash]plumbing.EncodedObject
	trees map[plumbing.Hash]*tree // decoded
	bytes int64
}

func newObjects(counts *counters) *objects {
	return &objects{
		counts: counts,
		raw:    map[plumbing.Hash]plumbing.EncodedObject{},
		trees:  map[plumbing.Hash]*tree{},
	}
}

// missingError names an object that should be there.
type missingError struct{ hash plumbing.Hash }

func (e *missingError) Error() string { return fmt.Sprintf("%v: %s", ErrIncomplete, e.hash) }
func (e *missingError) Unwrap() error { return ErrIncomplete }

func (o *objects) get(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o.mu.RLock()
	obj, ok := o.raw[h]
	o.mu.RUnlock()
	if !ok && o.clone != nil {
		return o.cloned(t, h)
	}
	if !ok || (t != plumbing.AnyObject && obj.Type() != t) {
		return nil, &missingError{h}
	}
	return obj, nil
}

// cloned reads an object of the local clone, which is not for several goroutines.
func (o *objects) cloned(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o.cloneMu.Lock()
	defer o.cloneMu.Unlock()
	obj, err := o.clone.EncodedObject(t, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, &missingError{h}
	}
	return obj, err
}

func (o *objects) blob(h plumbing.Hash) ([]byte, error) {
	obj, err := o.get(plumbing.BlobObject, h)
	if err != nil {
		return nil, err
	}
	o.counts.blobs.Add(1)
	return content(obj)
}

// size of a blob in bytes.
func (o *objects) size(h plumbing.Hash) (int64, error) {
	obj, err := o.get(plumbing.BlobObject, h)
	if err != nil {
		return 0, err
	}
	return obj.Size(), nil
}

func (o *objects) commit(h plumbing.Hash) (*object.Commit, error) {
	obj, err := o.get(plumbing.CommitObject, h)
	if err != nil {
		return nil, err
	}
	return decodeCommit(obj)
}

func decodeCommit(obj plumbing.EncodedObject) (*object.Commit, error) {
	var c object.Commit
	if err := c.Decode(obj); err != nil {
		return nil, fmt.Errorf("read commit %s: %w", obj.Hash(), err)
	}
	return &c, nil
}

// tree returns a decoded tree. Each is read once.
func (o *objects) tree(h plumbing.Hash) (*tree, error) {
	o.mu.RLock()
	t, ok := o.trees[h]
	o.mu.RUnlock()
	if ok {
		return t, nil
	}
	obj, err := o.get(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	o.counts.trees.Add(1)
	if t, err = decodeTree(obj); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trees[h] = t
	return t, nil
}

func decodeTree(obj plumbing.EncodedObject) (*tree, error) {
	data, err := content(obj)
	if err != nil {
		return nil, err
	}
	t, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", obj.Hash(), err)
	}
	return t, nil
}

// content is a copy of an object's bytes.
func content(obj plumbing.EncodedObject) ([]byte, error) {
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	data := make([]byte, obj.Size())
	_, err = io.ReadFull(r, data)
	return data, errors.Join(err, r.Close())
}

// has tells whether a commit and everything below its tree is there.
func (o *objects) has(commit plumbing.Hash) bool {
	c, err := o.commit(commit)
	return err == nil && o.check(c.TreeHash) == nil
}

// check finds what is missing below a tree. A tree that was found complete
// once is not walked again, so that this costs what is new.
func (o *objects) check(h plumbing.Hash) error {
	t, err := o.tree(h)
	if err != nil {
		return err
	}
	o.mu.RLock()
	complete := t.complete
	o.mu.RUnlock()
	if complete {
		return nil
	}
	for _, e := range t.entries {
		switch {
		case e.mode == modeSubmodule:
		case e.isTree():
			err = o.check(e.hash)
		default:
			_, err = o.get(plumbing.BlobObject, e.hash)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t.complete = true
	return nil
}

// add takes in everything of a staging area, or nothing where it failed before.
func (o *objects) add(st *staging) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for h, obj := range st.Objects {
		o.put(h, obj)
	}
}

func (o *objects) put(h plumbing.Hash, obj plumbing.EncodedObject) {
	if _, ok := o.raw[h]; !ok {
		o.raw[h] = obj
		o.bytes += obj.Size()
	}
}

// keep returns a store with only what the commits need; o itself is left as
// it is. A commit that is not complete here is left out.
func (o *objects) keep(commits ...plumbing.Hash) *objects {
	kept := newObjects(o.counts)
	for _, h := range commits {
		c, err := o.commit(h)
		if err != nil || o.check(c.TreeHash) != nil {
			continue
		}
		o.mu.RLock()
		kept.put(h, o.raw[h])
		o.copyTree(kept, c.TreeHash)
		o.mu.RUnlock()
	}
	return kept
}

func (o *objects) copyTree(to *objects, h plumbing.Hash) {
	if _, ok := to.trees[h]; ok {
		return
	}
	t := o.trees[h]
	to.put(h, o.raw[h])
	to.trees[h] = t
	for _, e := range t.entries {
		switch {
		case e.mode == modeSubmodule:
		case e.isTree():
			o.copyTree(to, e.hash)
		default:
			to.put(e.hash, o.raw[e.hash])
		}
	}
}

// staging collects objects before they count: those of a pack that is being
// received, those of commits that are being made. It implements go-git's
// EncodedObjectStorer; what it lacks it reads from under, which may be nil.
type staging struct {
	memory.ObjectStorage
	under *objects
}

func newStaging(under *objects) *staging {
	return &staging{ObjectStorage: memory.NewStorage().ObjectStorage, under: under}
}

// EncodedObject finds an object here or in the store below.
func (s *staging) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	obj, err := s.ObjectStorage.EncodedObject(t, h)
	if err != nil && s.under != nil {
		if below, err := s.under.get(t, h); err == nil {
			return below, nil
		}
	}
	return obj, err
}

// write stages new bytes and returns their name.
func (s *staging) write(t plumbing.ObjectType, data []byte) plumbing.Hash {
	obj := &plumbing.MemoryObject{}
	obj.SetType(t)
	_, _ = obj.Write(data)
	h := obj.Hash()
	s.Objects[h] = obj
	return h
}
