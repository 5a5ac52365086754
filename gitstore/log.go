package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// ErrShallow says that a clone holds only a part of its history, so that a
// question about all of it is one for the remote.
var ErrShallow = errors.New("the clone does not hold its whole history")

// Version is what one commit made of a file.
type Version struct {
	Rev     Rev
	When    time.Time // the committer's, in UTC
	Author  Identity
	Message string
	Data    []byte // the file's whole bytes; nil: it is not there any more
}

// Log is a branch's first-parent line, down to its first commit: what the branch
// itself was at, whatever was merged into it. A merge counts as one commit. It
// reads the commits, and of their trees and files only what it is asked for. It
// is not for several goroutines at once. Close it when it is no longer read.
type Log struct {
	where    string
	line     []*object.Commit // newest first, at least one
	objects  *history
	store    *filesystem.Storage
	fetch    func(ctx context.Context, names []plumbing.Hash) error // brings objects; nil: there are no more
	progress func(what string)
	explain  func(error) error // what a failure to read means here
}

// newLog reads the line of a commit. The store has all its commits.
func newLog(where string, tip plumbing.Hash, store *filesystem.Storage, progress func(string)) (*Log, error) {
	l := &Log{
		where:    where,
		store:    store,
		objects:  &history{objects: newObjects(&counters{}), deeper: store, commits: map[plumbing.Hash]*object.Commit{}},
		progress: progress,
	}
	if progress == nil {
		l.progress = func(string) {}
	}
	for at := tip; !at.IsZero(); {
		c, err := l.objects.commit(at)
		if err != nil {
			_ = l.Close()
			return nil, err
		}
		l.line = append(l.line, c)
		at = firstParent(c)
	}
	return l, nil
}

// Rev is the newest commit.
func (l *Log) Rev() Rev { return revOf(l.line[0].Hash) }

// Close forgets what was fetched, and closes the files of a clone.
func (l *Log) Close() error { return l.store.Close() }

// String says what the log is of, for people: "main of https://…".
func (l *Log) String() string { return l.where }

// Versions are the commits of the line that changed the bytes of a file, or
// brought or removed it, newest first. Another file mode is no change, and a
// symbolic link is no file. Renames are not followed.
func (l *Log) Versions(ctx context.Context, path string) ([]Version, error) {
	at, err := l.resolve(ctx, l.line, path)
	if err != nil {
		return nil, l.wrap(err)
	}
	at = append(at, entry{}) // what was there before the first commit
	var changed []int
	var blobs []plumbing.Hash
	for i := range l.line {
		if name := at[i].file(); name != at[i+1].file() {
			changed, blobs = append(changed, i), append(blobs, name)
		}
	}
	if err := l.need(ctx, blobs); err != nil {
		return nil, l.wrap(err)
	}
	var versions []Version
	for i, at := range changed {
		v, err := l.version(l.line[at], blobs[i])
		if err != nil {
			return nil, l.wrap(err)
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// file is the name of the blob that is read as a file here, else zero.
func (e entry) file() plumbing.Hash {
	if !e.isFile() {
		return plumbing.ZeroHash
	}
	return e.hash
}

func (l *Log) version(c *object.Commit, blob plumbing.Hash) (Version, error) {
	v := Version{
		Rev: revOf(c.Hash), When: c.Committer.When.UTC(),
		Author: Identity{Name: c.Author.Name, Email: c.Author.Email}, Message: c.Message,
	}
	if blob.IsZero() {
		return v, nil
	}
	var err error
	v.Data, err = l.blob(blob)
	return v, err
}

// ReadFile reads a file of the newest commit; the error is fs.ErrNotExist if
// there is none.
func (l *Log) ReadFile(ctx context.Context, path string) ([]byte, error) {
	at, err := l.resolve(ctx, l.line[:1], path)
	if err != nil {
		return nil, l.wrap(err)
	}
	blob := at[0].file()
	if blob.IsZero() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err := l.need(ctx, []plumbing.Hash{blob}); err != nil {
		return nil, l.wrap(err)
	}
	data, err := l.blob(blob)
	if err != nil {
		return nil, l.wrap(err)
	}
	return data, nil
}

// Files lists the files that the newest commit has below a directory, as paths
// from the root, sorted; none if there is no such directory.
func (l *Log) Files(ctx context.Context, dir string) ([]string, error) {
	at, err := l.resolve(ctx, l.line[:1], dir)
	if err != nil {
		return nil, l.wrap(err)
	}
	var files []string
	for level := map[string]entry{dir: at[0]}; len(level) > 0; {
		if err := l.needTrees(ctx, slices.Collect(maps.Values(level))); err != nil {
			return nil, l.wrap(err)
		}
		below := map[string]entry{}
		for path, e := range level {
			if e.isFile() {
				files = append(files, path)
			}
			if !e.isTree() {
				continue
			}
			t, err := l.objects.tree(e.hash)
			if err != nil {
				return nil, l.wrap(err)
			}
			for _, e := range t.entries {
				below[path+"/"+e.name] = e
			}
		}
		level = below
	}
	slices.Sort(files)
	return files, nil
}

// resolve gives what each commit has at a path, zero where there is nothing. It
// goes level by level, so that what is missing of all commits is fetched at
// once, and reads a tree that several commits have once.
func (l *Log) resolve(ctx context.Context, commits []*object.Commit, path string) ([]entry, error) {
	at := make([]entry, len(commits))
	for i, c := range commits {
		at[i] = entry{mode: modeTree, hash: c.TreeHash}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if err := l.needTrees(ctx, at); err != nil {
			return nil, err
		}
		next := map[plumbing.Hash]entry{}
		for i, e := range at {
			if _, done := next[e.hash]; !done && e.isTree() {
				t, err := l.objects.tree(e.hash)
				if err != nil {
					return nil, err
				}
				next[e.hash], _ = t.find(segment)
			}
			at[i] = next[e.hash] // nothing, if it is no tree
			if i%1000 == 999 {
				l.progress(fmt.Sprintf("reading the history of %s: %d of %d commits", l.where, i+1, len(at)))
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return at, nil
}

func (l *Log) needTrees(ctx context.Context, entries []entry) error {
	var trees []plumbing.Hash
	for _, e := range entries {
		if e.isTree() {
			trees = append(trees, e.hash)
		}
	}
	return l.need(ctx, trees)
}

// need fetches those of the objects that are not here, in their order: what
// comes one after the other is alike, so that the server need not compare anew.
func (l *Log) need(ctx context.Context, names []plumbing.Hash) error {
	if l.fetch == nil {
		return nil
	}
	var missing []plumbing.Hash
	asked := map[plumbing.Hash]bool{}
	for _, name := range names {
		if !name.IsZero() && !asked[name] && l.store.HasEncodedObject(name) != nil {
			missing = append(missing, name)
		}
		asked[name] = true
	}
	if len(missing) == 0 {
		return nil
	}
	return l.fetch(ctx, missing)
}

func (l *Log) blob(name plumbing.Hash) ([]byte, error) {
	obj, err := l.objects.find(plumbing.BlobObject, name)
	if err != nil {
		return nil, err
	}
	return content(obj)
}

func (l *Log) wrap(err error) error {
	if l.explain != nil {
		err = l.explain(err)
	}
	return fmt.Errorf("read the history of %s: %w", l.where, err)
}
