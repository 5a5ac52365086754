package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// shape is a node and what it is for. One that aliases repeat is looked at once.
type shape struct {
	node *yaml.Node
	goal reflect.Type
}

// fits says whether a node has the shape of a type; what has not is reported. Parts
// that do not fit are taken out, so that the rest can be decoded and checked.
func (p *parser) fits(n *yaml.Node, t reflect.Type, key string) bool {
	n = deref(n)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind != yaml.ScalarNode {
		if p.seen[shape{n, t}] {
			return true
		}
		p.seen[shape{n, t}] = true
	}
	wrong, hint := "", ""
	switch kind := t.Kind(); {
	case kind == reflect.Struct && n.Kind == yaml.MappingNode:
		p.mapping(n, t, key)
	case kind == reflect.Slice && n.Kind == yaml.SequenceNode:
		p.list(n, t, key)
	case kind == reflect.Struct:
		wrong, hint = "is not a mapping", "its keys are "+strings.Join(keysOf(t), ", ")
	case kind == reflect.Slice:
		wrong, hint = "is not a list", "write [a, b], or a line with a dash for each"
	case n.Kind != yaml.ScalarNode:
		wrong, hint = "is not one value", "write "+example(t)
	case !fitsScalar(n, t):
		wrong, hint = "is not "+example(t), ""
		if t == durationType {
			hint = "write it like 30s, 5m or 1h"
		}
	}
	if wrong != "" {
		p.wrong[key] = true
		p.at(n.Line, hint, key+" "+wrong)
	}
	return wrong == ""
}

var durationType = reflect.TypeFor[time.Duration]()

func fitsScalar(n *yaml.Node, t reflect.Type) bool {
	if t == durationType {
		_, err := time.ParseDuration(n.Value)
		return err == nil && n.ShortTag() == "!!str" // YAML would take 30 for nanoseconds
	}
	return n.Decode(reflect.New(t).Interface()) == nil
}

// example says in words what a type takes.
func example(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	}
	return "a whole number"
}

func (p *parser) mapping(n *yaml.Node, t reflect.Type, key string) {
	known := keysOf(t)
	lines := map[string]int{}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := deref(n.Content[i]), n.Content[i+1]
		at := strings.TrimPrefix(key+"."+name.Value, ".")
		field := slices.Index(known, name.Value)
		switch {
		case name.Kind != yaml.ScalarNode || field < 0:
			p.at(n.Content[i].Line, suggest(name.Value, known), "unknown key "+at)
			continue
		case lines[name.Value] > 0:
			p.at(n.Content[i].Line, "keep one of them", at+" is there twice")
			continue
		}
		lines[name.Value] = n.Content[i].Line
		if deref(value).ShortTag() != "!!null" && p.fits(value, t.Field(field).Type, at) {
			kept = append(kept, name, value)
		}
	}
	n.Content = kept
}

// list puts an empty item in the place of one that does not fit, so that the others
// keep their index.
func (p *parser) list(n *yaml.Node, t reflect.Type, key string) {
	empty := yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if t.Elem().Kind() == reflect.String {
		empty = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", key, i)
		blank := deref(item).ShortTag() == "!!null"
		if !blank && p.fits(item, t.Elem(), at) {
			continue
		}
		if blank {
			p.wrong[at] = true
			p.at(item.Line, "write something behind the dash, or drop it", at+" is empty")
		}
		kept := empty
		kept.Line = item.Line
		n.Content[i] = &kept
	}
}

// items yields the indexes and keys of the items of a list that are worth a look:
// what does not fit is reported already.
func (p *parser) items(key string, n int) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for i := range n {
			if at := fmt.Sprintf("%s[%d]", key, i); !p.wrong[at] && !yield(i, at) {
				return
			}
		}
	}
}

// keysOf gives the keys of a type, in the order of its fields.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("yaml")
	}
	return keys
}

// suggest is the hint for an unknown key: the one that was meant, else all there are.
func suggest(word string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, word) || strings.EqualFold(k, word+"File") {
			return "did you mean " + k + "?"
		}
	}
	nearest := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(word, a), distance(word, b)) })
	if distance(word, nearest) <= 2+len(word)/8 { // registry, registries
		return "did you mean " + nearest + "?"
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// distance counts the insertions, deletions and replacements that lead from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
