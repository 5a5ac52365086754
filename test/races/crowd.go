package main

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/ledger"
)

// crowd is P7 (b): writers push as fast as they can, while every tag changes.
type crowd struct {
	shape    fixture.Shape
	writers  int
	niceness int           // of the writers' git
	step     int           // tags that change together
	every    time.Duration // between two steps
	limit    time.Duration // after which the writers stop, so that the rest lands
}

// crowdFigures are what came of it. Everything landed, or there is an error instead.
type crowdFigures struct {
	took     time.Duration
	tags     int
	passes   []landing // those that pushed; attempts include those of passes that gave up
	gaveUp   int       // passes that ended without a push
	writers  []int     // attempts per commit of the other writers
	slowest  time.Duration
	sum      ledger.Sum
	together int // most tags in one push
	late     int // tags that were not on the branch after the limit
}

func (c crowd) run(ctx context.Context, dir string) (crowdFigures, error) {
	r, err := newRig(ctx, dir, c.shape, "")
	if err != nil {
		return crowdFigures{}, err
	}
	defer r.Close()
	by, err := r.reconciler()
	if err != nil {
		return crowdFigures{}, err
	}
	if err := r.rest(ctx, by); err != nil {
		return crowdFigures{}, err
	}
	h := &hinted{passer: by, hints: map[stream.Ref]time.Time{}}
	loop := daemon.New("crowd", h, 0, 0, slog.New(slog.DiscardHandler))
	all, ctx := errgroup.WithContext(ctx)
	looping, stop := context.WithCancel(ctx)
	racing, calm := context.WithTimeout(looping, c.limit)
	defer calm()
	all.Go(func() error { loop.Run(looping); return nil })
	var mu sync.Mutex
	cloned := make(chan struct{}, c.writers)
	for i := range c.writers {
		all.Go(func() error {
			attempts, err := r.writer(racing, i, c.niceness, 0, cloned)
			mu.Lock()
			defer mu.Unlock()
			h.figures.writers = append(h.figures.writers, attempts...)
			return err
		})
	}
	start := time.Now()
	all.Go(func() error {
		defer stop()
		await(ctx, cloned, c.writers)
		return c.change(ctx, racing, r, h, loop)
	})
	if err := all.Wait(); err != nil {
		return h.figures, err
	}
	h.figures.took, h.figures.tags = time.Since(start), len(r.streams)
	err = r.rest(context.WithoutCancel(ctx), by)
	h.figures.sum = r.books.Sum()
	return h.figures, err
}

// change moves every tag once, and returns when all are on the branch.
func (c crowd) change(ctx, racing context.Context, r *rig, h *hinted, loop *daemon.Loop) error {
	for i, s := range r.streams {
		if err := r.move(ctx, s); err != nil {
			return err
		}
		h.hint(stream.Ref{Namespace: s.Namespace, Name: s.Name, Tag: "1.0"})
		if (i+1)%c.step == 0 {
			loop.Poke()
			sleep(ctx, c.every)
		}
	}
	for h.waiting() > 0 && ctx.Err() == nil {
		loop.Poke()
		sleep(ctx, 50*time.Millisecond)
		if racing.Err() != nil {
			h.late()
		}
	}
	return ctx.Err()
}

// hinted makes tags due that somebody said have moved, until a pass that knew of it has
// ended well. It notes what each pass came to.
type hinted struct {
	passer daemon.Passer

	mu      sync.Mutex
	hints   map[stream.Ref]time.Time // when a hint came
	lost    int                      // attempts of passes that gave up since the last push
	figures crowdFigures
}

func (h *hinted) hint(ref stream.Ref) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hints[ref] = time.Now()
}

func (h *hinted) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.hints)
}

// late notes, once, what was not on the branch in time.
func (h *hinted) late() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.figures.late == 0 {
		h.figures.late = len(h.hints)
	}
}

// Pass asks for the tags of the hints besides those that are due.
func (h *hinted) Pass(ctx context.Context, req reconciler.Request) (reconciler.Report, error) {
	h.mu.Lock()
	known := maps.Clone(h.hints)
	h.mu.Unlock()
	due := req.Due
	req.Due = func(a plan.Ask) bool { return !known[a.Ref].IsZero() || due != nil && due(a) }
	req.IfMoved = req.IfMoved && len(known) == 0
	start := time.Now()
	report, err := h.passer.Pass(ctx, req)
	h.note(known, report, err, time.Since(start))
	return report, err
}

func (h *hinted) note(known map[stream.Ref]time.Time, report reconciler.Report, err error, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.lost += report.Attempts
		h.figures.gaveUp++
		return
	}
	moved := 0
	for ref, at := range known {
		if h.hints[ref].Equal(at) {
			delete(h.hints, ref)
			moved++
			h.figures.slowest = max(h.figures.slowest, time.Since(at))
		}
	}
	if report.Published != "" {
		h.figures.passes = append(h.figures.passes, landing{took: took, attempts: report.Attempts + h.lost})
		h.figures.together = max(h.figures.together, moved)
		h.lost = 0
	}
}
