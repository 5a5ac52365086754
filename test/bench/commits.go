package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// commitFigures are medians of one size: a commit of one changed value, pushed (P1).
type commitFigures struct {
	over                   transport
	files                  int
	ours, push, cli, gogit took
}

// took is one way's time, and what of it is left without the server's receive-pack.
type took struct{ total, own time.Duration }

// way commits and pushes text as the new content of the one file. What it does before
// it calls timed is not measured; it calls it once.
type way func(ctx context.Context, text []byte, timed func(func() error) error) error

// commits measures each way on a copy of the repository of its own. The bare push and
// ours take turns.
func (b *lab) commits(ctx context.Context, over transport, seed *gitserver.Repository, content map[string]string, path string) (commitFigures, error) {
	f := commitFigures{over: over, files: len(content)}
	ways := map[string]way{}
	for name, open := range b.ways() {
		repo, err := b.server.Copy(seed, fmt.Sprintf("%s-%s-%d", name, over.name, f.files))
		if err != nil {
			return f, err
		}
		if ways[name], err = open(ctx, over, repo, path); err != nil {
			return f, err
		}
	}
	old := []byte(content[path])
	fast, err := b.timeAll(ctx, over, b.runs, old, ways[barePush], ways[ours])
	if err != nil {
		return f, err
	}
	f.push, f.ours = fast[0], fast[1]
	if b.profile != "" {
		if err := b.profiled(ctx, over, old, ways[ours]); err != nil {
			return f, err
		}
	}
	slow, err := b.timeAll(ctx, over, b.slowRuns(), old, ways[shallowClone], ways[goGit])
	if err != nil {
		return f, err
	}
	f.cli, f.gogit = slow[0], slow[1]
	return f, nil
}

// timeAll runs the ways in turn, each once more than it counts, and gives the medians.
func (b *lab) timeAll(ctx context.Context, over transport, runs int, old []byte, ways ...way) ([]took, error) {
	all := make([][]took, len(ways))
	for run := range runs + 1 {
		progress("  %s: run %d of %d", over.name, run, runs)
		for i, w := range ways {
			t, err := b.time(ctx, over, w, changed(old, run))
			if err != nil {
				return nil, err
			}
			if run > 0 || runs == 1 {
				all[i] = append(all[i], t)
			}
		}
	}
	medians := make([]took, len(ways))
	for i := range ways {
		medians[i] = took{
			total: median(all[i], func(t took) time.Duration { return t.total }),
			own:   median(all[i], func(t took) time.Duration { return t.own }),
		}
	}
	return medians, nil
}

// time runs a way once. What earlier runs left for the collector is collected before.
func (b *lab) time(ctx context.Context, over transport, w way, text []byte) (t took, err error) {
	runtime.GC()
	err = w(ctx, text, func(f func() error) error {
		over.received()
		start := time.Now()
		err := f()
		t.total = time.Since(start)
		t.own = t.total - over.received()
		return err
	})
	return t, err
}

// profiled runs ours a hundred times under the profiler.
func (b *lab) profiled(ctx context.Context, over transport, old []byte, w way) error {
	f, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	for i := range 100 {
		if _, err := b.time(ctx, over, w, changed(old, 1000+i)); err != nil {
			return err
		}
	}
	pprof.StopCPUProfile()
	return f.Close()
}

// changed is a kustomization with another digest in its entry.
func changed(old []byte, run int) []byte {
	at := bytes.LastIndex(old, []byte("sha256:"))
	return fmt.Appendf(bytes.Clone(old[:at]), "sha256:%064x\n", run+0xabc000)
}

func write(dir, path string, text []byte) error {
	return os.WriteFile(filepath.Join(dir, filepath.FromSlash(path)), text, 0o644)
}
