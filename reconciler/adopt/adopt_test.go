package adopt_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/adopt"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// A case (testdata/*.txtar) is a repository, in/…, and what is proposed for it, want: what
// is listed, then each changed line. Its comment may have options, one on a line: path=…,
// namespace=…, scheduled, cluster, offline, unreachable=HOST. Every image that is asked for
// has the digest that is made of its name. UPDATE=1 rewrites want.
func TestPropose(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := newCase(t, archive)
			found := c.propose(t)
			got := c.show(found)
			if os.Getenv("UPDATE") != "" {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				c.want = got
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			c.take(found)
			c.rests(t)
		})
	}
}

// scene is a repository, and how it is looked at.
type scene struct {
	tree        fstest.MapFS
	options     adopt.Options
	offline     bool
	unreachable string
	want        string
}

func newCase(t *testing.T, archive *txtar.Archive) *scene {
	t.Helper()
	c := &scene{tree: fstest.MapFS{}}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "in/"); ok {
			c.tree[name] = &fstest.MapFile{Data: f.Data}
		} else if f.Name == "want" {
			c.want = string(f.Data)
		} else {
			t.Fatalf("unknown section %s", f.Name)
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "path":
			c.options.Paths = append(c.options.Paths, value)
		case "namespace":
			c.options.Namespace = value
		case "scheduled":
			c.options.Scheduled = true
		case "cluster":
			c.options.Cluster = true
		case "offline":
			c.offline = true
		case "unreachable":
			c.unreachable = value
		}
	}
	c.options.Over = func(files map[string][]byte) fs.FS {
		over := maps.Clone(c.tree)
		for name, data := range files {
			over[name] = &fstest.MapFile{Data: data}
		}
		return over
	}
	return c
}

func (c *scene) propose(t *testing.T) adopt.Proposal {
	t.Helper()
	a, err := adopt.Look(c.tree, c.view(t), c.options)
	if err != nil {
		t.Fatal(err)
	}
	got := plan.Answers{}
	if !c.offline {
		questions, err := a.Questions()
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			got[q.Import] = c.answer(q.Import)
		}
	}
	found, err := a.Propose(got, time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (c *scene) answer(im plan.Import) plan.Answer {
	image, err := stream.ParseImage(im.Reference)
	switch {
	case err != nil:
		return plan.Answer{Failure: &plan.Failure{Message: err.Error()}}
	case c.unreachable == image.Registry:
		return plan.Answer{Failure: &plan.Failure{Message: image.Registry + " does not answer"}}
	case image.Digest != "":
		return plan.Answer{Digest: image.Digest}
	}
	return plan.Answer{Digest: digestOf(im.Reference)}
}

// digestOf makes a digest that shows what it is of.
func digestOf(s string) string {
	hex := fmt.Sprintf("%x", s)
	hex = hex[max(0, len(hex)-8):]
	return "sha256:" + hex + strings.Repeat("0", 64-len(hex))
}

func (c *scene) view(t *testing.T) *plan.View {
	t.Helper()
	s, err := survey.Read(c.tree)
	if err != nil {
		t.Fatal(err)
	}
	return &s.View
}

// show gives what is listed, and what lines change; of new specs and statuses what differs
// from one to the next.
func (c *scene) show(found adopt.Proposal) string {
	var b strings.Builder
	for _, p := range found.Left {
		fmt.Fprintln(&b, p)
	}
	for _, name := range slices.Sorted(maps.Keys(found.Files)) {
		fmt.Fprintf(&b, "%s\n", name)
		var was []byte
		if f := c.tree[name]; f != nil {
			was = f.Data
		}
		for line := range strings.Lines(string(diff.Diff(name, was, name, found.Files[name]))) {
			isChange := (line[0] == '-' || line[0] == '+') && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "+++")
			if isChange && (was != nil || telling(line[1:])) {
				b.WriteString("  " + strings.ReplaceAll(line, strings.Repeat("0", 50), "…"))
			}
		}
	}
	return b.String()
}

// telling leaves out what is the same in all files that imgstream writes.
func telling(line string) bool {
	for _, same := range []string{"apiVersion:", "kind:", "metadata:", "annotations:", "config.kubernetes.io/", "spec:", "lookupPolicy:", "local: false", "tags:", "items:", "created:", "source:", "from:\n", "- kind: ", "kind: DockerImage"} {
		if strings.HasPrefix(strings.TrimLeft(line, " "), same) {
			return false
		}
	}
	return true
}

func (c *scene) take(found adopt.Proposal) {
	for name, data := range found.Files {
		c.tree[name] = &fstest.MapFile{Data: data}
	}
}

// rests requires that a pass that asks for nothing finds nothing to do, but for tags that
// have no status, and that there is nothing more to propose.
func (c *scene) rests(t *testing.T) {
	t.Helper()
	view := c.view(t)
	never := func(plan.Ask) bool { return false }
	out, err := plan.Look(view, nil, plan.Operator{}).Next(never, nil, nil, nil, time.Unix(0, 0)).Edits(c.tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range out.Changes {
		t.Errorf("the first pass commits %s", change.Message)
	}
	if again := c.propose(t); len(again.Files) > 0 {
		t.Errorf("it proposes again:\n%s", c.show(again))
	}
}

// FuzzPropose: whatever a manifest and a kustomization say, every image that they show
// after what is proposed is the one that they showed before; and then there is nothing to
// do and nothing to propose.
func FuzzPropose(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var last []byte
		for _, file := range archive.Files {
			f.Add(file.Data, last)
			last = file.Data
		}
	}
	f.Fuzz(func(t *testing.T, manifest, kustomization []byte) {
		c := newCase(t, &txtar.Archive{Files: []txtar.File{
			{Name: "in/apps/a.yaml", Data: manifest}, {Name: "in/apps/kustomization.yaml", Data: kustomization},
		}})
		if len(manifest)+len(kustomization) > 4000 {
			return
		}
		before := c.images(t)
		found := c.propose(t)
		c.take(found)
		after := c.images(t)
		for place, was := range before {
			is, ok := after[place]
			if !ok || is.name != was.name || was.tag != "" && is.tag != was.tag || was.digest != "" && is.digest != was.digest {
				t.Errorf("%s showed %+v, and shows %+v", place, was, is)
			}
		}
		c.rests(t)
	})
}

// shown is an image as a place shows it.
type shown struct{ name, tag, digest string }

// images are those that the tree shows, by file, document and path.
func (c *scene) images(t *testing.T) map[string]shown {
	t.Helper()
	all := map[string]shown{}
	for name, f := range c.tree {
		spots, err := kustomize.Spots(filepath.Base(name), f.Data)
		if err != nil || strings.HasPrefix(name, "imagestreams/") {
			continue
		}
		for _, s := range spots {
			image, err := stream.ParseImage(s.Repository)
			if err == nil {
				all[name+" "+s.Document+" "+s.Path+" "+string(s.Kind)] = shown{image.Name(), s.Tag, s.Digest}
			}
		}
	}
	return all
}

// A file of many documents costs what its documents cost.
func BenchmarkProposeManyDocuments(b *testing.B) {
	var all strings.Builder
	for i := range 200 {
		fmt.Fprintf(&all, "---\nkind: Pod\napiVersion: v1\nmetadata: {name: a%d}\nspec:\n  containers:\n  - image: quay.io/x/a%d:1@sha256:%s\n", i, i%7, strings.Repeat("a", 64))
	}
	tree := fstest.MapFS{"all.yaml": {Data: []byte(all.String())}}
	s, err := survey.Read(tree)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a, err := adopt.Look(tree, &s.View, adopt.Options{Over: func(files map[string][]byte) fs.FS {
			over := maps.Clone(tree)
			for name, data := range files {
				over[name] = &fstest.MapFile{Data: data}
			}
			return over
		}})
		if err != nil {
			b.Fatal(err)
		}
		if found, err := a.Propose(nil, time.Unix(0, 0)); err != nil || found.Places != 200 {
			b.Fatal(found.Places, err)
		}
	}
}
