// Package lookup_test holds local lookup against kustomize itself: what it builds after a
// pass shows the digests, and nothing else differs from what it built before.
package lookup_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
	"github.com/imgstream/imgstream/test/internal/kustomized"
)

// tree is a repository, files by path.
type tree map[string]string

func (r tree) fs() fstest.MapFS {
	fsys := fstest.MapFS{}
	for file, text := range r {
		fsys[file] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func (r tree) read(t *testing.T) *survey.Survey {
	t.Helper()
	s, err := survey.Read(r.fs())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pass is a repository after a pass, with what was reported; base is imgstream's last
// push, nil before the first. Each reference has the digest of its own text.
func (r tree) pass(t *testing.T, base tree) (tree, *plan.Outcome) {
	t.Helper()
	var was *plan.View
	if base != nil {
		was = &base.read(t).View
	}
	present := plan.Look(&r.read(t).View, was, plan.Operator{})
	got := plan.Answers{}
	for _, q := range present.Imports(plan.Always, nil) {
		got[q.Import] = plan.Answer{Digest: digestOf(q.Import.Reference)}
	}
	now := time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)
	out, err := present.Next(plan.Always, got, nil, nil, now).Edits(r.fs())
	if err != nil {
		t.Fatal(err)
	}
	after := maps.Clone(r)
	for _, c := range out.Changes {
		for file, data := range c.Files {
			after[file] = string(data)
		}
	}
	return after, out
}

func digestOf(reference string) string {
	return fmt.Sprintf("sha256:%064x", []byte(reference[max(0, len(reference)-32):]))
}

// errorsIn are the messages of an outcome's errors.
func errorsIn(out *plan.Outcome) []string {
	var all []string
	for _, p := range out.Problems {
		if p.Severity == stream.Error {
			all = append(all, p.String())
		}
	}
	return all
}

// build is what kustomize, as a library, makes of a directory.
func (r tree) build(dir string) ([]container, error) { return kustomized.Build(r, dir) }

// kubectl is what kubectl kustomize makes of a directory; skips the test where it is not installed.
func (r tree) kubectl(t *testing.T, dir string) []container {
	t.Helper()
	all, err := kustomized.Kubectl(t.Context(), t.TempDir(), r, dir)
	switch {
	case errors.Is(err, kustomized.ErrNoKubectl):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return all
}

type container = kustomized.Container

var (
	deployment = kustomized.Deployment
	imagesOf   = kustomized.Images
)

// imageStream has a tag for each source, tag=reference.
func imageStream(namespace, name string, local bool, tags ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: %s, namespace: %s}\nspec:\n  lookupPolicy: {local: %v}\n  tags:\n", name, namespace, local)
	for _, tag := range tags {
		name, source, _ := strings.Cut(tag, "=")
		fmt.Fprintf(&b, "  - name: %q\n    from: {kind: DockerImage, name: %q}\n", name, source)
	}
	return b.String()
}
