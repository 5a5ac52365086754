package build

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// files is a tree from a txtar archive.
func files(t *testing.T, archive string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return fsys
}

// built is the images of a build, one to a line, or why there is none.
func built(t *testing.T, fsys fs.FS, dir string) string {
	t.Helper()
	s, err := Collect(fsys, dir)
	var out *Output
	if err == nil {
		out, err = s.Build()
	}
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("%T: %v", err, err)
		}
		if e.Fails {
			return "fails: " + e.Error()
		}
		return e.Error()
	}
	var lines []string
	for v := range out.Scalars() {
		if strings.HasSuffix(v.Path(), "image") || strings.HasSuffix(v.Path(), "PATH") || strings.Contains(v.Value, "IMAGE") {
			lines = append(lines, fmt.Sprintf("%s %s (%s): %s", v.Object, v.Path(), v.Container(), v.Value))
		}
	}
	return strings.Join(lines, "\n")
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers:
      - {name: init, image: busybox}
      containers:
      - {name: web, image: keycloak}
`

func TestBuild(t *testing.T) {
	const ready = "Deployment web spec.template.spec.initContainers[name=init].image (init): busybox\nDeployment web spec.template.spec.containers[name=web].image (web): "
	base := "-- base/kustomization.yaml --\nresources: [web.yaml]\n-- base/web.yaml --\n" + deployment
	for _, c := range []struct{ name, archive, want string }{
		{"plain", base, ready + "keycloak"},
		{
			"overlay", base + "-- o/kustomization.yaml --\nnamespace: sso\nresources: [../base]\nimages:\n- {name: keycloak, newName: quay.io/kc, digest: sha256:1}\n",
			strings.ReplaceAll(ready, "Deployment web", "Deployment sso/web") + "quay.io/kc@sha256:1",
		},
		{
			"deprecated fields, said by nobody", base + "-- o/Kustomization --\nbases: [../base]\ncommonLabels: {a: b}\npatchesStrategicMerge:\n- |\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec: {template: {spec: {containers: [{name: web, image: patched}]}}}\n",
			ready + "patched",
		},
		{
			"component", base + "-- c/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n- {name: keycloak, newTag: '1'}\n-- o/kustomization.yml --\nresources: [../base]\ncomponents: [../c]\n",
			ready + "keycloak:1",
		},
		{"files outside of its directory", base + "-- o/kustomization.yaml --\nresources: [../base/web.yaml]\n", ready + "keycloak"},
		{
			"configurations", "-- o/kustomization.yaml --\nresources: [r.yaml]\nconfigurations: [c.yaml]\nimages: [{name: a, newTag: '2'}]\n-- o/c.yaml --\nimages:\n- {path: spec/image, kind: Thing}\n-- o/r.yaml --\napiVersion: x/v1\nkind: Thing\nmetadata: {name: t}\nspec: {image: 'a:1'}\n",
			"Thing t spec.image (): a:2",
		},
		{
			"replacements", base + "-- o/kustomization.yaml --\nresources: [../base, c.yaml]\nreplacements:\n- path: r.yaml\n-- o/r.yaml --\nsource: {kind: ConfigMap, name: c, fieldPath: data.IMAGE}\ntargets:\n- select: {kind: Deployment}\n  fieldPaths: ['spec.template.spec.containers.[name=web].image']\n-- o/c.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {IMAGE: IMAGE1}\n",
			ready + "IMAGE1\nConfigMap c data.IMAGE (): IMAGE1",
		},
		{
			"generated", "-- o/kustomization.yaml --\nconfigMapGenerator:\n- {name: c, files: [x=f.txt], envs: [e.env], options: {disableNameSuffixHash: true}}\n-- o/f.txt --\nIMAGE=1\n-- o/e.env --\nA=IMAGE2\n",
			"ConfigMap c data.A (): IMAGE2\nConfigMap c data.x (): IMAGE=1\n",
		},
		{
			"no environment", "-- o/kustomization.yaml --\nconfigMapGenerator: [{name: IMAGE, envs: [e.env], options: {disableNameSuffixHash: true}}]\n-- o/e.env --\nPATH\n",
			"ConfigMap IMAGE metadata.name (): IMAGE\nConfigMap IMAGE data.PATH (): ",
		},
		{"no resource", "-- o/kustomization.yaml --\nresources: [gone.yaml]\n", "fails: o/kustomization.yaml:1: it names what is not there"},
		{"no kustomization", "-- o/kustomization.yaml --\nresources: [../p]\n-- p/x --\n", "fails: o/kustomization.yaml:1: it names a directory without a kustomization"},
		{"two kustomizations", "-- o/kustomization.yaml --\nnamespace: a\n-- o/kustomization.yml --\nnamespace: a\n", "fails: o/kustomization.yml: kustomization.yaml lies beside it, and kustomize reads only one"},
		{"a cycle", "-- o/kustomization.yaml --\nresources:\n- ../p\n-- p/kustomization.yaml --\n\nresources: [../o]\n", "fails: p/kustomization.yaml:2: it includes itself"},
		{"unknown field", "-- o/kustomization.yaml --\nresource: []\n", `fails: o/kustomization.yaml: invalid Kustomization: json: unknown field "resource"`},
		{
			"a patch without its target", base + "-- o/kustomization.yaml --\nresources: [../base]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Service\n    metadata: {name: none}\n",
			"fails: o/kustomization.yaml: no resource matches strategic merge patch \"Service.v1.[noGrp]/none.[noNs]\": no matches for Id Service.v1.[noGrp]/none.[noNs]; failed to find unique target for patch Service.v1.[noGrp]/none.[noNs]",
		},
		{"Helm", "-- o/kustomization.yaml --\nhelmCharts: [{name: a, repo: 'https://example.com'}]\n", "o/kustomization.yaml: it inflates a Helm chart"},
		{"Helm's globals", "-- o/kustomization.yaml --\nhelmGlobals: {chartHome: x}\n", "o/kustomization.yaml: it inflates a Helm chart"},
		{"a program", "-- o/kustomization.yaml --\ngenerators:\n- |\n  apiVersion: x/v1\n  kind: X\n  metadata: {name: a, annotations: {config.kubernetes.io/function: 'exec: {path: ./x}'}}\n", "o/kustomization.yaml: it runs the plugin X (x/v1), which is not a part of kustomize"},
		{"validators, in capitals", "-- o/kustomization.yaml --\nVALIDATORS: [x.yaml]\n-- o/x.yaml --\napiVersion: x/v1\nkind: X\nmetadata: {name: a}\n", "o/kustomization.yaml: it runs the plugin X (x/v1), which is not a part of kustomize"},
		{"outside", "-- o/kustomization.yaml --\nresources:\n- ../../../../etc\n", "o/kustomization.yaml:2: it names a path outside of the repository"},
		{"absolute", "-- o/kustomization.yaml --\nresources:\n- /etc/passwd\n", "o/kustomization.yaml:2: it names an absolute path"},
		{"an absolute patch", "-- o/kustomization.yaml --\npatches:\n- path: /etc/passwd\n", "o/kustomization.yaml:2: it names an absolute path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := "o"
			fsys := files(t, c.archive)
			if _, err := fs.Stat(fsys, "o"); err != nil {
				dir = "base"
			}
			if diff := cmp.Diff(c.want, built(t, fsys, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNothingOfTheMachine has every field that kustomize loads something by name a server, a
// git repository, the disk and programs: none is asked, read or run.
func TestNothingOfTheMachine(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	for _, program := range []string{"git", "helm", "docker", "sh", "bash"} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\necho x > "+ran+"\n"), 0o755); err != nil { //nolint:gosec // to be run
			t.Fatal(err)
		}
	}
	secret := filepath.Join(dir, "secret.yaml")
	if err := os.WriteFile(secret, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: IMAGE}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	names := []string{
		server.URL + "/a.yaml", strings.ToUpper(server.URL[:4]) + server.URL[4:] + "/a.yaml", server.URL + "/a.git//b?ref=1", "git::" + server.URL + "/a/b",
		"github.com/a/b", "GitHub.com/a/b//c?ref=main", "github.com:a/b", "git@github.com:a/b.git", "me@host:a/b", "ssh://git@host/a/b", "file://" + dir, "file://" + dir + "/a/b",
		secret, "../../../../../../../../../.." + secret, "x@" + secret, `..\..\x`, "git::ssh://git@host/a/b", "x/../../y",
	}
	fields := []string{
		"resources: [%q]", "bases: [%q]", "components: [%q]", "Resources: [%q]", "configurations: [%q]", "crds: [%q]", "openapi: {path: %q}", "generators: [%q]", "transformers: [%q]", "validators: [%q]",
		"patches: [{path: %q}]", "patchesJson6902: [{path: %q, target: {kind: A, name: a, version: v1}}]", "patchesStrategicMerge: [%q]", "replacements: [{path: %q}]",
		"configMapGenerator: [{name: a, files: [%q]}]", "configMapGenerator: [{name: a, files: ['a=%s']}]", "configMapGenerator: [{name: a, envs: [%q]}]", "configMapGenerator: [{name: a, env: %q}]",
		"secretGenerator: [{name: a, files: [%q]}]", "secretGenerator: [{name: a, envs: [%q]}]", "helmCharts: [{name: a, repo: %q}]", "helmCharts: [{name: a, valuesFile: %q}]", "helmChartInflationGenerator: [{chartName: a, values: %q}]",
		"transformers: [{apiVersion: builtin, kind: PatchTransformer, metadata: {name: a}, path: %q}]",
		"transformers: [../t]\n-- t/kustomization.yaml --\nresources: [%q]", "generators: [../t]\n-- t/kustomization.yaml --\nresources: [../u]\n-- u/kustomization.yaml --\ncomponents: [%q]",
		"transformers: [../t]\n-- t/kustomization.yaml --\ntransformers: [%q]",
	}
	for _, plugin := range []string{
		config("PatchTransformer", "path: %q"), config("PatchTransformer", "target: {kind: A}\nPath: %q"), config("PatchJson6902Transformer", "target: {kind: A, name: a}\npath: %q"),
		config("PatchStrategicMergeTransformer", "paths: [%q]"), config("ReplacementTransformer", "replacements: [{path: %q}]"), config("ValueAddTransformer", "targetFilePath: %q"),
		config("ConfigMapGenerator", "files: [%q]"), config("ConfigMapGenerator", "files: ['a=%s']"), config("ConfigMapGenerator", "envs: [%q]"), config("ConfigMapGenerator", "env: %q"),
		config("SecretGenerator", "Files: [%q]"), config("SecretGenerator", "envs: [%q]"), config("HelmChartInflationGenerator", "name: a\nrepo: %q"), config("HelmChartInflationGenerator", "chartHome: %q"),
		"apiVersion: x/v1\nkind: X\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: %q}\n", "apiVersion: x/v1\nkind: X\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: %q}\n",
		"apiVersion: builtin\nkind: X\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      starlark: {url: %q, name: a}\n",
	} {
		for _, field := range []string{"generators", "transformers", "validators"} {
			fields = append(fields, field+": [../t.yaml]\n-- t.yaml --\n"+plugin, field+":\n- |\n"+indented("  ", plugin))
		}
	}
	refused := regexp.MustCompile(`^(fails: )?([optu]/kustomization|t)\.yaml(:\d+)?: `)
	for _, field := range fields {
		for _, name := range names {
			for _, archive := range []string{
				"-- o/kustomization.yaml --\n" + fmt.Sprintf(field, name) + "\n",
				"-- o/kustomization.yaml --\nresources: [../p]\n-- p/kustomization.yaml --\n" + fmt.Sprintf(field, name) + "\n",
			} {
				if got := built(t, files(t, archive), "o"); !refused.MatchString(got) {
					t.Errorf("%s: built: %s", archive, got)
				}
			}
		}
	}
	if _, err := os.Stat(ran); err == nil || asked > 0 {
		t.Errorf("a program was run (%v), or a server asked (%d times)", err, asked)
	}
}

func TestLinks(t *testing.T) {
	const own = "o/kustomization.yaml:1"
	plugin := "-- t.yaml --\n" + config("ConfigMapGenerator", "files: [a=link]\n")
	for fields, want := range map[string]string{
		"resources: [link]": own, "resources: [x/link/a.yaml]": own, "components: [link]": own, "transformers: [link]": own, "generators: [x/link]": own, "crds: [link]": own, "openapi: {path: link}": own,
		"patches: [{path: link}]": own, "configMapGenerator: [{name: a, files: [a=link]}]": own, "secretGenerator: [{name: a, envs: [x/link/b]}]": own, "replacements: [{path: link}]": own, "configurations: [link]": own,
		"generators: [../t.yaml]\n" + plugin: "o/kustomization.yaml", "transformers: [../t]\n-- t/kustomization.yaml --\nresources: [../o/link]": "t/kustomization.yaml:1",
	} {
		fsys := files(t, "-- o/kustomization.yaml --\n"+fields+"\n-- o/x/y --\n")
		fsys["o/link"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/etc/passwd")}
		fsys["o/x/link"] = &fstest.MapFile{Mode: fs.ModeIrregular}
		if got := built(t, noFollow{fsys}, "o"); got != want+": it leads through a symbolic link or a submodule" {
			t.Errorf("%s: %s", fields, got)
		}
	}
}

// noFollow is a tree that does not follow links, as git's.
type noFollow struct{ fs.FS }

func (f noFollow) Stat(name string) (fs.FileInfo, error) {
	m, _ := f.FS.(fstest.MapFS)
	for i := range name {
		if entry := m[name[:i]]; name[i] == '/' && entry != nil && !entry.Mode.IsDir() {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: errors.New("is a link")}
		}
	}
	return m.Lstat(name)
}

// TestBombs are small files that would take memory or time without end.
func TestBombs(t *testing.T) {
	thing := "apiVersion: v1\nkind: X\nmetadata: {name: a}\n"
	doubling := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {b: x}, s: x}\n"
	replacement := func(source, target, options string) string {
		return "replacements:\n- source: {kind: ConfigMap, fieldPath: " + source + "}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [" + target + "]" + options + "}]\n"
	}
	copies := strings.Repeat("    - {op: copy, from: /spec, path: /spec/x}\n", 40)
	prefixes := "-- o/kustomization.yaml --\nresources: [../d0/a, ../d0/b]\n"
	for i := range 9 {
		for _, side := range []string{"a", "b"} {
			prefixes += fmt.Sprintf("-- d%d/%s/kustomization.yaml --\nnamePrefix: %s\nresources: [../../d%d/a, ../../d%d/b]\n", i, side, side, i+1, i+1)
		}
	}
	deep := func(separator string) string { return strings.Repeat("a"+separator, 20_000) + "a" }
	for _, side := range []string{"a", "b"} {
		prefixes += "-- d9/" + side + "/kustomization.yaml --\nnamePrefix: " + side + "\nresources: [x.yaml]\n-- d9/" + side + "/x.yaml --\n" + thing
	}
	for _, c := range []struct{ name, archive, want string }{
		{"aliases", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + thing + bomb(), "o/a.yaml: its aliases may stand for more than 20000 values"},
		{"aliases in a patch", "-- o/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- patch: |-\n" + indented("    ", bomb()) + "-- o/a.yaml --\n" + thing, "o/kustomization.yaml: its aliases may stand for more than 20000 values"},
		{"aliases in the kustomization", "-- o/kustomization.yaml --\n" + bomb(), "o/kustomization.yaml: its aliases may stand for more than 20000 values"},
		{"an alias inside of its anchor", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + thing + "spec: &a [*a]\n", "o/a.yaml: its aliases may stand for more than 20000 values"},
		{"brackets", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + thing + "spec: " + strings.Repeat("{a: ", 9000) + strings.Repeat("}", 9000), "o/a.yaml: it has more than 64 collections inside one another"},
		{"dashes", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + thing + "spec:\n" + strings.Repeat("- ", 3000) + "x\n", "o/a.yaml: it has more than 64 collections inside one another"},
		{
			"copies of a JSON patch", "-- o/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- target: {kind: X}\n  patch: |\n" + copies + "-- o/a.yaml --\n" + thing + "spec: {a: " + strings.Repeat("x", 1000) + "}\n",
			"fails: o/kustomization.yaml: Unable to complete the copy, the accumulated size increase of copy is ",
		},
		{"a value copied into itself", "-- o/kustomization.yaml --\nresources: [a.yaml]\n" + replacement("data.a", "data.a.b", "") + "-- o/a.yaml --\n" + doubling, "o/kustomization.yaml: a replacement may write into what another one copies"},
		{"a value appended to itself", "-- o/kustomization.yaml --\nresources: [a.yaml]\n" + replacement("data.s", "data.s", ", options: {delimiter: ',', index: 9}") + "-- o/a.yaml --\n" + doubling, "o/kustomization.yaml: a replacement may write into what another one copies"},
		{"a tree copied", "-- o/kustomization.yaml --\nresources: [a.yaml]\n" + replacement("data.a", "data.s", "") + "-- o/a.yaml --\n" + doubling, "o/kustomization.yaml: a replacement may copy more than single values"},
		{"a base twice, and so on", prefixes, "o/kustomization.yaml: its build reads more than 300 files"},
		{"too deep", func() string {
			var b strings.Builder
			for i := range 20 {
				fmt.Fprintf(&b, "-- %s/kustomization.yaml --\nresources: [../%s]\n", strings.Repeat("o", i+1), strings.Repeat("o", i+2))
			}
			return b.String()
		}(), "oooooooooooo/kustomization.yaml:1: it lies more than 12 kustomizations deep"},
		{"too large", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + strings.Repeat("# x\n", 70_000), "o/kustomization.yaml: its build reads more than 256 KB"},
		{"too many", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + strings.Repeat("---\n"+thing, 501), "o/kustomization.yaml: it may have more than 500 objects"},
		{"too many, written in escapes", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + strings.Repeat("---\n"+`{"\x6bind": a}`+"\n", 501), "o/kustomization.yaml: it may have more than 500 objects"},
		{"a patch on all", "-- o/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- target: {kind: X}\n  path: p.yaml\n-- o/p.yaml --\n" + strings.Repeat("# x\n", 10_000) + "-- o/a.yaml --\n" + strings.Repeat("---\n"+thing, 400), "o/kustomization.yaml: it changes too many objects by too much"},
		{"patches on a large object", "-- o/kustomization.yaml --\nresources: [../b]\npatches:\n" + strings.Repeat("- {target: {kind: X}, path: p.yaml}\n", 60) + "-- o/p.yaml --\n- {op: remove, path: /a}\n-- b/kustomization.yaml --\nresources: [a.yaml]\n-- b/a.yaml --\n" + thing + strings.Repeat("# x\n", 18_000), "o/kustomization.yaml: it changes objects that are too large too often"},
		{"patches of a component on a large object", "-- o/kustomization.yaml --\nresources: [a.yaml]\ncomponents: [../c]\n-- c/kustomization.yaml --\nkind: Component\npatches:\n" + strings.Repeat("- {target: {kind: X}, path: p.yaml}\n", 60) + "-- c/p.yaml --\n- {op: remove, path: /a}\n-- o/a.yaml --\n" + thing + strings.Repeat("# x\n", 18_000), "o/kustomization.yaml: it changes objects that are too large too often"},
		{"transformers of a large object", "-- o/kustomization.yaml --\nresources: [a.yaml]\nvalidators: [t.yaml]\n-- o/t.yaml --\n" + transformers(60) + "-- o/a.yaml --\n" + thing + strings.Repeat("# x\n", 18_000), "o/kustomization.yaml: it changes objects that are too large too often"},
		{"a large object that others change", "-- o/kustomization.yaml --\nresources: [a.yaml, ../b]\n-- b/kustomization.yaml --\nresources: [b.yaml]\npatches:\n" + strings.Repeat("- {target: {kind: X}, path: p.yaml}\n", 60) + "-- b/p.yaml --\n- {op: replace, path: /kind, value: IMAGE}\n-- b/b.yaml --\n" + thing + "-- o/a.yaml --\n" + strings.Replace(thing, "name: a", "name: b", 1) + strings.Repeat("# x\n", 18_000), "IMAGE a kind (): IMAGE"},
		{"many keys", "-- o/kustomization.yaml --\nresources: [a.yaml]\n-- o/a.yaml --\n" + thing + "data: {" + strings.Repeat("a: b, ", 2001) + "}", "o/a.yaml: it has a mapping of more than 2000 keys"},
		{"a label far down", "-- o/kustomization.yaml --\nresources: [a.yaml]\nlabels:\n- pairs: {a: b}\n  fields: [{path: " + deep("/") + ", create: true}]\n-- o/a.yaml --\n" + thing, "o/kustomization.yaml: it changes what lies more than 64 keys deep"},
		{"a label far down, in a configuration", "-- o/kustomization.yaml --\nresources: [a.yaml]\ncommonLabels: {a: b}\nconfigurations: [c.yaml]\n-- o/c.yaml --\ncommonLabels:\n- {\"p\\u0061th\": " + deep("/") + ", create: true}\n-- o/a.yaml --\n" + thing, "o/c.yaml: it changes what lies more than 64 keys deep"},
		{"a label far down, in disguise", "-- o/kustomization.yaml --\nresources: [a.yaml]\ncommonLabels: {a: b}\nconfigurations: [c.yaml]\n-- o/c.yaml --\ncommonLabels:\n- {!!binary cGF0aA==: " + deep("/") + ", create: true}\n-- o/a.yaml --\n" + thing, "o/c.yaml: it has a key in !!binary, which may be any text"},
		{"a label far down, by a plugin", "-- o/kustomization.yaml --\nresources: [a.yaml]\ntransformers:\n- |\n" + indented("  ", config("LabelTransformer", "labels: {a: b}\nfieldSpecs: [{path: "+deep("/")+", create: true}]")) + "-- o/a.yaml --\n" + thing, "o/kustomization.yaml: it changes what lies more than 64 keys deep"},
		{"a replacement far down", "-- o/kustomization.yaml --\nresources: [a.yaml]\n" + replacement("metadata.name", deep("."), ", options: {create: true}") + "-- o/a.yaml --\n" + thing, "o/kustomization.yaml: it changes what lies more than 64 keys deep"},
		{"vars", "-- o/kustomization.yaml --\nresources: [a.yaml]\nvars: [{name: A, objref: {kind: X, name: a, apiVersion: v1}}]\n-- o/a.yaml --\n" + thing + strings.Repeat("# x\n", 5000), "o/kustomization.yaml: it has vars, and more than 16 KB of manifests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := built(t, files(t, c.archive), "o")
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// transformers are so many that do nothing.
func transformers(n int) string {
	all := ""
	for i := range n {
		all += strings.Replace(config("HashTransformer", "---\n"), "name: p", fmt.Sprintf("name: p%d", i), 1)
	}
	return all
}

// TestKustomizeLivesOn has kustomize come to a place where it ends the process, and to one
// where it warns.
func TestKustomizeLivesOn(t *testing.T) {
	var logged strings.Builder
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	renamed := func(to string) string {
		return "resources: [../c.yaml]\npatches:\n- target: {kind: ConfigMap}\n  options: {allowNameChange: true}\n  patch: '- {op: replace, path: /metadata/name, value: " + to + "}'\n"
	}
	ambiguous := "-- o/kustomization.yaml --\nresources: [a.yaml, ../p, ../q]\n-- p/kustomization.yaml --\n" + renamed("x") + "-- q/kustomization.yaml --\n" + renamed("y") +
		"-- c.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n" +
		"-- o/a.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  x: .inf\n  volumes: [{name: a, configMap: {name: c}}]\n"
	if got := built(t, files(t, ambiguous), "o"); !strings.HasPrefix(got, "fails: o/kustomization.yaml: kustomize gives up: ") {
		t.Error(got)
	}
	unused := "-- o/kustomization.yaml --\nresources: [a.yaml]\nvars: [{name: A, objref: {kind: X, name: a, apiVersion: v1}}]\n-- o/a.yaml --\napiVersion: v1\nkind: X\nmetadata: {name: a}\nimage: a\n"
	if got := built(t, files(t, unused), "o"); got != "X a image (): a" {
		t.Error(got)
	}
	log.Print("still here")
	if os.Stderr == nil || !strings.HasSuffix(logged.String(), "still here\n") || strings.Contains(logged.String(), "never replaced") {
		t.Errorf("stderr %v, logged %q", os.Stderr, logged.String())
	}
}

func TestSince(t *testing.T) {
	base := "-- o/kustomization.yaml --\nresources: [web.yaml]\nimages:\n- {name: keycloak, newTag: '1'}\n-- o/web.yaml --\n" + deployment
	before := output1(t, base)
	changed := func(archive string) []string {
		scalars, ok := output1(t, archive).Since(before.Digest())
		if !ok {
			return []string{"other values"}
		}
		lines := []string{}
		for _, s := range scalars {
			lines = append(lines, s.Path()+": "+s.Value)
		}
		return lines
	}
	for _, c := range []struct {
		name, archive string
		want          []string
	}{
		{"nothing", base, []string{}},
		{"an image", strings.Replace(base, "'1'", "'2'", 1), []string{"spec.template.spec.containers[name=web].image: keycloak:2"}},
		{"a name", strings.Replace(base, "images:", "namePrefix: a-\nimages:", 1), []string{"metadata.name: a-web"}},
		{"a value more", strings.Replace(base, "images:", "namespace: a\nimages:", 1), []string{"other values"}},
		{"a value less", strings.Replace(base, "      - {name: web, image: keycloak}", "      - {name: web}", 1), []string{"other values"}},
		{"an object more", base + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", []string{"other values"}},
	} {
		if diff := cmp.Diff(c.want, changed(c.archive)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func output1(t *testing.T, archive string) *Output {
	t.Helper()
	s, err := Collect(files(t, archive), "o")
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKey(t *testing.T) {
	tree := "-- o/kustomization.yaml --\nresources: [../base/web.yaml]\n-- base/web.yaml --\n" + deployment + "-- other.yaml --\n"
	key := func(archive string) any {
		s, err := Collect(files(t, archive), "o")
		if err != nil {
			t.Fatal(err)
		}
		return s.Key()
	}
	if key(tree) != key(tree+"more\n") {
		t.Error("a file that the build does not read changes its key")
	}
	if key(tree) == key(strings.Replace(tree, "busybox", "alpine", 1)) {
		t.Error("a file that the build reads does not change its key")
	}
}

// asked notes that something was asked for over HTTP.
type asked struct{ urls []string }

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.urls = append(a.urls, r.URL.String())
	return nil, errors.New("there is no network")
}

// FuzzCollect: whatever the files say, a build asks no server and runs no program, and twice it comes to the same.
func FuzzCollect(f *testing.F) {
	network, before := &asked{}, http.DefaultTransport
	http.DefaultTransport = network
	f.Cleanup(func() { http.DefaultTransport = before })
	bin := f.TempDir()
	ran := filepath.Join(bin, "ran")
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\necho x > "+ran+"\n"), 0o755); err != nil { //nolint:gosec // to be run
		f.Fatal(err)
	}
	f.Setenv("PATH", bin)
	f.Add("resources: [web.yaml]\nimages:\n- {name: keycloak, newTag: '1'}\n", deployment)
	f.Add("resources: [web.yaml, ../o]\npatches: [{path: web.yaml}]\n", "a: &a [*a]\n")
	f.Add("resources: [web.yaml]\ntransformers: [web.yaml]\n", config("ImageTagTransformer", "imageTag: {name: a, newTag: '1'}\n"))
	f.Add("transformers: [web.yaml]\n", config("PatchTransformer", "path: http://example.com/a.yaml\n"))
	f.Add("generators: [web.yaml]\nopenapi: {path: https://example.com/a}\n", config("ConfigMapGenerator", "Files: [a=http://example.com/a]\n"))
	f.Add("crds: [web.yaml]\nresources: ['https://example.com/a/b.git?ref=c']\n", `{"a": {"Schema": {"properties": {"kind": {"$ref": "a"}}}}}`)
	f.Add("generators:\n- |\n"+indented("  ", config("ConfigMapGenerator", "files: [web.yaml]")), deployment)
	f.Fuzz(func(t *testing.T, kustomization, manifest string) {
		fsys := fstest.MapFS{"o/kustomization.yaml": {Data: []byte(kustomization)}, "o/web.yaml": {Data: []byte(manifest)}}
		s, err := Collect(fsys, "o")
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		first, err := s.Build()
		if _, failed := os.Stat(ran); failed == nil || len(network.urls) > 0 {
			t.Fatalf("git was run (%v), or asked: %v", failed == nil, network.urls)
		}
		if err != nil {
			return
		}
		second, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		if changed, ok := second.Since(first.Digest()); !ok || len(changed) > 0 {
			t.Errorf("two builds of the same bytes differ: %v %v", ok, changed)
		}
	})
}
