package kill_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/ledger"
)

func TestKill(t *testing.T) {
	t.Run("the server keeps our ref", func(t *testing.T) { runKills(t, true, *kills-*kills/4) })
	t.Run("the server refuses our ref", func(t *testing.T) { runKills(t, false, *kills/4) })
}

// run is a world, the daemon in it, and the kills so far.
type run struct {
	*world
	killed map[point]int
	total  int
	free   []fixture.Stream // to which nothing happened in this round
	usual  time.Duration    // from a start to rest, about
	rounds int
}

func runKills(t *testing.T, ownRef bool, n int) {
	t.Helper()
	r := &run{world: newWorld(t, ownRef), killed: map[point]int{}, usual: 300 * time.Millisecond}
	start := time.Now()
	r.settle(t)
	for _, s := range r.streams[:len(r.streams)/2] { // moves that can be taken back, a commit each
		r.serve(t, s)
	}
	r.settle(t)
	for r.total < n && !t.Failed() {
		r.round(t, n)
	}
	if t.Failed() {
		t.Logf("seed %d, round %d", *seed, r.rounds)
		return
	}
	r.stop(atRest)
	r.report(t, time.Since(start))
}

// round is a number of kills among events, and a life in which the daemon comes to rest.
// To each stream happens one thing at most, so that the order is the same for the twin.
func (r *run) round(t *testing.T, n int) {
	t.Helper()
	r.rounds++
	r.free = slices.Clone(r.streams)
	r.random.Shuffle(len(r.free), func(i, j int) { r.free[i], r.free[j] = r.free[j], r.free[i] })
	for range 2 + r.random.IntN(4) {
		if r.total < n && !t.Failed() {
			r.trial(t)
		}
	}
	if !t.Failed() {
		r.settle(t)
	}
}

// trial is one kill: a daemon that runs or is started, armed for a point; what makes it
// come to that point; and its end, there or at rest.
func (r *run) trial(t *testing.T) {
	t.Helper()
	at := r.next()
	l := r.running()
	fresh := l == nil
	if fresh {
		l = newLife(r.world)
	}
	l.arm(at, r.random.IntN(4)/3)
	now, then := r.happenings(t, at)
	if at != computed && r.random.IntN(4) > 0 {
		l.when(computed, then) // a push is lost to a person's
	} else {
		now = append(now, then)
	}
	for _, e := range now {
		e()
	}
	if fresh {
		r.begin(t, l)
	}
	switch at {
	case randomTime:
		time.Sleep(time.Duration(r.random.Int64N(int64(r.usual))))
		l.kill(at)
	case whileStarting:
		time.Sleep(time.Duration(r.random.Int64N(int64(40 * time.Millisecond))))
		l.kill(at)
	}
	if !l.wait(t) {
		l.kill(atRest)
	}
	r.bury(l)
}

// next is the point that was tried least.
func (r *run) next() point {
	fewest := func(p point) int { return r.killed[p] * len(named) / count(named, p) }
	return slices.MinFunc(named, func(a, b point) int { return fewest(a) - fewest(b) })
}

func count(all []point, p point) int {
	n := 0
	for _, q := range all {
		if q == p {
			n++
		}
	}
	return n
}

// happenings are what happens before a kill: a tag moves, and people do things, one of
// them (then) perhaps while the daemon computes.
func (r *run) happenings(t *testing.T, at point) (now []func(), then func()) {
	t.Helper()
	one := func(fits func(fixture.Stream) bool, happens func(*testing.T, fixture.Stream)) {
		if s, ok := r.take(fits); ok {
			now = append(now, r.inTurn(func() { happens(t, s) }))
		}
	}
	if at.needsRevert() || r.random.IntN(3) == 0 {
		one(r.movedAlone, r.takeBack)
	}
	one(nil, r.serve)
	switch r.random.IntN(6) {
	case 0:
		one(r.books.Quiet, r.hold)
	case 1:
		one(nil, r.retarget)
	}
	if r.random.IntN(2) == 0 {
		return now, r.inTurn(func() { r.note(t) })
	}
	s := r.streams[r.random.IntN(len(r.streams))]
	return now, r.inTurn(func() { r.comment(t, s) })
}

// movedAlone says that the newest move of a stream is a commit of its own, and stands.
func (r *run) movedAlone(s fixture.Stream) bool {
	return r.books.Quiet(s) && r.books.Latest(s) != r.first[ledger.Name(s)]
}

// take gives a stream to which nothing happened in this round, and that fits.
func (r *run) take(fits func(fixture.Stream) bool) (fixture.Stream, bool) {
	i := slices.IndexFunc(r.free, func(s fixture.Stream) bool { return fits == nil || fits(s) })
	if i < 0 {
		return fixture.Stream{}, false
	}
	s := r.free[i]
	r.free = slices.Delete(r.free, i, i+1)
	return s, true
}

// running is the daemon that runs, nil when none does.
func (r *run) running() *life { return r.life.Load() }

func (r *run) begin(t *testing.T, l *life) {
	t.Helper()
	r.life.Store(l)
	l.start(t)
}

// bury counts a life that was killed. What was to happen in it and did not, happens now.
func (r *run) bury(l *life) {
	r.life.Store(nil)
	r.git.Reset() // waits until git has done what the life asked for
	l.server.Close()
	l.mu.Lock()
	at, left := l.killedAt, l.meantime
	l.mu.Unlock()
	r.killed[at]++
	r.total++
	for _, happens := range left {
		happens()
	}
}

// stop ends the daemon where it runs.
func (r *run) stop(at point) {
	if l := r.running(); l != nil {
		l.kill(at)
		r.bury(l)
	}
}

// settle lets a daemon come to rest, and compares everything.
func (r *run) settle(t *testing.T) {
	t.Helper()
	l := r.running()
	if l == nil {
		l = newLife(r.world)
		begun := time.Now()
		r.begin(t, l)
		defer func() { r.usual = (3*r.usual + time.Since(begun)) / 4 }()
	}
	if l.wait(t) {
		t.Fatal("killed without an order")
	}
	if r.random.IntN(2) == 0 {
		r.stop(atRest)
	}
	r.catchUp(t)
	r.compare(t)
	if r.rounds%25 == 24 {
		if _, err := r.repo.Git(t.Context(), "gc", "--quiet"); err != nil {
			t.Fatal(err)
		}
	}
}

// compare holds that the kills made no difference.
func (r *run) compare(t *testing.T) {
	t.Helper()
	if err := r.books.AtRest(t.Context()); err != nil {
		t.Errorf("round %d: %v", r.rounds, err)
	}
	want, err := r.twin.Files(t.Context(), gitserver.Branch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.repo.Files(t.Context(), gitserver.Branch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ledger.Comparable(want), ledger.Comparable(got)); diff != "" {
		t.Errorf("round %d: the files of the twin and of the daemon that was killed (-twin +killed):\n%s", r.rounds, diff)
	}
}

// report prints the figures, and fails when a point was never reached.
func (r *run) report(t *testing.T, took time.Duration) {
	t.Helper()
	var lines []string
	for _, p := range slices.Sorted(maps.Keys(r.killed)) {
		lines = append(lines, fmt.Sprintf("  %4d  %s", r.killed[p], p))
	}
	sum := r.books.Sum()
	retried := 0
	for _, n := range r.attempts {
		if n > 1 {
			retried++
		}
	}
	t.Logf("%d kills at %d points in %v, %d starts, %d rounds; %d passes ended, %d of them after a conflict\n%s\n"+
		"%d tags moved, %d commits of people, %d of them reverts, %d held by hand; lost: 0, twice: 0",
		r.total, len(r.killed), took.Round(time.Second), r.lives, r.rounds, len(r.attempts), retried, strings.Join(lines, "\n"),
		sum.Served, sum.People, sum.TakenBack, sum.Held)
	if sum.Imported != sum.Served {
		t.Errorf("%d tags moved, %d imports", sum.Served, sum.Imported)
	}
	for _, p := range named {
		if r.total >= 3*len(named) && r.killed[p] == 0 {
			t.Errorf("no kill %s", p)
		}
	}
}
