// Package neutral_test holds that what lies in a repository for imgstream is nothing to
// the tools that deploy from it: Flux, kubectl kustomize and Argo CD (product.md 2).
package neutral_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
)

// tools are the ways a repository is deployed.
var tools = map[string]func(repository) ([]object, error){"Flux": flux, "kubectl kustomize": kubectl, "Argo CD": argoCD}

const examples = "../../examples"

// exampleDirs are the examples that are one repository each. Those of migrations are
// people's, before and after, which no tool deploys from their root.
func exampleDirs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" && e.Name() != "migrations" {
			dirs = append(dirs, e.Name())
		}
	}
	if len(dirs) == 0 {
		t.Fatal("there are no examples")
	}
	return dirs
}

// Each example builds with each tool; the user's objects come out, and none of ours.
func TestExamplesAreNeutral(t *testing.T) {
	for _, dir := range exampleDirs(t) {
		r, err := load(os.DirFS(filepath.Join(examples, dir)))
		if err != nil {
			t.Fatal(err)
		}
		for name, tool := range tools {
			t.Run(dir+"/"+name, func(t *testing.T) {
				objects, err := tool(r)
				if err != nil {
					t.Fatal(err)
				}
				if len(objects) == 0 {
					t.Error("nothing comes out: the example deploys nothing")
				}
				if ours := oursOf(objects); len(ours) > 0 {
					t.Errorf("these come out:\n%s", strings.Join(ours, "\n"))
				}
			})
		}
	}
}

// What init adds to a repository changes nothing of what each tool makes of it: the same
// objects come out as before, or it says the same of what it could not build before.
func TestMigrationsAreNeutral(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(examples, "migrations", "*", "before"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		for name, tool := range tools {
			made := map[string]string{}
			for _, state := range []string{"before", "after"} {
				r, err := load(os.DirFS(filepath.Join(filepath.Dir(dir), state)))
				if err != nil {
					t.Fatal(err)
				}
				objects, err := tool(r)
				if len(objects) == 0 && name == "kubectl kustomize" { // it builds what has a kustomization, the others all there is
					t.Errorf("%s/%s: nothing comes out: %v", filepath.Dir(dir), state, err)
				}
				var text strings.Builder
				for _, o := range objects {
					fmt.Fprintln(&text, o)
				}
				made[state] = fmt.Sprint(err, "\n", text.String())
			}
			if diff := cmp.Diff(made["before"], made["after"]); diff != "" {
				t.Errorf("%s by %s (-before +after)\n%s", filepath.Dir(dir), name, diff)
			}
		}
	}
}

// The same with the kubectl of this machine, whose kustomize may be another one.
func TestExamplesWithRealKubectl(t *testing.T) {
	exe, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed: examples are built by the kustomize library alone")
	}
	version, err := exec.CommandContext(t.Context(), exe, "version", "--client").Output()
	t.Logf("%s, %v", strings.TrimSpace(string(version)), err)
	for _, dir := range exampleDirs(t) {
		r, err := load(os.DirFS(filepath.Join(examples, dir)))
		if err != nil {
			t.Fatal(err)
		}
		for at, file := range r.kustomized() {
			if r.isComponent(file) {
				continue
			}
			cmd := exec.CommandContext(t.Context(), exe, "kustomize", filepath.Join(examples, dir, at))
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%s/%s: %v\n%s", dir, at, err, stderr.String())
				continue
			}
			objects, err := objectsIn(out)
			if ours := oursOf(objects); err != nil || len(ours) > 0 {
				t.Errorf("%s/%s: %v, these come out: %v", dir, at, err, ours)
			}
		}
	}
}

// generated is a repository with everything that imgstream puts into one.
func generated() repository {
	r := repository(fixture.Shape{Registry: "registry.example.com", Streams: 4, PerUnit: 2, Manifests: 1, Status: true}.Files())
	r[".imgstream.yaml"] = `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata: {name: imgstream, annotations: {config.kubernetes.io/local-config: "true"}}
`
	r["plain/service.yaml"] = "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\n"
	r["README.md"] = "not: [yaml"
	return r
}

func TestGeneratedRepositoryIsNeutral(t *testing.T) {
	want := map[string][]string{
		"Flux": {
			"apps/v1 Deployment team-000/deployment-00-app-00000", "apps/v1 Deployment team-000/deployment-00-app-00002", "v1 Service /plain",
		},
		"kubectl kustomize": {
			"apps/v1 Deployment team-000/deployment-00-app-00000", "apps/v1 Deployment team-000/deployment-00-app-00002",
		},
		"Argo CD": {
			"apps/v1 Deployment /deployment-00-app-00000", "apps/v1 Deployment /deployment-00-app-00002", "v1 Service /plain",
		},
	}
	for name, tool := range tools {
		objects, err := tool(generated())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, o := range objects {
			got = append(got, o.String())
		}
		slices.Sort(got)
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The walkers see what they must: files without the marks come out, and what breaks a
// build breaks it.
func TestWalkersSee(t *testing.T) {
	const bare = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: bare}\n"
	const deployment = "apps/team-000/unit-0000/deployment-00.yaml"
	unmarked := func(r repository, path string) {
		r[path] = strings.NewReplacer("# +argocd:skip-file-rendering\n", "", `config.kubernetes.io/local-config: "true"`, "a: b").Replace(r[path])
	}
	cases := map[string]struct {
		change func(repository)
		sees   []string // tools that show something of ours
		breaks []string // tools that fail
	}{
		"a spec without marks":       {change: func(r repository) { r["imagestreams/bare.yaml"] = bare }, sees: []string{"Argo CD", "Flux"}},
		"a spec in JSON":             {change: func(r repository) { r["imagestreams/bare.json"] = `{"apiVersion": "v1", "kind": "ImageStream"}` }, sees: []string{"Argo CD"}},
		"settings without marks":     {change: func(r repository) { unmarked(r, ".imgstream.yaml") }, sees: []string{"Argo CD", "Flux"}},
		"a status without marks":     {change: func(r repository) { unmarked(r, "imagestreams/status/team-000/app-00000/1.0.yaml") }, sees: []string{"Argo CD", "Flux"}},
		"metadata without marks":     {change: func(r repository) { unmarked(r, fixture.ImagePath(fixture.Digest(0))) }, sees: []string{"Argo CD", "Flux"}},
		"a spec that somebody lists": {change: func(r repository) { r.list("bare.yaml", bare) }, sees: []string{"Argo CD", "Flux", "kubectl kustomize"}},
		"a marked one that somebody lists": {change: func(r repository) {
			r.list("marked.yaml", strings.Replace(r["imagestreams/team-000/app-00000.yaml"], "name: app-00000", "name: marked", 1))
		}},
		"two objects with one id":                      {change: func(r repository) { r["plain/again.yaml"] = r["plain/service.yaml"] }, breaks: []string{"Flux"}},
		"a file that is not YAML":                      {change: func(r repository) { r["plain/broken.yml"] = "a: [" }, breaks: []string{"Argo CD", "Flux"}},
		"a file without a kind":                        {change: func(r repository) { r[".values.yaml"] = "a: b\n" }, breaks: []string{"Argo CD", "Flux"}},
		"a kustomization that lists what is not there": {change: func(r repository) { delete(r, deployment) }, breaks: []string{"Flux", "kubectl kustomize"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := generated()
			c.change(r)
			var sees, breaks []string
			for _, tool := range slices.Sorted(maps.Keys(tools)) {
				objects, err := tools[tool](r)
				if err != nil {
					breaks = append(breaks, tool)
				} else if len(oursOf(objects)) > 0 {
					sees = append(sees, tool)
				}
			}
			if !slices.Equal(sees, c.sees) || !slices.Equal(breaks, c.breaks) {
				t.Errorf("seen by %v, breaks %v", sees, breaks)
			}
		})
	}
}

// list adds a file to the first kustomization.
func (r repository) list(name, text string) {
	const dir = "apps/team-000/unit-0000/"
	r[dir+name] = text
	r[dir+"kustomization.yaml"] = strings.Replace(r[dir+"kustomization.yaml"], "resources:\n", "resources:\n- "+name+"\n", 1)
}
