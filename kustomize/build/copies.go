package build

import (
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/utils"
)

// replacements refuses those that could make values grow: a value that is copied into
// itself doubles each time, and what is copied to many places had better be a single value.
func (c *collector) replacements() error {
	at := place{c.Path, 0}
	sources, targets, err := c.fields()
	if err != nil {
		return err
	}
	for _, t := range targets {
		if slices.ContainsFunc(sources, t.within) {
			return at.refuse("a replacement may write into what another one copies")
		}
	}
	if len(sources) == 0 {
		return nil
	}
	texts := slices.Collect(maps.Values(c.files))
	for _, k := range c.parsed {
		for _, patch := range inline(k) {
			texts = append(texts, []byte(patch))
		}
	}
	for _, text := range texts {
		for _, doc := range documents(text) {
			if slices.ContainsFunc(sources, func(s field) bool { return s.copiesTree(doc) }) {
				return at.refuse("a replacement may copy more than single values")
			}
		}
	}
	return nil
}

// field is a path that a replacement copies from, or to.
type field struct {
	path    []string
	appends bool // to what stands there
}

// fields are those of all replacements that the build reads.
func (c *collector) fields() (sources, targets []field, err error) {
	for _, file := range slices.Sorted(maps.Keys(c.parsed)) {
		for _, r := range c.parsed[file].Replacements {
			list, err := c.replacementsOf(file, r)
			if err != nil {
				return nil, nil, err
			}
			for _, r := range list {
				if r.Source != nil {
					sources = append(sources, field{path: split(r.Source.FieldPath)})
				}
				for _, t := range r.Targets {
					for _, p := range t.FieldPaths {
						targets = append(targets, field{path: split(p), appends: t.Options != nil && t.Options.Delimiter != ""})
					}
				}
			}
		}
	}
	return sources, targets, nil
}

func split(at string) []string {
	return utils.SmarterPathSplitter(cmp.Or(at, types.DefaultReplacementFieldPath), ".")
}

// replacementsOf are those of one element of replacements:, which was read.
func (c *collector) replacementsOf(file string, r types.ReplacementField) ([]types.Replacement, error) {
	if r.Path == "" {
		return []types.Replacement{r.Replacement}, nil
	}
	where := path.Join(path.Dir(file), r.Path)
	return readReplacements(where, c.files[where])
}

// readReplacements reads a file with one replacement or a list of them. Like kustomize's
// other files it is read by way of JSON, which ignores the case of keys.
func readReplacements(file string, src []byte) ([]types.Replacement, error) {
	var all any
	var list []types.Replacement
	err := yaml.Unmarshal(src, &all)
	if _, one := all.(map[string]any); one {
		all = []any{all}
	}
	if err == nil {
		src, err = json.Marshal(all)
	}
	if err == nil {
		err = json.Unmarshal(src, &list)
	}
	if err != nil {
		return nil, place{file, 0}.fails("%s", words(err))
	}
	return list, nil
}

// within reports whether a target may lie in what is copied from another path, or add to
// it. Wildcards, indexes and selectors of elements may be any key.
func (f field) within(source field) bool {
	if len(f.path) < len(source.path) || len(f.path) == len(source.path) && !f.appends {
		return false
	}
	for i, key := range source.path {
		if other := f.path[i]; key != other && !isPattern(key) && !isPattern(other) {
			return false
		}
	}
	return true
}

func isPattern(key string) bool {
	return key == "*" || key == "-" || strings.HasPrefix(key, "[") || strings.Trim(key, "0123456789") == ""
}

// copiesTree reports whether something at the path is more than a single value, or may
// become so by a JSON patch.
func (f field) copiesTree(doc *yaml.Node) bool {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return false
	}
	root := doc.Content[0]
	if root.Kind == yaml.SequenceNode {
		return slices.ContainsFunc(root.Content, adds)
	}
	if items := child(root, "items"); items != nil && slices.ContainsFunc(items.Content, func(n *yaml.Node) bool { return isTree(n, f.path) }) {
		return true
	}
	return isTree(root, f.path)
}

// adds reports whether an operation of a JSON patch brings, or copies, a whole collection.
func adds(op *yaml.Node) bool {
	name, value := child(op, "op"), child(op, "value")
	return name == nil || name.Value == "copy" || name.Value == "move" || value != nil && value.Kind != yaml.ScalarNode
}

// isTree reports whether there is a collection at a path.
func isTree(n *yaml.Node, at []string) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case len(at) == 0:
		return n.Kind != yaml.ScalarNode
	case n.Kind == yaml.SequenceNode:
		return slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return isTree(item, at[1:]) })
	}
	next := child(n, at[0])
	return next != nil && isTree(next, at[1:])
}

// child is the value of a key; nil where there is none, or no mapping.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
