package reconciler_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// memoryRepo is a branch in memory, with a hook by which another writer wins races.
type memoryRepo struct {
	commits []memoryCommit // the tip is the last one
	base    gitstore.Rev
	before  func(attempt int) // runs before a push is compared with the tip
	pushes  int
	refuse  error          // what every push is answered with
	looked  []gitstore.Rev // whose commits they are was asked
}

type memoryCommit struct {
	tree    fstest.MapFS
	message string
	own     bool // of imgstream
}

func (m *memoryRepo) tip() gitstore.Rev { return rev(len(m.commits) - 1) }

func rev(i int) gitstore.Rev { return gitstore.Rev(fmt.Sprintf("%040d", i)) }

func (m *memoryRepo) at(r gitstore.Rev) fstest.MapFS {
	var i int
	_, _ = fmt.Sscanf(string(r), "%d", &i)
	return m.commits[i].tree
}

// edit is a commit of a person.
func (m *memoryRepo) edit(path, text string) {
	tree := maps.Clone(m.commits[len(m.commits)-1].tree)
	tree[path] = &fstest.MapFile{Data: []byte(text)}
	m.commits = append(m.commits, memoryCommit{tree: tree, message: "edit " + path})
}

func (m *memoryRepo) Snapshot(context.Context) (gitstore.Snapshot, error) {
	s := gitstore.Snapshot{Rev: m.tip(), FS: m.at(m.tip())}
	if m.base != "" {
		s.Base, s.BaseFS = m.base, m.at(m.base)
	}
	return s, nil
}

func (m *memoryRepo) ChangedAt(_ context.Context, snap gitstore.Snapshot, paths []string) (map[string]gitstore.Rev, error) {
	revs := map[string]gitstore.Rev{}
	for _, p := range paths {
		revs[p] = snap.Rev
	}
	return revs, nil
}

func (m *memoryRepo) Own(_ context.Context, _ gitstore.Snapshot, revs []gitstore.Rev) (map[gitstore.Rev]bool, error) {
	m.looked = append(m.looked, revs...)
	own := map[gitstore.Rev]bool{}
	for i, c := range m.commits {
		own[rev(i)] = c.own
	}
	return own, nil
}

func (m *memoryRepo) Commit(_ context.Context, base gitstore.Rev, chain []gitstore.Commit) (gitstore.Published, error) {
	m.pushes++
	if m.refuse != nil {
		return gitstore.Published{}, m.refuse
	}
	if m.before != nil {
		m.before(m.pushes)
	}
	if base != m.tip() {
		return gitstore.Published{}, gitstore.ErrConflict
	}
	for _, c := range chain {
		tree := maps.Clone(m.at(m.tip()))
		for path, data := range c.Files {
			if tree[path] = (&fstest.MapFile{Data: data}); data == nil {
				delete(tree, path)
			}
		}
		m.commits = append(m.commits, memoryCommit{tree: tree, message: c.Message, own: true})
	}
	m.base = m.tip()
	return gitstore.Published{Rev: m.tip()}, nil
}

// counter answers every question with one digest, or a failure without one, and counts them.
type counter struct {
	digest string
	labels plan.Labels
	asked  atomic.Int64
}

func (c *counter) Resolve(context.Context, plan.Question) plan.Answer {
	c.asked.Add(1)
	if c.digest == "" {
		return plan.Answer{Failure: &plan.Failure{Message: "the host is down"}}
	}
	return plan.Answer{Digest: c.digest, Labels: c.labels}
}

func digestOf(c string) string { return "sha256:" + strings.Repeat(c, 64) }

const spec = `apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: app}
spec:
  tags:
  - name: "1"
    from: {kind: DockerImage, name: "r.io/app:1"}
    importPolicy: {scheduled: true}
`

func newRepo() *memoryRepo {
	return &memoryRepo{commits: []memoryCommit{{tree: fstest.MapFS{
		"imagestreams/app.yaml":   {Data: []byte(spec)},
		"apps/kustomization.yaml": {Data: []byte("images:\n- name: app # {\"$imagestream\": \"app:1\"}\n  newTag: x\n")},
	}}}}
}

func newReconciler(repo reconciler.Repo, resolver reconciler.Resolver) *reconciler.Reconciler {
	return &reconciler.Reconciler{Repo: repo, Resolver: resolver, Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC) }}
}

// A conflict costs another read of the branch and no second lookup, and the other
// writer's change stays.
func TestConflictRecomputes(t *testing.T) {
	repo, resolver := newRepo(), &counter{digest: digestOf("a")}
	repo.before = func(attempt int) {
		if attempt <= 3 {
			repo.edit(fmt.Sprintf("notes/%d.txt", attempt), "by a person")
		}
	}
	report, err := newReconciler(repo, resolver).Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil {
		t.Fatal(err)
	}
	if report.Attempts != 4 || resolver.asked.Load() != 1 {
		t.Errorf("%d attempts, asked %d times", report.Attempts, resolver.asked.Load())
	}
	for i := 1; i <= 3; i++ {
		if _, err := fs.Stat(repo.at(repo.tip()), fmt.Sprintf("notes/%d.txt", i)); err != nil {
			t.Error(err)
		}
	}
	if got := string(repo.at(repo.tip())["apps/kustomization.yaml"].Data); !strings.Contains(got, digestOf("a")) {
		t.Errorf("the consumer was not written:\n%s", got)
	}
}

func TestConflictsAreBounded(t *testing.T) {
	repo := newRepo()
	repo.before = func(attempt int) { repo.edit("notes.txt", fmt.Sprint(attempt)) }
	_, err := newReconciler(repo, &counter{digest: digestOf("a")}).Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err == nil || repo.pushes > 10 {
		t.Errorf("%v after %d pushes", err, repo.pushes)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	repo := newRepo()
	report, err := newReconciler(repo, &counter{digest: digestOf("a")}).Pass(t.Context(), reconciler.Request{Due: plan.Always, DryRun: true})
	if err != nil || len(report.Changes) != 1 || repo.pushes != 0 {
		t.Errorf("%v, %d changes, %d pushes", err, len(report.Changes), repo.pushes)
	}
}

// Nothing is lost under any interleaving with people who write between the steps: all
// their commits stay, and the pass after the last of them comes to rest.
func TestNoLostUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		repo, resolver := newRepo(), &counter{digest: digestOf("a")}
		r := newReconciler(repo, resolver)
		writes, lost := 0, 0
		repo.before = func(int) {
			if lost < 6 && rapid.IntRange(0, 2).Draw(t, "race") == 0 { // a pass gives up after eight
				lost++
				writes++
				repo.edit(fmt.Sprintf("people/%d.txt", writes), "kept")
			}
		}
		for range rapid.IntRange(1, 6).Draw(t, "passes") {
			resolver.digest = digestOf(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "digest"))
			lost = 0
			if _, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range writes {
			if _, err := fs.Stat(repo.at(repo.tip()), fmt.Sprintf("people/%d.txt", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		before := len(repo.commits)
		lost = 6
		if _, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err != nil || len(repo.commits) != before {
			t.Fatalf("%v; a pass over an unchanged world made %d commits", err, len(repo.commits)-before)
		}
	})
}

// Sources are pushed before followers, in one chain.
func TestReportNamesWhatWasPushed(t *testing.T) {
	repo := newRepo()
	report, err := newReconciler(repo, &counter{digest: digestOf("a")}).Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil {
		t.Fatal(err)
	}
	if report.Published != repo.tip() || report.Rev != rev(0) || report.Streams != 1 || report.Asked != 1 {
		t.Errorf("%+v", report)
	}
	if report.Failed() || slices.ContainsFunc(repo.commits, func(c memoryCommit) bool { return strings.Contains(c.message, "error") }) {
		t.Error(report.Problems)
	}
}

// With nothing due, a branch that did not move costs one look: the last Report, and no
// question even for tags that are pending.
func TestIfMoved(t *testing.T) {
	repo, resolver := newRepo(), &counter{}
	r := newReconciler(repo, resolver)
	first, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil || resolver.asked.Load() != 1 || !first.Failed() {
		t.Fatal(err, resolver.asked.Load(), first.Problems)
	}
	again, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always, IfMoved: true})
	if err != nil || resolver.asked.Load() != 1 || len(again.Problems) != len(first.Problems) {
		t.Error(err, resolver.asked.Load(), again.Problems)
	}
	repo.edit("notes.txt", "moved")
	if _, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always, IfMoved: true}); err != nil || resolver.asked.Load() != 2 {
		t.Error(err, resolver.asked.Load())
	}
}

// Changes wait until nothing was added for batching.quiet, at the most for batching.max,
// and what they rest on is asked for once.
func TestBatching(t *testing.T) {
	repo, resolver := newRepo(), &counter{digest: digestOf("a")}
	repo.edit(".imgstream.yaml", "apiVersion: imgstream.dev/v1\nkind: Repository\nmetadata: {name: imgstream}\nbatching: {quiet: 10s, max: 25s}\n")
	r := newReconciler(repo, resolver)
	now := r.Now()
	r.Now = func() time.Time { return now }
	pass := func(after time.Duration) reconciler.Report {
		now = now.Add(after)
		report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always, Batch: true})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := pass(0); report.Published != "" || !report.WaitUntil.Equal(now.Add(10*time.Second)) {
		t.Errorf("published %q, waits until %v", report.Published, report.WaitUntil)
	}
	repo.edit("imagestreams/two.yaml", strings.ReplaceAll(spec, "name: app}", "name: two}"))
	if report := pass(9 * time.Second); report.Published != "" || !report.WaitUntil.Equal(now.Add(10*time.Second)) {
		t.Errorf("published %q, waits until %v", report.Published, report.WaitUntil)
	}
	repo.edit("imagestreams/three.yaml", strings.ReplaceAll(spec, "name: app}", "name: three}"))
	if report := pass(9 * time.Second); report.Published != "" || !report.WaitUntil.Equal(now.Add(7*time.Second)) {
		t.Errorf("published %q, waits until %v", report.Published, report.WaitUntil)
	}
	if report := pass(7 * time.Second); report.Published == "" || len(report.Changes) != 3 {
		t.Errorf("published %q, %d changes", report.Published, len(report.Changes))
	}
	if resolver.asked.Load() != 1 {
		t.Errorf("asked %d times", resolver.asked.Load())
	}
}

// A push that cannot be published is tried again without asking again.
func TestAnswersOutliveAFailedPush(t *testing.T) {
	repo, resolver := newRepo(), &counter{digest: digestOf("a")}
	repo.refuse = &gitstore.RejectedError{Reason: "protected branch"}
	r := newReconciler(repo, resolver)
	for range 3 {
		if _, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err == nil {
			t.Fatal("the push was not refused")
		}
	}
	repo.refuse = nil
	report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil || report.Published == "" || resolver.asked.Load() != 1 {
		t.Errorf("%v, published %q, asked %d times", err, report.Published, resolver.asked.Load())
	}
}

// An image that was built from the commit that recorded the last one is not imported,
// however often and by whomever it is found; the next image from a person's commit is.
func TestBuildLoop(t *testing.T) {
	repo, resolver := newRepo(), &counter{digest: digestOf("a")}
	r := newReconciler(repo, resolver)
	pass := func(r *reconciler.Reconciler) reconciler.Report {
		report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	own := pass(r).Published
	if len(repo.looked) > 0 {
		t.Errorf("asked for %v before an image named a commit", repo.looked)
	}
	resolver.digest, resolver.labels = digestOf("b"), plan.Labels{Revision: string(own)}
	if report := pass(r); len(report.Changes) != 1 || len(report.Changes[0].Moves) > 0 || !report.Failed() {
		t.Errorf("a build loop came to %+v", report.Changes)
	}
	if got := string(repo.at(repo.tip())["apps/kustomization.yaml"].Data); !strings.Contains(got, digestOf("a")) {
		t.Errorf("the known-good image is gone:\n%s", got)
	}
	for _, again := range []*reconciler.Reconciler{r, newReconciler(repo, resolver)} {
		if report := pass(again); len(report.Changes) > 0 || !report.Failed() {
			t.Errorf("a second pass over a build loop came to %+v", report.Changes)
		}
	}
	if diff := cmp.Diff([]gitstore.Rev{own, own}, repo.looked); diff != "" {
		t.Errorf("asked for commits, once for each reconciler (-want +got):\n%s", diff)
	}
	repo.edit("notes.txt", "by a person")
	resolver.digest, resolver.labels = digestOf("c"), plan.Labels{Revision: string(repo.tip())}
	if report := pass(r); len(report.Changes) != 1 || len(report.Changes[0].Moves) != 1 || report.Failed() {
		t.Errorf("an image from a person's commit came to %+v", report.Changes)
	}
	if message := repo.commits[len(repo.commits)-1].message; !strings.Contains(message, "\n    revision  "+resolver.labels.Revision+"\n") {
		t.Errorf("the commit does not name the revision:\n%s", message)
	}
	if report := pass(r); len(report.Changes) > 0 {
		t.Errorf("a second pass came to %+v", report.Changes)
	}
}

// A tag moves on while a pass has its answer, and another daemon pushes that first: the
// older answer is asked for again, and does not roll the tag back.
func TestAnswerOlderThanTheBranch(t *testing.T) {
	repo := newRepo()
	ours, theirs := &counter{digest: digestOf("a")}, &counter{digest: digestOf("b")}
	other := newReconciler(repo, theirs)
	repo.before = func(attempt int) {
		if attempt == 1 {
			if _, err := other.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err != nil {
				t.Fatal(err)
			}
			ours.digest = digestOf("b")
		}
	}
	report, err := newReconciler(repo, ours).Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil || report.Published != "" || len(repo.commits) != 2 || ours.asked.Load() != 2 {
		t.Errorf("%v, published %q, %d commits, asked %d times", err, report.Published, len(repo.commits), ours.asked.Load())
	}
}
