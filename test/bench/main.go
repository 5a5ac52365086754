// Command bench measures what the README claims, each figure beside the tools that it is
// compared with, in one run (performance.md P1 and P4). It prints tables; README.md in
// this folder holds the results of one machine. It fails only when something breaks.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

func main() {
	sizes := flag.String("sizes", "1000,10000,100000", "sizes of repositories, in files")
	runs := flag.Int("runs", 15, "runs of what is fast; what clones runs a fifth as often")
	profile := flag.String("cpuprofile", "", "write a CPU profile of imgstream's commits to this `file`")
	dir := flag.String("dir", memory(), "work in a new folder in this `folder`; by default in memory, the best case of what clones")
	child := flag.String("first-read", "", "read the repository at this `URL` and say what it took (used by bench itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if *child != "" {
		err = readOnce(ctx, *child)
	} else {
		err = bench(ctx, *dir, *sizes, *runs, *profile)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// memory is a folder in memory; "" where there is none.
func memory() string {
	const dir = "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

func bench(ctx context.Context, dir, list string, runs int, profile string) error {
	var sizes []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 100 {
			return fmt.Errorf("-sizes: %q is no number of files from 100 on", field)
		}
		sizes = append(sizes, n)
	}
	if runs < 1 {
		return fmt.Errorf("-runs: %d", runs)
	}
	root, err := os.MkdirTemp(dir, "imgstream-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	b := &lab{root: root, runs: runs, profile: profile}
	if b.server, err = gitserver.Start(root, gitserver.Login{}); err != nil {
		return err
	}
	defer b.server.Close()
	var commits []commitFigures
	var reads []readFigures
	for _, files := range sizes {
		c, r, err := b.measure(ctx, files)
		if err != nil {
			return fmt.Errorf("%d files: %w", files, err)
		}
		commits, reads = append(commits, c), append(reads, r)
	}
	printCommits(commits)
	printReads(reads)
	return nil
}

// lab is where everything is measured.
type lab struct {
	root    string
	runs    int
	profile string
	server  *gitserver.Server
}

// measure measures everything on a repository of one size.
func (b *lab) measure(ctx context.Context, files int) (c commitFigures, r readFigures, err error) {
	shape := fixture.Shape{Registry: "registry.example.com", Streams: files / 10, PerUnit: 1, Manifests: 7, Status: true}
	content := shape.Files()
	progress("%d files: preparing", len(content))
	seed, err := b.server.Create(ctx, fmt.Sprintf("seed-%d", files), content)
	if err != nil {
		return c, r, err
	}
	// As git gc leaves a server's repository: one pack, with a bitmap.
	if _, err := seed.Git(ctx, "repack", "-adbq"); err != nil {
		return c, r, err
	}
	if c, err = b.commits(ctx, seed, content, shape.All()[shape.Streams/2].Kustomization); err != nil {
		return c, r, err
	}
	r, err = b.reads(ctx, seed, len(content))
	return c, r, err
}

// dir is a fresh name for a folder that does not exist yet.
func (b *lab) dir(name string) (path string, remove func()) {
	path = filepath.Join(b.root, "work", name)
	_ = os.RemoveAll(path)
	return path, func() { _ = os.RemoveAll(path) }
}

// slowRuns is how often what clones is run.
func (b *lab) slowRuns() int { return max(1, b.runs/5) }

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
