package registry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestAHostThatIsDownIsLeftAlone(t *testing.T) {
	dead, good := newRig(t), newRig(t)
	digest, other := dead.push(t, "a/x:1"), good.push(t, "a/x:1")
	dead.answers(manifests(status(500)))
	clock := &clock{at: time.Unix(1_000_000, 0)}
	var log bytes.Buffer
	c := newClient(t, Options{
		Backoff: []time.Duration{}, Now: clock.now,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	})
	asked := func() int { return dead.requests()["HEAD 1"] }

	failure := dead.ask(t, c, "a/x:1")
	for range 2 * failuresToHold {
		if diff := cmp.Diff(failure, dead.ask(t, c, "a/x:1")); diff != "" {
			t.Errorf("answer of a held host (-first +later):\n%s", diff)
		}
	}
	if asked() != failuresToHold {
		t.Errorf("asked %d times, want %d", asked(), failuresToHold)
	}
	wantDigest(t, good.ask(t, c, "a/x:1"), other)

	clock.at = clock.at.Add(firstHold)
	dead.ask(t, c, "a/x:1")
	clock.at = clock.at.Add(firstHold) // now it is twice that
	dead.ask(t, c, "a/x:1")
	if asked() != failuresToHold+1 {
		t.Errorf("asked %d times after one window, want %d", asked(), failuresToHold+1)
	}

	clock.at = clock.at.Add(firstHold)
	dead.answers(nil)
	wantDigest(t, dead.ask(t, c, "a/x:1"), digest)
	dead.answers(manifests(status(500)))
	for range failuresToHold - 1 {
		dead.ask(t, c, "a/x:1")
	}
	if asked() != failuresToHold-1 {
		t.Errorf("asked %d times after a success, want %d", asked(), failuresToHold-1)
	}
	want := strings.ReplaceAll(`level=WARN msg="registry is left alone" host=HOST for=30s failure="HOST answered 500 Internal Server Error: the registry is not well; it is asked again later"
level=WARN msg="registry is left alone" host=HOST for=1m0s failure="HOST answered 500 Internal Server Error: the registry is not well; it is asked again later"
level=INFO msg="registry answers again" host=HOST
`, "HOST", dead.host)
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestRetryAfterHoldsAtOnce(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	r.answers(manifests(status(429, "Retry-After", "120")))
	clock := &clock{at: time.Unix(1_000_000, 0)}
	c := newClient(t, Options{Now: clock.now})
	r.ask(t, c, "a/x:1")
	r.ask(t, c, "a/x:1")
	clock.at = clock.at.Add(119 * time.Second)
	r.ask(t, c, "a/x:1")
	r.wantRequests(t, map[string]int{"HEAD 1": 1})
	clock.at = clock.at.Add(time.Second)
	r.answers(nil)
	wantDigest(t, r.ask(t, c, "a/x:1", digest), digest)
}

// What is wrong with one repository must not take the others of its host away.
func TestRefusalsOfOneRepositoryHoldNothing(t *testing.T) {
	for name, answers := range map[string]http.HandlerFunc{
		"401": status(401), "403": status(403), "404": status(404), "wrong type": serve("text/html", ""),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			digest := r.push(t, "a/x:1")
			c := newClient(t, Options{})
			r.answers(manifests(answers))
			for range 2 * failuresToHold {
				r.ask(t, c, "a/x:1")
			}
			r.answers(nil)
			wantDigest(t, r.ask(t, c, "a/x:1", digest), digest)
		})
	}
}

func TestHolds(t *testing.T) {
	down := &verdict{kind: aboutHost}
	for name, c := range map[string]struct {
		ends []*verdict // nil: a digest
		want time.Duration
	}{
		"too few":                      {slices.Repeat([]*verdict{down}, failuresToHold-1), 0},
		"enough":                       {slices.Repeat([]*verdict{down}, failuresToHold), firstHold},
		"those under way do not count": {slices.Repeat([]*verdict{down}, 4*failuresToHold), firstHold},
		"a digest in between":          {append(slices.Repeat([]*verdict{down}, failuresToHold-1), nil, down), 0},
		"a 404 in between":             {append(slices.Repeat([]*verdict{down}, failuresToHold-1), &verdict{kind: aboutReference}, down), 0},
		"a 401 in between":             {append(slices.Repeat([]*verdict{down}, failuresToHold-1), &verdict{kind: aboutAnswer}, down), firstHold},
		"the host's own time":          {[]*verdict{{kind: aboutHost, retryAfter: time.Minute}}, time.Minute},
		"down, well, and down again":   {slices.Concat(slices.Repeat([]*verdict{down}, failuresToHold), []*verdict{nil}, slices.Repeat([]*verdict{down}, failuresToHold)), firstHold},
	} {
		t.Run(name, func(t *testing.T) {
			h := &host{}
			now := time.Unix(1_000_000, 0)
			for _, v := range c.ends {
				h.record(now, v, slog.New(slog.DiscardHandler))
			}
			if got := max(0, h.until.Sub(now)); got != c.want {
				t.Errorf("held for %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheHoldHasALongestTime(t *testing.T) {
	h := &host{}
	now := time.Unix(1_000_000, 0)
	for range 100 {
		h.record(now, &verdict{kind: aboutHost}, slog.New(slog.DiscardHandler))
		now = now.Add(longestHold)
		if h.held(now) != nil {
			t.Fatalf("held for more than %v after %d failures", longestHold, h.failures)
		}
	}
	h.record(now, &verdict{kind: aboutHost, retryAfter: 24 * time.Hour}, slog.New(slog.DiscardHandler))
	if h.held(now.Add(longestHold)) != nil {
		t.Errorf("held for more than %v because the host said so", longestHold)
	}
}

func TestBoundedConcurrency(t *testing.T) {
	const perHost, overall = 2, 3
	var all, most atomic.Int64
	var mostOfHost [2]atomic.Int64
	var rigs []*rig
	var qs []plan.Question
	for i := range mostOfHost {
		r := newRig(t)
		var here atomic.Int64
		r.answers(manifests(func(w http.ResponseWriter, _ *http.Request) {
			raise(&mostOfHost[i], here.Add(1))
			raise(&most, all.Add(1))
			time.Sleep(2 * time.Millisecond) // room for one too many
			all.Add(-1)
			here.Add(-1)
			w.WriteHeader(http.StatusNotFound)
		}))
		rigs = append(rigs, r)
		for n := range 20 {
			qs = append(qs, question(fmt.Sprintf("%s/a/x:%d", r.host, n)))
		}
	}
	c := newClient(t, Options{Concurrency: overall, HostConcurrency: perHost})
	var wait sync.WaitGroup
	for _, q := range qs {
		wait.Go(func() {
			if a := c.Resolve(t.Context(), q); a.Failure == nil || a.Failure.Reason != stream.ReasonNotFound {
				t.Errorf("%+v", a)
			}
		})
	}
	wait.Wait()
	if most.Load() > overall {
		t.Errorf("%d requests at once, want at most %d", most.Load(), overall)
	}
	for i := range rigs {
		if got := mostOfHost[i].Load(); got > perHost {
			t.Errorf("%d requests at once for host %d, want at most %d", got, i, perHost)
		}
	}
}

func raise(most *atomic.Int64, n int64) {
	for {
		was := most.Load()
		if n <= was || most.CompareAndSwap(was, n) {
			return
		}
	}
}
