package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchemas: what a kustomization says of its own kinds counts in its build and in no other.
func TestSchemas(t *testing.T) {
	const (
		things = "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\nspec:\n  parts:\n  - {name: a, image: a:1}\n  - {name: b, image: b:1}\n"
		patch  = "patches:\n- patch: |-\n    apiVersion: x.io/v1\n    kind: Thing\n    metadata: {name: t}\n    spec: {parts: [{name: b, image: 'b:2'}]}\n"
		schema = `{"definitions": {
"io.x.v1.Thing": {"type": "object", "properties": {"spec": {"$ref": "#/definitions/io.x.v1.Spec"}}, "x-kubernetes-group-version-kind": [{"group": "x.io", "kind": "Thing", "version": "v1"}]},
"io.x.v1.Spec": {"type": "object", "properties": {"parts": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}
}}`
	)
	tree := func(fields, schema string) string {
		return "-- o/kustomization.yaml --\nresources: [t.yaml]\n" + fields + "-- o/t.yaml --\n" + things + "-- o/s.json --\n" + schema + "\n"
	}
	const merged, replaced = "Thing t spec.parts[name=b].image (): b:2\nThing t spec.parts[name=a].image (): a:1", "Thing t spec.parts[name=b].image (): b:2"
	renamed := strings.Replace(tree("namePrefix: x-\ncrds: [s.json]\nconfigMapGenerator: [{name: c, literals: [A=1], options: {disableNameSuffixHash: true}}]\n", `{"x.io/v1.Thing": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}, "image": {"x-kubernetes-object-ref-kind": "ConfigMap", "x-kubernetes-object-ref-api-version": "v1"}}}}}`), "spec:", "image: {name: c}\nspec:", 1)
	for _, c := range []struct{ name, archive, want string }{
		{"a schema", tree(patch+"openapi: {path: s.json}\n", schema), merged},
		{"another build does not have it", tree(patch, ""), replaced},
		{"a schema in YAML", tree(patch+"openapi: {path: s.json}\n", strings.Replace(schema, "{", "# schema\n{", 1)), merged},
		{"of a base", strings.ReplaceAll(tree(patch+"openapi: {path: s.json}\n", schema), "-- o/", "-- b/") + "-- o/kustomization.yaml --\nresources: [../b]\n", merged},
		{"a version", tree(patch+"openapi: {version: v0}\n", ""), "fails: o/kustomization.yaml: the specified OpenAPI version is not built in"},
		{"a reference to itself", tree(patch+"openapi: {path: s.json}\n", strings.Replace(schema, `{"type": "object", "properties": {"parts"`, `{"$ref": "#/definitions/io.x.v1.Spec", "properties": {"parts"`, 1)), "o/s.json: its openapi schema refers to more than whole definitions"},
		{"a reference to a part", tree(patch+"openapi: {path: s.json}\n", strings.Replace(schema, `"items": {"type": "object"}`, `"items": {"$ref": "#/definitions/io.x.v1.Spec/properties/parts/items"}`, 1)), "o/s.json: its openapi schema refers to more than whole definitions"},
		{"a reference to another file", tree(patch+"openapi: {path: s.json}\n", strings.Replace(schema, "#/definitions/io.x.v1.Spec", "https://example.com/s.json", 1)), "o/s.json: its openapi schema refers to more than whole definitions"},
		{"an alias", tree(patch+"openapi: {path: s.json}\n", "definitions:\n  a: &a {}\n  b: *a\n"), "o/s.json: its openapi schema refers to more than whole definitions"},
		{"no schema", tree(patch+"openapi: {path: s.json}\n", "{"), "o/s.json: it has not one document of YAML or JSON"},
		{"CRDs", renamed, "Thing x-t image.name (): x-c\nThing x-t spec.parts[name=a].image (): a:1\nThing x-t spec.parts[name=b].image (): b:1"},
		{"CRDs that refer to themselves", tree("crds: [s.json]\n", `{"a": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}, "x": {"\u0024ref": "a"}}}}}`), "o/s.json: its crds refer to other definitions"},
		{"CRDs that refer to themselves in disguise", tree("crds: [s.json]\n", "a: {Schema: {properties: {kind: {}, apiVersion: {}, metadata: {}, x: {!!binary JHJlZg==: a}}}}\n"), "o/s.json: it has a key in !!binary, which may be any text"},
		{"a definition in disguise", tree(patch+"openapi: {path: s.json}\n", "!!binary ZGVmaW5pdGlvbnM=: {a: {}}\n"), "o/s.json: it has a key in !!binary, which may be any text"},
		{"an empty file of CRDs", tree("crds: [s.json]\n", ""), "o/s.json: it has not one document of YAML or JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Collect(files(t, c.archive), "o")
			if err == nil {
				if out, err := s.Build(); err == nil {
					var lines []string
					for v := range out.Scalars() {
						if strings.Contains(v.Path(), "image") && v.Path() != "spec.parts" {
							lines = append(lines, fmt.Sprintf("%s %s (%s): %s", v.Object, v.Path(), v.Container(), v.Value))
						}
					}
					if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" {
						t.Error(diff)
					}
					return
				}
			}
			if got := built(t, files(t, c.archive), "o"); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
