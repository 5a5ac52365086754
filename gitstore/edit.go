package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
)

// written is a chain as git objects. What an older commit had is sent again
// where it comes back: the server may have pruned it since.
type written struct {
	staging *staging
	order   []plumbing.Hash // commits, trees and blobs, each once
	trees   map[plumbing.Hash]*tree
	tip     plumbing.Hash
}

// write makes the objects of a chain on top of base, which is in the store. A
// commit that changes nothing is left out; if all are, the tip is base.
func (s *Store) write(base plumbing.Hash, chain []Commit) (*written, error) {
	parent, err := s.objects.commit(base)
	if err != nil {
		return nil, err
	}
	w := &written{staging: newStaging(s.objects), trees: map[plumbing.Hash]*tree{}, tip: base}
	root := parent.TreeHash
	for _, c := range chain {
		next, err := w.apply(root, c.Files)
		if err != nil {
			return nil, err
		}
		if next == root {
			continue
		}
		data, err := s.encodeCommit(c, next, w.tip)
		if err != nil {
			return nil, err
		}
		root, w.tip = next, w.put(plumbing.CommitObject, data)
	}
	s.counts.written.Add(int64(len(w.order)))
	return w, nil
}

func (w *written) put(t plumbing.ObjectType, data []byte) plumbing.Hash {
	known := len(w.staging.Objects)
	h := w.staging.write(t, data)
	if len(w.staging.Objects) > known {
		w.order = append(w.order, h)
	}
	return h
}

func (s *Store) encodeCommit(c Commit, root, parent plumbing.Hash) ([]byte, error) {
	author := c.Author
	if author == (Identity{}) {
		author = s.by()
	}
	if err := author.check(); err != nil {
		return nil, fmt.Errorf("author: %w", err)
	}
	if strings.ContainsRune(c.Message, 0) || strings.TrimSpace(c.Message) == "" {
		return nil, fmt.Errorf("commit message %q is empty or holds a NUL", c.Message)
	}
	when := s.now().UTC()
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\nparent %s\n", root, parent)
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n", signature(author, when), signature(s.by(), when))
	fmt.Fprintf(&b, "%s\n", strings.TrimRight(c.Message, "\n"))
	return s.sign(b.Bytes())
}

// sign puts the signature of a commit into its header, where git has it: behind
// the committer, each further line one space in (gitformat-signature(5)).
func (s *Store) sign(commit []byte) ([]byte, error) {
	if s.signer == nil {
		return commit, nil
	}
	armored, err := s.signer.Sign(commit)
	armored = strings.TrimRight(armored, "\n")
	switch {
	case err != nil:
		return nil, err
	case armored == "" || strings.ContainsAny(armored, "\x00\r"):
		return nil, errors.New("the signer's signature is empty or not armored")
	}
	header, message, _ := bytes.Cut(commit, []byte("\n\n"))
	return fmt.Appendf(nil, "%s\ngpgsig %s\n\n%s", header, strings.ReplaceAll(armored, "\n", "\n "), message), nil
}

func signature(id Identity, when time.Time) string {
	return fmt.Sprintf("%s <%s> %d +0000", strings.TrimSpace(id.Name), id.Email, when.Unix())
}

// edit is a change of one directory: of files in it, and of directories below.
type edit struct {
	files map[string][]byte
	dirs  map[string]*edit
}

func newEdit() *edit { return &edit{files: map[string][]byte{}, dirs: map[string]*edit{}} }

// apply writes the blobs and the changed trees, and returns the new root.
func (w *written) apply(root plumbing.Hash, files map[string][]byte) (plumbing.Hash, error) {
	top := newEdit()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := CheckPath(name); err != nil {
			return root, err
		}
		at := top
		segments := strings.Split(name, "/")
		for _, dir := range segments[:len(segments)-1] {
			if at.dirs[dir] == nil {
				at.dirs[dir] = newEdit()
			}
			at = at.dirs[dir]
		}
		at.files[segments[len(segments)-1]] = files[name]
	}
	h, err := w.edit(root, top, "")
	if err == nil && h.IsZero() {
		h = w.put(plumbing.TreeObject, nil)
	}
	return h, err
}

// tree finds a tree that was written before or is in the store.
func (w *written) tree(h plumbing.Hash) (*tree, error) {
	if h.IsZero() {
		return &tree{}, nil
	}
	if t, ok := w.trees[h]; ok {
		return t, nil
	}
	return w.staging.under.tree(h)
}

// edit writes one changed directory. Its name is zero if nothing is left in it.
func (w *written) edit(old plumbing.Hash, change *edit, dir string) (plumbing.Hash, error) {
	before, err := w.tree(old)
	if err != nil {
		return old, err
	}
	entries := map[string]entry{}
	for name, below := range change.dirs {
		if _, ok := change.files[name]; ok {
			return old, refusePath(dir+name, "is written as a file and as a directory")
		}
		e, ok := before.find(name)
		if ok && !e.isTree() {
			return old, refusePath(dir+name, e.kind())
		}
		h, err := w.edit(e.hash, below, dir+name+"/")
		if err != nil {
			return old, err
		}
		entries[name] = entry{mode: modeTree, name: name, hash: h}
	}
	for name, data := range change.files {
		e, ok := before.find(name)
		if ok && !e.isFile() {
			return old, refusePath(dir+name, e.kind())
		}
		if !ok {
			e = entry{mode: modeFile, name: name}
		}
		switch {
		case data == nil:
			e.hash = plumbing.ZeroHash
		case !ok || e.hash != plumbing.ComputeHash(plumbing.BlobObject, data):
			e.hash = w.put(plumbing.BlobObject, data)
		}
		entries[name] = e
	}
	return w.replace(old, before, entries), nil
}

// replace writes a tree with some entries replaced; those with a zero name go.
func (w *written) replace(old plumbing.Hash, before *tree, changed map[string]entry) plumbing.Hash {
	after := &tree{complete: true}
	for _, e := range before.entries {
		if _, ok := changed[e.name]; !ok {
			after.entries = append(after.entries, e)
		}
	}
	for _, e := range changed {
		if !e.hash.IsZero() {
			after.entries = append(after.entries, e)
		}
	}
	if len(after.entries) == 0 {
		return plumbing.ZeroHash
	}
	slices.SortFunc(after.entries, byName)
	if slices.Equal(after.entries, before.entries) {
		return old
	}
	h := w.put(plumbing.TreeObject, after.encode())
	w.trees[h] = after
	return h
}

func (e entry) kind() string {
	switch {
	case e.isTree():
		return "is a directory"
	case e.mode == modeSymlink:
		return "is a symbolic link"
	case e.mode == modeSubmodule:
		return "is a submodule"
	}
	return "is a file"
}

func refusePath(name, why string) error {
	return fmt.Errorf("%w: %q %s", ErrPath, name, why)
}

// CheckPath refuses, with ErrPath, names that must not be written: absolute,
// with empty, "." or ".." segments, with control characters or backslashes,
// or with a segment that some file system takes for .git.
func CheckPath(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return refusePath(name, "is not a relative path with plain segments")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
		return refusePath(name, "holds a control character or a backslash")
	}
	for segment := range strings.SplitSeq(name, "/") {
		if isDotGit(segment) {
			return refusePath(name, "is in git's own directory")
		}
	}
	return nil
}

// isDotGit knows the spellings of .git on case-insensitive file systems, of
// HFS+ (which ignores some characters) and NTFS (which drops trailing dots and
// spaces, ends a name at a colon, and has short names).
func isDotGit(segment string) bool {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, segment)
	plain, _, _ = strings.Cut(plain, ":")
	plain = strings.TrimRight(plain, " .")
	return strings.EqualFold(plain, ".git") || strings.EqualFold(plain, "git~1")
}
