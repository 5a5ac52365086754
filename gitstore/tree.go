package gitstore

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The modes of tree entries, as git writes them.
const (
	modeTree       = "40000"
	modeFile       = "100644"
	modeExecutable = "100755"
	modeSymlink    = "120000"
	modeSubmodule  = "160000"
)

// entry is one line of a tree. Its mode is kept as it was read, so that
// entries that are not touched are written back unchanged.
type entry struct {
	mode string
	name string
	hash plumbing.Hash
}

func (e entry) isTree() bool { return strings.TrimLeft(e.mode, "0") == modeTree }

// isFile holds for blobs that are read and written as files: neither symbolic
// links nor submodules.
func (e entry) isFile() bool { return strings.HasPrefix(e.mode, "100") }

// tree is a decoded tree object, sorted by name.
type tree struct {
	entries  []entry
	complete bool // everything below it is known to be in the store; guarded by objects.mu
}

func (t *tree) find(name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(t.entries, name, func(e entry, name string) int {
		return strings.Compare(e.name, name)
	})
	if !ok {
		return entry{}, false
	}
	return t.entries[i], true
}

var errTree = errors.New("malformed tree object")

// parseTree decodes a tree object. Names that no file system has are errors.
func parseTree(data []byte) (*tree, error) {
	var t tree
	for len(data) > 0 {
		mode, rest, ok := bytes.Cut(data, []byte{' '})
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(rest) < len(plumbing.ZeroHash) || len(mode) < 5 || len(mode) > 6 {
			return nil, errTree
		}
		e := entry{mode: string(mode), name: string(name)}
		copy(e.hash[:], rest)
		data = rest[len(e.hash):]
		if e.name == "" || e.name == "." || e.name == ".." || strings.Contains(e.name, "/") {
			return nil, errTree
		}
		t.entries = append(t.entries, e)
	}
	slices.SortFunc(t.entries, byName)
	for i := 1; i < len(t.entries); i++ {
		if t.entries[i-1].name == t.entries[i].name {
			return nil, errTree
		}
	}
	return &t, nil
}

func byName(a, b entry) int { return strings.Compare(a.name, b.name) }

// encode is the tree object, in git's order: a directory sorts as if its name
// ended in a slash.
func (t *tree) encode() []byte {
	sorted := slices.Clone(t.entries)
	slices.SortFunc(sorted, func(a, b entry) int {
		n := min(len(a.name), len(b.name))
		if c := strings.Compare(a.name[:n], b.name[:n]); c != 0 {
			return c
		}
		return cmp.Compare(a.after(n), b.after(n))
	})
	var b bytes.Buffer
	for _, e := range sorted {
		b.WriteString(e.mode)
		b.WriteByte(' ')
		b.WriteString(e.name)
		b.WriteByte(0)
		b.Write(e.hash[:])
	}
	return b.Bytes()
}

// after is the byte that git compares after the first n of a name.
func (e entry) after(n int) byte {
	switch {
	case n < len(e.name):
		return e.name[n]
	case e.isTree():
		return '/'
	}
	return 0
}
