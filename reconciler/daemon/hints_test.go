package daemon_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// A hint makes a scheduled tag due at once; one that concerns nobody wakes nobody, and a
// flood of them is one question.
func TestHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks := []plan.Ask{
			{Ref: ref(0), Import: plan.Import{Reference: "r.io/app:1"}, Interval: time.Hour},
			{Ref: ref(1), Import: plan.Import{Reference: "r.io/app:1"}, Interval: time.Hour},
			{Ref: ref(2), Import: plan.Import{Reference: "r.io/app:2"}, Interval: time.Hour},
			{Ref: ref(3), Import: plan.Import{Reference: "r.io/app", Tags: true}, Interval: time.Hour},
		}
		b := newBranch(asks...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l := daemon.New("apps/main", b, time.Hour, 0, quiet())
		go l.Run(ctx)
		synctest.Wait()
		b.mu.Lock()
		clear(b.asked)
		before := b.passes
		b.before = func() { time.Sleep(time.Second) } // as long as it takes to give all hints
		b.mu.Unlock()
		for range 1000 {
			l.Hint("r.io/app:1")
		}
		l.Hint("r.io/other:1", "elsewhere.io/app:1")
		time.Sleep(time.Minute)
		b.mu.Lock()
		got := []int{len(b.asked[ref(0)]), len(b.asked[ref(1)]), len(b.asked[ref(2)]), len(b.asked[ref(3)])}
		passes := b.passes - before
		b.mu.Unlock()
		if passes > 2 || got[0] < 1 || got[0] > passes || got[0] != got[1] || got[0] != got[3] || got[2] != 0 {
			t.Errorf("asked %v times in %d passes", got, passes)
		}
		b.mu.Lock()
		before = b.passes
		b.mu.Unlock()
		l.Hint("r.io/other:1")
		time.Sleep(time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.passes != before {
			t.Error("a hint that concerns no tag made a pass")
		}
	})
}

// passes is a Passer that is told what each pass comes to.
type passes func(hints []string) (reconciler.Report, error)

func (p passes) Pass(_ context.Context, req reconciler.Request) (reconciler.Report, error) {
	report, err := p(req.Hints)
	report.View = &plan.View{}
	return report, err
}

// Hints outlive a pass that fails, and one whose changes wait.
func TestHintsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard [][]string
		l := daemon.New("apps/main", passes(func(hints []string) (reconciler.Report, error) {
			heard = append(heard, hints)
			switch len(heard) {
			case 1:
				return reconciler.Report{}, errors.New("the branch cannot be read")
			case 2:
				return reconciler.Report{WaitUntil: time.Now().Add(time.Second)}, nil
			}
			return reconciler.Report{}, nil
		}), time.Minute, 0, quiet())
		l.Hint("r.io/app:1")
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		l.Run(ctx)
		hint := []string{"r.io/app:1"}
		if diff := cmp.Diff([][]string{hint, hint, hint, nil}, heard); diff != "" {
			t.Error(diff)
		}
	})
}
