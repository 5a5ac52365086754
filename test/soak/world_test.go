package soak_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/ledger"
	"github.com/imgstream/imgstream/test/internal/tagserver"
)

// world is one reconciler as a daemon keeps it, and everything around it.
type world struct {
	streams  []fixture.Stream
	registry *tagserver.Server
	git      *gitserver.Server
	repo     *gitserver.Repository
	books    *ledger.Ledger
	client   *registry.Client
	store    *gitstore.Store
	faults   *faults
	by       *reconciler.Reconciler

	random *rand.Rand
	clock  atomic.Int64        // seconds that the world's clock is ahead
	count  int                 // of people's changes
	images map[string][]string // of each stream, that the registry still has
	broken map[string]string   // what files were before people broke them, by path

	passes, pushes, failures, conflicts, resumed int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	w := &world{
		registry: tagserver.Start(), faults: newFaults(), random: rand.New(rand.NewPCG(1, 0)),
		images: map[string][]string{}, broken: map[string]string{},
	}
	t.Cleanup(w.registry.Close)
	shape := fixture.Shape{Registry: w.registry.Host, Streams: 40, PerUnit: 4, Manifests: 2}
	w.streams = shape.All()
	var err error
	if w.git, err = gitserver.Start(t.TempDir(), gitserver.Login{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.git.Close)
	if w.repo, err = w.git.Create(t.Context(), "apps", shape.Files()); err != nil {
		t.Fatal(err)
	}
	if _, err = w.repo.Git(t.Context(), "config", "receive.autogc", "false"); err != nil {
		t.Fatal(err)
	}
	if w.books, err = ledger.Open(t.Context(), w.repo, w.streams); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.streams {
		w.move(t, s)
	}
	w.daemon(t)
	w.git.SetTap(w.faults.tapGit)
	w.registry.SetTap(w.faults.tapRegistry(w.registry.Handler()))
	return w
}

func (w *world) daemon(t *testing.T) {
	t.Helper()
	var err error
	if w.store, err = gitstore.Open(gitstore.Options{URL: w.repo.URL, Branch: gitserver.Branch, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	if w.client, err = registry.New(registry.Options{Now: w.now, Backoff: []time.Duration{time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	w.by = &reconciler.Reconciler{Repo: w.store, Resolver: w.client, Now: w.now}
}

// now is the world's time: minutes go by between passes.
func (w *world) now() time.Time {
	return time.Now().Add(time.Duration(w.clock.Load()) * time.Second)
}

func (w *world) later(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

// pass runs one, which may fail.
func (w *world) pass(t *testing.T) reconciler.Report {
	t.Helper()
	w.later(time.Minute)
	report, err := w.by.Pass(t.Context(), reconciler.Request{Due: plan.Always})
	w.passes++
	if err != nil {
		w.failures++
	}
	if report.Attempts > 1 {
		w.conflicts++
	}
	if report.Published != "" {
		w.pushes++
	}
	return report
}

// calm mends everything and holds that all comes to rest, with nothing lost.
func (w *world) calm(t *testing.T) {
	t.Helper()
	w.faults.set(0, 0, nil)
	w.mend(t)
	w.later(time.Hour) // no host is left alone any more
	for try := 0; ; try++ {
		report, err := w.by.Pass(t.Context(), reconciler.Request{Due: plan.Always})
		if err != nil {
			t.Fatalf("with every fault mended: %v", err)
		}
		if len(report.Changes) == 0 && w.resume(t, report.Problems) {
			continue
		}
		if len(report.Changes) == 0 {
			for _, p := range report.Problems {
				// The registry forgets old images, and a revert may bring one back.
				if !strings.Contains(p.Message, "was taken back by") && !strings.Contains(p.Message, "its registry no longer has it") {
					t.Errorf("with every fault mended: %s %s: %s", p.Pos, p.Ref, p.Message)
				}
			}
			break
		}
		if try == 5 {
			t.Fatalf("does not come to rest: %v", report.Changes)
		}
	}
	if err := w.books.AtRest(t.Context()); err != nil {
		t.Errorf("pass %d: %v", w.passes, err)
	}
}

// move puts a new image under a tag. The registry forgets all but the last two.
func (w *world) move(t *testing.T, s fixture.Stream) {
	t.Helper()
	digest, err := w.registry.Move(t.Context(), s.Repository, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	w.books.Served(s, digest)
	has := slices.Concat(w.images[s.Name], []string{digest})
	for len(has) > 2 {
		if err := w.registry.Drop(t.Context(), s.Repository, has[0]); err != nil {
			t.Fatal(err)
		}
		has = has[1:]
	}
	w.images[s.Name] = has
}

// collect has git pack the repository, as servers do.
func (w *world) collect(t *testing.T) {
	t.Helper()
	if _, err := w.repo.Git(t.Context(), "gc", "--quiet"); err != nil {
		t.Fatal(err)
	}
}

// measure gives the sizes at rest, without idle connections.
func (w *world) measure(t *testing.T) size {
	t.Helper()
	w.client.Close()
	w.git.Reset()
	files, err := w.repo.Files(t.Context(), gitserver.Branch)
	if err != nil {
		t.Fatal(err)
	}
	var s size
	for path, text := range files {
		if strings.HasPrefix(path, "imagestreams/status/") {
			s.status = max(s.status, len(text))
		}
	}
	files = nil
	for range 3 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap, s.goroutines = m.HeapAlloc, runtime.NumGoroutine()
	return s
}

func (w *world) report(t *testing.T, sizes []size) {
	t.Helper()
	sum := w.books.Sum()
	t.Logf("%d passes, %d of them pushed, %d after a conflict or a broken connection, %d failed; %d cycles came to rest; the tag that flaps paused itself %d times",
		w.passes, w.pushes, w.conflicts, w.failures, len(sizes), w.resumed)
	t.Logf("%d tags moved (%d overtaken by the next move), %d commits of people, %d reverts; lost: 0, twice: 0",
		sum.Served, sum.Skipped, sum.People, sum.TakenBack)
	injected := 0
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(w.faults.counts)) {
		injected += w.faults.counts[name]
		lines = append(lines, fmt.Sprintf("  %5d  %s", w.faults.counts[name], name))
	}
	t.Logf("%d faults\n%s", injected, strings.Join(lines, "\n"))
	if len(sizes) > 1 {
		t.Logf("heap %d -> %d KiB, goroutines %d -> %d; the largest status file has %d bytes",
			sizes[1].heap>>10, sizes[len(sizes)-1].heap>>10, sizes[1].goroutines, sizes[len(sizes)-1].goroutines, sizes[len(sizes)-1].status)
	}
}

// tolerate drops a revert that no longer applies.
func tolerate(err error) error {
	if errors.Is(err, gitserver.ErrConflict) {
		return nil
	}
	return err
}
