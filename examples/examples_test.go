// Package examples_test runs imgstream over the example repositories.
package examples_test

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/adopt"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// Each example is at rest: a pass over it, with registries that answer what its status
// says, commits nothing. Without its status and with unpinned consumers, one pass
// brings back exactly the bytes that are there.
func TestExamples(t *testing.T) {
	dirs, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, dir := range dirs {
		if !dir.IsDir() || dir.Name() == "testdata" || dir.Name() == "migrations" {
			continue
		}
		found++
		t.Run(dir.Name(), func(t *testing.T) {
			tree := load(t, os.DirFS(dir.Name()))
			answers := answersOf(t, tree)
			if out := pass(t, tree, tree, answers); len(out.Changes) > 0 {
				t.Errorf("a pass commits:\n%s", out.Changes[0].Message)
			}
			bare := withoutStatus(tree)
			out := pass(t, bare, nil, answers)
			for _, change := range out.Changes {
				write(bare, change.Files)
			}
			if diff := cmp.Diff(text(tree), text(bare)); diff != "" {
				t.Errorf("a first pass writes other bytes:\n%s", diff)
			}
			// An example may have tags that only its reader uses.
			problems := slices.DeleteFunc(plan.Check(&read(t, tree).View, operatorOf(t, tree)), func(p stream.Problem) bool {
				return p.Severity == stream.Notice && strings.HasPrefix(p.Message, "nobody uses the tag")
			})
			if len(problems) > 0 {
				t.Error(problems)
			}
			if files := proposed(t, tree).Files; len(files) > 0 {
				t.Errorf("init proposes %q", slices.Sorted(maps.Keys(files)))
			}
		})
	}
	if found == 0 {
		t.Fatal("there are no examples")
	}
}

// proposed is what init proposes for an example when no registry is asked: all that is
// known is bound already.
func proposed(t *testing.T, tree fstest.MapFS) adopt.Proposal {
	t.Helper()
	a, err := adopt.Look(tree, &read(t, tree).View, adopt.Options{Over: func(files map[string][]byte) fs.FS {
		over := maps.Clone(tree)
		write(over, files)
		return over
	}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := a.Propose(nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func load(t *testing.T, dir fs.FS) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, path)
		tree[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func read(t *testing.T, tree fs.FS) *survey.Survey {
	t.Helper()
	s, err := survey.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answersOf are registries in which every source has the digest that its tag has.
func answersOf(t *testing.T, tree fs.FS) plan.Answers {
	t.Helper()
	answers := plan.Answers{}
	for _, st := range read(t, tree).View.Tree.Status {
		if st.Source == nil || st.Source.Kind != stream.KindDockerImage {
			continue
		}
		image, err := stream.ParseImage(st.Source.Name)
		if err != nil {
			t.Fatal(err)
		}
		answers[plan.Import{Reference: image.String()}] = plan.Answer{Digest: st.Head().Image}
	}
	return answers
}

func pass(t *testing.T, tip, base fstest.MapFS, answers plan.Answers) *plan.Outcome {
	t.Helper()
	var was *plan.View
	if base != nil {
		was = &read(t, base).View
	}
	now := time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC) // when the examples' items were recorded
	out, err := plan.Look(&read(t, tip).View, was, operatorOf(t, tip)).Next(plan.Always, answers, nil, nil, now).Edits(tip)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// operatorOf is what an example's README says in the operator's file, which must be valid.
func operatorOf(t *testing.T, tree fs.FS) plan.Operator {
	t.Helper()
	readme, err := fs.ReadFile(tree, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "```yaml\napiVersion: imgstream.dev/v1\nkind: Config\n")
	if !ok {
		return plan.Operator{}
	}
	file, _, _ := strings.Cut(rest, "```")
	cfg, problems := config.Parse([]byte("apiVersion: imgstream.dev/v1\nkind: Config\n" + file))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return plan.Operator{LocalRegistry: cfg.LocalRegistry}
}

func withoutStatus(tree fstest.MapFS) fstest.MapFS {
	bare := maps.Clone(tree)
	for path := range bare {
		if strings.Contains(path, "imagestreams/status/") {
			delete(bare, path)
		}
	}
	return bare
}

func text(tree fstest.MapFS) map[string]string {
	all := map[string]string{}
	for path, f := range tree {
		all[path] = string(f.Data)
	}
	return all
}

// write makes the changes of a commit to a tree.
func write(tree fstest.MapFS, files map[string][]byte) {
	for path, data := range files {
		if tree[path] = (&fstest.MapFile{Data: data}); data == nil {
			delete(tree, path)
		}
	}
}
