package reconciler_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// hashedRepo is a memoryRepo whose trees have hashes, as git's have. forgets gives each
// Snapshot other ones, so that nothing is taken over from an earlier one.
type hashedRepo struct {
	*memoryRepo
	forgets bool
	looks   *int
}

func (h hashedRepo) Snapshot(ctx context.Context) (gitstore.Snapshot, error) {
	s, err := h.memoryRepo.Snapshot(ctx)
	salt := ""
	if h.forgets {
		*h.looks++
		salt = fmt.Sprint(*h.looks)
	}
	s.FS = hashedFS{h.at(s.Rev), salt}
	if s.Base != "" {
		s.BaseFS = hashedFS{h.at(s.Base), salt}
	}
	return s, err
}

type hashedFS struct {
	fstest.MapFS
	salt string
}

func (h hashedFS) hash(name string) string {
	sum := sha256.New()
	fmt.Fprintln(sum, h.salt)
	for _, p := range slices.Sorted(maps.Keys(h.MapFS)) {
		if p == name || name == "." || strings.HasPrefix(p, name+"/") {
			fmt.Fprintf(sum, "%s\n%s\n", p, h.MapFS[p].Data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (h hashedFS) Stat(name string) (fs.FileInfo, error) {
	info, err := h.MapFS.Stat(name)
	return hashedInfo{info, h.hash(name)}, err
}

func (h hashedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := h.MapFS.ReadDir(name)
	for i, e := range entries {
		entries[i] = hashedEntry{e, h.hash(strings.TrimPrefix(name+"/"+e.Name(), "./"))}
	}
	return entries, err
}

type hashedInfo struct {
	fs.FileInfo
	hash string
}

func (h hashedInfo) Hash() string { return h.hash }

type hashedEntry struct {
	fs.DirEntry
	hash string
}

func (h hashedEntry) Hash() string { return h.hash }

// meddle is what other writers may do between the computation and the push.
func meddle(repo *memoryRepo, what int) {
	tip := repo.at(repo.tip())
	text := func(path string) string {
		if f := tip[path]; f != nil {
			return string(f.Data)
		}
		return ""
	}
	const kustomization = "apps/kustomization.yaml"
	status := "imagestreams/status/default/app/1.yaml"
	switch what {
	case 0, 1, 2, 3:
		repo.edit("notes.txt", fmt.Sprint(len(repo.commits)))
	case 4:
		repo.edit("apps/unbound.yaml", fmt.Sprintf("a: %d\n", len(repo.commits)))
	case 5:
		repo.edit(kustomization, "# moved down\n"+text(kustomization))
	case 6:
		repo.edit("apps/more/kustomization.yaml", "images:\n- name: app # {\"$imagestream\": \"app:1\"}\n  newTag: x\n")
	case 7:
		repo.edit("imagestreams/app.yaml", strings.Replace(text("imagestreams/app.yaml"), "scheduled: true", "scheduled:  true", 1))
	case 8:
		repo.edit("imagestreams/two.yaml", strings.ReplaceAll(spec, "name: app}", "name: two}"))
	case 9:
		repo.edit(stream.SettingsPath, settings+[]string{"", "consumers: enforce\n", "history: {limit: 1}\n"}[len(repo.commits)%3])
	case 10: // a revert, where there is anything to revert
		if old := repo.at(rev(len(repo.commits) / 2)); text(status) != "" && old[status] != nil {
			repo.edit(status, string(old[status].Data))
		}
	case 11: // an edit by hand
		repo.edit(kustomization, strings.ReplaceAll(text(kustomization), "digest: sha256:", "digest: sha256:0"))
	case 12: // another imgstream's push that changed nothing here
		repo.edit("notes.txt", fmt.Sprint(len(repo.commits)))
		repo.base = repo.tip()
	case 13:
		repo.edit(fmt.Sprintf("apps/%d/kustomization.yaml", len(repo.commits)), text("apps/more/kustomization.yaml"))
		delete(repo.at(repo.tip()), "apps/more/kustomization.yaml")
	case 14: // a stream with local lookup, and without
		local := fmt.Sprintf("spec:\n  lookupPolicy: {local: %v}\n", len(repo.commits)%4 > 0)
		repo.edit("imagestreams/short.yaml", strings.NewReplacer("name: app}", "name: short}", "spec:\n", local).Replace(spec))
	case 15:
		repo.edit("apps/m.yaml", []string{"spec: {containers: [{image: short:1}]}\n", "spec: {containers: [{image: short}]}\n", "a: b\n"}[len(repo.commits)%3])
	case 16:
		repo.edit(kustomization, "resources: [m.yaml]\n"+strings.TrimPrefix(text(kustomization), "resources: [m.yaml]\n"))
	case 17:
		repo.edit("overlay/kustomization.yaml", []string{"resources: [../apps]\n", "namePrefix: a\n"}[len(repo.commits)%2])
	}
}

// settings are the least that is valid.
const settings = "apiVersion: imgstream.dev/v1\nkind: Repository\nmetadata: {name: imgstream}\n"

// Whatever others push between the computation and the push, keeping what was computed
// publishes what computing it again does, and reports the same.
func TestComputedAgainIsTheSame(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		repos := []*memoryRepo{newRepo(), newRepo()}
		resolver := &counter{}
		var passers []*reconciler.Reconciler
		for i, repo := range repos {
			repo.edit(stream.SettingsPath, settings)
			passers = append(passers, newReconciler(hashedRepo{repo, i == 1, new(int)}, resolver))
		}
		for range rapid.IntRange(1, 4).Draw(t, "passes") {
			resolver.digest = digestOf(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "digest"))
			race := rapid.SliceOfN(rapid.IntRange(0, 17), 0, 6).Draw(t, "others")
			var seen []string
			for i, r := range passers {
				left := race
				repos[i].before = func(int) {
					if len(left) > 0 {
						meddle(repos[i], left[0])
						left = left[1:]
					}
				}
				var report reconciler.Report
				var err error
				synctest.Test(tt, func(t *testing.T) { report, err = r.Pass(t.Context(), reconciler.Request{Due: plan.Always}) })
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, describe(report, repos[i]))
			}
			if diff := cmp.Diff(seen[1], seen[0]); diff != "" {
				t.Fatalf("computed again and kept differ (-again +kept):\n%s", diff)
			}
		}
	})
}

// describe is everything that came of a pass.
func describe(report reconciler.Report, repo *memoryRepo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s streams=%d asked=%d attempts=%d changes=%d asks=%v\n",
		report.Rev, report.Published, report.Streams, report.Asked, report.Attempts, len(report.Changes), report.Asks)
	for _, p := range report.Problems {
		fmt.Fprintln(&b, p)
	}
	for _, c := range repo.commits {
		fmt.Fprintln(&b, c.message)
	}
	tree := repo.at(repo.tip())
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		fmt.Fprintf(&b, "%s\n%s\n", path, tree[path].Data)
	}
	return b.String()
}

// What others push elsewhere costs no second computation.
func TestComputedOnce(t *testing.T) {
	repo := newRepo()
	repo.before = func(attempt int) {
		if attempt <= 5 {
			meddle(repo, attempt-1)
		}
	}
	r := newReconciler(hashedRepo{memoryRepo: repo}, &counter{digest: digestOf("a")})
	planned := 0
	r.Observe = func(step reconciler.Step, _ time.Duration) {
		if step == reconciler.StepPlan {
			planned++
		}
	}
	report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
	if err != nil || report.Published != repo.tip() || report.Attempts != 6 || planned != 1 {
		t.Errorf("%v, published %q, %d attempts, planned %d times", err, report.Published, report.Attempts, planned)
	}
}
