package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/survey"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// readFigures are medians of one size: the first read of a repository (P4).
type readFigures struct {
	files, streams int
	lookup         bool          // every stream has local lookup
	clone          time.Duration // git clone --bare --depth 1
	fetch, survey  time.Duration // ours: the first Snapshot, and what is made of it
	peak, rest     int64         // bytes of memory of a process that does nothing else
}

func (f readFigures) ours() time.Duration { return f.fetch + f.survey }

// firstRead is what a process of its own says about its first read.
type firstRead struct {
	Fetch, Survey time.Duration
	Streams       int
	Rest, Peak    int64
}

// reads measures first reads beside clones, in turn.
func (b *lab) reads(ctx context.Context, repo *gitserver.Repository, files int) (readFigures, error) {
	f := readFigures{files: files}
	var clones []time.Duration
	var own []firstRead
	for run := range max(3, b.slowRuns()) {
		progress("  first read %d", run+1)
		took, err := b.clone(ctx, repo.URL)
		if err != nil {
			return f, err
		}
		r, err := b.readInChild(ctx, repo)
		if err != nil {
			return f, err
		}
		clones, own = append(clones, took), append(own, r)
	}
	f.streams = own[0].Streams
	f.clone = median(clones, func(d time.Duration) time.Duration { return d })
	f.fetch = median(own, func(r firstRead) time.Duration { return r.Fetch })
	f.survey = median(own, func(r firstRead) time.Duration { return r.Survey })
	f.peak = median(own, func(r firstRead) int64 { return r.Peak })
	f.rest = median(own, func(r firstRead) int64 { return r.Rest })
	return f, nil
}

// clone is the least that git does to have the files.
func (b *lab) clone(ctx context.Context, url string) (time.Duration, error) {
	dir, remove := b.dir("clone")
	defer remove()
	start := time.Now()
	err := b.git(ctx, b.root, "clone", "--quiet", "--bare", "--depth=1", url, dir)
	return time.Since(start), err
}

// readInChild runs readOnce in a process of its own, whose memory is its alone.
func (b *lab) readInChild(ctx context.Context, repo *gitserver.Repository) (firstRead, error) {
	exe, err := os.Executable()
	if err != nil {
		return firstRead{}, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, "-first-read", repo.URL)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return firstRead{}, err
	}
	var r firstRead
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.Peak = usage.Maxrss << 10
	}
	return r, nil
}

// readOnce reads a repository as a new process does, and prints what that took.
func readOnce(ctx context.Context, url string) error {
	start := time.Now()
	store, err := gitstore.Open(gitstore.Options{URL: url, Branch: gitserver.Branch})
	if err != nil {
		return err
	}
	snap, err := store.Snapshot(ctx)
	if err != nil {
		return err
	}
	r := firstRead{Fetch: time.Since(start)}
	start = time.Now()
	s, err := survey.Read(snap.FS)
	if err != nil {
		return err
	}
	if s.View.Graph != nil && len(s.View.Graph.Roots()) == 0 {
		return errors.New("the repository deploys nothing")
	}
	r.Survey, r.Streams = time.Since(start), len(s.View.Tree.Streams)
	if len(s.View.Tree.Problems) > 0 {
		return fmt.Errorf("the repository has problems: %v", s.View.Tree.Problems[0])
	}
	debug.FreeOSMemory()
	r.Rest = memoryOf("self").now
	if _, err := store.Snapshot(ctx); err != nil { // store and survey are in use until here
		return err
	}
	if r.Streams != len(s.View.Tree.Streams) {
		return fmt.Errorf("the survey changed")
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
