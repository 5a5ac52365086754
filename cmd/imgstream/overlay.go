package main

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// overlay is a tree with some files changed (nil: deleted): what it would be after a
// change. Its entries have no git hashes.
type overlay struct {
	under fs.FS
	files map[string][]byte
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	data, changed := o.files[name]
	switch {
	case !changed:
		return fs.ReadFile(o.under, name)
	case data == nil:
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	data, changed := o.files[name]
	switch {
	case changed && data == nil:
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	case changed:
		return laid{name: path.Base(name), size: len(data)}, nil
	}
	info, err := fs.Stat(o.under, name)
	if errors.Is(err, fs.ErrNotExist) && o.hasBelow(name) {
		return laid{name: path.Base(name), dir: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return struct{ fs.FileInfo }{info}, nil // without its hash
}

func (o overlay) hasBelow(dir string) bool {
	for name, data := range o.files {
		if data != nil && strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func (o overlay) ReadDir(dir string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(o.under, dir)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || !o.hasBelow(dir)) {
		return nil, err
	}
	entries := map[string]fs.DirEntry{}
	for _, e := range list {
		entries[e.Name()] = struct{ fs.DirEntry }{e} // without its hash
	}
	for name, data := range o.files {
		rest, below := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, below = name, true
		}
		first, _, deeper := strings.Cut(rest, "/")
		switch {
		case !below || deeper && (data == nil || entries[first] != nil):
		case data == nil:
			delete(entries, first)
		default:
			entries[first] = fs.FileInfoToDirEntry(laid{name: first, size: len(data), dir: deeper})
		}
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) }), nil
}

// Open opens a file; directories are read with ReadDir.
func (o overlay) Open(name string) (fs.File, error) {
	data, changed := o.files[name]
	if !changed || data == nil {
		if changed {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return o.under.Open(name)
	}
	return laidFile{bytes.NewReader(data), laid{name: path.Base(name), size: len(data)}}, nil
}

// laid describes a file or directory that the tree below does not have.
type laid struct {
	name string
	size int
	dir  bool
}

func (l laid) Name() string       { return l.name }
func (l laid) Size() int64        { return int64(l.size) }
func (l laid) ModTime() time.Time { return time.Time{} }
func (l laid) IsDir() bool        { return l.dir }
func (l laid) Sys() any           { return nil }
func (l laid) Mode() fs.FileMode {
	if l.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

type laidFile struct {
	*bytes.Reader
	info laid
}

func (f laidFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f laidFile) Close() error               { return nil }
