package kustomize

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

const kustomizeGroup = "kustomize.config.k8s.io/"

// document is one Kubernetes object of a file: a YAML document, or an item of
// one whose kind is a List.
type document struct {
	index         int           // of the YAML document
	at            yamledit.Path // from its root to root
	root          *yaml.Node
	id            string
	namespace     string
	kustomization bool
	deployer      deployer
	names         map[*yaml.Node]map[string]int // how often a name stands in a list
	named         map[*yaml.Node]*yaml.Node     // the value of name: in a mapping
}

// documents lists the objects of a file. Their ids are unique: of two with the
// same one, the later gets #2.
func documents(name string, roots []*yaml.Node) []*document {
	var all []*document
	for i, root := range roots {
		index := strconv.Itoa(i)
		items := get(root, "items")
		if !strings.HasSuffix(text(root, "kind"), "List") || items == nil || items.Kind != yaml.SequenceNode {
			all = append(all, newDocument(name, root, index, i, nil))
			continue
		}
		for k, item := range items.Content {
			all = append(all, newDocument(name, item, fmt.Sprintf("%s[%d]", index, k), i, yamledit.Path{"items", k}))
		}
	}
	seen := map[string]int{}
	for _, d := range all {
		seen[d.id]++
		if n := seen[d.id]; n > 1 {
			d.id += "#" + strconv.Itoa(n)
		}
	}
	return all
}

func newDocument(name string, root *yaml.Node, id string, index int, at yamledit.Path) *document {
	d := &document{
		index: index, at: at, root: root, id: id,
		kustomization: isKustomization(name, root), deployer: deployerOf(name, root),
		names: map[*yaml.Node]map[string]int{},
		named: map[*yaml.Node]*yaml.Node{},
	}
	meta := get(root, "metadata")
	d.namespace = text(meta, "namespace")
	if kind, name := text(root, "kind"), text(meta, "name"); kind != "" && name != "" {
		d.id = strings.Join([]string{text(root, "apiVersion"), kind, d.namespace, name}, "/")
	}
	if ns := text(root, "namespace"); d.kustomization && ns != "" {
		d.namespace = ns
	}
	if d.deployer != noDeployer {
		d.namespace = d.deployer.namespace(root)
	}
	return d
}

// isKustomization: kustomize takes a file for one by its name, with apiVersion
// and kind or without; elsewhere the document must say so.
func isKustomization(name string, root *yaml.Node) bool {
	version, kind := text(root, "apiVersion"), text(root, "kind")
	if kind != "" && kind != "Kustomization" && kind != "Component" || version != "" && !strings.HasPrefix(version, kustomizeGroup) {
		return false
	}
	if IsKustomization(name) {
		return root.Kind == yaml.MappingNode
	}
	return kind != "" && version != ""
}

// get is the value of a key, or nil.
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if keyName(n.Content[i]) == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// keyName is a key's text, also where it is an alias.
func keyName(key *yaml.Node) string {
	if key.Kind == yaml.AliasNode {
		return key.Alias.Value
	}
	return key.Value
}

// text is the value of a key that is a scalar, or "".
func text(n *yaml.Node, key string) string {
	return scalarText(get(n, key))
}

// scalarText is what a scalar says, null being "".
func scalarText(v *yaml.Node) string {
	if v != nil && v.Kind == yaml.AliasNode {
		v = v.Alias
	}
	if v == nil || v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
		return ""
	}
	return v.Value
}

// trail is a way from a document's root down to a node: the nodes passed, the
// root first, and the step taken from each.
type trail struct {
	nodes []*yaml.Node
	steps yamledit.Path
}

// down is the trail one step on. It may share memory with t and with other
// steps from t: clone what is kept.
func (t trail) down(n *yaml.Node, step any) trail {
	return trail{append(t.nodes, n), append(t.steps, step)}
}

func (t trail) clone() trail {
	return trail{slices.Clone(t.nodes), slices.Clone(t.steps)}
}

// keys are the steps as isImageField reads them.
func (t trail) keys() []string {
	keys := make([]string, len(t.steps))
	for i, step := range t.steps {
		keys[i] = "[]"
		if key, ok := step.(string); ok {
			keys[i] = key
		}
	}
	return keys
}

// pathText is a trail for people and as the identity of its end: list elements
// by name where that is unique in the list, else by index. An entry of Argo CD's
// kustomize.images has the name that kustomize looks for.
func (d *document) pathText(t trail) string {
	var b strings.Builder
	for i, step := range t.steps {
		switch step := step.(type) {
		case int:
			texts := d.deployer.isArgoCD() && i > 1 && t.steps[i-1] == "images" && t.steps[i-2] == "kustomize"
			b.WriteString(d.elementText(t.nodes[i], step, texts))
		case string:
			b.WriteString(keyText(step, i == 0))
		}
	}
	return b.String()
}

func keyText(key string, first bool) string {
	switch {
	case key == "" || strings.ContainsAny(key, ".[]\"\\"):
		return "[" + strconv.Quote(key) + "]"
	case first:
		return key
	}
	return "." + key
}

func (d *document) elementText(list *yaml.Node, i int, texts bool) string {
	nameOf := func(n *yaml.Node) string { return text(n, "name") }
	if texts {
		nameOf = func(n *yaml.Node) string {
			name := replacedName(scalarText(n))
			if isTemplate(name) || strings.ContainsAny(name, " \t\n") {
				return ""
			}
			return name
		}
	}
	names, ok := d.names[list]
	if !ok {
		names = map[string]int{}
		for _, c := range list.Content {
			names[nameOf(c)]++
		}
		d.names[list] = names
	}
	name := nameOf(list.Content[i])
	if name == "" || names[name] > 1 {
		return "[" + strconv.Itoa(i) + "]"
	}
	return "[name=" + name + "]"
}

// nameOf is the value of name: in a mapping, or nil.
func (d *document) nameOf(n *yaml.Node) *yaml.Node {
	name, ok := d.named[n]
	if !ok {
		name = get(n, "name")
		d.named[n] = name
	}
	return name
}
