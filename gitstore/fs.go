package gitstore

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// What a path of a tree must not lead through, and what is not opened.
var (
	errSymlink   = errors.New("is a symbolic link, which is not followed")
	errSubmodule = errors.New("is a submodule, which is not read")
	errIsDir     = errors.New("is a directory")
	errNotDir    = errors.New("is not a directory")
)

// commitFS is the tree of one commit.
type commitFS struct {
	objects *objects
	root    plumbing.Hash
}

// find walks down to a path. Objects that are missing are an error that is
// remembered, never an absent file.
func (f *commitFS) find(op, name string) (entry, error) {
	at := entry{mode: modeTree, name: ".", hash: f.root}
	if !fs.ValidPath(name) {
		return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return at, nil
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := at.refuse(); err != nil {
			return at, &fs.PathError{Op: op, Path: name, Err: err}
		}
		if !at.isTree() {
			return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		t, err := f.objects.tree(at.hash)
		if err != nil {
			return at, f.fail(op, name, err)
		}
		next, ok := t.find(segment)
		if !ok {
			return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at = next
	}
	return at, nil
}

func (e entry) refuse() error {
	switch e.mode {
	case modeSymlink:
		return errSymlink
	case modeSubmodule:
		return errSubmodule
	}
	return nil
}

func (f *commitFS) fail(op, name string, err error) error {
	if errors.Is(err, ErrIncomplete) {
		f.objects.broken.Store(true)
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadFile returns a copy of a file's bytes.
func (f *commitFS) ReadFile(name string) ([]byte, error) {
	e, err := f.find("read", name)
	if err == nil {
		err = e.refuse()
	}
	if err == nil && e.isTree() {
		err = errIsDir
	}
	if err != nil {
		return nil, asPathError("read", name, err)
	}
	data, err := f.objects.blob(e.hash)
	if err != nil {
		return nil, f.fail("read", name, err)
	}
	return data, nil
}

func asPathError(op, name string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadDir lists a directory by name.
func (f *commitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name)
	if err == nil {
		err = e.refuse()
	}
	if err == nil && !e.isTree() {
		err = errNotDir
	}
	if err != nil {
		return nil, asPathError("readdir", name, err)
	}
	t, err := f.objects.tree(e.hash)
	if err != nil {
		return nil, f.fail("readdir", name, err)
	}
	list := make([]fs.DirEntry, len(t.entries))
	for i, e := range t.entries {
		list[i] = dirEntry{fs: f, dir: name, entry: e}
	}
	return list, nil
}

// Stat describes a path without following symbolic links.
func (f *commitFS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return f.info("stat", name, e)
}

func (f *commitFS) info(op, name string, e entry) (fs.FileInfo, error) {
	info := fileInfo{entry: e}
	if e.isTree() || e.mode == modeSubmodule {
		return info, nil
	}
	size, err := f.objects.size(e.hash)
	if err != nil {
		return nil, f.fail(op, name, err)
	}
	info.size = size
	return info, nil
}

// Open opens a file or a directory.
func (f *commitFS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name)
	if err == nil {
		err = e.refuse()
	}
	if err != nil {
		return nil, asPathError("open", name, err)
	}
	info, err := f.info("open", name, e)
	if err != nil {
		return nil, err
	}
	if e.isTree() {
		list, err := f.ReadDir(name)
		return &openDir{info: info, name: name, rest: list}, err
	}
	data, err := f.ReadFile(name)
	return &openFile{info: info, Reader: bytes.NewReader(data)}, err
}

// dirEntry is one line of a directory.
type dirEntry struct {
	fs    *commitFS
	dir   string
	entry entry
}

func (d dirEntry) Name() string      { return d.entry.name }
func (d dirEntry) IsDir() bool       { return d.entry.isTree() }
func (d dirEntry) Type() fs.FileMode { return fileInfo{entry: d.entry}.Mode().Type() }

// Hash is git's name of the blob or tree.
func (d dirEntry) Hash() string   { return d.entry.hash.String() }
func (d dirEntry) String() string { return fs.FormatDirEntry(d) }

func (d dirEntry) Info() (fs.FileInfo, error) {
	return d.fs.info("stat", path.Join(d.dir, d.entry.name), d.entry)
}

type fileInfo struct {
	entry entry
	size  int64
}

func (i fileInfo) Name() string { return i.entry.name }
func (i fileInfo) Size() int64  { return i.size }
func (i fileInfo) IsDir() bool  { return i.entry.isTree() }
func (i fileInfo) Sys() any     { return nil }

// ModTime is the zero time: git knows none.
func (i fileInfo) ModTime() time.Time { return time.Time{} }

// Hash is git's name of the blob or tree.
func (i fileInfo) Hash() string   { return i.entry.hash.String() }
func (i fileInfo) String() string { return fs.FormatFileInfo(i) }

func (i fileInfo) Mode() fs.FileMode {
	switch {
	case i.entry.isTree():
		return fs.ModeDir | 0o755
	case i.entry.mode == modeSymlink:
		return fs.ModeSymlink | 0o777
	case i.entry.mode == modeExecutable:
		return 0o755
	case i.entry.isFile():
		return 0o644
	}
	return fs.ModeIrregular
}

type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info fs.FileInfo
	name string
	rest []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDir}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.rest) {
		if n > 0 && len(d.rest) == 0 {
			return nil, io.EOF
		}
		n = len(d.rest)
	}
	list := d.rest[:n]
	d.rest = d.rest[n:]
	return list, nil
}
