package plan_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// pruneRepo is the repository of testdata/prune, where {a} stands for the digest of
// sixty-four a.
func pruneRepo(t *testing.T) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/prune/repo.txtar")
	if err != nil {
		t.Fatal(err)
	}
	repo := fstest.MapFS{}
	for _, f := range archive.Files {
		repo[f.Name] = &fstest.MapFile{Data: []byte(expand(string(f.Data)))}
	}
	return repo
}

func imageFiles(repo fstest.MapFS) []string {
	var files []string
	for name := range repo {
		if strings.HasPrefix(name, "imagestreams/images/") {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// pruned is what a Pruning says, but for the bytes of files.
func pruned(p *plan.Pruning) string {
	var b strings.Builder
	for _, i := range p.Items {
		fmt.Fprintf(&b, "item    %s %s %s\n", i.Ref, i.Item.Image[:12], i.Item.Created)
	}
	for _, ref := range p.Statuses {
		fmt.Fprintf(&b, "status  %s\n", ref)
	}
	for _, digest := range p.Images {
		fmt.Fprintf(&b, "image   %s\n", digest[:12])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		what := "written"
		if p.Files[name] == nil {
			what = "removed"
		}
		fmt.Fprintf(&b, "%s %s\n", what, name)
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(&b, "%s\n    %s\n", problem, problem.Hint)
	}
	return b.String()
}

func TestPrune(t *testing.T) {
	var got strings.Builder
	for _, c := range []struct {
		name string
		keep plan.Keep
		with map[string]string // changed files; "" removes
	}{
		{"as the settings say", plan.Keep{Revisions: -1}, nil},
		{"one revision", plan.Keep{Revisions: 1}, nil},
		{"no revision", plan.Keep{}, nil},
		{"younger than four days", plan.Keep{Revisions: 1, YoungerThan: 96 * time.Hour}, nil},
		{"a namespace", plan.Keep{Revisions: 1, Namespace: "gone"}, nil},
		{"a limit of the settings", plan.Keep{Revisions: -1}, map[string]string{
			".imgstream.yaml": "apiVersion: imgstream.dev/v1\nkind: Repository\nmetadata: {name: imgstream}\nhistory: {limit: 2}\n",
		}},
		{"no stream is found", plan.Keep{Revisions: 1}, map[string]string{"imagestreams/k.yaml": "", "imagestreams/bad.yaml": ""}},
		{"a spec that cannot be read", plan.Keep{Revisions: 1}, map[string]string{"imagestreams/x.yaml": "kind: ImageStream\nmetadata: {\n"}},
		{"a consumer that cannot be read", plan.Keep{Revisions: 1}, map[string]string{"apps/web.yaml": "a: [ # {\"$imagestream\": \"sso/k:1\"}\n"}},
		{"a status that cannot be read", plan.Keep{Revisions: 1}, map[string]string{"imagestreams/status/sso/k/2.yaml": "items: 3\n"}},
	} {
		repo := pruneRepo(t)
		for name, text := range c.with {
			repo[name] = &fstest.MapFile{Data: []byte(text)}
			if text == "" {
				delete(repo, name)
			}
		}
		c.keep.Now = noon
		fmt.Fprintf(&got, "== %s\n%s\n", c.name, pruned(plan.Prune(&read(t, repo).View, imageFiles(repo), c.keep)))
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/prune/want.txt", []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/prune/want.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

// Whatever is kept: no head that a spec has, no digest that is named or shown, and
// nothing outside of the files of imgstream is touched; what is written is the file
// without the items that are told; and a second prune finds nothing.
func TestPruneIsSafe(t *testing.T) {
	repo := pruneRepo(t)
	view := &read(t, repo).View
	rapid.Check(t, func(rt *rapid.T) {
		keep := plan.Keep{
			Now:         noon,
			Revisions:   rapid.IntRange(-1, 8).Draw(rt, "revisions"),
			YoungerThan: time.Duration(rapid.IntRange(-1, 10).Draw(rt, "days")) * 24 * time.Hour,
			Namespace:   rapid.SampledFrom([]string{"", "sso", "gone"}).Draw(rt, "namespace"),
		}
		p := plan.Prune(view, imageFiles(repo), keep)
		after := maps.Clone(repo)
		for name, text := range p.Files {
			if !strings.HasPrefix(name, "imagestreams/status/") && !strings.HasPrefix(name, "imagestreams/images/") {
				rt.Fatalf("%s is touched", name)
			}
			after[name] = &fstest.MapFile{Data: text}
			if text == nil {
				delete(after, name)
			}
		}
		tree := read(t, after).View.Tree
		for ref, old := range view.Tree.Status {
			st := tree.Status[ref]
			if view.Tree.Stream(ref.Namespace, ref.Name) == nil || view.Tree.Stream(ref.Namespace, ref.Name).Tag(ref.Tag) == nil {
				continue
			}
			if st == nil || st.Head().Image != old.Head().Image || len(st.Rejected) != len(old.Rejected) {
				rt.Fatalf("%s lost its head or a rejection", ref)
			}
			for _, item := range old.Items {
				inUse := strings.ContainsAny(item.Image[7:8], "de") // d is named by a spec, e shown by a consumer
				if inUse && !slices.Contains(st.Items, item) {
					rt.Fatalf("%s lost %s", ref, item.Image)
				}
			}
			lost := 0
			for _, i := range p.Items {
				if i.Ref == ref {
					lost++
				}
			}
			if len(old.Items)-lost != len(st.Items) {
				rt.Fatalf("%s has %d items after %d of %d are told to go", ref, len(st.Items), lost, len(old.Items))
			}
		}
		if again := plan.Prune(&read(t, after).View, imageFiles(after), keep); len(again.Files) > 0 {
			rt.Fatalf("a second prune: %s", pruned(again))
		}
	})
}
