package spelling_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/kustomized"
)

var old = digestOf(0)

// entries are images: entries, what the manifest says, and what is built afterwards.
// %REF% stands for a marker, OLD for a digest.
var entries = []struct{ name, entries, manifest, want string }{
	{"name and newTag", "- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0\n", "r.io/a/app", shown("a/app:1.2")},
	{"name, newTag and digest", "- digest: OLD\n  newTag: 1.0.0\n  name: r.io/a/app %a/app:1.2%\n", "r.io/a/app:x", shown("a/app:1.2")},
	{"newTag with a digest in it", "- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0@OLD\n", "r.io/a/app", shown("a/app:1.2")},
	{"digest alone", "- name: r.io/a/app %a/app:1.2%\n  digest: OLD\n", "r.io/a/app:x", pinned("a/app:1.2", "")},
	{"name alone", "%a/app:1.2%\n- name: r.io/a/app\n", "r.io/a/app:x", pinned("a/app:1.2", "")},
	{"newName and newTag", "- name: app\n  newName: r.io/a/app\n  newTag: 1.0.0 %a/app:1.2%\n", "app", shown("a/app:1.2")},
	{"newName and digest", "- name: app\n  newName: r.io/a/app\n  digest: OLD %a/app:1.2%\n", "app:x", pinned("a/app:1.2", "")},
	{"newName alone", "- name: app\n  newName: r.io/a/app\n  %a/app:1.2%\n", "app:x", pinned("a/app:1.2", "")},
	{"newName of another registry", "- name: app\n  newName: old.io/app\n  newTag: 1.0.0@OLD %a/app:1.2%\n", "app", shown("a/app:1.2")},
	{"a short name", "- name: web %a/web:9%\n  newTag: '8'\n", "web", shown("a/web:9")},
	{"a registry with a port", "- name: r.io:5000/a/far %a/far:1%\n  newTag: '8'\n", "r.io:5000/a/far:x", shown("a/far:1")},
	{"a tag that is a number to YAML", "- name: r.io/a/app %a/app:1.4%\n  newTag: 1.19.1\n", "r.io/a/app", shown("a/app:1.4")},
	{"no tag is known", "- name: r.io/a/quiet %a/quiet:x%\n  newTag: '8'\n", "r.io/a/quiet", pinned("a/quiet:x", ":8")},
	{"known by its tag alone", "- name: r.io/a/named %a/named:x%\n  newTag: 4@OLD\n", "r.io/a/named", shown("a/named:x")},
	{"known by its tag alone, name alone", "- name: named %a/named:x%\n", "named:x", shown("a/named:x")},
	{"an image with a digest", "- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0\n", "r.io/a/app:x@OLD", shown("a/app:1.2")},
	{"a flow mapping", "- {name: r.io/a/app, newTag: 1.0.0} %a/app:1.2%\n", "r.io/a/app", shown("a/app:1.2")},
	{"quotes, a tag, comments", "- name: 'r.io/a/app' # c\n  newTag: !!str \"1.0\" %a/app:1.4%\n", "r.io/a/app", shown("a/app:1.4")},
	{"CRLF", "- name: r.io/a/app %a/app:1.2%\r\n  newTag: 1.0.0\r\n", "r.io/a/app", shown("a/app:1.2")},
	{"a suffix that nothing uses any more", "- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0\n  tagSuffix: -x\n", "r.io/a/app", shown("a/app:1.2")},

	// Regular expressions.
	{"any registry", "- name: '.*/app' %a/app:1.2%\n  newTag: 1.0.0\n", "old.io/x/app:x", shown("a/app:1.2")},
	{"any letter", "- name: r.io.a.app %a/app:1.2%\n  newTag: 1.0.0\n", "r.io/a/app", shown("a/app:1.2")},
	{"one tag", `- name: 'r.io/a/app:1\.2' %a/app:1.2%` + "\n  newTag: 1.0.0\n", "r.io/a/app:1.2", shown("a/app:1.2")},
	{"one tag, and another image", `- name: 'r.io/a/app:1\.2' %a/app:1.2%` + "\n  newTag: 1.0.0\n", "r.io/a/app:1.3", "r.io/a/app:1.3"},
	{"the bare name", "- name: web$ %a/web:9%\n", "web", pinned("a/web:9", "")},
	{"the bare name, and latest", "- name: web$ %a/web:9%\n", "web:latest", "web:latest"},
	{"a name that others begin with", "- name: web %a/web:9%\n", "webster", "webster"},
	{
		"two tags of one stream", `- name: 'app:1\.2' %a/app:1.2%` + "\n" + `- name: 'app:1\.3' %a/app:1.3%` + "\n", "app:1.2 app:1.3 app:1.4",
		pinned("a/app:1.2", "") + " " + pinned("a/app:1.3", "") + " app:1.4",
	},
	{
		"two tags of one stream, with versions", `- name: 'app:1\.2' %a/app:1.2%` + "\n  newTag: x\n" + `- name: 'app:1\.3' %a/app:1.3%` + "\n  newTag: x\n", "app:1.2 app:1.3",
		shown("a/app:1.2") + " " + shown("a/app:1.3"),
	},

	// Entries that follow each other.
	{"renamed before", "- name: app\n  newName: r.io/a/app\n- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0\n", "app:x", shown("a/app:1.2")},
	{"a mirror afterwards", "- name: app %a/app:1.2%\n  newTag: 1.0.0\n- name: r.io/a/app\n  newName: mirror.io/app\n", "app", "mirror.io/app:1.2.7@" + digestOf(12)},
	{"the same name twice, one tag", "- name: r.io/a/app %a/app:1.2%\n- name: r.io/a/app %a/app:1.2%\n  newTag: 1.0.0\n", "r.io/a/app", shown("a/app:1.2")},
	{
		"two images", "- name: app %a/app:1.2%\n  newTag: 1.0.0\n- name: web\n  newTag: '1' %a/web:9%\n", "app web:2 app:7",
		shown("a/app:1.2") + " " + shown("a/web:9") + " " + shown("a/app:1.2"),
	},
}

// built are the images of a build, one after the other.
func built(t *testing.T, r tree, dir string) string {
	t.Helper()
	all, err := kustomized.Build(r, dir)
	must(t, err)
	return strings.Join(kustomized.Images(all), " ")
}

func replaced(s string) string { return marked(strings.ReplaceAll(s, "OLD", old)) }

// Every spelling of an entry, in a kustomization: kustomize as a library, and as kubectl has it.
func TestEntries(t *testing.T) {
	for _, c := range entries {
		t.Run(c.name, func(t *testing.T) {
			r := tree{
				"app/kustomization.yaml": "resources: [d.yaml]\nimages:\n" + replaced(c.entries),
				"app/d.yaml":             deployment("d", "", strings.Fields(replaced(c.manifest))...),
			}
			after := r.written(t)
			if diff := cmp.Diff(c.want, built(t, after, "app")); diff != "" {
				t.Errorf("kustomize builds (-want +got)\n%s\n%s", diff, after["app/kustomization.yaml"])
			}
			all, err := kustomized.Kubectl(t.Context(), t.TempDir(), after, "app")
			if errors.Is(err, kustomized.ErrNoKubectl) {
				return
			}
			must(t, err)
			if diff := cmp.Diff(c.want, strings.Join(kustomized.Images(all), " ")); diff != "" {
				t.Errorf("kubectl builds (-want +got)\n%s", diff)
			}
		})
	}
}

// The same entries in Flux's Kustomization. There the image is what the API server reads: no
// duplicate names, which Flux replaces.
func TestFlux(t *testing.T) {
	for _, c := range entries {
		t.Run(c.name, func(t *testing.T) {
			r := tree{
				"flux.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec:\n  images:\n" +
					"  " + strings.TrimSuffix(strings.ReplaceAll(replaced(c.entries), "\n", "\n  "), "  "),
				"app/kustomization.yaml": "resources: [d.yaml]\n",
				"app/d.yaml":             deployment("d", "", strings.Fields(replaced(c.manifest))...),
			}
			after := r.written(t).flux(t)
			if diff := cmp.Diff(c.want, built(t, after, "app")); diff != "" {
				t.Errorf("kustomize builds (-want +got)\n%s\n%s", diff, after["flux.yaml"])
			}
		})
	}
}

// Entries of Argo CD's kustomize.images, as kustomize edit set image takes them.
func TestArgoCD(t *testing.T) {
	for _, c := range []struct{ entry, manifest, want string }{
		{"app=r.io/a/app:1.0.0 %a/app:1.2%", "app", shown("a/app:1.2")},
		{"app=r.io/a/app:1.0.0@OLD %a/app:1.2%", "app:x", shown("a/app:1.2")},
		{"app=old.io/app@OLD %a/app:1.2%", "app:x", pinned("a/app:1.2", "")},
		{"'app=old.io/app' %a/app:1.2%", "app", pinned("a/app:1.2", "")},
		{"r.io/a/app:1.0.0 %a/app:1.2%", "r.io/a/app:x", shown("a/app:1.2")},
		{"r.io/a/app:1.0.0@OLD %a/app:1.2%", "r.io/a/app:x", shown("a/app:1.2")},
		{"r.io/a/app@OLD %a/app:1.2%", "r.io/a/app", pinned("a/app:1.2", "")},
		{"r.io/a/app %a/app:1.2%", "r.io/a/app", pinned("a/app:1.2", "")},
		{"web:8 %a/web:9%", "web", shown("a/web:9")},
		{"web %a/web:9%", "web:8", pinned("a/web:9", "")},
		{"r.io:5000/a/far:8 %a/far:1%", "r.io:5000/a/far", shown("a/far:1")},
		{"far=r.io:5000/a/far:8 %a/far:1%", "far", shown("a/far:1")},
		{"r.io/a/quiet:8 %a/quiet:x%", "r.io/a/quiet", pinned("a/quiet:x", ":8")},
		{"r.io/a/named:8 %a/named:x%", "r.io/a/named", shown("a/named:x")},
		{"named:8 %a/named:x%", "named", shown("a/named:x")},
	} {
		t.Run(c.entry, func(t *testing.T) {
			r := tree{
				"argocd.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec:\n  source:\n    kustomize:\n      images:\n" +
					"      - " + replaced(c.entry) + "\n",
				"app/kustomization.yaml": "resources: [d.yaml]\nimages:\n- name: app\n  newTag: theirs\n",
				"app/d.yaml":             deployment("d", "", c.manifest),
			}
			after := r.written(t).argoCD(t)
			if diff := cmp.Diff(c.want, built(t, after, "app")); diff != "" {
				t.Errorf("kustomize builds (-want +got)\n%s\n%s", diff, after["argocd.yaml"])
			}
		})
	}
}

// Markers elsewhere in what a build reads: manifests, patches, components, bases, and an
// overlay over a base whose entry is bound, too.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		name  string
		files tree
		dir   string
		want  string
	}{
		{"values of a manifest", tree{
			"app/kustomization.yaml": "resources: [d.yaml]\n",
			"app/d.yaml":             deployment("d", "", "r.io/a/app:1 %a/app:1.2%", "app %a/app:1.3%", "old.io/x@OLD %a/web:9%", "'r.io/a/quiet:7@OLD' %a/quiet:x%", "x:1 %a/named:x%"),
		}, "app", strings.Join([]string{shown("a/app:1.2"), pinned("a/app:1.3", ""), pinned("a/web:9", ""), pinned("a/quiet:x", ":7"), shown("a/named:x")}, " ")},
		{"a patch in a file", tree{
			"app/kustomization.yaml": "resources: [d.yaml]\npatches: [{path: p.yaml}]\n",
			"app/d.yaml":             deployment("d", "", "app"),
			"app/p.yaml":             deployment("d", "", "app:1 %a/app:1.2%"),
		}, "app", shown("a/app:1.2")},
		{"base and overlay, each for itself", tree{
			"base/kustomization.yaml":    "resources: [d.yaml]\nimages:\n- name: app %a/app:1.2%\n  newTag: x\n",
			"base/d.yaml":                deployment("d", "", "app"),
			"overlay/kustomization.yaml": "resources: [../base]\nimages:\n- name: r.io/a/app %a/app:1.3%\n  newTag: x\n",
		}, "overlay", shown("a/app:1.3")},
		{"a component before the one that includes it", tree{
			"app/kustomization.yaml":       "resources: [d.yaml]\ncomponents: [../component]\nimages:\n- name: app\n  newName: never.io/app\n",
			"app/d.yaml":                   deployment("d", "", "app"),
			"component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n- name: app %a/app:1.2%\n  newTag: x\n",
		}, "app", shown("a/app:1.2")},
		{"a kustomization in JSON", tree{
			"app/kustomization.yaml": "{\n  \"resources\": [\"d.yaml\"],\n  \"images\": [\n    {\"name\": \"app\", \"newTag\": \"x\"} %a/app:1.4%\n  ]\n}\n",
			"app/d.yaml":             deployment("d", "", "app"),
		}, "app", shown("a/app:1.4")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := tree{}
			for file, text := range c.files {
				r[file] = replaced(text)
			}
			if diff := cmp.Diff(c.want, built(t, r.written(t), c.dir)); diff != "" {
				t.Errorf("kustomize builds (-want +got)\n%s", diff)
			}
		})
	}
}
