package build

import (
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
)

// schemas reads the definitions that a kustomization brings along, and refuses those that
// might lead kustomize in a circle: it follows references without looking where it has been.
func (c *collector) schemas(file, dir string, k *types.Kustomization) error {
	for _, entry := range k.Crds {
		if err := c.definitions(file, dir, entry, "its crds refer to other definitions", hasReference); err != nil {
			return err
		}
	}
	entry, brings := k.OpenAPI["path"]
	c.schema = c.schema || len(k.OpenAPI) > 0
	if !brings {
		return nil
	}
	return c.definitions(file, dir, entry, "its openapi schema refers to more than whole definitions", mayCircle)
}

// definitions reads a file that must be whole, and say nothing that is unsafe.
func (c *collector) definitions(file, dir, entry, reason string, unsafe func(*yaml.Node) bool) error {
	if err := c.changer(file, dir, entry); err != nil {
		return err
	}
	where := path.Join(dir, entry)
	docs := documents(c.files[where])
	switch {
	case len(docs) != 1:
		return place{where, 0}.refuse("it has not one document of YAML or JSON")
	case unsafe(docs[0]):
		return place{where, 0}.refuse("%s", reason)
	}
	return nil
}

// hasReference reports whether a key is $ref, or may stand for one.
func hasReference(n *yaml.Node) bool {
	found := false
	eachPair(n, func(key, _ *yaml.Node) { found = found || isReference(key) || key.Value == "<<" })
	return found
}

func isReference(key *yaml.Node) bool { return strings.EqualFold(key.Value, "$ref") }

// definition is a reference to a whole definition.
var definition = regexp.MustCompile(`^#/definitions/[A-Za-z0-9._-]+$`)

// mayCircle reports whether following references may never end: it ends where each leads to
// a whole definition, and no definition is nothing but a reference.
func mayCircle(n *yaml.Node) bool {
	found := false
	eachPair(n, func(key, value *yaml.Node) {
		switch {
		case value.Kind == yaml.AliasNode || key.Value == "<<":
			found = true
		case isReference(key):
			found = found || key.Value != "$ref" || !definition.MatchString(value.Value)
		case strings.EqualFold(key.Value, "definitions") && value.Kind == yaml.MappingNode:
			found = found || slices.ContainsFunc(value.Content, topReference)
		}
	})
	return found
}

// topReference reports whether a definition is a reference itself.
func topReference(d *yaml.Node) bool {
	for i := 0; d.Kind == yaml.MappingNode && i+1 < len(d.Content); i += 2 {
		if isReference(d.Content[i]) {
			return true
		}
	}
	return d.Kind == yaml.AliasNode
}

// eachPair visits the pairs of all mappings. An alias is not followed: what it stands for is visited where it is.
func eachPair(n *yaml.Node, visit func(key, value *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			visit(n.Content[i], n.Content[i+1])
		}
	}
	for _, c := range n.Content {
		eachPair(c, visit)
	}
}
