// Package rendered compares what imgstream builds in memory with what kustomize builds of the same
// files, as a library over its own file system and as kubectl has it.
package rendered

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/test/internal/kustomized"
)

// trees are repositories with what kustomizations are made of; the directory o is built.
var trees = map[string]map[string]string{
	"prefix, namespace, labels": {
		"o/kustomization.yaml": "namespace: ns\nnamePrefix: a-\ncommonLabels: {x: z}\ncommonAnnotations: {a: b}\nresources: [../base]\nimages: [{name: web, newTag: '2'}]\n",
	},
	"patches": {
		"o/kustomization.yaml": "resources: [../base]\npatches:\n- path: p.yaml\n- target: {kind: Deployment}\n  patch: |-\n    - {op: replace, path: /spec/template/spec/containers/0/image, value: patched}\n",
		"o/p.yaml":             kustomized.Deployment("web", "", "web:p", "sidecar"),
	},
	"old patches": {
		"o/kustomization.yaml": "bases: [../base]\npatchesStrategicMerge: [p.yaml]\npatchesJson6902:\n- target: {version: v1, group: apps, kind: Deployment, name: web}\n  path: j.yaml\n",
		"o/p.yaml":             kustomized.Deployment("web", "", "web:p"),
		"o/j.yaml":             "- {op: add, path: /spec/template/spec/containers/-, value: {name: x, image: added}}\n",
	},
	"components": {
		"o/kustomization.yaml": "resources: [../base]\ncomponents: [../c]\nimages: [{name: two, newTag: '3'}]\n",
		"c/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nimages: [{name: web, newName: two}]\n",
	},
	"replacements": {
		"o/kustomization.yaml": "resources: [../base]\nconfigMapGenerator: [{name: c, literals: [image=other]}]\nreplacements: [{path: r.yaml}]\n",
		"o/r.yaml":             "source: {kind: ConfigMap, name: c, fieldPath: data.image}\ntargets:\n- select: {kind: Deployment}\n  fieldPaths: [spec.template.spec.containers.0.image]\n",
	},
	"vars": {
		"o/kustomization.yaml": "resources: [../base]\nvars: [{name: V, objref: {kind: Deployment, name: web, apiVersion: apps/v1}}]\n",
	},
	"two bases": {
		"o/kustomization.yaml": "resources: [../a, ../b]\n",
		"a/kustomization.yaml": "nameSuffix: -a\nresources: [../base]\nimages: [{name: web, newTag: a}]\n",
		"b/kustomization.yaml": "nameSuffix: -b\nresources: [../base]\nimages: [{name: web, digest: sha256:b}]\n",
	},
	"replicas and sorting": {
		"o/kustomization.yaml": "resources: [../base, n.yaml]\nreplicas: [{name: web, count: 3}]\nsortOptions: {order: legacy}\n",
		"o/n.yaml":             "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
	},
	"local configuration is left out": {
		"o/kustomization.yaml": "resources: [../base, l.yaml]\n",
		"o/l.yaml":             strings.Replace(kustomized.Deployment("l", "", "l"), "  name: l\n", "  name: l\n  annotations: {config.kubernetes.io/local-config: 'true'}\n", 1),
	},
}

func TestTrees(t *testing.T) {
	for name, files := range trees {
		t.Run(name, func(t *testing.T) {
			files["base/kustomization.yaml"] = "resources: [web.yaml]\n"
			files["base/web.yaml"] = kustomized.Deployment("web", "", "web", "busybox:1")
			compare(t, files, "o")
		})
	}
}

// TestExamples builds every kustomization of the examples that kustomize builds.
func TestExamples(t *testing.T) {
	examples := os.DirFS("../../examples")
	compared := 0
	err := fs.WalkDir(examples, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) != "kustomization.yaml" {
			return err
		}
		root, _, _ := strings.Cut(name, "/")
		files := map[string]string{}
		err = fs.WalkDir(examples, root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				var src []byte
				src, err = fs.ReadFile(examples, name)
				files[name] = string(src)
			}
			return err
		})
		if _, fails := kustomized.Build(files, path.Dir(name)); err == nil && fails == nil {
			compared++
			t.Run(name, func(t *testing.T) { compare(t, files, path.Dir(name)) })
		}
		return err
	})
	if err != nil || compared == 0 {
		t.Errorf("%d kustomizations: %v", compared, err)
	}
}

func compare(t *testing.T, files map[string]string, dir string) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	source, err := build.Collect(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := source.Build()
	if err != nil {
		t.Fatal(err)
	}
	var got []kustomized.Container
	for s := range out.Scalars() {
		if c := s.Container(); c != "" && strings.HasPrefix(s.Path(), "spec.template.spec.") { // kustomized knows no others
			got = append(got, kustomized.Container{Namespace: s.Object.Namespace, Object: s.Object.Kind + " " + s.Object.Name, Name: c, Image: s.Value})
		}
	}
	library, err := kustomized.Build(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(sorted(library), sorted(got)); diff != "" {
		t.Errorf("kustomize (-) and imgstream (+)\n%s", diff)
	}
	kubectl, err := kustomized.Kubectl(t.Context(), t.TempDir(), files, dir)
	switch {
	case errors.Is(err, kustomized.ErrNoKubectl):
	case err != nil:
		t.Error(err)
	default:
		if diff := gocmp.Diff(sorted(kubectl), sorted(got)); diff != "" {
			t.Errorf("kubectl (-) and imgstream (+)\n%s", diff)
		}
	}
}

func sorted(all []kustomized.Container) []kustomized.Container {
	slices.SortFunc(all, func(a, b kustomized.Container) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Image, b.Image))
	})
	return all
}
