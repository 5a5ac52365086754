package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/ledger"
)

// steady is P7 (a): another writer pushes at intervals to a large branch, while a tag
// changes again and again.
type steady struct {
	shape   fixture.Shape
	every   time.Duration // between two pushes of the writer
	changes int
}

// landing is how one change came to the branch.
type landing struct {
	took     time.Duration // from the registry's new tag to the end of the push
	attempts int           // pushes, or rather reads of the branch
}

// steadyFigures are what came of it. Everything landed, or there is an error instead.
type steadyFigures struct {
	files, pushes int // of the branch, of the writer
	landings      []landing
	sum           ledger.Sum
}

func (s steady) run(ctx context.Context, dir string) (steadyFigures, error) {
	r, err := newRig(ctx, dir, s.shape, "")
	if err != nil {
		return steadyFigures{}, err
	}
	defer r.Close()
	by, err := r.reconciler()
	if err != nil {
		return steadyFigures{}, err
	}
	if err := r.rest(ctx, by); err != nil {
		return steadyFigures{}, err
	}
	files, err := r.repo.Files(ctx, "HEAD")
	if err != nil {
		return steadyFigures{}, err
	}
	figures := steadyFigures{files: len(files)}
	all, ctx := errgroup.WithContext(ctx)
	writing, stop := context.WithCancel(ctx)
	cloned := make(chan struct{}, 1)
	all.Go(func() error {
		attempts, err := r.writer(writing, 0, 0, s.every, cloned)
		figures.pushes = len(attempts)
		return err
	})
	all.Go(func() error {
		defer stop()
		await(ctx, cloned, 1)
		figures.landings, err = s.change(ctx, r, by)
		return err
	})
	if err := all.Wait(); err != nil {
		return figures, err
	}
	err = r.rest(context.WithoutCancel(ctx), by)
	figures.sum = r.books.Sum()
	return figures, err
}

// change moves tags at all phases of the writer's interval, each when the one before is
// on the branch. A pass begins when the registry has the tag, as by a hook.
func (s steady) change(ctx context.Context, r *rig, by *reconciler.Reconciler) ([]landing, error) {
	var landings []landing
	sleep(ctx, 2*s.every) // the writer has begun
	for i := range s.changes {
		sleep(ctx, s.every*time.Duration(i*7%10)/10+s.every/2)
		moved := r.streams[i%len(r.streams)]
		if err := r.move(ctx, moved); err != nil {
			return landings, err
		}
		start := time.Now()
		l, err := land(ctx, by, moved)
		if err != nil {
			return landings, err
		}
		l.took = time.Since(start)
		landings = append(landings, l)
	}
	return landings, nil
}

// land passes until the change of a stream is on the branch.
func land(ctx context.Context, by *reconciler.Reconciler, s fixture.Stream) (landing, error) {
	var l landing
	due := func(a plan.Ask) bool { return a.Ref == stream.Ref{Namespace: s.Namespace, Name: s.Name, Tag: "1.0"} }
	for range 100 {
		report, err := by.Pass(ctx, reconciler.Request{Due: due})
		l.attempts += report.Attempts
		if err == nil && report.Published != "" {
			return l, nil
		}
		if ctx.Err() != nil {
			return l, ctx.Err()
		}
	}
	return l, fmt.Errorf("the change of %s/%s does not land", s.Namespace, s.Name)
}
