package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/tagserver"
)

// imported counts what became of the tags of a file.
type imported struct{ tags, images, commits int }

func (a imported) plus(b imported) imported {
	return imported{a.tags + b.tags, a.images + b.images, a.commits + b.commits}
}

// importAll puts each file into a repository of its own, imports every tag from a local
// registry that serves all their sources as a mirror, and is good when every tag has an
// image and a second pass commits nothing.
func importAll(files []string) (good bool, err error) {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	git, err := gitserver.Start(dir, gitserver.Login{})
	if err != nil {
		return false, err
	}
	defer git.Close()
	mirror := tagserver.Start()
	defer mirror.Close()
	good = true
	var total imported
	for i, path := range files {
		got, err := importFile(git, mirror, fmt.Sprintf("repo%d", i), path)
		if err != nil {
			good = false
			fmt.Printf("%s: %v\n", filepath.Base(path), err)
			continue
		}
		fmt.Printf("%-28s tags: %2d, with an image: %2d, commits: %d, in a second pass: 0\n", filepath.Base(path), got.tags, got.images, got.commits)
		total = total.plus(got)
	}
	fmt.Printf("\n%d files, tags: %d, with an image: %d, commits: %d\n", len(files), total.tags, total.images, total.commits)
	return good, nil
}

func importFile(git *gitserver.Server, mirror *tagserver.Server, name, path string) (imported, error) {
	ctx := context.Background()
	src, err := os.ReadFile(path)
	if err != nil {
		return imported{}, err
	}
	repo, err := git.Create(ctx, name, map[string]string{"imagestreams/" + filepath.Base(path): string(src)})
	if err != nil {
		return imported{}, err
	}
	hosts, err := serve(ctx, mirror, src)
	if err != nil {
		return imported{}, err
	}
	client, err := registry.New(registry.Options{Hosts: hosts})
	if err != nil {
		return imported{}, err
	}
	defer client.Close()
	store, err := gitstore.Open(gitstore.Options{URL: repo.URL, Branch: gitserver.Branch})
	if err != nil {
		return imported{}, err
	}
	defer store.Close()
	r := &reconciler.Reconciler{Repo: store, Resolver: client, Now: time.Now}
	first, err := r.Pass(ctx, reconciler.Request{Due: plan.Always})
	if err != nil {
		return imported{}, err
	}
	for _, p := range first.Problems {
		if p.Severity == stream.Error {
			return imported{}, fmt.Errorf("%s: %s", p.Pos, p.Message)
		}
	}
	second, err := r.Pass(ctx, reconciler.Request{Due: plan.Always})
	if err != nil {
		return imported{}, err
	}
	got := outcome(second.View.Tree)
	got.commits = len(first.Changes)
	switch {
	case len(second.Changes) > 0:
		return got, fmt.Errorf("a second pass commits %q", second.Changes[0].Message)
	case got.images != got.tags:
		return got, fmt.Errorf("%d of %d tags have an image", got.images, got.tags)
	}
	return got, nil
}

func outcome(tree *stream.Tree) imported {
	var got imported
	for _, s := range tree.Streams {
		for _, tag := range s.Tags {
			got.tags++
			if tree.Status[s.TagRef(tag.Name)].Head() != nil {
				got.images++
			}
		}
	}
	return got
}

// serve puts an image under every source that a file names, and gives the mirrors that
// lead there.
func serve(ctx context.Context, mirror *tagserver.Server, src []byte) ([]registry.Host, error) {
	file := stream.ParseSpecs(src)
	if file == nil {
		return nil, errors.New("does not load")
	}
	var hosts []registry.Host
	for _, s := range file.Streams {
		for _, tag := range s.Tags {
			if tag.From == nil || tag.From.Kind != stream.KindDockerImage {
				continue
			}
			image, err := stream.ParseImage(tag.From.Name)
			if err != nil {
				return nil, err
			}
			if _, err := mirror.Move(ctx, image.Registry+"/"+image.Repository, image.Tag); err != nil {
				return nil, err
			}
			h := registry.Host{Name: image.Registry, Mirrors: []string{mirror.Host + "/" + image.Registry}}
			if !slices.ContainsFunc(hosts, func(known registry.Host) bool { return known.Name == h.Name }) {
				hosts = append(hosts, h)
			}
		}
	}
	return hosts, nil
}
