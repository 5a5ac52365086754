package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// startFigures are of daemons that start on a repository at rest (P9, P4).
type startFigures struct {
	over              transport
	files             int
	clone, ready      time.Duration // medians, these and the next
	fetch, read, plan time.Duration // the steps of the first pass
	atReady           memory        // of the last daemon
	atRest            memory
}

// starts measures how long a daemon takes from its start to ready, beside clones, in
// turn, and the memory of the last one before and after it was left alone.
func (b *lab) starts(ctx context.Context, over transport, repo *gitserver.Repository, files int) (startFigures, error) {
	f := startFigures{over: over, files: files}
	before, err := commitsOf(ctx, repo)
	if err != nil {
		return f, err
	}
	var clones []time.Duration
	var all []started
	runs := max(3, b.slowRuns())
	for run := range runs {
		progress("  %s: start %d", over.name, run+1)
		clone, err := b.clone(ctx, over.url(repo))
		if err != nil {
			return f, err
		}
		rest := time.Duration(0)
		if run == runs-1 {
			rest = b.rest
		}
		s, err := b.startOnce(ctx, rest, b.target(over, repo))
		if err != nil {
			return f, err
		}
		clones, all = append(clones, clone), append(all, s)
	}
	f.clone = median(clones, func(d time.Duration) time.Duration { return d })
	f.ready = median(all, func(s started) time.Duration { return s.ready })
	f.fetch = median(all, func(s started) time.Duration { return s.steps["fetch"] })
	f.read = median(all, func(s started) time.Duration { return s.steps["read"] })
	f.plan = median(all, func(s started) time.Duration { return s.steps["plan"] })
	f.atReady, f.atRest = all[runs-1].atReady, all[runs-1].atRest
	return f, hasCommits(ctx, repo, before)
}

// started is one daemon's start.
type started struct {
	ready           time.Duration
	steps           map[string]time.Duration
	atReady, atRest memory
}

// startOnce starts a daemon, and stops it after its rest.
func (b *lab) startOnce(ctx context.Context, rest time.Duration, args []string) (s started, err error) {
	start := time.Now()
	d, err := b.startDaemon(ctx, args...)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.waitReady(ctx); err != nil {
		return s, err
	}
	s.ready = time.Since(start)
	pid := strconv.Itoa(d.cmd.Process.Pid)
	s.atReady = memoryOf(pid)
	if s.steps, err = d.steps(ctx); err != nil {
		return s, err
	}
	if rest > 0 {
		progress("  at rest for %v", rest)
		err = sleep(ctx, rest)
		s.atRest = memoryOf(pid)
	}
	return s, err
}

// target are the flags that name a repository, and the operator's configuration.
func (b *lab) target(over transport, repo *gitserver.Repository) []string {
	return []string{"--config", b.config, "--repo", over.url(repo), "--branch", gitserver.Branch}
}

// writeConfig writes the operator's configuration, which has the key for SSH.
func (b *lab) writeConfig() error {
	b.config = filepath.Join(b.root, "config.yaml")
	text := fmt.Sprintf("apiVersion: imgstream.dev/v1\nkind: Config\ngit:\n  sshKeyFile: %q\n  knownHostsFile: %q\n",
		b.ssh.KeyFile, b.ssh.KnownHostsFile)
	return os.WriteFile(b.config, []byte(text), 0o600)
}

// atRest makes a repository of a size in which a daemon finds nothing to do: one pass was
// made. It is packed as git gc leaves it.
func (b *lab) atRest(ctx context.Context, files int) (*gitserver.Repository, error) {
	// Ten files a stream, as everywhere; that of its tag live comes with the pass.
	shape := fixture.Shape{Registry: b.images.host, Streams: files / 10, PerUnit: 1, Manifests: 5, Status: true}
	repo, err := b.server.Create(ctx, fmt.Sprintf("rest-%d", files), shape.Files())
	if err != nil {
		return nil, err
	}
	cmd := b.command(ctx, "sync", "--repo", repo.URL, "--branch", gitserver.Branch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("imgstream sync: %w\n%s", err, out)
	}
	_, err = repo.Git(ctx, "repack", "-adbq")
	return repo, err
}

func commitsOf(ctx context.Context, repo *gitserver.Repository) (int, error) {
	count, err := repo.Git(ctx, "rev-list", "--count", gitserver.Branch)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(count))
}

// hasCommits is an error when the branch has more or fewer commits.
func hasCommits(ctx context.Context, repo *gitserver.Repository, want int) error {
	n, err := commitsOf(ctx, repo)
	if err == nil && n != want {
		err = fmt.Errorf("the branch has %d commits, want %d", n, want)
	}
	return err
}

// withoutGit is an error unless a whole pass, from the read to the push, works where
// there is no program that could be run.
func (b *lab) withoutGit(ctx context.Context, over transport, seed *gitserver.Repository, moved fixture.Stream) error {
	before, err := commitsOf(ctx, seed)
	if err != nil {
		return err
	}
	repo, err := b.server.Copy(seed, "no-git-"+over.name)
	if err != nil {
		return err
	}
	if err := b.images.push(ctx, moved); err != nil {
		return err
	}
	if out, err := b.command(ctx, append([]string{"sync"}, b.target(over, repo)...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("imgstream sync: %w\n%s", err, out)
	}
	return hasCommits(ctx, repo, before+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
