package daemon

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func scheduled(tags int) []plan.Ask {
	asks := make([]plan.Ask, tags)
	for i := range asks {
		asks[i] = plan.Ask{Ref: stream.Ref{Namespace: "team", Name: fmt.Sprintf("app-%d", i), Tag: "1.0"}, Interval: 15 * time.Minute}
		if i%2 == 0 {
			asks[i].Import = plan.Import{Reference: fmt.Sprintf("quay.io/team/app@sha256:%064x", i), Exists: true}
		}
	}
	return asks
}

// What a pass with nothing due allocates does not grow with the repository.
func TestScheduleAllocatesTheSame(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)
	allocates := func(tags int) float64 {
		s, asks := newSchedule(now, time.Minute), scheduled(tags)
		pass := func() {
			s.start(now)
			s.hinted(nil)
			if due := s.due(now); due(asks[tags-1]) {
				t.Error("a tag is due")
			}
			s.done(now, asks)
			if s.next().IsZero() {
				t.Error("no tag will be due")
			}
		}
		least := testing.AllocsPerRun(10, pass)
		for range 5 { // what else runs in the process allocates, too
			least = min(least, testing.AllocsPerRun(10, pass))
		}
		return least
	}
	if few, many := allocates(10), allocates(1000); many > few {
		t.Errorf("%v allocations for 10 tags, %v for 1,000", few, many)
	}
}

// Two daemons agree on the phases, also when one is older.
func TestKeyIsFNV(t *testing.T) {
	for _, ref := range []stream.Ref{{Namespace: "sso", Name: "keycloak", Tag: "25.0"}, {Namespace: "sso", Name: "keycloak"}} {
		h := fnv.New64a()
		_, _ = h.Write([]byte(ref.String()))
		if got := keyOf(plan.Ask{Ref: ref}); uint64(got) != h.Sum64() {
			t.Errorf("%s: %d, want %d", ref, got, h.Sum64())
		}
	}
}
