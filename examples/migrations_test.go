package examples_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	realregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/adopt"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// A migration is a repository before and after `imgstream init` (migrations/NAME), with
// --scheduled where there is a file of that name: images
// is what registries have, left what init lists, later what is pushed then, and then the
// commit that follows. UPDATE=1 writes after, left and then. The first pass over after has
// nothing to write, and a second init nothing to propose.
func TestMigrations(t *testing.T) {
	dirs, err := filepath.Glob("migrations/*/before")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	for _, dir := range dirs {
		dir = filepath.Dir(dir)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := newMigration(t, dir)
			m.push(t, "images")
			before := rendered(t, m.tree)
			found := m.init(t)
			var left strings.Builder
			for _, p := range found.Left {
				fmt.Fprintf(&left, "%s\n    %s\n", p, p.Hint)
			}
			write(m.tree, found.Files)
			m.compare(t)
			sameImages(t, before, rendered(t, m.tree))
			m.compareFile(t, "left", strings.ReplaceAll(left.String(), "\n    \n", "\n"))
			if report := m.pass(t); len(report.Changes) > 0 {
				t.Errorf("the first pass commits:\n%s", report.Changes[0].Message)
			}
			if again := m.init(t); len(again.Files) > 0 {
				t.Errorf("a second init proposes %s", slices.Sorted(maps.Keys(again.Files)))
			}
			m.push(t, "later")
			m.compareFile(t, "then", m.commits(t))
		})
	}
}

// migration is one repository, and the registries that it names.
type migration struct {
	dir    string
	tree   fstest.MapFS
	host   string
	client *registry.Client
}

func newMigration(t *testing.T, dir string) *migration {
	t.Helper()
	server := httptest.NewServer(realregistry.New(realregistry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	m := &migration{dir: dir, tree: load(t, os.DirFS(filepath.Join(dir, "before"))), host: strings.TrimPrefix(server.URL, "http://")}
	var o registry.Options
	for _, host := range []string{"docker.io", "ghcr.io", "quay.io", "registry.example.com"} {
		o.Hosts = append(o.Hosts, registry.Host{Name: host, Mirrors: []string{m.host}})
	}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var err error
	if m.client, err = registry.New(o); err != nil {
		t.Fatal(err)
	}
	return m
}

// push puts the images of a file into the registry: NAME:TAG WORD, where the word is all
// that the image holds.
func (m *migration) push(t *testing.T, file string) {
	t.Helper()
	list, err := os.ReadFile(filepath.Join(m.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		at, word, ok := strings.Cut(strings.TrimSpace(line), " ")
		_, path, named := strings.Cut(at, "/")
		if !ok || !named {
			t.Fatalf("%s: %q is not HOST/NAME:TAG WORD", file, line)
		}
		image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
			OS: "linux", Architecture: "amd64", Created: v1.Time{Time: created(word)}, Config: v1.Config{Labels: map[string]string{"word": word}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(m.host + "/" + path)
		if err == nil {
			err = remote.Write(ref, image)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// created is the time of an image: that of words with "latest" in them is the oldest.
func created(word string) time.Time {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if strings.Contains(word, "latest") {
		at = at.AddDate(-1, 0, 0)
	}
	return at
}

// init does what `imgstream init` does.
func (m *migration) init(t *testing.T) adopt.Proposal {
	t.Helper()
	_, err := os.Stat(filepath.Join(m.dir, "scheduled"))
	a, err := adopt.Look(m.tree, &read(t, m.tree).View, adopt.Options{Scheduled: err == nil, Over: func(files map[string][]byte) fs.FS {
		over := maps.Clone(m.tree)
		write(over, files)
		return over
	}})
	if err != nil {
		t.Fatal(err)
	}
	questions, err := a.Questions()
	if err != nil {
		t.Fatal(err)
	}
	got := plan.Answers{}
	for _, q := range questions {
		got[q.Import] = m.client.Resolve(t.Context(), q)
	}
	found, err := a.Propose(got, now())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// rendered are the images of all containers, as kustomize builds them.
func rendered(t *testing.T, tree fstest.MapFS) map[string]stream.Image {
	t.Helper()
	all := map[string]stream.Image{}
	for name := range tree {
		dir := path.Dir(name)
		if !kustomize.IsKustomization(name) {
			continue
		}
		source, err := build.Collect(tree, dir)
		if err != nil {
			t.Fatal(err)
		}
		out, err := source.Build()
		if err != nil {
			t.Fatal(err)
		}
		for s := range out.Scalars() {
			if s.Container() == "" {
				continue
			}
			image, err := stream.ParseImage(s.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[dir+" "+s.Object.String()+" "+s.Path()] = image
		}
	}
	return all
}

// sameImages requires that what is deployed differs in digests that were added alone.
func sameImages(t *testing.T, before, after map[string]stream.Image) {
	t.Helper()
	if len(before) == 0 {
		t.Error("no kustomization builds anything")
	}
	for place, was := range before {
		is := after[place]
		if was.Digest == "" {
			is.Digest = ""
		}
		if is.Tag == "" && was.Tag == "latest" {
			is.Tag = was.Tag // none was written
		}
		if is != was {
			t.Errorf("%s: %s became %s", place, was, after[place])
		}
	}
}

// now is when the examples' items were recorded.
func now() time.Time { return time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC) }

// compare compares the tree with what lies in after.
func (m *migration) compare(t *testing.T) {
	t.Helper()
	after := filepath.Join(m.dir, "after")
	if os.Getenv("UPDATE") != "" {
		if err := os.RemoveAll(after); err != nil {
			t.Fatal(err)
		}
		for file, data := range text(m.tree) {
			file = filepath.Join(after, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(text(load(t, os.DirFS(after))), text(m.tree)); diff != "" {
		t.Errorf("after init (-want +got):\n%s", diff)
	}
}

func (m *migration) compareFile(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join(m.dir, file)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// commits are those of a pass, as the lines that they change.
func (m *migration) commits(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, c := range m.pass(t).Changes {
		subject, _, _ := strings.Cut(c.Message, "\n")
		fmt.Fprintf(&b, "commit %s\n", subject)
		for _, path := range slices.Sorted(maps.Keys(c.Files)) {
			if old := m.tree[path]; old != nil && !strings.HasPrefix(path, "imagestreams/") {
				b.WriteString(changedLines(path, old.Data, c.Files[path]))
			}
		}
		write(m.tree, c.Files)
	}
	return b.String()
}

// pass is a pass that asks for all tags of the schedule.
func (m *migration) pass(t *testing.T) reconciler.Report {
	t.Helper()
	r := reconciler.Reconciler{Repo: still{m.tree}, Resolver: m.client, Now: now}
	report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		if p.Severity == stream.Error {
			t.Errorf("the pass reports %s", p)
		}
	}
	return report
}

// still is a branch that imgstream never pushed to.
type still struct{ tree gitstore.FS }

func (s still) Snapshot(context.Context) (gitstore.Snapshot, error) {
	return gitstore.Snapshot{FS: s.tree}, nil
}

func (still) ChangedAt(context.Context, gitstore.Snapshot, []string) (map[string]gitstore.Rev, error) {
	return nil, nil
}

func (still) Own(context.Context, gitstore.Snapshot, []gitstore.Rev) (map[gitstore.Rev]bool, error) {
	return nil, nil
}

func (still) Commit(context.Context, gitstore.Rev, []gitstore.Commit) (gitstore.Published, error) {
	return gitstore.Published{}, gitstore.ErrConflict
}
