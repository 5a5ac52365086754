package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// maxWants is how many objects are asked for at once: a request of half a
// megabyte, which is less than any proxy's bound.
const maxWants = 10_000

// Log reads the history of the branch as it is now. Where the server filters,
// the commits come alone, and then the trees and files that are looked at; where
// it does not, the whole history comes. Progress, which may be nil, is told what
// is being done. What is fetched is forgotten with the Log.
func (s *Store) Log(ctx context.Context, progress func(what string)) (*Log, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.log(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s of %s: %w", s.branch.Short(), s.where, err)
	}
	return l, nil
}

func (s *Store) log(ctx context.Context, progress func(string)) (*Log, error) {
	for attempt := 1; ; attempt++ {
		now, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		if now.branch.IsZero() {
			return nil, s.noBranch()
		}
		f := &logFetch{store: s, tip: now.branch, progress: progress}
		err = f.commits(ctx)
		if err == nil {
			l, err := newLog(s.branch.Short()+" of "+s.where, now.branch, f.objects, progress)
			if err == nil {
				l.fetch = f.some
			}
			return l, err
		}
		// What was looked at is gone, if the branch was rewound meanwhile.
		if _, gone := errors.AsType[*serverError](err); !gone || attempt == looksPerSnapshot {
			return nil, err
		}
	}
}

// logFetch is what was fetched for one Log.
type logFetch struct {
	store    *Store
	tip      plumbing.Hash
	progress func(string)        // may be nil
	objects  *filesystem.Storage // packs as they came, in memory
	whole    bool                // everything was asked for
}

// commits fetches the commits, and all that belongs to them from a server that
// does not filter. The caller holds the store.
func (f *logFetch) commits(ctx context.Context) error {
	f.objects = filesystem.NewStorageWithOptions(memfs.New(), cache.NewObjectLRUDefault(), filesystem.Options{KeepDescriptors: true})
	if !f.store.server.filter {
		return f.everything(ctx)
	}
	return f.request(ctx, request{wants: []plumbing.Hash{f.tip}, filter: packp.FilterTreeDepth(0)})
}

func (f *logFetch) everything(ctx context.Context) error {
	f.whole = true
	return f.request(ctx, request{wants: []plumbing.Hash{f.tip}})
}

// some fetches single trees or files. A server may refuse to be asked for what
// no reference names (uploadpack.allowAnySHA1InWant): then everything comes.
func (f *logFetch) some(ctx context.Context, names []plumbing.Hash) error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	if f.whole {
		return &missingError{names[0]}
	}
	for wants := range slices.Chunk(names, maxWants) {
		err := f.request(ctx, request{wants: wants, filter: packp.FilterTreeDepth(0)})
		if _, refused := errors.AsType[*serverError](err); refused {
			return f.everything(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *logFetch) request(ctx context.Context, r request) error {
	s := f.store
	if f.progress != nil {
		defer func(before io.Writer) { s.progress = before }(s.progress)
		s.progress = progressLines(f.progress)
	}
	return s.request(ctx, r, f.objects)
}

// progressLines passes on the last whole line of each text.
type progressLines func(what string)

func (p progressLines) Write(b []byte) (int, error) {
	lines := bytes.FieldsFunc(b, func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) > 0 {
		p("fetching the history: " + string(bytes.TrimSpace(lines[len(lines)-1])))
	}
	return len(b), nil
}
