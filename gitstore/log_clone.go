package gitstore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Log reads the history of what is checked out from the clone's own objects. It
// fetches nothing and needs no git binary. Progress may be nil. The error is
// ErrNoClone where the work tree belongs to no clone, and ErrShallow, here or
// from the Log's methods, where the clone is shallow or partial.
func (w *WorkTree) Log(progress func(what string)) (*Log, error) {
	where := "HEAD of " + w.dir
	c, err := findClone(w.dir)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	l, err := c.log(where, progress)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", where, asShallow(err))
	}
	return l, nil
}

func (c clone) log(where string, progress func(string)) (*Log, error) {
	if err := c.readable(); err != nil {
		return nil, err
	}
	objects := c.storage()
	head, err := storer.ResolveReference(objects, plumbing.HEAD)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		return nil, errors.New("there is no commit yet")
	case err != nil:
		return nil, err
	}
	l, err := newLog(where, head.Hash(), objects, progress)
	if err == nil {
		l.explain = asShallow
	}
	return l, err
}

// readable refuses the formats that are not read here (git-config(1), extensions).
func (c clone) readable() error {
	cfg, err := readConfig(filepath.Join(c.common, "config"))
	if err != nil {
		return err
	}
	extensions := cfg.Section("extensions")
	if format := extensions.Option("objectFormat"); format != "" && format != "sha1" {
		return errSHA256
	}
	if storage := extensions.Option("refStorage"); storage != "" && storage != "files" {
		return fmt.Errorf("clones that store references as %q are not supported: name the repository with --repo", storage)
	}
	return nil
}

// asShallow reads what a missing object means in a clone.
func asShallow(err error) error {
	if errors.Is(err, ErrIncomplete) {
		return fmt.Errorf("%w: it is shallow or partial", ErrShallow)
	}
	return err
}
