package gitstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
)

// WorkTree is the files of a local clone, or of a directory without git. It
// commits nothing: Commit writes files, and people commit them.
type WorkTree struct {
	root *os.Root
	dir  string
	git  bool // dir is the root of a clone

	mu    sync.Mutex
	last  *workFS // the last Snapshot's
	clone *cloned // nil before FindBase, and where there is no commit
}

// OpenWorkTree opens the root of the clone that dir lies in, or dir itself
// where there is none. Close it when it is no longer used.
func OpenWorkTree(dir string) (*WorkTree, error) {
	c, err := findClone(dir)
	switch {
	case errors.Is(err, ErrNoClone):
		if c.root, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, fmt.Errorf("open the work tree: %w", err)
	}
	return &WorkTree{root: root, dir: c.root, git: c.gitDir != ""}, nil
}

// Dir is the absolute path of the work tree's root.
func (w *WorkTree) Dir() string { return w.dir }

// Close releases the directory. Snapshots are not readable afterwards.
func (w *WorkTree) Close() error {
	err := w.root.Close()
	if w.clone != nil {
		err = errors.Join(err, w.clone.store.Close())
	}
	return err
}

// Snapshot returns the files as they are whenever they are read. Its Rev is
// empty, its Base what FindBase found. What is read through its FS is remembered for Commit.
func (w *WorkTree) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = &workFS{root: w.root, clone: w.git, read: map[string][sha256.Size]byte{}, seen: map[string]bool{}}
	base, baseFS, err := w.clone.files()
	return Snapshot{FS: w.last, Base: base, BaseFS: baseFS}, err
}

// Commit writes the files of a chain, after comparing each with what was read
// through the last Snapshot: one that has changed since, or that exists and was
// not read (to be deleted: not even listed), is ErrConflict, and nothing is written. The base must be "", as a
// Snapshot says; messages and authors are of no use here.
func (w *WorkTree) Commit(ctx context.Context, base Rev, chain []Commit) (Published, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if base != "" || w.last == nil {
		return Published{}, fmt.Errorf("write to %s: %w: it was not read at %q", w.dir, ErrConflict, base)
	}
	files := map[string][]byte{}
	for _, c := range chain {
		maps.Copy(files, c.Files)
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if err := w.last.unchanged(name, files[name] == nil); err != nil {
			return Published{}, fmt.Errorf("write to %s: %w", w.dir, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return Published{}, err
	}
	return Published{}, w.write(names, files)
}

// tempSuffix marks a file that is being written. One that is left over after
// a crash is overwritten by the next write of that file.
const tempSuffix = ".imgstream-tmp"

// write puts all new files beside the old ones before it renames the first, so
// that a full disk changes nothing.
func (w *WorkTree) write(names []string, files map[string][]byte) (err error) {
	var beside []string
	defer func() {
		for _, name := range beside {
			_ = w.root.Remove(name + tempSuffix)
		}
		if err != nil {
			err = fmt.Errorf("write to %s: %w", w.dir, err)
		}
	}()
	for _, name := range names {
		if files[name] == nil {
			continue
		}
		beside = append(beside, name)
		if err := w.writeBeside(name, files[name]); err != nil {
			return err
		}
	}
	for _, name := range names {
		if files[name] == nil {
			if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		} else if err := w.root.Rename(name+tempSuffix, name); err != nil {
			return err
		}
		w.last.note(name, files[name])
	}
	return nil
}

func (w *WorkTree) writeBeside(name string, data []byte) error {
	if err := w.root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	mode := fs.FileMode(0o666)
	old, err := w.root.Lstat(name)
	if err == nil {
		mode = old.Mode().Perm()
	}
	_ = w.root.Remove(name + tempSuffix)
	f, err := w.root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if old != nil {
		err = f.Chmod(mode) // whatever the umask
	}
	_, writeErr := f.Write(data)
	return errors.Join(err, writeErr, f.Close())
}
