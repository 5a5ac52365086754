package daemon_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
)

func names(s *daemon.Set) []string {
	var all []string
	for _, l := range s.Loops() {
		all = append(all, l.Name)
	}
	return all
}

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var set daemon.Set
		var mu sync.Mutex
		var closed []string      // the Loops whose Close ran
		var stopped atomic.Int64 // what New's contexts ended
		member := func(name, fingerprint string, b *branch) daemon.Branch {
			return daemon.Branch{Name: name, Fingerprint: fingerprint, New: func(ctx context.Context) (*daemon.Loop, error) {
				loop := daemon.New(name, b, time.Minute, 0, quiet())
				loop.Close = func() {
					mu.Lock()
					defer mu.Unlock()
					closed = append(closed, name+fingerprint)
				}
				context.AfterFunc(ctx, func() { stopped.Add(1) })
				return loop, nil
			}}
		}
		failing := daemon.Branch{Name: "c", Fingerprint: "1", New: func(context.Context) (*daemon.Loop, error) { return nil, errors.New("no key") }}
		one, two, other := newBranch(), newBranch(), newBranch()
		two.err = errors.New("down") // isolated from the others
		err := set.Update(ctx, []daemon.Branch{member("b", "1", two), member("a", "1", one), failing}, quiet())
		if err == nil || err.Error() != "start c: no key" {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(names(&set), []string{"a", "b"}) || one.ran() < 60 || set.States()[1].Failures == 0 {
			t.Errorf("%v, %d passes", names(&set), one.ran())
		}

		// a stays, b is replaced, and the old one stops
		if err := set.Update(ctx, []daemon.Branch{member("a", "1", other), member("b", "2", other)}, quiet()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		before := two.ran()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(closed, []string{"b1"}) || stopped.Load() != 1 {
			t.Errorf("closed %v, %d contexts ended", closed, stopped.Load())
		}
		if two.ran() != before || other.ran() < 60 || other.ran() > 63 {
			t.Errorf("the old loop ran %d more passes, the new one %d", two.ran()-before, other.ran())
		}

		if err := set.Update(ctx, []daemon.Branch{member("a", "1", one)}, quiet()); err != nil || len(set.Loops()) != 1 {
			t.Error(err, names(&set))
		}
		synctest.Wait()
		cancel()
		set.Wait()
		synctest.Wait()
		if !slices.Equal(closed, []string{"b1", "b2", "a1"}) || stopped.Load() != 3 {
			t.Errorf("closed %v, %d contexts ended", closed, stopped.Load())
		}
	})
}
