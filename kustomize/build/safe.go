package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Bounds of one file: kustomize replaces every alias by what it stands for, and takes time
// that grows with the square of the depth, and worse.
const (
	maxExpanded = 20_000 // values, aliases replaced
	maxNested   = 64     // collections inside one another
	maxKeys     = 2_000  // of one mapping
)

// safe refuses bytes that grow when they are built. Bytes that are not YAML grow nowhere.
func safe(file string, src []byte) error {
	aliases := bytes.Contains(src, []byte("&")) && bytes.Contains(src, []byte("*"))
	large := bytes.Count(src, []byte(":")) > maxKeys
	if !aliases && !large && !nested(src) {
		return nil
	}
	m := measure{values: map[*yaml.Node]int{}, depth: map[*yaml.Node]int{}}
	for _, doc := range documents(src) {
		values, depth := m.of(doc)
		switch at := (place{file, 0}); {
		case values > maxExpanded && aliases:
			return at.refuse("its aliases may stand for more than %d values", maxExpanded)
		case depth > maxNested:
			return at.refuse("it has more than %d collections inside one another", maxNested)
		case large && hasMany(doc):
			return at.refuse("it has a mapping of more than %d keys", maxKeys)
		}
	}
	return nil
}

// documents are those of a file, up to the first that is not YAML.
func documents(src []byte) []*yaml.Node {
	var docs []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(src)); ; {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) || err != nil {
			return docs
		}
		docs = append(docs, &doc)
	}
}

// nested reports whether collections may lie deep inside one another: by brackets, by
// indentation, or by dashes on one line.
func nested(src []byte) bool {
	open := 0
	for line := range bytes.Lines(src) {
		if text := bytes.TrimLeft(line, " -?:\t"); len(line)-len(text) > maxNested {
			return true
		}
		for _, c := range line {
			switch c {
			case '{', '[':
				open++
			case '}', ']':
				open = max(open-1, 0)
			}
			if open > maxNested {
				return true
			}
		}
	}
	return false
}

// hasMany reports whether a mapping has too many keys: kustomize looks at each for each.
func hasMany(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) > 2*maxKeys || slices.ContainsFunc(n.Content, hasMany)
}

// measure counts what lies below nodes; both counts stop a little above their bounds.
type measure struct{ values, depth map[*yaml.Node]int }

func (m measure) of(n *yaml.Node) (values, depth int) {
	if v, known := m.values[n]; known {
		return v, m.depth[n]
	}
	m.values[n], m.depth[n] = maxExpanded+1, maxNested+1 // of an alias inside of what it stands for
	below := n.Content
	if n.Alias != nil {
		below = []*yaml.Node{n.Alias}
	}
	values = 1
	for _, c := range below {
		v, d := m.of(c)
		values, depth = min(values+v, maxExpanded+1), max(depth, d)
	}
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		depth = min(depth+1, maxNested+1)
	}
	m.values[n], m.depth[n] = values, depth
	return values, depth
}

// shallow refuses what changes objects at paths that are deeper than objects may be: kustomize
// would create all that is missing on the way.
func shallow(file string, src []byte) error {
	if bytes.Count(src, []byte("/"))+bytes.Count(src, []byte(".")) <= maxNested && !bytes.Contains(src, []byte("!!binary")) {
		return nil
	}
	for _, doc := range documents(src) {
		reason := ""
		eachPair(doc, func(key, value *yaml.Node) {
			switch name := strings.ToLower(key.Value); {
			case key.ShortTag() == "!!binary":
				reason = "it has a key in !!binary, which may be any text"
			case (name == "path" || name == "fieldpath" || name == "fieldpaths") && isDeep(value):
				reason = fmt.Sprintf("it changes what lies more than %d keys deep", maxNested)
			}
		})
		if reason != "" {
			return place{file, 0}.refuse("%s", reason)
		}
	}
	return nil
}

// isDeep reports whether a path, or one of several, has too many keys, or may have.
func isDeep(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.AliasNode:
		return isDeep(n.Alias)
	case yaml.SequenceNode:
		return slices.ContainsFunc(n.Content, isDeep)
	case yaml.ScalarNode:
		return strings.Count(n.Value, "/")+strings.Count(n.Value, ".") > maxNested || n.ShortTag() == "!!binary"
	}
	return false
}
