package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/ledger"
	"github.com/imgstream/imgstream/test/internal/tagserver"
)

// rig is a registry, a git server over HTTP with one repository, and the books.
type rig struct {
	registry *tagserver.Server
	git      *gitserver.Server
	repo     *gitserver.Repository
	streams  []fixture.Stream
	books    *ledger.Ledger
	clients  []*registry.Client
}

// newRig makes a repository in dir, whose images are all there. Close ends its servers.
func newRig(ctx context.Context, dir string, shape fixture.Shape, settings string) (*rig, error) {
	if err := os.Setenv("DOCKER_CONFIG", dir); err != nil { // no login of the user's
		return nil, err
	}
	r := &rig{registry: tagserver.Start()}
	shape.Registry = r.registry.Host
	r.streams = shape.All()
	files := shape.Files()
	if settings != "" {
		files[".imgstream.yaml"] = settings
	}
	root := filepath.Join(dir, "git")
	err := os.Mkdir(root, 0o750)
	if err == nil {
		r.git, err = gitserver.Start(root, gitserver.Login{})
	}
	if err == nil {
		r.repo, err = r.git.Create(ctx, "apps", files)
	}
	if err == nil {
		r.books, err = ledger.Open(ctx, r.repo, r.streams)
	}
	for _, s := range r.streams {
		if err == nil {
			err = r.move(ctx, s)
		}
	}
	if err != nil {
		r.Close()
	}
	return r, err
}

// Close ends what newRig started.
func (r *rig) Close() {
	for _, c := range r.clients {
		c.Close()
	}
	if r.git != nil {
		r.git.Close()
	}
	r.registry.Close()
}

// move puts a new image under the tag of a stream.
func (r *rig) move(ctx context.Context, s fixture.Stream) error {
	digest, err := r.registry.Move(ctx, s.Repository, "1.0")
	if err == nil {
		r.books.Served(s, digest)
	}
	return err
}

// reconciler is what a daemon has for the branch.
func (r *rig) reconciler() (*reconciler.Reconciler, error) {
	store, err := gitstore.Open(gitstore.Options{URL: r.repo.URL, Branch: gitserver.Branch})
	if err != nil {
		return nil, err
	}
	client, err := registry.New(registry.Options{})
	if err != nil {
		return nil, err
	}
	r.clients = append(r.clients, client)
	return &reconciler.Reconciler{Repo: store, Resolver: client, Now: time.Now}, nil
}

// rest passes until there is nothing to do, and balances the books.
func (r *rig) rest(ctx context.Context, by *reconciler.Reconciler) error {
	for range 5 {
		report, err := by.Pass(ctx, reconciler.Request{Due: plan.Always})
		if err != nil {
			return err
		}
		if len(report.Changes) == 0 {
			return r.books.AtRest(ctx)
		}
	}
	return errors.New("passes do not come to rest")
}

// writer pushes commits of its own from a clone until ctx ends, one at least, by git over
// HTTP, one every so often; 0: as fast as it can. It tells when it has its clone, and gives
// how many pushes each commit took.
func (r *rig) writer(ctx context.Context, number, niceness int, every time.Duration, cloned chan<- struct{}) (attempts []int, err error) {
	name := fmt.Sprintf("writer-%d", number)
	clone, err := r.repo.Clone(context.WithoutCancel(ctx), name, niceness)
	if err != nil {
		return nil, err
	}
	cloned <- struct{}{}
	next := time.Now()
	for i := 0; i == 0 || ctx.Err() == nil; i++ {
		text := fmt.Sprintf("change %d\n", i)
		commit, tries, err := clone.Push(context.WithoutCancel(ctx), name+" "+text, map[string]string{"notes/" + name + ".md": text})
		if err != nil {
			return attempts, err
		}
		r.books.Person(commit)
		attempts = append(attempts, tries)
		next = next.Add(every)
		sleep(ctx, time.Until(next))
	}
	return attempts, nil
}

// await waits for so many clones, or until ctx ends.
func await(ctx context.Context, cloned <-chan struct{}, n int) {
	for range n {
		select {
		case <-ctx.Done():
		case <-cloned:
		}
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
