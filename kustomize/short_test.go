package kustomize

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntryName(t *testing.T) {
	for text, want := range map[string]string{
		"keycloak":         "keycloak$",
		"keycloak:25.0":    `keycloak:25\.0`,
		"keycloak:latest":  "keycloak:latest",
		"a.b_c-d:V1.0_x-y": `a\.b_c-d:V1\.0_x-y`,
	} {
		got := EntryName(text)
		if got != want || entryText(got) != text {
			t.Errorf("%s: %s, back %q; want %s", text, got, entryText(got), want)
		}
		// kustomize: internal/image, IsImageMatched.
		p := regexp.MustCompile("^" + got + `(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`)
		for _, other := range []string{"keycloak", "keycloak:25.0", "keycloak:25.0.1", "keycloak:25x0", "keycloak:latest", "xkeycloak", "docker.io/library/keycloak:25.0", "a.b_c-d:V1.0_x-y", "a.b_c-d:V1.0_x-y.z"} {
			if p.MatchString(other) != (other == text) {
				t.Errorf("the name %s matches %s: %v", got, other, p.MatchString(other))
			}
		}
	}
	for _, name := range []string{"keycloak", "keycloak:25.0", `keycloak:25\.0$`, "key.*", `keycloak\:25\.0`, "r.io/a$", "keycloak@sha256:aa", "", "$"} {
		if got := entryText(name); got != "" {
			t.Errorf("%s is taken for the entry of %s", name, got)
		}
	}
}

// manifestCases are files with the short images in them, as line text namespace flags.
var manifestCases = []struct{ name, in, want string }{
	{"containers of any kind", "kind: Foo\nmetadata: {namespace: n}\nspec:\n  x:\n  - containers:\n    - image: app:1\n    initContainers:\n    - {name: i, image: \"app\"}\n", "6 app:1 n, 8 app n"},
	{"not ephemeral, not elsewhere", "spec:\n  ephemeralContainers:\n  - image: app:1\n  image: app:1\n  containers:\n    image: app:1\n", ""},
	{"not a CustomResourceDefinition", "kind: CustomResourceDefinition\nspec:\n  containers:\n  - image: app:1\n", ""},
	{"image volumes", "spec:\n  template:\n    spec:\n      volumes:\n      - image: {reference: app:1}\n      - image: {pullPolicy: Never}\n", "5 app:1 "},
	{"image volumes elsewhere", "spec:\n  x:\n    volumes:\n    - image: {reference: app:1}\n", ""},
	{"names that are not short", "spec:\n  containers:\n  - image: r.io/app:1\n  - image: library/app\n  - image: ${IMAGE}\n  - image: app:1@sha256:aa\n  - image: App\n  - image:\n", "6 app:1@sha256:aa  digest"},
	{"several documents, a list", "spec: {containers: [{image: a}]}\n---\nkind: List\nitems:\n- metadata: {namespace: n}\n  spec: {containers: [{image: b}]}\n", "1 a , 6 b n"},
	{"anchors", "x: &x app:1\ny: &y\n- image: *x\nspec:\n  containers: *y\n", "1 app:1 "},
	{"annotation on the object", "metadata: {annotations: {alpha.image.policy.openshift.io/resolve-names: '*'}}\nspec: {containers: [{image: a}]}\n", "2 a  resolve"},
	{"annotation on the template", "spec:\n  containers: [{image: b}]\n  template:\n    metadata: {annotations: {alpha.image.policy.openshift.io/resolve-names: '*'}}\n    spec: {containers: [{image: a}]}\n", "2 b , 5 a  resolve"},
	{"a Job", "kind: Job\nspec: {template: {spec: {containers: [{image: a}]}}}\n", "2 a  job"},
	{"a Job that is generated", "kind: Job\nmetadata: {generateName: x-}\nspec: {template: {spec: {containers: [{image: a}]}}}\n", "3 a "},
	{"a Job that is a hook", "kind: Job\nmetadata: {annotations: {argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {containers: [{image: a}]}}}\n", "3 a "},
	{"a Job that is replaced", "kind: Job\nmetadata: {annotations: {argocd.argoproj.io/sync-options: 'Prune=false,Replace=true'}}\nspec: {template: {spec: {containers: [{image: a}]}}}\n", "3 a "},
	{"a Job that is forced", "kind: Job\nmetadata: {annotations: {kustomize.toolkit.fluxcd.io/force: enabled}}\nspec: {template: {spec: {containers: [{image: a}]}}}\n", "3 a "},
	{"a JSON patch", "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: app:1\n- op: add\n  path: /spec/replicas\n  value: app\n", "3 app:1 "},
	{
		"a JSON patch of more than an image", "- op: add\n  path: /spec/template/spec/containers/-\n  value: {name: a, image: app:1}\n" +
			"- op: replace\n  path: /spec/template/spec/initContainers\n  value:\n  - image: b\n- {op: add, path: /spec/template, value: {spec: {containers: [{image: c}]}}}\n" +
			"- {op: add, path: /data, value: {image: d}}\n- {op: remove, path: /spec/template/spec/containers/0/image}\n", "3 app:1 , 7 b , 8 c ",
	},
	{"JSON", "{\"spec\":{\"containers\":[{\"image\":\"app:1\"}]}}", "1 app:1 "},
	{"value on the next line", "spec:\n  containers:\n  - image:\n      app:1\n", "4 app:1 "},
	{"tagged", "spec:\n  containers:\n  - image: !!str app:1\n", "3 app:1 "},
}

func TestReadManifest(t *testing.T) {
	for _, c := range manifestCases {
		t.Run(c.name, func(t *testing.T) {
			m := ReadManifest([]byte(c.in))
			if diff := cmp.Diff(c.want, describeImages(m.Images)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkMentions(t, c.in)
		})
	}
}

func describeImages(all []ShortImage) string {
	var words []string
	for _, i := range all {
		s := fmt.Sprintf("%d %s %s", i.Line, i.Text, i.Namespace)
		for word, is := range map[string]bool{" digest": i.Digest, " resolve": i.Resolve, " job": i.Job} {
			if is {
				s += word
			}
		}
		words = append(words, s)
	}
	return strings.Join(words, ", ")
}

// checkMentions requires that the scan of the bytes misses nothing that parsing finds.
func checkMentions(t *testing.T, src string) {
	t.Helper()
	m, said := ReadManifest([]byte(src)), Mention("a.yaml", []byte(src))
	for _, i := range m.Images {
		if i.Name == "" {
			continue // of a Job, for a warning only: local lookup has no use for it
		}
		if said == nil || !said.All && !slices.Contains(said.Names, i.Name) {
			t.Fatalf("%q says %s on line %d, and the scan found %+v", src, i.Text, i.Line, said)
		}
		if i.Resolve && !said.Resolve {
			t.Fatalf("%q: the scan missed the annotation", src)
		}
	}
}

func TestMention(t *testing.T) {
	for src, want := range map[string]*Mentions{
		"a: b":                          nil,
		"image: app":                    nil,
		"containers: [{image: r.io/a}]": nil,
		"containers: [{image: b}, {image: 'a:1'}, {image: b:2}]": {Names: []string{"a", "b"}},
		"containers: [{image: *x}]":                              {All: true},
		"path: /spec/containers/0/image\nvalue: a":               {All: true},
		"kind: Job\ncontainers: [{image: r.io/a}]":               {Job: true},
		"initContainers: [{image: a}]\n" + resolveNames:          {Names: []string{"a"}, Resolve: true},
	} {
		if diff := cmp.Diff(want, Mention("a.yaml", []byte(src))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", src, diff)
		}
	}
}

// Most JSON is nothing that a cluster gets.
func TestMentionJSON(t *testing.T) {
	const images = `"containers": [{"image": "app:1"}]`
	for src, want := range map[string]*Mentions{
		`{"name": "x", ` + images + `}`:                                                                       nil,
		`{"apiVersion": "v1", "kind": "Pod", "spec": {` + images + `}}`:                                       {Names: []string{"app"}},
		`{"apiVersion": "batch/v1", "kind": "Job", "spec": {` + images + `}}`:                                 {Names: []string{"app"}, Job: true},
		`[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "app:1"}]`:             {All: true},
		`[{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "a", "image": "a:1"}}]`: {Names: []string{"a"}},
	} {
		if diff := cmp.Diff(want, Mention("a.json", []byte(src))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", src, diff)
		}
	}
}

// FuzzManifest never panics; all it finds has its place in the file, and the scan of the
// bytes misses none of it.
func FuzzManifest(f *testing.F) {
	for _, c := range manifestCases {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(src, `\`) {
			return // a key with escapes: the scan reads bytes
		}
		checkMentions(t, src)
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(src), "\n") + 1
		for _, i := range ReadManifest([]byte(src)).Images {
			if i.Line < 1 || i.Line > lines || !strings.HasPrefix(i.Text, i.Name) {
				t.Fatalf("%+v", i)
			}
		}
	})
}
