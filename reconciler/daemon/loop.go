// Package daemon owns the passes: one Loop for each branch, one goroutine each, woken
// by its timer, by what is due, and by pokes. It keeps nothing that a restart would
// miss, decides nothing about tags, and publishes what it knows as immutable values.
package daemon

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// Passer runs a pass; *reconciler.Reconciler is one. Only the Loop calls it.
type Passer interface {
	Pass(ctx context.Context, req reconciler.Request) (reconciler.Report, error)
}

// Loop is the single owner of the passes of one branch.
type Loop struct {
	Name     string // of the repository and branch, in logs, metrics and pages
	Passer   Passer
	Interval time.Duration // how often the branch is looked at
	Minimum  time.Duration // the least interval of a tag that the operator allows
	Operator plan.Operator // as the Passer has it: says which hints are pushes to stream tags
	Log      *slog.Logger

	// Observe, where set, is told of every pass that ran to its end or failed.
	Observe func(report reconciler.Report, err error, took time.Duration)

	// Close, where set, is called when Run has ended.
	Close func()

	poke  chan struct{}
	hints hints
	state atomic.Pointer[State]
}

// State is what a Loop knows. It never changes; ask the Loop again for a newer one.
type State struct {
	Name     string
	View     *plan.View        // of the last good pass; nil before the first
	Report   reconciler.Report // of the last good pass
	Good     time.Time         // when it ended; zero before the first
	Err      error             // of the last pass; nil when it was good
	Failures int               // in a row
	NextDue  time.Time         // when the next tag is asked for; zero: none is scheduled
	Next     time.Time         // when the branch is looked at again, at the latest
}

// passLimit bounds a pass; what it waits for has limits of its own.
const passLimit = 15 * time.Minute

// Backoff of passes that fail.
const (
	firstBackoff = time.Second
	lastBackoff  = 5 * time.Minute
)

// New makes a Loop ready to run. interval is 30 seconds where it is 0.
func New(name string, passer Passer, interval, minimum time.Duration, log *slog.Logger) *Loop {
	if interval <= 0 {
		interval = 30 * time.Second
	}
	l := &Loop{Name: name, Passer: passer, Interval: interval, Minimum: minimum, Log: log.With("branch", name), poke: make(chan struct{}, 1)}
	l.state.Store(&State{Name: name})
	return l
}

// Poke makes the Loop look at its branch now. It never blocks; pokes coalesce.
func (l *Loop) Poke() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// State is what the Loop knows now.
func (l *Loop) State() *State { return l.state.Load() }

// Run runs passes until ctx ends, and returns within the bound of one I/O then.
func (l *Loop) Run(ctx context.Context) {
	if l.Close != nil {
		defer l.Close()
	}
	r := run{Loop: l, schedule: newSchedule(time.Now(), l.Minimum), told: newTold(l.Log)}
	for ctx.Err() == nil {
		before := r.State().Rev()
		wake := r.pass(ctx)
		r.rest(before)
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-ctx.Done():
		case <-l.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// run is what one Run keeps between passes.
type run struct {
	*Loop
	*schedule
	told     *told
	failures int
	nextDue  time.Time
	rested   gitstore.Rev // where the branch last came to rest
}

// rest gives back the memory of what was read and is not kept, once for each commit on which
// the branch stayed from one pass to the next: a loop rests most of its life.
func (r *run) rest(before gitstore.Rev) {
	if rev := r.State().Rev(); rev == before && rev != r.rested {
		r.rested = rev
		debug.FreeOSMemory()
	}
}

// pass runs one pass and gives the time of the next.
func (r *run) pass(ctx context.Context) time.Time {
	now := time.Now()
	r.start(now)
	hints := r.hints.take()
	r.hinted(hints)
	nothingDue := !r.nextDue.IsZero() && now.Before(r.nextDue) || r.nextDue.IsZero() && r.State().View != nil
	bounded, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	report, err := r.Passer.Pass(bounded, reconciler.Request{
		Due: r.due(now), IfMoved: nothingDue && len(hints) == 0 && r.failures == 0 && r.State().Report.WaitUntil.IsZero(), Batch: true, Hints: hints,
	})
	if ctx.Err() != nil {
		return time.Time{}
	}
	if err != nil || !report.WaitUntil.IsZero() {
		r.hints.add(hints) // what they raised is not on the branch yet
	}
	if r.Observe != nil {
		r.Observe(report, err, time.Since(now))
	}
	if err != nil {
		return r.failed(err)
	}
	return r.passed(now, report)
}

// failed keeps what is known of the last good pass.
func (r *run) failed(err error) time.Time {
	r.failures++
	wake := time.Now().Add(backoff(r.Name, r.failures))
	if _, settings := errors.AsType[*survey.SettingsError](err); settings {
		wake = time.Now().Add(r.Interval) // a look is cheap, and the next commit may mend them
	}
	r.told.failed(err, r.failures, wake)
	old := *r.State()
	old.Err, old.Failures, old.Next = err, r.failures, wake
	r.state.Store(&old)
	return wake
}

func (r *run) passed(began time.Time, report reconciler.Report) time.Time {
	r.told.passed(report, r.failures)
	r.failures = 0
	r.done(began, report.Asks)
	r.nextDue = earliest(r.next(), report.Ripe)
	now := time.Now()
	wake := now.Add(r.Interval)
	if report.Published != "" {
		wake = now // look once more: what was pushed is read, and the state shows it
	}
	wake = earliest(wake, r.nextDue, report.WaitUntil)
	r.state.Store(&State{Name: r.Name, View: report.View, Report: report, Good: now, NextDue: r.nextDue, Next: wake})
	return wake
}

// earliest is the earliest of some times that are not zero; zero when all are.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// backoff is how long to wait after so many failures in a row; the jitter is a hash.
func backoff(name string, failures int) time.Duration {
	wait := min(firstBackoff<<min(failures-1, 10), lastBackoff)
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return wait + wait*time.Duration(h.Sum32()%25)/100
}

var _ Passer = (*reconciler.Reconciler)(nil)

// Rev is the commit that the last good pass read, "" before the first.
func (s *State) Rev() gitstore.Rev { return s.Report.Rev }
