package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// config is the configuration of a builtin plugin.
func config(kind, fields string) string {
	return "apiVersion: builtin\nkind: " + kind + "\nmetadata: {name: p}\n" + fields
}

// TestPlugins: kustomize's own are built, from wherever their configuration is.
func TestPlugins(t *testing.T) {
	base := "-- base/kustomization.yaml --\nresources: [web.yaml]\n-- base/web.yaml --\n" + deployment + "-- o/kustomization.yaml --\nresources: [../base]\n"
	inline := func(field, config string) string {
		return base + field + ":\n- |\n  " + strings.ReplaceAll(strings.TrimSpace(config), "\n", "\n  ") + "\n"
	}
	const (
		container = "spec.template.spec.containers[name=web].image (web): "
		initial   = "Deployment web spec.template.spec.initContainers[name=init].image (init): busybox\n"
		patch     = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: patched}]}}}\n"
		op        = `[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "patched"}]`
	)
	tag := config("ImageTagTransformer", "imageTag: {name: keycloak, newTag: '1'}\n")
	sorted := "Deployment web " + container + "patched\n" + strings.TrimSuffix(initial, "\n") // as JSON patches leave it
	tagged, patched := initial+"Deployment web "+container+"keycloak:1", initial+"Deployment web "+container+"patched"
	for _, c := range []struct{ name, archive, want string }{
		{"in the kustomization", inline("transformers", tag), tagged},
		{"in a file", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + tag, tagged},
		{"in a directory", base + "transformers: [t]\n-- o/t/kustomization.yaml --\nresources: [t.yaml]\n-- o/t/t.yaml --\n" + tag, tagged},
		{"in a directory of directories", base + "transformers: [t]\n-- o/t/kustomization.yaml --\nresources: [u]\n-- o/t/u/Kustomization --\nbases: [../../t.yaml]\n-- o/t.yaml --\n" + tag, tagged},
		{"in a component", base + "components: [../c]\n-- c/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ntransformers: [t.yaml]\n-- c/t.yaml --\n" + tag, tagged},
		{"in a base that is included twice", strings.Replace(base, "resources: [../base]", "resources: [../t, ../q]", 1) + "-- q/kustomization.yaml --\nresources: [../t]\nnamePrefix: q-\n-- t/kustomization.yaml --\nresources: [../base]\ntransformers: [t.yaml]\n-- t/t.yaml --\n" + tag, tagged + "\n" + strings.ReplaceAll(tagged, "Deployment web", "Deployment q-web")},
		{"a list", base + "transformers: [t.yaml]\n-- o/t.yaml --\nkind: List\napiVersion: v1\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(tag), "\n", "\n  ") + "\n", tagged},
		{"two documents", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + tag + "---\n" + strings.Replace(config("PrefixSuffixTransformer", "prefix: a-\nfieldSpecs: [{path: metadata/name}]\n"), "name: p", "name: q", 1), strings.ReplaceAll(tagged, "Deployment web", "Deployment a-web")},
		{"a patch", inline("transformers", config("PatchTransformer", "patch: |-\n  "+strings.ReplaceAll(patch, "\n", "\n  "))), patched},
		{"a patch in a file", base + "transformers: [x/t.yaml]\n-- o/x/t.yaml --\n" + config("PatchTransformer", "path: p.yaml\n") + "-- o/p.yaml --\n" + patch, patched},
		{"patchesStrategicMerge", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + config("PatchStrategicMergeTransformer", "paths: [p.yaml]\n") + "-- o/p.yaml --\n" + patch, patched},
		{"a JSON patch", inline("transformers", config("PatchJson6902Transformer", "target: {group: apps, version: v1, kind: Deployment, name: web}\njsonOp: '"+op+"'\n")), sorted},
		{"a JSON patch in a file", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + config("PatchJson6902Transformer", "target: {kind: Deployment, name: web}\npath: op.yaml\n") + "-- o/op.yaml --\n" + op + "\n", sorted},
		{
			"replacements", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + config("ReplacementTransformer", "replacements: [{path: r.yaml}]\n") +
				"-- o/r.yaml --\nsource: {kind: Deployment, fieldPath: spec.template.spec.initContainers.0.image}\ntargets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}]\n",
			initial + "Deployment web " + container + "busybox",
		},
		{
			"a value added", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + config("ValueAddTransformer", "value: added\ntargetFilePath: to.yaml\n") +
				"-- o/to.yaml --\ntargets: [{selector: {kind: Deployment}, fieldPath: metadata/annotations/image}]\n",
			"Deployment web metadata.annotations.image (): added\n" + initial + "Deployment web " + container + "keycloak",
		},
		{"labels, as flux2 has them", inline("transformers", config("LabelTransformer", "labels: {image: l}\nfieldSpecs: [{path: metadata/labels, create: true}]\n")), "Deployment web metadata.labels.image (): l\n" + initial + "Deployment web " + container + "keycloak"},
		{"a ConfigMap", "-- o/kustomization.yaml --\ngenerators: [g.yaml]\n-- o/g.yaml --\n" + config("ConfigMapGenerator", "files: [x=f.txt]\nenvs: [e.env]\nliterals: [B=IMAGE3]\noptions: {disableNameSuffixHash: true}\n") + "-- o/f.txt --\nIMAGE=1\n-- o/e.env --\nA=IMAGE2\n", "ConfigMap p data.A (): IMAGE2\nConfigMap p data.B (): IMAGE3\nConfigMap p data.x (): IMAGE=1\n"},
		{"a Secret", "-- o/kustomization.yaml --\ngenerators:\n- |\n  " + strings.ReplaceAll(config("SecretGenerator", "env: IMAGE.env\ntype: IMAGE\noptions: {disableNameSuffixHash: true}\n"), "\n", "\n  ") + "\n-- o/IMAGE.env --\nA=1\n", "Secret p type (): IMAGE"},
		{"a validator", inline("validators", config("AnnotationsTransformer", "annotations: {}\n")), initial + "Deployment web " + container + "keycloak"},
		{"a validator that changes what it sees", inline("validators", tag), "fails: o/kustomization.yaml: validator shouldn't modify the resource map: nodes unequal: "},
		{"what generates where it should transform", inline("transformers", config("ConfigMapGenerator", "")), "fails: o/kustomization.yaml: plugin ConfigMapGenerator.builtin.[noGrp]/p.[noNs] not a transformer"},
		{"no such builtin", inline("transformers", config("SortOrderTransformer", "")), "fails: o/kustomization.yaml: kustomize has no builtin plugin SortOrderTransformer"},
		{"no file", base + "transformers:\n- gone.yaml\n", "fails: o/kustomization.yaml:3: it names what is not there"},
		{"no file of a plugin", inline("transformers", config("PatchTransformer", "path: gone.yaml\n")), "fails: o/kustomization.yaml:7: it names what is not there"},
		{"no YAML", inline("transformers", "a: [b"), "fails: o/kustomization.yaml:4: "},
		{"no object", inline("transformers", "apiVersion: builtin\nkind: LabelTransformer"), "fails: o/kustomization.yaml:4: missing metadata.name in object {{builtin LabelTransformer} {{ } map[] map[]}}"},
		{"Helm", inline("generators", config("HelmChartInflationGenerator", "name: kyverno\nrepo: https://example.com/charts\n")), "o/kustomization.yaml: it inflates a Helm chart"},
		{"a program", inline("generators", "apiVersion: policy.open-cluster-management.io/v1\nkind: PolicyGenerator\nmetadata: {name: p}\n"), "o/kustomization.yaml: it runs the plugin PolicyGenerator (policy.open-cluster-management.io/v1), which is not a part of kustomize"},
		{"a program, below a base", "-- o/kustomization.yaml --\nresources: [../p]\n-- p/kustomization.yaml --\ntransformers: [t]\n-- p/t/kustomization.yaml --\nresources: [t.yaml]\n-- p/t/t.yaml --\napiVersion: v1\nkind: ImageTagTransformer\nmetadata: {name: p}\n", "p/kustomization.yaml: it runs the plugin ImageTagTransformer (v1), which is not a part of kustomize"},
		{"a container", inline("transformers", "apiVersion: x.io/v1\nkind: Fn\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/function: 'container: {image: a/b}'\n"), "o/kustomization.yaml: it runs the plugin Fn (x.io/v1), which is not a part of kustomize"},
		{"plugins made of plugins", base + "transformers: [t]\n-- o/t/kustomization.yaml --\nresources: [t.yaml]\nnamePrefix: x\n-- o/t/t.yaml --\n" + tag, "o/t/kustomization.yaml: it makes transformers or generators of others"},
		{"a key in two spellings", inline("transformers", config("PatchTransformer", "path: p.yaml\nPath: https://example.com/p.yaml\n")), "o/kustomization.yaml: a configuration of PatchTransformer has a key twice, in other capitals"},
		{"a key in two spellings, below", inline("transformers", config("ReplacementTransformer", "replacements: [{path: p.yaml, \"PA\\u0074H\": https://example.com/p.yaml}]\n")), "o/kustomization.yaml: a configuration of ReplacementTransformer has a key twice, in other capitals"},
		{"a key in letters that are another", inline("transformers", config("PatchStrategicMergeTransformer", "paths: [p.yaml]\npathſ: [https://example.com/p.yaml]\n")), "o/kustomization.yaml: a configuration of PatchStrategicMergeTransformer has a key twice, in other capitals"},
		{"a path that is none", inline("transformers", config("PatchTransformer", "path: {a: b}\n")), "o/kustomization.yaml: the configuration of PatchTransformer is not understood: json: cannot unmarshal object into Go struct field plugin.path of type string"},
		{"aliases", inline("transformers", config("PatchTransformer", "patch: |\n"+indented("    ", bomb()))), "o/kustomization.yaml: its aliases may stand for more than 20000 values"},
		{"aliases in the configuration", inline("transformers", config("LabelTransformer", bomb())), "o/kustomization.yaml: its aliases may stand for more than 20000 values"},
		{"a value copied into itself", base + "transformers: [t.yaml]\n-- o/t.yaml --\n" + config("ReplacementTransformer", "replacements:\n- source: {kind: Deployment, fieldPath: spec}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template]}]\n"), "o/kustomization.yaml: a replacement may write into what another one copies"},
		{"objects without end", "-- o/kustomization.yaml --\ngenerators: [g.yaml]\n-- o/g.yaml --\n" + strings.Repeat("---\n"+config("ConfigMapGenerator", ""), 501), "fails: o/g.yaml: may not add resource with an already registered id: ConfigMapGenerator.builtin.[noGrp]/p.[noNs]"},
		{"ConfigMaps without end", "-- o/kustomization.yaml --\nconfigMapGenerator:\n" + strings.Repeat("- name: a\n", 501), "o/kustomization.yaml: it may have more than 500 objects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := built(t, files(t, c.archive), "o")
			if strings.HasPrefix(c.want, "fails: ") { // kustomize's words, which may show a whole object at the end
				got = got[:min(len(got), len(c.want))]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func indented(by, text string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) + "\n" }

// bomb are ten values, ten times over and over.
func bomb() string {
	text := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return text
}
