package kill_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
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

// repository is the one that the daemon serves; twin is served by passes that nobody kills.
const repository, twin = "apps", "twin"

// settings make every tag due in every pass of the Loop but a process's first.
const settings = `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata:
  name: imgstream
  annotations:
    config.kubernetes.io/local-config: "true"
imports: {interval: 1ms}
`

// world is everything but the daemon.
type world struct {
	dir      string // home of the daemon
	shape    fixture.Shape
	streams  []fixture.Stream
	registry *tagserver.Server
	git      *gitserver.Server
	repo     *gitserver.Repository
	books    *ledger.Ledger
	life     atomic.Pointer[life] // the one that runs; nil: none

	twin       *gitserver.Repository
	reconciler *reconciler.Reconciler // of the twin
	late       []event                // what the twin has not seen yet

	random *rand.Rand
	tags   map[string]string // the tag that each stream's source names
	first  map[string]string // the first digest of each
	count  int               // of people's changes

	events   atomic.Int64
	turn     sync.Mutex // one event at a time: people act here, and in the requests of a life
	mu       sync.Mutex
	attempts []int // of the daemon's passes
	lives    int
}

// event is something that happens in a repository; it gives the commit, "" when there is none.
type event func(r *gitserver.Repository) (commit string, err error)

func newWorld(t *testing.T, ownRef bool) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), registry: tagserver.Start(), random: rand.New(rand.NewPCG(*seed, 0)), tags: map[string]string{}, first: map[string]string{}}
	t.Cleanup(w.registry.Close)
	t.Setenv("DOCKER_CONFIG", w.dir)
	w.shape = fixture.Shape{Registry: w.registry.Host, Streams: 24, PerUnit: 3, Manifests: 2}
	w.streams = w.shape.All()
	var err error
	if w.git, err = gitserver.Start(t.TempDir(), gitserver.Login{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.git.Close)
	files := w.shape.Files()
	files[".imgstream.yaml"] = settings
	if w.repo, err = w.git.Create(t.Context(), repository, files); err != nil {
		t.Fatal(err)
	}
	w.configure(t, ownRef)
	if w.twin, err = w.git.Copy(w.repo, twin); err != nil {
		t.Fatal(err)
	}
	if w.books, err = ledger.Open(t.Context(), w.repo, w.streams); err != nil {
		t.Fatal(err)
	}
	w.books.NoOwnRef = !ownRef
	for _, s := range w.streams {
		w.tags[ledger.Name(s)] = "1.0"
		w.serve(t, s)
		w.first[ledger.Name(s)] = w.books.Latest(s)
	}
	w.reconciler = newReconciler(t, w.twin)
	w.git.SetTap(tapGit)
	w.registry.SetTap(func(_ http.ResponseWriter, r *http.Request) bool {
		l := w.life.Load()
		return l != nil && l.reached(askedOf(r))
	})
	return w
}

// configure has the server collect no garbage by itself, and keep or refuse our ref.
func (w *world) configure(t *testing.T, ownRef bool) {
	t.Helper()
	config := [][2]string{{"gc.auto", "0"}, {"receive.autogc", "false"}}
	if !ownRef {
		config = append(config, [2]string{"transfer.hideRefs", "refs/imgstream"})
	}
	for _, c := range config {
		if _, err := w.repo.Git(t.Context(), "config", c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func newReconciler(t *testing.T, repo *gitserver.Repository) *reconciler.Reconciler {
	t.Helper()
	store, err := gitstore.Open(gitstore.Options{URL: repo.URL, Branch: gitserver.Branch})
	if err != nil {
		t.Fatal(err)
	}
	client, err := registry.New(registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &reconciler.Reconciler{Repo: store, Resolver: client, Now: time.Now}
}

// inTurn has an event wait for the one under way, so that the twin sees both in their order.
func (w *world) inTurn(happens func()) func() {
	return func() {
		w.turn.Lock()
		defer w.turn.Unlock()
		happens()
	}
}

// happened counts the events so far.
func (w *world) happened() int { return int(w.events.Load()) }

// serve moves the tag of a stream to a new image.
func (w *world) serve(t *testing.T, s fixture.Stream) {
	t.Helper()
	digest, err := w.registry.Move(t.Context(), s.Repository, w.tags[ledger.Name(s)])
	if err != nil {
		t.Error(err)
	}
	w.books.Served(s, digest)
	w.events.Add(1)
}

// commit has a person do something, here now and in the twin later.
func (w *world) commit(t *testing.T, e event) {
	t.Helper()
	made, err := e(w.repo)
	if err != nil {
		t.Error(err)
		return
	}
	w.books.Person(made)
	w.late = append(w.late, e)
	w.events.Add(1)
}

// note adds a file that is nothing to imgstream.
func (w *world) note(t *testing.T) {
	t.Helper()
	w.count++
	message := fmt.Sprintf("note %d", w.count)
	path := fmt.Sprintf("notes/%d/%d.md", w.count%10, w.count)
	w.commit(t, func(r *gitserver.Repository) (string, error) {
		return r.Push(t.Context(), message, func(string) (map[string]string, error) {
			return map[string]string{path: message + "\n"}, nil
		})
	})
}

// edit changes a file by a function of its text.
func (w *world) edit(t *testing.T, message, path string, change func(text string) string) {
	t.Helper()
	w.commit(t, func(r *gitserver.Repository) (string, error) {
		return r.Push(t.Context(), message, func(tip string) (map[string]string, error) {
			text, err := r.File(t.Context(), tip, path)
			if err != nil {
				return nil, err
			}
			changed := change(text)
			if changed == text {
				return nil, fmt.Errorf("%s: nothing to change in %s", message, path)
			}
			return map[string]string{path: changed}, nil
		})
	})
}

// comment adds a line to a file that imgstream writes as well.
func (w *world) comment(t *testing.T, s fixture.Stream) {
	t.Helper()
	w.count++
	line := fmt.Sprintf("# remark %d\n", w.count)
	w.edit(t, "remark", s.Kustomization, func(text string) string { return line + text })
}

// hold writes another digest into the consumer of a stream.
func (w *world) hold(t *testing.T, s fixture.Stream) {
	t.Helper()
	w.count++
	is, other := w.books.Latest(s), fixture.Digest(1_000_000+w.count)
	w.books.Held(s, other)
	w.edit(t, "by hand", s.Kustomization, func(text string) string { return strings.Replace(text, is, other, 1) })
}

// takeBack reverts the commit that brought what the registry serves.
func (w *world) takeBack(t *testing.T, s fixture.Stream) {
	t.Helper()
	digest := w.books.Latest(s)
	w.books.TookBack(s, digest)
	w.commit(t, func(r *gitserver.Repository) (string, error) {
		commit, err := ledger.Import(t.Context(), r, digest)
		if err != nil {
			return "", err
		}
		return r.Revert(t.Context(), commit)
	})
}

// retarget has the spec name another tag, which has a new image.
func (w *world) retarget(t *testing.T, s fixture.Stream) {
	t.Helper()
	w.count++
	old, tag := w.tags[ledger.Name(s)], fmt.Sprintf("2.%d", w.count)
	w.tags[ledger.Name(s)] = tag
	w.serve(t, s)
	w.edit(t, "another tag", s.Spec, func(text string) string {
		return strings.Replace(text, s.Repository+":"+old+`"`, s.Repository+":"+tag+`"`, 1)
	})
}

// catchUp has the twin see everything, and pass until it is at rest.
func (w *world) catchUp(t *testing.T) {
	t.Helper()
	for _, e := range w.late {
		if _, err := e(w.twin); err != nil {
			t.Fatalf("twin: %v", err)
		}
	}
	w.late = nil
	for range 5 {
		report, err := w.reconciler.Pass(t.Context(), reconciler.Request{Due: plan.Always})
		if err != nil {
			t.Fatalf("twin: %v", err)
		}
		if len(report.Changes) == 0 {
			return
		}
	}
	t.Fatal("the twin does not come to rest")
}
