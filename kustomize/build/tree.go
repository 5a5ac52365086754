package build

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// tree is the files of a Source as kustomize's file system: in memory, with the
// repository's root as its own, and nothing else on it. Nothing can be written.
type tree struct {
	files map[string][]byte // by absolute path
	dirs  map[string]bool
}

var errReadOnly = errors.New("the tree cannot be changed")

func newTree(files map[string][]byte) *tree {
	t := &tree{files: make(map[string][]byte, len(files)), dirs: map[string]bool{"/": true}}
	for name, src := range files {
		t.files["/"+name] = src
		for dir := path.Dir("/" + name); !t.dirs[dir]; dir = path.Dir(dir) {
			t.dirs[dir] = true
		}
	}
	return t
}

func clean(name string) string { return path.Clean("/" + name) }

// CleanedAbs splits a path into its directory and its file; the file is "" for a directory.
func (t *tree) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	name = clean(name)
	switch {
	case t.dirs[name]:
		return filesys.ConfirmedDir(name), "", nil
	case t.Exists(name):
		return filesys.ConfirmedDir(path.Dir(name)), path.Base(name), nil
	}
	return "", "", notThere("open", name)
}

func notThere(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (t *tree) IsDir(name string) bool { return t.dirs[clean(name)] }

func (t *tree) Exists(name string) bool {
	name = clean(name)
	_, file := t.files[name]
	return file || t.dirs[name]
}

// ReadFile gives a copy, since kustomize may keep and change what it reads.
func (t *tree) ReadFile(name string) ([]byte, error) {
	src, ok := t.files[clean(name)]
	if !ok {
		return nil, notThere("read", name)
	}
	return []byte(string(src)), nil
}

// ReadDir and the rest are not asked for by a build.
func (t *tree) ReadDir(name string) ([]string, error) { return nil, notThere("readdir", name) }

// Glob finds paths as they are written: a build has no patterns.
func (t *tree) Glob(pattern string) ([]string, error) {
	if t.Exists(pattern) && !strings.ContainsAny(pattern, `*?[\`) {
		return []string{clean(pattern)}, nil
	}
	return nil, nil
}

// Open finds nothing: a build reads whole files.
func (t *tree) Open(name string) (filesys.File, error) { return nil, notThere("open", name) }

// Walk finds nothing.
func (t *tree) Walk(string, filepath.WalkFunc) error { return nil }

// Create and the others that write are refused.
func (t *tree) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir is refused.
func (t *tree) Mkdir(string) error { return errReadOnly }

// MkdirAll is refused.
func (t *tree) MkdirAll(string) error { return errReadOnly }

// RemoveAll is refused.
func (t *tree) RemoveAll(string) error { return errReadOnly }

// WriteFile is refused.
func (t *tree) WriteFile(string, []byte) error { return errReadOnly }
