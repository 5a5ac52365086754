package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// contentFigures are of the passes that see images for the first time, and what that
// asks of the registry (P10).
type contentFigures struct {
	digests int // new ones, each of an index of two images
	streams int // that have them
	passes  []passFigures
}

// passFigures are of one whole `imgstream sync`.
type passFigures struct {
	what                    string
	took                    time.Duration // median
	heads, manifests, blobs int           // requests: HEAD, and GET of each
}

func (f passFigures) gets() int { return f.manifests + f.blobs }

// contents measures first passes over streams that share images, with the metadata of
// images and without, and the passes after them. Runs without metadata take turns with
// the others.
func (b *lab) contents(ctx context.Context) (f contentFigures, err error) {
	registry := newImages()
	defer registry.close()
	f.digests, f.streams = 10, 100
	shape := fixture.Shape{Registry: registry.host, Streams: f.streams, PerUnit: 1, Manifests: 1}
	if err := registry.share(ctx, shape.All(), f.digests); err != nil {
		return f, err
	}
	seeds := map[string]*gitserver.Repository{}
	for _, kept := range []string{"head", "none"} {
		files := shape.Files()
		maps.Copy(files, map[string]string{".imgstream.yaml": fmt.Sprintf("apiVersion: imgstream.dev/v1\nkind: Repository\n"+
			"metadata: {name: imgstream, annotations: {config.kubernetes.io/local-config: \"true\"}}\nimageMetadata: %s\n", kept)})
		if seeds[kept], err = b.server.Create(ctx, "content-"+kept, files); err != nil {
			return f, err
		}
	}
	runs := max(3, b.slowRuns())
	all := map[string][]passFigures{}
	for run := range runs {
		progress("  image metadata: run %d", run+1)
		for kept, seed := range seeds {
			repo, err := b.server.Copy(seed, fmt.Sprintf("content-%s-%d", kept, run))
			if err != nil {
				return f, err
			}
			for _, pass := range []string{"first", "second"} {
				what := fmt.Sprintf("%s, imageMetadata: %s", pass, kept)
				p, err := b.pass(ctx, registry, repo, what)
				if err != nil {
					return f, err
				}
				all[what] = append(all[what], p)
			}
		}
	}
	for _, what := range []string{"first, imageMetadata: head", "first, imageMetadata: none", "second, imageMetadata: head", "second, imageMetadata: none"} {
		p := all[what][runs-1]
		p.took = median(all[what], func(p passFigures) time.Duration { return p.took })
		f.passes = append(f.passes, p)
	}
	return f, nil
}

// share pushes so many new images, and gives each stream one of them in turn.
func (m *images) share(ctx context.Context, streams []fixture.Stream, digests int) error {
	for d := range digests {
		index, err := random.Index(64, 1, 2)
		if err != nil {
			return err
		}
		for i := d; i < len(streams); i += digests {
			if err := m.pushIndex(ctx, streams[i], index); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass runs imgstream once, in a process of its own, and counts what it asks.
func (b *lab) pass(ctx context.Context, registry *images, repo *gitserver.Repository, what string) (passFigures, error) {
	registry.reset()
	start := time.Now()
	out, err := b.command(ctx, "sync", "--repo", repo.URL, "--branch", gitserver.Branch).CombinedOutput()
	if err != nil {
		return passFigures{}, fmt.Errorf("imgstream sync: %w\n%s", err, out)
	}
	p := passFigures{what: what, took: time.Since(start)}
	asked := registry.reset()
	p.heads, p.manifests, p.blobs = asked["HEAD manifests"], asked["GET manifests"], asked["GET blobs"]
	return p, nil
}

// printContents prints P10.
func printContents(f contentFigures) {
	fmt.Print("\nP10: image metadata (medians of whole passes, each a process of its own)\n\n")
	fmt.Printf("%d streams have %d new digests, each of an index of two images.\n\n", f.streams, f.digests)
	fmt.Println("| pass | took | HEAD | GET of manifests | GET of configurations |")
	fmt.Println("|---|---|---|---|---|")
	for _, p := range f.passes {
		fmt.Printf("| %s | %s ms | %d | %d | %d |\n", p.what, ms(p.took), p.heads, p.manifests, p.blobs)
	}
	fmt.Println()
	first, second := f.passes[0], f.passes[2]
	bar("GETs per new digest", float64(first.gets())/float64(f.digests), "≤", 3)
	bar("GETs when nothing moved", float64(second.gets()), "≤", 0)
	bar("HEADs per reference, when nothing moved", float64(second.heads)/float64(f.streams), "≤", 1)
	fmt.Printf("  (the first pass with metadata / without: %.2f)\n", ratio(first.took, f.passes[1].took))
}
