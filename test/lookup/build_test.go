// Package lookup_test holds local lookup against kustomize itself: what it builds after a
// pass shows the digests, and nothing else differs from what it built before.
package lookup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
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

// container is one image that a build shows.
type container struct{ namespace, object, name, image string }

// build is what kustomize, as a library, makes of a directory.
func (r tree) build(dir string) ([]container, error) {
	disk := filesys.MakeFsInMemory()
	for file, text := range r {
		if err := disk.WriteFile(path.Join("/r", file), []byte(text)); err != nil {
			return nil, err
		}
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, path.Join("/r", dir))
	if err != nil {
		return nil, err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, err
	}
	return containersIn(text)
}

// kubectl is what kubectl kustomize makes of a directory; skips the test where it is not installed.
func (r tree) kubectl(t *testing.T, dir string) []container {
	t.Helper()
	program, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed")
	}
	root := t.TempDir()
	for file, text := range r {
		at := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := exec.CommandContext(t.Context(), program, "kustomize", filepath.Join(root, dir)).Output()
	if err != nil {
		t.Fatal(err)
	}
	all, err := containersIn(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func containersIn(text []byte) ([]container, error) {
	var all []container
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Spec     struct {
				Template struct {
					Spec struct {
						Containers, InitContainers []struct{ Name, Image string }
					}
				}
			}
		}
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		spec := object.Spec.Template.Spec
		for _, c := range append(spec.Containers, spec.InitContainers...) {
			all = append(all, container{object.Metadata.Namespace, object.Kind + " " + object.Metadata.Name, c.Name, c.Image})
		}
	}
}

// deployment says its images in order, init containers behind a "+".
func deployment(name, namespace string, images ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %s\n", name)
	if namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", namespace)
	}
	b.WriteString("spec:\n  template:\n    spec:\n      containers:\n")
	for i, image := range images {
		fmt.Fprintf(&b, "      - name: c%d\n        image: %s\n", i, image)
	}
	return b.String()
}

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
