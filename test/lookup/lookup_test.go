package lookup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const keycloak = "quay.io/keycloak/keycloak:25.0.3"

// sso has what every case starts from: a stream with local lookup.
func sso(files tree) tree {
	files["imagestreams/keycloak.yaml"] = imageStream("sso", "keycloak", true, "25.0="+keycloak, "latest=quay.io/keycloak/keycloak:26.0.1", "25.0.1=quay.io/keycloak/keycloak:25.0.1")
	return files
}

func shown(reference string) string { return reference + "@" + digestOf(reference) }

var cases = []struct {
	name   string
	files  tree
	dir    string
	images []string // as built, in order
}{
	{"one kustomization", tree{
		"app/kustomization.yaml": "namespace: sso\nresources: [d.yaml]\n",
		"app/d.yaml":             deployment("d", "", "keycloak:25.0", "keycloak", "nginx", "keycloak:25.0.1"),
	}, "app", []string{shown(keycloak), shown("quay.io/keycloak/keycloak:26.0.1"), "nginx", shown("quay.io/keycloak/keycloak:25.0.1")}},
	{"base and overlay", tree{
		"base/kustomization.yaml":    "resources: [d.yaml]\n",
		"base/d.yaml":                deployment("d", "", "keycloak:25.0"),
		"overlay/kustomization.yaml": "namespace: sso\nresources: [../base]\n",
	}, "overlay", []string{shown(keycloak)}},
	{"namespace of the base", tree{
		"base/kustomization.yaml":    "namespace: sso\nresources: [d.yaml]\n",
		"base/d.yaml":                deployment("d", "other", "keycloak:25.0"),
		"overlay/kustomization.yaml": "resources: [../base]\n",
	}, "overlay", []string{shown(keycloak)}},
	{"namespace of the manifest", tree{
		"app/Kustomization": "resources: [d.yaml]\n",
		"app/d.yaml":        deployment("d", "sso", "keycloak:25.0"),
	}, "app", []string{shown(keycloak)}},
	{"namespace of the settings", tree{
		".imgstream.yaml":        "apiVersion: imgstream.dev/v1\nkind: Repository\nmetadata: {name: imgstream}\nnamespaces: [{path: \"app/**\", namespace: sso}]\n",
		"app/kustomization.yaml": "resources: [d.yaml]\n",
		"app/d.yaml":             deployment("d", "", "keycloak:25.0"),
	}, "app", []string{shown(keycloak)}},
	{"another namespace", tree{
		"base/kustomization.yaml":    "namespace: sso\nresources: [d.yaml]\n",
		"base/d.yaml":                deployment("d", "sso", "keycloak:25.0"),
		"overlay/kustomization.yaml": "namespace: prod\nresources: [../base]\n",
	}, "overlay", []string{"keycloak:25.0"}},
	{"component with a manifest", tree{
		"base/kustomization.yaml":      "resources: [d.yaml]\n",
		"base/d.yaml":                  deployment("d", "", "keycloak:25.0"),
		"component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [e.yaml]\n",
		"component/e.yaml":             deployment("e", "", "keycloak"),
		"overlay/kustomization.yaml":   "namespace: sso\nresources: [../base]\ncomponents: [../component]\n",
	}, "overlay", []string{shown(keycloak), shown("quay.io/keycloak/keycloak:26.0.1")}},
	{"entry of people in a component", tree{
		"base/kustomization.yaml":      "resources: [d.yaml]\n",
		"base/d.yaml":                  deployment("d", "", "keycloak:25.0"),
		"component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages: [{name: keycloak, newName: own.io/k}]\n",
		"overlay/kustomization.yaml":   "namespace: sso\nresources: [../base]\ncomponents: [../component]\n",
	}, "overlay", []string{"own.io/k:25.0"}},
	{"entry of people in the base", tree{
		"base/kustomization.yaml":    "resources: [d.yaml, e.yaml]\nimages: [{name: 'key.*k:25\\.0', newName: own.io/k, newTag: v1}]\n",
		"base/d.yaml":                deployment("d", "", "keycloak:25.0"),
		"base/e.yaml":                deployment("e", "", "keycloak"),
		"overlay/kustomization.yaml": "namespace: sso\nresources: [../base]\n",
	}, "overlay", []string{"own.io/k:v1", shown("quay.io/keycloak/keycloak:26.0.1")}},
	{"entry of people in the root", tree{
		"app/kustomization.yaml": "namespace: sso\nresources: [d.yaml]\nimages:\n- name: keycloak\n  newName: own.io/k\n",
		"app/d.yaml":             deployment("d", "", "keycloak:25.0", "keycloak"),
	}, "app", []string{"own.io/k:25.0", "own.io/k"}},
	{"entries of people for other names", tree{
		"app/kustomization.yaml": "namespace: sso\nresources: [d.yaml]\nimages:\n- name: nginx\n  newTag: '1.27'\n- name: docker.io/library/keycloak\n  newTag: x\n",
		"app/d.yaml":             deployment("d", "", "keycloak:25.0", "nginx:1"),
	}, "app", []string{shown(keycloak), "nginx:1.27"}},
	{"patches", tree{
		"app/kustomization.yaml": "namespace: sso\nresources: [d.yaml]\npatches:\n- path: p.yaml\n- target: {kind: Deployment, name: e}\n  patch: |-\n    - op: replace\n      path: /spec/template/spec/containers/0/image\n      value: keycloak:25.0.1\n" +
			"- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: d}\n    spec: {template: {spec: {containers: [{name: c1, image: keycloak}]}}}\n",
		"app/d.yaml": deployment("d", "", "a.io/x") + "---\n" + deployment("e", "", "a.io/x"),
		"app/p.yaml": deployment("d", "", "keycloak:25.0"),
	}, "app", []string{shown("quay.io/keycloak/keycloak:26.0.1"), shown(keycloak), shown("quay.io/keycloak/keycloak:25.0.1")}},
	{"base twice, with prefixes", tree{
		"base/kustomization.yaml": "resources: [d.yaml]\n",
		"base/d.yaml":             deployment("d", "", "keycloak:25.0"),
		"a/kustomization.yaml":    "namespace: sso\nnamePrefix: a-\nresources: [../base]\n",
		"b/kustomization.yaml":    "namespace: sso\nnamePrefix: b-\nresources: [../base]\n",
		"all/kustomization.yaml":  "resources: [../a, ../b]\n",
	}, "all", []string{shown(keycloak), shown(keycloak)}},
	{"bare name and latest", tree{
		"app/kustomization.yaml": "namespace: sso\nresources: [d.yaml]\n",
		"app/d.yaml":             deployment("d", "", "keycloak", "keycloak:latest", "keycloak@sha256:"+strings.Repeat("a", 64)),
	}, "app", []string{shown("quay.io/keycloak/keycloak:26.0.1"), shown("quay.io/keycloak/keycloak:26.0.1"), "keycloak@sha256:" + strings.Repeat("a", 64)}},
}

// What kustomize builds after a pass shows the digests; a second pass finds nothing to do;
// switching the lookup off gives back the exact bytes.
func TestBuildShowsTheDigest(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := sso(c.files)
			after, out := before.pass(t, nil)
			if problems := errorsIn(out); len(problems) > 0 {
				t.Error(problems)
			}
			built, err := after.build(c.dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.images, imagesOf(built)); diff != "" {
				t.Errorf("kustomize builds (-want +got)\n%s", diff)
			}
			if _, out := after.pass(t, after); len(out.Changes) > 0 {
				t.Errorf("a second pass commits:\n%s", out.Changes[0].Message)
			}
			off(after)
			back, _ := after.pass(t, after)
			off(before)
			for file, text := range before {
				if diff := cmp.Diff(text, back[file]); diff != "" {
					t.Errorf("%s after the lookup was switched off (-want +got)\n%s", file, diff)
				}
			}
		})
	}
}

// The same with kubectl kustomize, which has a kustomize of its own.
func TestKubectlShowsTheDigest(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			after, _ := sso(c.files).pass(t, nil)
			if diff := cmp.Diff(c.images, imagesOf(after.kubectl(t, c.dir))); diff != "" {
				t.Errorf("kubectl kustomize builds (-want +got)\n%s", diff)
			}
		})
	}
}

func off(r tree) {
	for file, text := range r {
		r[file] = strings.ReplaceAll(text, "lookupPolicy: {local: true}", "lookupPolicy: {local: false}")
	}
}
