// Command bench measures what the README claims, each figure beside the tools that it is
// compared with, in one run (performance.md P1, P4, P8, P9 and P10). It prints tables; README.md in
// this folder holds the results of one machine. It fails only when something breaks.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/sshserver"
)

// options are the flags.
type options struct {
	parent, sizes, transport string
	only                     string
	runs                     int
	rest                     time.Duration
	profile                  string
}

func main() {
	var o options
	flag.StringVar(&o.sizes, "sizes", "1000,10000,100000", "sizes of repositories, in files")
	flag.StringVar(&o.transport, "transport", "", "http, ssh or http,ssh for all sizes (default both, ssh up to 10000 files)")
	flag.StringVar(&o.only, "only", "", "P8 or P9: measure that alone")
	flag.IntVar(&o.runs, "runs", 15, "runs of what is fast; what clones runs a fifth as often")
	flag.DurationVar(&o.rest, "rest", 30*time.Second, "how long a daemon is left alone before its memory at rest is read")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of imgstream's last commits to this `file`")
	flag.StringVar(&o.parent, "dir", memoryDir(), "work in a new folder in this `folder`; by default in memory, the best case of what clones")
	child := flag.String("first-read", "", "read the repository at this `URL` and say what it took (used by bench itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if *child != "" {
		err = readOnce(ctx, *child)
	} else {
		err = bench(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// memoryDir is a folder in memory; "" where there is none.
func memoryDir() string {
	const dir = "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

func bench(ctx context.Context, o options) error {
	sizes, err := parseSizes(o.sizes)
	if err != nil {
		return err
	}
	names, err := parseTransports(cmp.Or(o.transport, "http,ssh"))
	if err != nil {
		return err
	}
	if o.runs < 1 {
		return fmt.Errorf("-runs: %d", o.runs)
	}
	if !slices.Contains([]string{"", "P8", "P9"}, o.only) {
		return fmt.Errorf("-only: %q: want P8 or P9", o.only)
	}
	b, err := newLab(o)
	if err != nil {
		return err
	}
	defer b.close()
	if o.only == "P8" {
		f, err := b.many(ctx)
		if err != nil {
			return fmt.Errorf("many changes: %w", err)
		}
		printMany(f)
		return nil
	}
	if b.binary, err = b.build(ctx); err != nil {
		return err
	}
	if b.over, err = b.open(names); err != nil {
		return err
	}
	for _, files := range sizes {
		if err := b.measure(ctx, files); err != nil {
			return fmt.Errorf("%d files: %w", files, err)
		}
	}
	if o.only == "P9" {
		printStarts(b.started, b.rest)
		return nil
	}
	for _, over := range b.over {
		if err := b.withoutGit(ctx, over, b.smallest, b.moves); err != nil {
			return fmt.Errorf("without git over %s: %w", over.name, err)
		}
	}
	content, err := b.contents(ctx)
	if err != nil {
		return fmt.Errorf("image metadata: %w", err)
	}
	many, err := b.many(ctx)
	if err != nil {
		return fmt.Errorf("many changes: %w", err)
	}
	for _, over := range b.over {
		printCommits(over, b.commitsOver(over))
	}
	printReads(b.read)
	printStarts(b.started, b.rest)
	printBinary(b.binary, b.over)
	printContents(content)
	printMany(many)
	return nil
}

func parseSizes(list string) (sizes []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 100 {
			return nil, fmt.Errorf("-sizes: %q is no number of files from 100 on", field)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// lab is where everything is measured, and what was.
type lab struct {
	options
	root   string
	server *gitserver.Server
	ssh    *sshserver.Server
	images *images
	config string // the operator's
	binary binaryFigures
	over   []transport

	committed []commitFigures
	read      []readFigures
	started   []startFigures

	smallest *gitserver.Repository // at rest, with one stream whose tag moves at the end
	moves    fixture.Stream
}

func newLab(o options) (*lab, error) {
	root, err := os.MkdirTemp(o.parent, "imgstream-bench-")
	if err != nil {
		return nil, err
	}
	b := &lab{options: o, root: root, images: newImages()}
	if b.root, err = filepath.Abs(root); err == nil {
		b.server, err = gitserver.Start(b.root, gitserver.Login{})
	}
	if err == nil {
		b.ssh, err = sshserver.Start(b.root, gitserver.Env(b.root))
	}
	if err == nil {
		err = b.writeConfig()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *lab) close() {
	b.images.close()
	if b.server != nil {
		b.server.Close()
	}
	if b.ssh != nil {
		b.ssh.Close()
	}
	_ = os.RemoveAll(b.root)
}

// measure measures everything on a repository of one size.
func (b *lab) measure(ctx context.Context, files int) error {
	shape := fixture.Shape{Registry: b.images.host, Streams: files / 10, PerUnit: 1, Manifests: 6, Status: true}
	content := shape.Files()
	progress("%d files: preparing", len(content))
	seed, err := b.server.Create(ctx, fmt.Sprintf("seed-%d", files), content)
	if err != nil {
		return err
	}
	// As git gc leaves a server's repository: one pack, with a bitmap.
	if _, err := seed.Git(ctx, "repack", "-adbq"); err != nil {
		return err
	}
	middle := shape.All()[shape.Streams/2]
	rest, err := b.atRest(ctx, files)
	if err != nil {
		return err
	}
	if b.smallest == nil {
		b.smallest, b.moves = rest, middle
	}
	for _, over := range b.over {
		if b.transport == "" && over.upTo > 0 && files > over.upTo {
			continue
		}
		s, err := b.starts(ctx, over, rest, files)
		if err != nil {
			return err
		}
		b.started = append(b.started, s)
		if b.only == "P9" {
			continue
		}
		c, err := b.commits(ctx, over, seed, content, middle.Kustomization)
		if err != nil {
			return err
		}
		b.committed = append(b.committed, c)
	}
	if b.only == "P9" {
		return nil
	}
	r, err := b.reads(ctx, seed, len(content))
	if err != nil {
		return err
	}
	b.read = append(b.read, r)
	return b.readLookups(ctx, shape)
}

// readLookups measures the first read of the same repository with local lookup on in
// every stream.
func (b *lab) readLookups(ctx context.Context, shape fixture.Shape) error {
	shape.Lookup = true
	content := shape.Files()
	progress("%d files with local lookup: preparing", len(content))
	seed, err := b.server.Create(ctx, fmt.Sprintf("lookup-%d", shape.Streams), content)
	if err != nil {
		return err
	}
	if _, err := seed.Git(ctx, "repack", "-adbq"); err != nil {
		return err
	}
	r, err := b.reads(ctx, seed, len(content))
	r.lookup = true
	b.read = append(b.read, r)
	return err
}

// commitsOver are the figures of one transport.
func (b *lab) commitsOver(over transport) (all []commitFigures) {
	for _, f := range b.committed {
		if f.over.name == over.name {
			all = append(all, f)
		}
	}
	return all
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
