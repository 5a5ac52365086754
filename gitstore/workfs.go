package gitstore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// workFS reads files below a root. Links are not followed, .git is not there. Of a clone,
// what other clones in it hold (submodules, work trees) is not there either, as it is not
// on the branch.
type workFS struct {
	root  *os.Root
	clone bool // the root is a clone's

	mu   sync.Mutex
	read map[string][sha256.Size]byte // by path; the zero value: it was not there
	seen map[string]bool              // the entries of the directories that were listed
}

func (f *workFS) note(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read[name] = [sha256.Size]byte{}
	if data != nil {
		f.read[name] = sha256.Sum256(data)
	}
}

// unchanged compares a file with what was read. One that is to be deleted need only have
// been seen.
func (f *workFS) unchanged(name string, deleted bool) error {
	if err := CheckPath(name); err != nil {
		return err
	}
	now, err := f.load("read", name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return refusePath(name, causeOf(err).Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	was, known := f.read[name]
	switch {
	case now == nil && was == [sha256.Size]byte{}:
		return nil
	case !known && deleted && f.seen[name]:
		return nil
	case !known:
		return fmt.Errorf("%w: %s was not read before", ErrConflict, name)
	case now == nil || was != sha256.Sum256(now):
		return fmt.Errorf("%w: %s has changed since it was read", ErrConflict, name)
	}
	return nil
}

func causeOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// stat walks down to a path so that no link is followed.
func (f *workFS) stat(op, name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return f.root.Stat(".")
	}
	segments := strings.Split(name, "/")
	for i, segment := range segments {
		if isDotGit(segment) {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at := path.Join(segments[:i+1]...)
		info, err := f.root.Lstat(at)
		if err == nil && info.IsDir() && f.foreign(at) {
			return nil, &fs.PathError{Op: op, Path: name, Err: errSubmodule}
		}
		if err != nil || i+1 == len(segments) {
			return info, err
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, &fs.PathError{Op: op, Path: name, Err: errSymlink}
		case !info.IsDir():
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	panic("unreachable: a valid path has a segment")
}

// foreign reports whether a directory below the root of a clone is that of another one.
func (f *workFS) foreign(dir string) bool {
	if !f.clone {
		return false
	}
	_, err := f.root.Lstat(path.Join(dir, ".git"))
	return err == nil
}

var errNotRegular = errors.New("is not a regular file")

// open opens a file or directory that is neither a link nor a device.
func (f *workFS) open(op, name string) (*os.File, error) {
	info, err := f.stat(op, name)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, &fs.PathError{Op: op, Path: name, Err: errSymlink}
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: op, Path: name, Err: errNotRegular}
	}
	return f.root.Open(name)
}

func (f *workFS) load(op, name string) ([]byte, error) {
	file, err := f.open(op, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	if data == nil {
		data = []byte{}
	}
	return data, errors.Join(err, file.Close())
}

// ReadFile reads a file and remembers it.
func (f *workFS) ReadFile(name string) ([]byte, error) {
	data, err := f.load("read", name)
	switch {
	case err == nil:
		f.note(name, data)
		return data, nil
	case errors.Is(err, fs.ErrNotExist):
		f.note(name, nil)
	}
	return nil, err
}

// ReadDir lists a directory by name, without .git and other clones.
func (f *workFS) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := f.open("readdir", name)
	if err != nil {
		return nil, err
	}
	list, err := dir.ReadDir(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool {
		return isDotGit(e.Name()) || strings.HasSuffix(e.Name(), tempSuffix) || e.IsDir() && f.foreign(path.Join(name, e.Name()))
	})
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range list {
		f.seen[path.Join(name, e.Name())] = true
	}
	return list, nil
}

// Stat describes a path without following symbolic links.
func (f *workFS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name) }

// Open opens a file, which it reads and remembers, or a directory.
func (f *workFS) Open(name string) (fs.File, error) {
	info, err := f.stat("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		list, err := f.ReadDir(name)
		return &openDir{info: info, name: name, rest: list}, err
	}
	data, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &openFile{info: info, Reader: bytes.NewReader(data)}, nil
}
