package reconciler_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/render"
)

// workload is a Deployment with one container.
func workload(name, image string) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        image: %s\n", name, image)
}

// bound is an entry of a kustomization, without its head.
const bound = "images:\n- name: app # {\"$imagestream\": \"app:1\"}\n  newName: r.io/app\n  digest: sha256:0\n"

func repoOf(archive string) *memoryRepo {
	tree := fstest.MapFS{"imagestreams/app.yaml": {Data: []byte(spec)}}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		tree[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return &memoryRepo{commits: []memoryCommit{{tree: tree}}}
}

func verifying(repo reconciler.Repo, digest string) *reconciler.Reconciler {
	r := newReconciler(repo, &counter{digest: digestOf(digest)})
	r.Verifier = render.Verifier{Builds: 1000}
	return r
}

// TestBuildsBeforeItPushes: the files that show the new image afterwards, and what is said.
func TestBuildsBeforeItPushes(t *testing.T) {
	const d = "the build of o/kustomization.yaml does not show sha256:1111111111111111111111111111111111111111111111111111111111111111"
	base := "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "app")
	overlay := "-- o/kustomization.yaml --\nresources: [../base]\n" + bound
	marked := "# {\"$imagestream\": \"app:1\"}"
	for _, c := range []struct {
		name, archive string
		shows         []string // files with the new digest
		pending       []string
		said          []string
		builds        int
	}{
		{"an overlay", base + overlay, []string{"o/kustomization.yaml"}, nil, nil, 2},
		{
			"a base and its overlay", strings.Replace(base, "resources:", bound+"resources:", 1) + "-- o/kustomization.yaml --\nresources: [../base]\nimages:\n- name: r.io/app " + marked + "\n  digest: sha256:0\n",
			[]string{"base/kustomization.yaml", "o/kustomization.yaml"},
			nil, nil, 5, // whose digest the overlay's build shows is told by one more
		},
		{
			"an entry that the base's makes dead", strings.Replace(base, "resources:", "images: [{name: app, newName: other.io/app}]\nresources:", 1) + overlay,
			nil,
			[]string{"o/kustomization.yaml images[name=app]"},
			[]string{"o/kustomization.yaml:3: error: default/app:1: not changed: " + d + ": base/kustomization.yaml gives app the name other.io/app first, so that no entry for app matches it here; write name: other.io/app"},
			2,
		},
		{
			"an entry for nothing, beside a good one with the same image", base + overlay + "- name: other " + marked + "\n  newName: r.io/app\n  newTag: x\n",
			[]string{"o/kustomization.yaml"},
			[]string{"o/kustomization.yaml images[name=other]"},
			[]string{"o/kustomization.yaml:6: error: default/app:1: not changed: " + d + ": no image in it matches the entry for other"},
			4,
		},
		{
			"two good ones with the same image", base + "-- o/kustomization.yaml --\nresources: [../base, b.yaml]\n" + bound + "- name: other " + marked + "\n  newName: r.io/app\n  newTag: x\n-- o/b.yaml --\n" + workload("b", "other"),
			[]string{"o/kustomization.yaml"},
			nil, nil, 3,
		},
		{
			"an entry over a bound manifest", "-- o/kustomization.yaml --\nresources: [d.yaml]\n" + strings.Replace(bound, "name: app", "name: r.io/app", 1) + "-- o/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked),
			[]string{"o/d.yaml", "o/kustomization.yaml"},
			nil, nil, 3,
		},
		{
			"an entry for nothing, and the digest stands elsewhere already", strings.Replace(base, "resources: [d.yaml]", "resources: [d.yaml, e.yaml]", 1) + "-- base/e.yaml --\n" + workload("e", "r.io/app@"+digestOf("1")) + strings.Replace(overlay, "name: app #", "name: other #", 1),
			[]string{"base/e.yaml"},
			[]string{"o/kustomization.yaml images[name=other]"},
			[]string{"o/kustomization.yaml:3: error: default/app:1: not changed: " + d + ": no image in it matches the entry for other"},
			2,
		},
		{
			"an entry for nothing", base + strings.Replace(overlay, "name: app #", "name: other #", 1), nil,
			[]string{"o/kustomization.yaml images[name=other]"},
			[]string{"o/kustomization.yaml:3: error: default/app:1: not changed: " + d + ": no image in it matches the entry for other"},
			2,
		},
		{
			"a replacement that breaks by it", base + "-- o/kustomization.yaml --\nresources: [../base]\nimages:\n- name: app " + marked + "\n  newName: r.io/app\n  newTag: x-1-2\n" +
				"replacements:\n- source: {kind: Deployment, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: '-', index: 2}}\n  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.name]}]\n",
			nil,
			[]string{"o/kustomization.yaml images[name=app]"},
			[]string{"o/kustomization.yaml:3: error: default/app:1: not changed: with it o/kustomization.yaml does not build any more: options.index 2 is out of bounds for value r.io/app:1@" + digestOf("1")},
			2,
		},
		{
			"one of two breaks", base + "-- o/kustomization.yaml --\nresources: [../base, b.yaml]\nimages:\n- name: b " + marked + "\n  newName: r.io/app\n  newTag: x\n- name: app " + marked + "\n  newName: r.io/app\n  newTag: x-1-2\n" +
				"replacements:\n- source: {kind: Deployment, name: app, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: '-', index: 2}}\n  targets: [{select: {name: b}, fieldPaths: ['spec.replicas'], options: {create: true}}]\n-- o/b.yaml --\n" + workload("b", "b"),
			[]string{"o/kustomization.yaml"},
			[]string{"o/kustomization.yaml images[name=app]"},
			[]string{"o/kustomization.yaml:6: error: default/app:1: not changed: with it o/kustomization.yaml does not build any more: options.index 2 is out of bounds for value r.io/app:1@" + digestOf("1")},
			4,
		},
		{
			"a replica count made of an image", base + "-- o/kustomization.yaml --\nresources: [../base]\n" + bound +
				"replacements:\n- source: {kind: Deployment, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: '/', index: 0}}\n  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.host], options: {create: true}}]\n",
			[]string{"o/kustomization.yaml"},
			nil, nil, 2,
		},
		{
			"a remote base", "-- o/kustomization.yaml --\nresources:\n- https://user:secret@example.com/base\n" + bound,
			[]string{"o/kustomization.yaml"},
			nil,
			[]string{"o/kustomization.yaml: notice: changed without building it before and after: o/kustomization.yaml:2: it needs what lies elsewhere, at a URL"},
			0,
		},
		{
			"three remote bases, two of them below", "-- a/kustomization.yaml --\nresources: [../r]\n" + bound + "-- b/kustomization.yaml --\nresources: [../r]\n" + bound + "-- r/kustomization.yaml --\nresources: [github.com/a/b]\n" + bound,
			[]string{"a/kustomization.yaml", "b/kustomization.yaml", "r/kustomization.yaml"},
			nil,
			[]string{"a/kustomization.yaml: notice: changed without building it before and after, like 2 other kustomizations: r/kustomization.yaml:1: it needs what lies elsewhere, at a URL"},
			0,
		},
		{
			"a build that was broken before", base + overlay + "patches: [{path: gone.yaml}]\n",
			[]string{"o/kustomization.yaml"},
			nil,
			[]string{"o/kustomization.yaml: notice: changed without building it before and after: o/kustomization.yaml:6: it names what is not there"},
			0,
		},
		{
			"a component, and nobody knows who includes it", base + "-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" + bound,
			[]string{"c/kustomization.yaml"},
			nil,
			[]string{"c/kustomization.yaml: notice: changed without building it before and after: it is a component, and only a kustomization that includes it can be built"},
			0,
		},
		{
			"a component of two overlays", base + "-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" + bound + "-- o/kustomization.yaml --\nresources: [../base]\ncomponents: [../c]\n-- p/kustomization.yaml --\nresources: [../base]\ncomponents: [../c]\n",
			[]string{"c/kustomization.yaml"},
			nil, nil, 2,
		},
		{
			"a component that the first overlay has no use for", base + "-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" + bound + "-- o/kustomization.yaml --\nresources: [e.yaml]\ncomponents: [../c]\n-- o/e.yaml --\n" + workload("e", "e") + "-- p/kustomization.yaml --\nresources: [../base]\ncomponents: [../c]\n",
			[]string{"c/kustomization.yaml"},
			nil, nil, 3,
		},
		{"a component, and local lookup knows who includes it", "-- imagestreams/short.yaml --\n" + strings.Replace(strings.ReplaceAll(spec, "name: app", "name: short"), "spec:", "spec:\n  lookupPolicy: {local: true}", 1) +
			"-- o/kustomization.yaml --\nresources: [d.yaml, ../base]\ncomponents: [../c]\n-- o/d.yaml --\n" + workload("short", "short:1") + base +
			"-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" + bound, []string{"c/kustomization.yaml", "o/kustomization.yaml"}, nil, nil, 4},
		{
			"a component whose entry is for nothing", "-- imagestreams/short.yaml --\n" + strings.Replace(strings.ReplaceAll(spec, "name: app", "name: short"), "spec:", "spec:\n  lookupPolicy: {local: true}", 1) +
				"-- o/kustomization.yaml --\nresources: [d.yaml]\ncomponents: [../c]\n-- o/d.yaml --\n" + workload("short", "short:2") +
				"-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" + bound, nil,
			[]string{"c/kustomization.yaml images[name=app]"},
			[]string{"c/kustomization.yaml:4: error: default/app:1: not changed: " + d + ": no image in it matches the entry for app", "imagestreams/short.yaml:7: notice: default/short: nobody uses the tag 1", "o/d.yaml:9: error: default/short:2: image short:2: stream default/short has local lookup and no tag 2"},
			2,
		},
		{"a manifest", "-- o/kustomization.yaml --\nresources: [d.yaml]\n-- o/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked), []string{"o/d.yaml"}, nil, nil, 2},
		{
			"a manifest below the kustomization that has it", "-- o/kustomization.yaml --\nresources: [x/d.yaml]\nreplacements:\n- source: {kind: Deployment, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: '-', index: 1}}\n  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.name]}]\n-- o/x/d.yaml --\n" + workload("app", "r.io/app:a-b "+marked),
			nil,
			[]string{"o/x/d.yaml spec.template.spec.containers[name=main].image"},
			[]string{"o/x/d.yaml:9: error: default/app:1: not changed: with it o/kustomization.yaml does not build any more: options.index 1 is out of bounds for value r.io/app:1@" + digestOf("1")},
			2,
		},
		{
			"a manifest that its kustomization stands over", "-- o/kustomization.yaml --\nresources: [d.yaml]\nnamePrefix: a-\nimages: [{name: r.io/app, newTag: old}]\n-- o/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked), nil,
			[]string{"o/d.yaml spec.template.spec.containers[name=main].image"},
			[]string{"o/d.yaml:9: error: default/app:1: not changed: " + d + ": Deployment a-app has r.io/app:old; an images: entry, a patch or a replacement stands over what the file says"},
			3,
		},
		{
			"a manifest that a patch takes away", "-- o/kustomization.yaml --\nresources: [d.yaml, e.yaml]\npatches:\n- patch: |-\n    $patch: delete\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: app}\n-- o/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked) + "-- o/e.yaml --\n" + workload("e", "e"), nil,
			[]string{"o/d.yaml spec.template.spec.containers[name=main].image"},
			[]string{"o/d.yaml:9: error: default/app:1: not changed: " + d + ": what the file says does not come out of it"},
			3,
		},
		{
			"a manifest of a base, and every overlay stands over it", "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked) +
				"-- o/kustomization.yaml --\nresources: [../base]\nnameSuffix: -o\nimages: [{name: r.io/app, newTag: old}]\n-- p/kustomization.yaml --\nresources: [../o]\nnamespace: p\n-- q/kustomization.yaml --\nresources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"remove\", \"path\": \"/spec/template/spec/containers/0/image\"}]'\n",
			[]string{"base/d.yaml"},
			nil,
			[]string{"base/d.yaml:9: warning: default/app:1: changed, and no kustomization that includes it shows it: in p/kustomization.yaml Deployment p/app-o has r.io/app:old, in q/kustomization.yaml"},
			4,
		},
		{
			"a manifest of a base, and one of two overlays stands over it", "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked) +
				"-- o/kustomization.yaml --\nresources: [../base]\nimages: [{name: r.io/app, newTag: old}]\n-- p/kustomization.yaml --\nresources: [../base]\n",
			[]string{"base/d.yaml"},
			nil, nil, 4,
		},
		{
			"a manifest of a base, and one overlay cannot be built", "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked) +
				"-- o/kustomization.yaml --\nresources: [../base]\nimages: [{name: r.io/app, newTag: old}]\n-- p/kustomization.yaml --\nresources: [../base, 'https://example.com/a.yaml']\n",
			[]string{"base/d.yaml"},
			nil, nil, 3,
		},
		{"a manifest of nobody", "-- o/kustomization.yaml --\nresources: [e.yaml]\n-- o/e.yaml --\n" + workload("e", "e") + "-- o/d.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked), []string{"o/d.yaml"}, nil, nil, 0},
		{
			"values in a ConfigMap with a hash in its name", "-- o/kustomization.yaml --\nresources: [d.yaml]\nconfigMapGenerator: [{name: v, files: [values.yaml]}]\nsecretGenerator: [{name: s, envs: [image.env]}]\n-- o/d.yaml --\n" + workload("app", "x") +
				"      volumes:\n      - {name: v, configMap: {name: v}}\n      - {name: s, secret: {secretName: s}}\n-- o/values.yaml --\nimage: r.io/app@" + digestOf("0") + " " + marked + "\n-- o/image.env --\n" + marked + "\nIMAGE=r.io/app@" + digestOf("0") + "\n",
			[]string{"o/image.env", "o/values.yaml"},
			nil, nil, 2,
		},
		{
			"values in a ConfigMap of a generator, and a patch of a transformer", "-- o/kustomization.yaml --\nresources: [d.yaml]\ngenerators: [g.yaml]\ntransformers: [t.yaml]\n-- o/g.yaml --\napiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: v}\nfiles: [values.yaml]\n-- o/d.yaml --\n" + workload("app", "x") +
				"      volumes:\n      - {name: v, configMap: {name: v}}\n-- o/values.yaml --\nimage: r.io/app@" + digestOf("0") + " " + marked + "\n-- o/t.yaml --\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: p.yaml\n-- o/p.yaml --\n" + workload("app", "r.io/app@"+digestOf("0")+" "+marked),
			[]string{"o/p.yaml", "o/values.yaml"},
			nil, nil, 2,
		},
		{
			"an entry that a transformer stands over", base + overlay + "transformers:\n- |\n  apiVersion: builtin\n  kind: ImageTagTransformer\n  metadata: {name: t}\n  imageTag: {name: r.io/app, newTag: old}\n", nil,
			[]string{"o/kustomization.yaml images[name=app]"},
			[]string{"o/kustomization.yaml:3: error: default/app:1: not changed: " + d + ": an entry for r.io/app in o/kustomization.yaml changes it again"},
			2,
		},
		{
			"a release of a chart, whose values say a tag alone", "-- o/kustomization.yaml --\nresources: [h.yaml]\n-- o/h.yaml --\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec:\n  values:\n    image: " + marked + "\n      repository: r.io/app\n      tag: x\n",
			nil, nil, nil, 2,
		},
		{
			"values that say a tag alone, in a ConfigMap", "-- o/kustomization.yaml --\nconfigMapGenerator: [{name: v, files: [values.yaml]}]\n-- o/values.yaml --\nimage: " + marked + "\n  registry: r.io\n  repository: app\n  tag: ''\n",
			nil, nil, nil, 2,
		},
		{
			"a release of a chart, whose values say a digest in hexadecimals", "-- o/kustomization.yaml --\nresources: [h.yaml]\n-- o/h.yaml --\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec:\n  values:\n    image: " + marked + "\n      repository: r.io/app\n      tag: x\n      sha: '" + strings.Repeat("0", 64) + "'\n",
			nil, nil, nil, 2,
		},
		{
			"a file with a tag alone, in a ConfigMap", "-- o/kustomization.yaml --\nconfigMapGenerator: [{name: v, files: [values.yaml]}]\n-- o/values.yaml --\na: b\ntag: x # {\"$imagestream\": \"app:1:tag\"}\n",
			nil, nil, nil, 2,
		},
		{"nothing to build", "-- o/kustomization.yaml --\n" + bound, []string{"o/kustomization.yaml"}, nil, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo := repoOf(c.archive)
			r := verifying(repo, "1")
			report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
			if err != nil {
				t.Fatal(err)
			}
			tree := repo.at(repo.tip())
			var shows, said []string
			for _, file := range sortedFiles(tree) {
				if !strings.HasPrefix(file, "imagestreams/") && strings.Contains(string(tree[file].Data), digestOf("1")) {
					shows = append(shows, file)
				}
			}
			for _, p := range append(report.Problems, report.Unbuilt...) {
				said = append(said, p.String())
			}
			if len(report.Changes) == 0 {
				t.Error("nothing is pushed")
			}
			if diff := cmp.Diff([][]string{c.shows, c.pending, c.said}, [][]string{shows, pendingIn(tree), said}); diff != "" {
				t.Error(diff)
			}
			if r.Verifier.Made != c.builds {
				t.Errorf("%d builds", r.Verifier.Made)
			}
			again, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
			if err != nil || len(again.Changes) > 0 || r.Verifier.Made > c.builds+len(c.pending) { // what stands there instead of what waits
				t.Errorf("a second pass: %v, %d changes, %d builds", err, len(again.Changes), r.Verifier.Made)
			}
		})
	}
}

func pendingIn(tree fstest.MapFS) []string {
	var all []string
	for _, file := range sortedFiles(tree) {
		_, list, _ := strings.Cut(string(tree[file].Data), "pending:\n")
		if strings.HasPrefix(file, "imagestreams/status/") && list != "" {
			list = strings.ReplaceAll(strings.ReplaceAll(list, "- file: ", "\n"), "\n  path: ", " ")
			all = append(all, strings.Fields(strings.ReplaceAll(list, " ", "\x00"))...)
		}
	}
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "\x00", " ")
	}
	return all
}

func sortedFiles(tree fstest.MapFS) []string { return slices.Sorted(maps.Keys(tree)) }

// TestRefusedUntilMended: what waits is written once people mended what it waited for.
func TestRefusedUntilMended(t *testing.T) {
	repo := repoOf("-- base/kustomization.yaml --\nimages: [{name: app, newName: other.io/app}]\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "app") + "-- o/kustomization.yaml --\nresources: [../base]\n" + bound)
	r := verifying(repo, "1")
	pass := func() reconciler.Report {
		t.Helper()
		report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := pass(); !report.Failed() || len(pendingIn(repo.at(repo.tip()))) != 1 {
		t.Fatalf("not refused: %v", report.Problems)
	}
	repo.edit("README.md", "of no account")
	if pass(); r.Verifier.Made != 2 {
		t.Errorf("%d builds for what was built", r.Verifier.Made)
	}
	repo.edit("base/kustomization.yaml", "resources: [d.yaml]\n")
	if report := pass(); report.Failed() || len(pendingIn(repo.at(repo.tip()))) != 0 || !strings.Contains(string(repo.at(repo.tip())["o/kustomization.yaml"].Data), digestOf("1")) {
		t.Errorf("not mended: %v\n%s", report.Problems, repo.at(repo.tip())["o/kustomization.yaml"].Data)
	}
}

// TestBuildsAreRemembered: of a hundred overlays on one base one changes at a time, and a lost race.
func TestBuildsAreRemembered(t *testing.T) {
	archive := "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "app")
	for i := range 100 {
		archive += fmt.Sprintf("-- o%d/kustomization.yaml --\nnameSuffix: -n%d\nresources: [../base]\n%s", i, i, bound)
	}
	repo := repoOf(archive)
	resolver := &counter{digest: digestOf("1")}
	r := newReconciler(repo, resolver)
	r.Verifier = render.Verifier{Builds: 1000}
	pass := func() int {
		t.Helper()
		before := r.Verifier.Made
		if _, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err != nil {
			t.Fatal(err)
		}
		return r.Verifier.Made - before
	}
	if n := pass(); n != 200 {
		t.Errorf("the first pass: %d builds", n)
	}
	if n := pass(); n != 0 {
		t.Errorf("the second pass: %d builds", n)
	}
	resolver.digest = digestOf("2")
	if n := pass(); n != 100 {
		t.Errorf("the next digest: %d builds; those before are known", n)
	}
	resolver.digest = digestOf("3")
	repo.before = func(attempt int) {
		if attempt == repo.pushes {
			repo.before = nil
			repo.edit("README.md", "somebody was faster")
		}
	}
	if n := pass(); n != 100 {
		t.Errorf("a lost race: %d builds", n)
	}
	repo.edit("o7/kustomization.yaml", "nameSuffix: -other\nresources: [../base]\n"+strings.ReplaceAll(bound, "sha256:0", digestOf("3"))+"- name: x # {\"$imagestream\": \"app:1\"}\n  newName: r.io/app\n  newTag: x\n")
	if n := pass(); n > 2 {
		t.Errorf("one of a hundred: %d builds", n)
	}
}

// TestTheBoundOfBuilds: what lies beyond it is written on the proof of its edit, and said once.
func TestTheBoundOfBuilds(t *testing.T) {
	archive := "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "app")
	for i := range 10 {
		archive += fmt.Sprintf("-- o%d/kustomization.yaml --\nresources: [../base]\n%s", i, bound)
	}
	for builds, want := range map[int]string{
		0: "", 1000: "",
		7: "o3/kustomization.yaml: notice: changed without building it before and after, like 6 other kustomizations: it is more than limits.builds allows in one pass",
	} {
		repo := repoOf(archive)
		r := verifying(repo, "1")
		r.Verifier.Builds = builds
		report, err := r.Pass(t.Context(), reconciler.Request{Due: plan.Always})
		said := ""
		for _, p := range report.Unbuilt {
			said += p.String()
		}
		if err != nil || said != want || r.Verifier.Made > builds {
			t.Errorf("%d: %v, %q, %d builds", builds, err, said, r.Verifier.Made)
		}
		if got := strings.Count(report.Changes[0].Message, "o3/kustomization.yaml"); got != 1 {
			t.Errorf("%d: not written", builds)
		}
	}
}

// TestVerifyingChangesNothing: where all builds are well, a pass with them publishes what one without them does.
func TestVerifyingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		archive := "-- base/kustomization.yaml --\nresources: [d.yaml]\n-- base/d.yaml --\n" + workload("app", "app")
		for i := range rapid.IntRange(1, 3).Draw(t, "overlays") {
			archive += fmt.Sprintf("-- o%d/kustomization.yaml --\n", i)
			archive += rapid.SampledFrom([]string{"", "nameSuffix: -b\n", "namePrefix: a-\n", "commonLabels: {a: b}\n", "patches:\n- patch: |-\n    kind: Deployment\n    apiVersion: apps/v1\n    metadata: {name: app}\n    spec: {replicas: 3}\n"}).Draw(t, "directive")
			archive += rapid.SampledFrom([]string{"resources: [../base]\n", "resources: [../base/d.yaml]\n", "bases: [../base]\n"}).Draw(t, "base")
			archive += rapid.SampledFrom([]string{bound, strings.Replace(bound, "digest: sha256:0", "newTag: \"1\"", 1), strings.Replace(bound, "  newName: r.io/app\n", "", 1), strings.Replace(bound, "digest: sha256:0", "newTag: 1@sha256:0", 1)}).Draw(t, "entry")
		}
		var trees []map[string]string
		for _, builds := range []int{0, 1000} {
			repo := repoOf(archive)
			resolver := &counter{}
			r := newReconciler(repo, resolver)
			r.Verifier.Builds = builds
			for _, d := range []string{"1", "2"} {
				resolver.digest = digestOf(d)
				report, err := r.Pass(context.Background(), reconciler.Request{Due: plan.Always})
				if err != nil || report.Failed() {
					t.Fatalf("%v %v\n%s", err, report.Problems, archive)
				}
			}
			tree := map[string]string{}
			for _, c := range repo.commits {
				tree["message "+fmt.Sprint(len(tree))] = c.message
			}
			for name, f := range repo.at(repo.tip()) {
				tree[name] = string(f.Data)
			}
			trees = append(trees, tree)
		}
		if diff := cmp.Diff(trees[0], trees[1]); diff != "" {
			t.Error(diff)
		}
	})
}
