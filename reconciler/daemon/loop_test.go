package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// branch is a Passer with tags that raise questions; it notes when each was due.
type branch struct {
	mu     sync.Mutex
	asks   []plan.Ask
	asked  map[stream.Ref][]time.Time
	passes int
	looks  int // passes with nothing due
	report reconciler.Report
	err    error
	before func()
	moved  bool // the branch is elsewhere than at the last pass
}

func (b *branch) Pass(_ context.Context, req reconciler.Request) (reconciler.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passes++
	if b.before != nil {
		b.before()
	}
	if b.err != nil {
		return reconciler.Report{}, b.err
	}
	report := b.report
	report.Asks, report.View = b.asks, &plan.View{}
	if req.IfMoved && !b.moved {
		b.looks++
		return report, nil
	}
	for _, a := range b.asks {
		if req.Due(a) {
			b.asked[a.Ref] = append(b.asked[a.Ref], time.Now())
		}
	}
	return report, nil
}

func newBranch(asks ...plan.Ask) *branch {
	return &branch{asks: asks, asked: map[stream.Ref][]time.Time{}}
}

func ref(i int) stream.Ref {
	return stream.Ref{Namespace: "team", Name: fmt.Sprintf("app%d", i), Tag: "latest"}
}

// scheduled are n tags with intervals from one to ten minutes.
func scheduled(n int) []plan.Ask {
	var asks []plan.Ask
	for i := range n {
		asks = append(asks, plan.Ask{Ref: ref(i), Interval: time.Duration(1+i%10) * time.Minute})
	}
	return asks
}

// runFor runs a new Loop over the branch for some time.
func runFor(t *testing.T, b *branch, d time.Duration, log *slog.Logger) *daemon.Loop {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	l := daemon.New("apps/main", b, 0, 0, log)
	l.Run(ctx)
	return l
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Half an hour: every tag is asked for once in each of its intervals, at the same phase,
// whatever its interval and however often the daemon starts again.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBranch(scheduled(50)...)
		start := time.Now()
		for range 3 { // two restarts, at odd times
			before := b.count()
			ctx, cancel := context.WithCancel(t.Context())
			l := daemon.New("apps/main", b, 0, 0, quiet())
			done := make(chan struct{})
			go func() { l.Run(ctx); close(done) }()
			synctest.Wait()
			if after := b.count(); after != before {
				t.Errorf("a start made %d tags due", after-before)
			}
			time.Sleep(10*time.Minute + 7*time.Second)
			synctest.Wait()
			cancel()
			<-done
		}
		for i, a := range b.asks {
			times := b.asked[a.Ref]
			for j := 1; j < len(times); j++ {
				if gap := times[j].Sub(times[j-1]); gap != a.Interval {
					t.Errorf("tag %d with interval %v: asked %v after the time before", i, a.Interval, gap)
				}
			}
			if n := int(time.Since(start) / a.Interval); len(times) < n-1 || len(times) > n+1 {
				t.Errorf("tag %d with interval %v: asked %d times in %v", i, a.Interval, len(times), time.Since(start))
			}
		}
	})
}

// count is how often any tag was asked for.
func (b *branch) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, times := range b.asked {
		n += len(times)
	}
	return n
}

// ran is how many passes there were.
func (b *branch) ran() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passes
}

// Tags of one interval do not come all at once.
func TestPhasesSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asks []plan.Ask
		for i := range 60 {
			asks = append(asks, plan.Ask{Ref: ref(i), Interval: 15 * time.Minute})
		}
		b := newBranch(asks...)
		runFor(t, b, 15*time.Minute, quiet())
		minutes := map[time.Time]int{}
		for _, times := range b.asked {
			minutes[times[0].Truncate(time.Minute)]++
		}
		for minute, n := range minutes {
			if n > 20 {
				t.Errorf("%d of 60 tags at %v", n, minute)
			}
		}
	})
}

// A pending tag is asked for at once, then less and less often, and at once again when
// its question is another one.
func TestPendingBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := plan.Ask{Ref: ref(0), Import: plan.Import{Reference: "r.io/a:1"}, Pending: true}
		b := newBranch(a)
		start := time.Now()
		b.before = func() {
			b.moved = time.Since(start) >= time.Hour && b.asks[0].Import.Reference == "r.io/a:1"
			if b.moved {
				b.asks[0].Import.Reference = "r.io/a:2"
			}
		}
		runFor(t, b, time.Hour+40*time.Second, quiet())
		var got []string
		for _, at := range b.asked[a.Ref] {
			got = append(got, at.Sub(start).String())
		}
		want := "0s 30s 1m30s 3m30s 7m30s 15m30s 30m30s 45m30s 1h0m0s 1h0m30s"
		if strings.Join(got, " ") != want {
			t.Errorf("asked at %v, want %s", got, want)
		}
	})
}

func TestPokesCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBranch()
		l := daemon.New("apps/main", b, time.Hour, 0, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		go l.Run(ctx)
		synctest.Wait()
		for range 1000 {
			l.Poke()
		}
		synctest.Wait()
		if n := b.ran(); n < 2 || n > 3 {
			t.Errorf("%d passes after 1000 pokes", n)
		}
		cancel()
		synctest.Wait()
	})
}

// A failure backs off, is told once and then at intervals, and the recovery is told;
// the state keeps what is known.
func TestFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := newBranch()
		b.err = errors.New("the forge is down")
		start := time.Now()
		b.before = func() {
			if time.Since(start) > 30*time.Minute {
				b.err = nil
			}
		}
		l := runFor(t, b, 40*time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
		if n := strings.Count(log.String(), "pass failed"); n < 2 || n > 4 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
		if !strings.Contains(log.String(), "passes work again") {
			t.Errorf("the recovery is not told:\n%s", log.String())
		}
		if state := l.State(); state.Err != nil || state.Failures != 0 || state.Good.IsZero() {
			t.Errorf("%+v", state)
		}
	})
}

// A problem is told when it appears and when it is gone, not in between.
func TestProblemsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := newBranch()
		start := time.Now()
		b.before = func() {
			b.report.Problems = nil
			if time.Since(start) < 10*time.Minute {
				b.report.Problems = []stream.Problem{{Pos: stream.Pos{File: "a.yaml", Line: 3}, Message: "it is wrong"}}
			}
		}
		runFor(t, b, 20*time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
		if strings.Count(log.String(), "msg=problem ") != 1 || strings.Count(log.String(), `msg="problem is gone"`) != 1 {
			t.Error(log.String())
		}
	})
}

// Changes that wait for more are published when their time is up.
func TestWaitUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBranch()
		start := time.Now()
		b.before = func() {
			b.report.WaitUntil = time.Time{}
			if time.Since(start) < 5*time.Second {
				b.report.WaitUntil = start.Add(5 * time.Second)
			}
		}
		runFor(t, b, 20*time.Second, quiet())
		if b.passes != 2 || b.looks != 0 {
			t.Errorf("%d passes, %d of them looks", b.passes, b.looks)
		}
	})
}

// The operator's minimum holds whatever a tag says.
func TestMinimumInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBranch(plan.Ask{Ref: ref(0), Interval: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		daemon.New("apps/main", b, 0, time.Minute, quiet()).Run(ctx)
		if n := len(b.asked[ref(0)]); n < 9 || n > 11 || b.looks < 9 {
			t.Errorf("asked %d times in ten minutes, looked %d times", n, b.looks)
		}
	})
}

// A candidate is asked for when it is old enough, and then less and less often while
// that gives nothing.
func TestRipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := plan.Ask{Ref: ref(0), Import: plan.Import{Reference: "r.io/a:1"}, Ripe: start.Add(10*time.Minute + time.Second)}
		b := newBranch(a)
		runFor(t, b, 12*time.Minute, quiet())
		var got []string
		for _, at := range b.asked[a.Ref] {
			got = append(got, at.Sub(start).String())
		}
		if want := "10m1s 10m31s 11m31s"; strings.Join(got, " ") != want {
			t.Errorf("asked at %v, want %s", got, want)
		}
	})
}

// A candidate that nobody has to be asked about, as of a tag that follows, makes a pass
// of its own.
func TestRipeWithoutQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBranch()
		start := time.Now()
		b.before = func() {
			b.report.Ripe = time.Time{}
			if time.Since(start) < 100*time.Second {
				b.report.Ripe = start.Add(100 * time.Second)
			}
		}
		l := runFor(t, b, 5*time.Minute, quiet())
		if full := b.passes - b.looks; full != 2 {
			t.Errorf("%d passes that were no looks, want the first and the one at 100s", full)
		}
		if due := l.State().NextDue; !due.IsZero() {
			t.Errorf("due at %v", due)
		}
	})
}
