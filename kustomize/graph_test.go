package kustomize

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// graph reads the files of an archive.
func graph(archive string) *Graph {
	g := NewGraph()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if IsKustomization(f.Name) {
			if k := ReadKustomization(f.Name, f.Data); k != nil {
				g.AddKustomization(f.Name, k, Parse(f.Name, f.Data))
			}
		} else {
			g.AddManifest(f.Name, ReadManifest(f.Data), Parse(f.Name, f.Data))
		}
	}
	return g
}

func describeGraph(g *Graph) string {
	var b strings.Builder
	for _, r := range g.Roots() {
		fmt.Fprintf(&b, "root %s\n", r.Path)
		for _, i := range r.Images {
			fmt.Fprintf(&b, "  %s:%d %s in %q", i.File, i.Line, i.Text, i.Namespace)
			if i.Changed != (Place{}) {
				fmt.Fprintf(&b, " changed by %s:%d", i.Changed.File, i.Changed.Line)
			}
			b.WriteString("\n")
		}
		for _, u := range r.Unread {
			fmt.Fprintf(&b, "  unread %s: %.40s\n", u.File, u.Reason)
		}
	}
	for _, i := range g.Unlisted() {
		fmt.Fprintf(&b, "unlisted %s:%d %s\n", i.File, i.Line, i.Text)
	}
	return b.String()
}

func TestGraph(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{"what is included is no root", `
-- base/kustomization.yaml --
resources: [d.yaml]
-- base/d.yaml --
spec: {containers: [{image: app}]}
-- overlay/kustomization.yml --
namespace: n
bases: [../base/.]
`, "root overlay/kustomization.yml\n  base/d.yaml:1 app in \"n\"\n"},
		{"the outermost namespace counts", `
-- a/kustomization.yaml --
resources: [../b]
-- b/kustomization.yaml --
namespace: n
resources: [../c, own.yaml]
-- b/own.yaml --
{metadata: {namespace: x}, spec: {containers: [{image: own}]}}
-- c/kustomization.yaml --
namespace: m
resources: [d.yaml]
-- c/d.yaml --
spec: {containers: [{image: app}]}
`, "root a/kustomization.yaml\n  b/own.yaml:1 own in \"n\"\n  c/d.yaml:1 app in \"n\"\n"},
		{"remote and outside, missing and of another kind", `
-- a/kustomization.yaml --
resources:
- https://example.com/x
- github.com/a/b?ref=main
- ../../../etc
- /etc
- missing.yaml
- .
- ../other
-- other/kustomization.yaml --
kind: ConfigMap
`, "root a/kustomization.yaml\n"},
		{"a component alone is no root", `
-- kustomization.yaml --
kind: Component
resources: [d.yaml]
-- d.yaml --
spec: {containers: [{image: app}]}
`, "unlisted d.yaml:1 app\n"},
		{"entries on the way", `
-- base/kustomization.yaml --
resources: [d.yaml]
images:
- name: no/match
  newTag: x
- name: app # changes nothing
- NAME: app
  newtag: x
-- base/d.yaml --
spec: {containers: [{image: app:1}, {image: app2}]}
-- overlay/kustomization.yaml --
resources: [../base]
images: [{name: 'app.*', newTag: x}]
`, "root overlay/kustomization.yaml\n  base/d.yaml:1 app2 in \"\" changed by overlay/kustomization.yaml:2\n  base/d.yaml:1 app:1 in \"\" changed by base/kustomization.yaml:6\n"},
		{"entries of local lookup change nothing for it", `
-- kustomization.yaml --
resources: [d.yaml]
images:
- name: app:1 # {"$imagestream": "n/app:1", "lookup": true}
  newName: r.io/app
- name: app$ # {"$imagestream": "n/app:latest"}
  newName: r.io/app
-- d.yaml --
spec: {containers: [{image: app:1}, {image: app}]}
`, "root kustomization.yaml\n  d.yaml:1 app in \"\" changed by kustomization.yaml:5\n  d.yaml:1 app:1 in \"\"\n"},
		{"patches", `
-- kustomization.yaml --
patchesStrategicMerge:
- p.yaml
- |-
  spec: {containers: [{image: inline}]}
patches:
- path: q.yaml
- patch: "[{op: add, path: /spec/containers/0/image, value: json}]"
patchesJson6902:
- path: r.yaml
-- p.yaml --
spec: {containers: [{image: p}]}
-- q.yaml --
spec: {containers: [{image: q}]}
-- r.yaml --
[{op: add, path: /spec/containers/0/image, value: r}]
`, "root kustomization.yaml\n  kustomization.yaml:4 inline in \"\"\n  kustomization.yaml:7 json in \"\"\n  p.yaml:1 p in \"\"\n  q.yaml:1 q in \"\"\n  r.yaml:1 r in \"\"\n"},
		{"a broken manifest", `
-- kustomization.yaml --
resources: [d.yaml]
-- d.yaml --
spec: {containers: [{image: app
`, "root kustomization.yaml\n  unread d.yaml: not YAML: line 1: did not find expected \n"},
		{"a broken kustomization may include what it names", `
-- overlay/kustomization.yaml --
resources: [../base
-- base/kustomization.yaml --
resources: [d.yaml]
-- base/d.yaml --
spec: {containers: [{image: app}]}
`, ""},
		{"a broken base", `
-- overlay/kustomization.yaml --
resources: [../base]
-- base/kustomization.yaml --
resources: [
`, "root overlay/kustomization.yaml\n  unread base/kustomization.yaml: not YAML: line 1: did not find expected \n"},
		{"two kustomizations in one directory", `
-- a/kustomization.yaml --
resources: [../b]
-- a/kustomization.yml --
resources: [../c]
-- b/kustomization.yaml --
-- c/kustomization.yaml --
a: b
-- d/kustomization.yaml --
resources: [../a]
`, "root d/kustomization.yaml\n  unread a/kustomization.yml: another kustomization stands beside it, \n"},
		{"a circle has no root", `
-- a/kustomization.yaml --
resources: [../b]
-- b/kustomization.yaml --
resources: [../a, d.yaml]
-- b/d.yaml --
spec: {containers: [{image: app}]}
`, "unlisted b/d.yaml:1 app\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, describeGraph(graph(c.files))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDeploying(t *testing.T) {
	g := graph(`
-- a/kustomization.yaml --
resources: [../base]
-- b/kustomization.yaml --
resources: [../base]
components: [../c]
-- base/kustomization.yaml --
resources: [../base]
-- c/kustomization.yaml --
kind: Component
components: [../deeper, ../c]
-- deeper/kustomization.yaml --
kind: Component
-- alone/kustomization.yaml --
kind: Component
-- torn/kustomization.yaml --
resources: [../under
-- under/kustomization.yaml --
namespace: x
`)
	for file, want := range map[string]string{
		"deeper/kustomization.yaml": "[b/kustomization.yaml] true", "base/kustomization.yaml": "[a/kustomization.yaml b/kustomization.yaml] true",
		"a/kustomization.yaml": "[a/kustomization.yaml] true", "alone/kustomization.yaml": "[] true", "none/kustomization.yaml": "[] false", "under/kustomization.yaml": "[] false",
	} {
		roots, known := g.Deploying(file)
		if got := fmt.Sprint(roots, known); got != want {
			t.Errorf("%s: %s", file, got)
		}
	}
	if roots, known := (*Graph)(nil).Deploying("a/kustomization.yaml"); len(roots) > 0 || known {
		t.Error(roots, known)
	}
}

// Kustomizations that include each other twice over and over are given up, not followed.
func TestGraphIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "-- c%d/kustomization.yaml --\nkind: Component\nresources: [d.yaml]\n", i)
		if i > 0 {
			fmt.Fprintf(&b, "components: [../c%d, ../c%d/]\n", i-1, i-1)
		}
		fmt.Fprintf(&b, "-- c%d/d.yaml --\nspec: {containers: [{image: app%d}]}\n", i, i)
	}
	b.WriteString("-- a/kustomization.yaml --\ncomponents: [../c59]\n")
	roots := graph(b.String()).Roots()
	if len(roots) != 1 || !slices.ContainsFunc(roots[0].Unread, func(u Unread) bool { return strings.Contains(u.Reason, "more often") }) {
		t.Fatalf("%d roots, unread %v", len(roots), roots[0].Unread)
	}
}

// FuzzGraph never panics and always ends, whatever three kustomizations say.
func FuzzGraph(f *testing.F) {
	f.Add("resources: [../b]\n", "kind: Component\ncomponents: [../c, ../a]\n", "images: [{name: 'a.', newTag: x}]\nresources: [d.yaml]\n")
	f.Add("{{ x }} ../b", "namespace: n\nresources: [../c, ../c/]\n", "patches: [{patch: \"spec: {containers: [{image: app}]}\"}]\n")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		g := NewGraph()
		for dir, src := range map[string]string{"a": a, "b": b, "c": c} {
			if k := ReadKustomization("kustomization.yaml", []byte(src)); k != nil {
				g.AddKustomization(dir+"/kustomization.yaml", k, nil)
			}
		}
		g.AddManifest("c/d.yaml", ReadManifest([]byte("spec: {containers: [{image: app}, {image: app:1}]}")), nil)
		seen := map[string]bool{}
		for _, r := range g.Roots() {
			for _, i := range r.Images {
				if i.File == "" || i.Line < 1 {
					t.Fatalf("%+v", i)
				}
			}
			seen[r.Path] = true
		}
		if len(seen) > 3 || len(slices.Collect(maps.Keys(g.nodes))) > 3 {
			t.Fatal("more than there is")
		}
	})
}

// What is added after Roots was asked counts the next time.
func TestRootsAfterMore(t *testing.T) {
	g := NewGraph()
	for i, dir := range []string{"a", "b"} {
		g.AddKustomization(dir+"/kustomization.yaml", ReadKustomization("kustomization.yaml", []byte("namespace: n\n")), nil)
		if roots := g.Roots(); len(roots) != i+1 || len(g.Roots()) != i+1 {
			t.Errorf("%d roots after %d kustomizations", len(roots), i+1)
		}
	}
	g.AddKustomization("c/kustomization.yaml", ReadKustomization("kustomization.yaml", []byte("resources: [../a, ../b]\n")), nil)
	if roots := g.Roots(); len(roots) != 1 {
		t.Errorf("%d roots, and c includes the others", len(roots))
	}
}
