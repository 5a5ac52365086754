package system_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// engine is a reconciler as a daemon keeps it: one store, one registry client.
type engine struct {
	*world
	store *gitstore.Store
	*reconciler.Reconciler
}

// settled is an engine whose first passes have come to rest.
func settled(t *testing.T, shape fixture.Shape) *engine {
	t.Helper()
	w := newWorld(t, newRegistry(t), gitserver.Login{}, shape)
	store, err := gitstore.Open(gitstore.Options{URL: w.repo.URL, Branch: gitserver.Branch})
	if err != nil {
		t.Fatal(err)
	}
	client, err := registry.New(registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	e := &engine{world: w, store: store, Reconciler: &reconciler.Reconciler{Repo: store, Resolver: client, Now: time.Now}}
	if first := e.pass(t, plan.Always); first.Published == "" {
		t.Fatal("the first pass published nothing")
	}
	e.quiet(t)
	return e
}

func (e *engine) pass(t *testing.T, due plan.Due) reconciler.Report {
	t.Helper()
	report, err := e.Pass(t.Context(), reconciler.Request{Due: due})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	return report
}

// quiet runs a pass with nothing due that must publish nothing.
func (e *engine) quiet(t *testing.T) {
	t.Helper()
	if r := e.pass(t, nil); r.Published != "" || len(r.Changes) > 0 {
		t.Fatalf("a pass over an unchanged world published %v", r.Changes)
	}
}

// reset forgets every count so far.
func (e *engine) reset() gitstore.Stats {
	e.git.Reset()
	e.registry.Reset()
	return e.store.Stats()
}

// since is what the store has done since it had the given counts.
func (e *engine) since(was gitstore.Stats) gitstore.Stats {
	is := e.store.Stats()
	return gitstore.Stats{
		Looks: is.Looks - was.Looks, Fetches: is.Fetches - was.Fetches,
		TreesRead: is.TreesRead - was.TreesRead, BlobsRead: is.BlobsRead - was.BlobsRead,
		ObjectsFetched: is.ObjectsFetched - was.ObjectsFetched, ObjectsWritten: is.ObjectsWritten - was.ObjectsWritten,
		Pushes: is.Pushes - was.Pushes,
	}
}

// thousands is a repository of more than 3,000 files, tens one of about a hundred.
var (
	thousands = fixture.Shape{Streams: 120, PerUnit: 4, Manifests: 90}
	tens      = fixture.Shape{Streams: 12, PerUnit: 4, Manifests: 20}
)

// P2: nothing due, nothing moved.
func TestIdlePassIsOneLook(t *testing.T) {
	e := settled(t, thousands)
	if n := len(e.files(t, gitserver.Branch)); n < 3000 {
		t.Fatalf("the repository has %d files only", n)
	}
	const passes = 5
	var git gitserver.Counts
	for range 5 { // Go's client gives a connection up whose request it has not seen the end of within 50 ms
		was := e.reset()
		for range passes {
			e.quiet(t)
		}
		if diff := cmp.Diff(gitstore.Stats{Looks: passes}, e.since(was)); diff != "" {
			t.Errorf("work of the store (-want +got):\n%s", diff)
		}
		if git = e.git.Reset(); git.Connections == 0 {
			break
		}
	}
	if len(git.Requests) != passes || git.Connections != 0 {
		t.Errorf("%d passes made %d requests to git over %d new connections", passes, len(git.Requests), git.Connections)
	}
	for _, r := range git.Requests {
		if r.Method != "POST" || r.Service() != "git-upload-pack" {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	if asked := e.registry.Reset(); len(asked) > 0 {
		t.Errorf("the registry was asked: %v", asked)
	}
}

// P2: what an idle pass allocates does not grow with the repository. The server runs in
// the same process, and with the race detector sync.Pool drops at random a quarter of what
// is put back, so the least of many passes is compared: of 30 too few were without a drop.
func TestIdlePassAllocatesTheSame(t *testing.T) {
	small, large := settled(t, tens), settled(t, thousands)
	fewObjects, fewBytes := small.allocates(t)
	manyObjects, manyBytes := large.allocates(t)
	t.Logf("an idle pass, git's handler included: %d allocations, %d bytes in %d files; %d allocations, %d bytes in %d files",
		fewObjects, fewBytes, len(small.files(t, gitserver.Branch)), manyObjects, manyBytes, len(large.files(t, gitserver.Branch)))
	if manyObjects > fewObjects+10 {
		t.Errorf("%d allocations in the small repository, %d in the large one", fewObjects, manyObjects)
	}
	if manyBytes > fewBytes+4096 {
		t.Errorf("%d bytes allocated in the small repository, %d in the large one", fewBytes, manyBytes)
	}
}

// allocates is the least that one of many idle passes allocates.
func (e *engine) allocates(t *testing.T) (objects, bytes uint64) {
	t.Helper()
	e.quiet(t)
	for range 400 {
		var before, after runtime.MemStats
		e.reset()
		runtime.ReadMemStats(&before)
		e.quiet(t)
		e.git.Reset() // waits for the handler
		runtime.ReadMemStats(&after)
		n, b := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
		if objects == 0 || n < objects {
			objects = n
		}
		if bytes == 0 || b < bytes {
			bytes = b
		}
	}
	return objects, bytes
}

// P3: all due, none moved. Twenty streams have the image of another one.
func TestDuePassAsksOncePerReference(t *testing.T) {
	shape := fixture.Shape{Streams: 60, PerUnit: 10, Manifests: 1}
	e := settled(t, shape)
	files, twins := e.files(t, gitserver.Branch), map[string]string{}
	for _, s := range e.shape.All()[:20] {
		twins[strings.Replace(s.Spec, "app-", "twin-", 1)] = strings.Replace(files[s.Spec], "name: app-", "name: twin-", 1)
	}
	e.commit(t, twins)
	e.pass(t, plan.Always)
	e.quiet(t)
	was := e.reset()
	planned := 0
	e.Observe = func(s reconciler.Step, _ time.Duration) {
		if s == reconciler.StepRead || s == reconciler.StepPlan {
			planned++
		}
	}
	report := e.pass(t, plan.Always)
	if planned > 0 {
		t.Errorf("%d steps read or computed something", planned)
	}
	if report.Published != "" || report.Asked != 60 || report.Streams != 80 {
		t.Errorf("published %q, asked %d times for %d streams", report.Published, report.Asked, report.Streams)
	}
	want := map[string]int{}
	for _, s := range e.shape.All() {
		want["HEAD /v2/"+s.Repository+"/manifests/1.0"] = 1
	}
	if diff := cmp.Diff(want, e.registry.Reset()); diff != "" {
		t.Errorf("requests to the registry (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(gitstore.Stats{Looks: 1}, e.since(was)); diff != "" {
		t.Errorf("work of the store (-want +got):\n%s", diff)
	}
	if n := len(e.git.Reset().Requests); n != 1 {
		t.Errorf("%d requests to git", n)
	}
}

// P5: a pass after k changed files reads those, the trees above them, and, in a tree
// that is new at all, the settings if there are any. It says the same as a first read.
func TestLaterReadFollowsChange(t *testing.T) {
	e := settled(t, thousands)
	files := e.files(t, gitserver.Branch)
	manifests := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(path string) bool {
		return !strings.Contains(path, "/deployment-")
	})
	for _, k := range []int{1, 10, 100} {
		changed := map[string]string{}
		depth := 0
		for i := range k {
			path := manifests[i*len(manifests)/k]
			changed[path] = files[path] + fmt.Sprintf("# changed with %d others\n", k-1)
			depth = max(depth, strings.Count(path, "/")+1)
		}
		e.commit(t, changed)
		was := e.reset()
		e.quiet(t)
		got := e.since(was)
		t.Logf("%3d changed files: %d blobs and %d trees read, %d objects fetched", k, got.BlobsRead, got.TreesRead, got.ObjectsFetched)
		if got.BlobsRead != int64(k) || got.TreesRead > int64(k*depth) || got.Fetches != 1 || got.ObjectsWritten+got.Pushes != 0 {
			t.Errorf("after %d changed files at depth %d: %+v", k, depth, got)
		}
	}
}

// P5: the same for changes that have consequences: k streams get another source, and
// what a pass reads besides their specs is the files that it edits.
func TestLaterPassFollowsChange(t *testing.T) {
	e := settled(t, thousands)
	const k = 5
	files, changed := e.files(t, gitserver.Branch), map[string]string{}
	for i := range k {
		s := e.shape.All()[i*20]
		if _, err := e.registry.Push(t.Context(), s.Repository+":1.1"); err != nil {
			t.Fatal(err)
		}
		changed[s.Spec] = strings.Replace(files[s.Spec], s.Repository+":1.0", s.Repository+":1.1", 1)
	}
	e.commit(t, changed)
	was := e.reset()
	report := e.pass(t, nil)
	got := e.since(was)
	t.Logf("%d changed sources: %+v", k, got)
	if len(report.Changes) != k || report.Asked != k {
		t.Errorf("%d commits, %d questions", len(report.Changes), report.Asked)
	}
	// k specs, and the k kustomizations that are edited.
	if got.BlobsRead > 2*k || got.TreesRead > 2*4*k || got.Pushes != 1 {
		t.Errorf("after %d changed sources: %+v", k, got)
	}
	e.fsck(t)
}
