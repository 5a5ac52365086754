package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/ledger"
)

// pair is two daemons on one branch, which is a mistake that must do no harm.
type pair struct {
	streams int
	moves   int
	every   time.Duration // between two moves
}

// pairInterval is how often each tag is asked for.
const pairInterval = 400 * time.Millisecond

const pairSettings = `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata:
  name: imgstream
  annotations:
    config.kubernetes.io/local-config: "true"
imports: {interval: 400ms}
`

// pairFigures are what came of it. Everything landed, and once, or there is an error.
type pairFigures struct {
	pushed [2]int // by each daemon
	again  [2]int // passes of each that read the branch more than once
	sum    ledger.Sum
}

func (p pair) run(ctx context.Context, dir string) (pairFigures, error) {
	var figures pairFigures
	r, err := newRig(ctx, dir, fixture.Shape{Streams: p.streams, PerUnit: 4, Manifests: 1}, pairSettings)
	if err != nil {
		return figures, err
	}
	defer r.Close()
	var loops [2]loop
	all, ctx := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(ctx)
	for i := range loops {
		by, err := r.reconciler()
		if err != nil {
			stop()
			return figures, err
		}
		began := &atomic.Int64{}
		loops[i] = loop{daemon.New(fmt.Sprintf("daemon %d", i), by, pairInterval, 0, slog.New(slog.DiscardHandler)), began}
		loops[i].Observe = func(report reconciler.Report, err error, took time.Duration) {
			if err == nil {
				began.Store(time.Now().Add(-took).UnixNano())
			}
			if report.Published != "" {
				figures.pushed[i]++
			}
			if report.Attempts > 1 {
				figures.again[i]++
			}
		}
		all.Go(func() error { loops[i].Run(running); return nil })
	}
	all.Go(func() error {
		defer stop()
		return p.live(ctx, r, loops)
	})
	if err := all.Wait(); err != nil {
		return figures, err
	}
	figures.sum = r.books.Sum()
	return figures, nil
}

// loop is a daemon's, and when its last good pass began.
type loop struct {
	*daemon.Loop
	began *atomic.Int64
}

// live is what happens while both run: tags move and a person pushes; then one move is
// taken back.
func (p pair) live(ctx context.Context, r *rig, loops [2]loop) error {
	if err := atRest(ctx, r, loops); err != nil {
		return err
	}
	for i := range p.moves {
		if err := r.move(ctx, r.streams[(i*7)%len(r.streams)]); err != nil {
			return err
		}
		if i%4 == 0 {
			commit, err := r.repo.Push(ctx, fmt.Sprintf("note %d", i), func(string) (map[string]string, error) {
				return map[string]string{"note.md": fmt.Sprintf("%d\n", i)}, nil
			})
			if err != nil {
				return err
			}
			r.books.Person(commit)
		}
		sleep(ctx, p.every)
	}
	if err := atRest(ctx, r, loops); err != nil {
		return err
	}
	return takeBack(ctx, r, loops)
}

// takeBack reverts the newest move: it is rejected once, whoever is first.
func takeBack(ctx context.Context, r *rig, loops [2]loop) error {
	s := r.streams[0]
	digest := r.books.Latest(s)
	commit, err := ledger.Import(ctx, r.repo, digest)
	if err != nil {
		return err
	}
	reverted, err := r.repo.Revert(ctx, commit)
	if err != nil {
		return err
	}
	r.books.TookBack(s, digest)
	r.books.Person(reverted)
	if err := atRest(ctx, r, loops); err != nil {
		return err
	}
	out, err := r.repo.Git(ctx, "log", "--format=%s", reverted+".."+gitserver.Branch)
	if n := strings.Count(out, "rejected"); err == nil && n != 1 {
		err = fmt.Errorf("%d commits record the rejection:\n%s", n, out)
	}
	return err
}

// atRest waits until both daemons have nothing to do: the branch did not move, both had read
// it, and passes of both began after two intervals in which each tag was due.
func atRest(ctx context.Context, r *rig, loops [2]loop) error {
	give := time.Now().Add(2 * time.Minute)
	var since time.Time
	var rested gitstore.Rev
	for time.Now().Before(give) && ctx.Err() == nil {
		tip, err := r.repo.Tip(ctx)
		if err != nil {
			return err
		}
		if rested != gitstore.Rev(tip) {
			rested, since = gitstore.Rev(tip), time.Now()
		}
		quiet := true
		for _, l := range loops {
			st := l.State()
			quiet = quiet && st.Rev() == rested && len(st.Report.Changes) == 0 && time.Unix(0, l.began.Load()).Sub(since) > 2*pairInterval
		}
		if quiet {
			return r.books.AtRest(ctx)
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return errors.Join(errors.New("the daemons do not come to rest"), ctx.Err())
}
