package build

import (
	"hash/maphash"
	"iter"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Output is what a kustomization comes to.
type Output struct{ Objects []Object } // in kustomize's order

// Object is one object of an Output.
type Object struct {
	APIVersion, Kind, Namespace, Name string

	root *yaml.Node
}

// String is what people call an object: Deployment sso/keycloak.
func (o *Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Scalar is one value of an Output.
type Scalar struct {
	Object *Object
	Value  string

	path *step
}

// step is one key of a path, its parents before it.
type step struct {
	up    *step
	key   string
	index int        // of an element of a list, where item is not nil
	item  *yaml.Node // nil: a key
	hash  uint64
}

func key(up *step, name string) *step {
	return &step{up: up, key: name, hash: mix(up, maphash.String(seed, name))}
}

func element(up *step, index int, item *yaml.Node) *step {
	return &step{up: up, index: index, item: item, hash: mix(up, uint64(index))}
}

func mix(up *step, with uint64) uint64 {
	before := uint64(1)
	if up != nil {
		before = up.hash
	}
	return maphash.Comparable(seed, [2]uint64{before, with})
}

// seed is that of all hashes of the process.
var seed = maphash.MakeSeed()

// Scalars are the values of all objects, in their order.
func (o *Output) Scalars() iter.Seq[Scalar] {
	return func(yield func(Scalar) bool) {
		for i := range o.Objects {
			object := &o.Objects[i]
			if !scalars(object.root, nil, func(s Scalar) bool { s.Object = object; return yield(s) }) {
				return
			}
		}
	}
}

func scalars(n *yaml.Node, at *step, yield func(Scalar) bool) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return yield(Scalar{Value: n.Value, path: at})
	case yaml.AliasNode:
		return scalars(n.Alias, at, yield)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !scalars(n.Content[i+1], key(at, n.Content[i].Value), yield) {
				return false
			}
		}
	default:
		for i, item := range n.Content {
			if !scalars(item, element(at, i, item), yield) {
				return false
			}
		}
	}
	return true
}

// Digest is what an Output is remembered by: enough to tell which values of a later one
// are new. It is good in one process.
type Digest []digested

type digested struct{ place, value uint64 }

func (s Scalar) digested() digested {
	place := uint64(0)
	if s.path != nil {
		place = s.path.hash
	}
	return digested{place, maphash.String(seed, s.Value)}
}

// Digest of all values.
func (o *Output) Digest() Digest {
	var d Digest
	for s := range o.Scalars() {
		d = append(d, s.digested())
	}
	return d
}

// Since gives the values that are not as they were. ok is false where values came, went
// or changed places.
func (o *Output) Since(before Digest) (changed []Scalar, ok bool) {
	i := 0
	for s := range o.Scalars() {
		now := s.digested()
		if i == len(before) || before[i].place != now.place {
			return nil, false
		}
		if before[i].value != now.value {
			changed = append(changed, s)
		}
		i++
	}
	return changed, i == len(before)
}

// Path is where the value stands: spec.template.spec.containers[name=web].image.
func (s Scalar) Path() string { return s.path.String() }

// String is the path from the root.
func (p *step) String() string {
	if p == nil {
		return ""
	}
	before := p.up.String()
	switch {
	case p.item == nil && before == "":
		return p.key
	case p.item == nil:
		return before + "." + p.key
	}
	if name := p.name(); name != "" {
		return before + "[name=" + name + "]"
	}
	return before + "[" + strconv.Itoa(p.index) + "]"
}

// name is that of an element of a list; "" where it has none.
func (p *step) name() string {
	if p.item.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(p.item.Content); i += 2 {
			if p.item.Content[i].Value == "name" {
				return p.item.Content[i+1].Value
			}
		}
	}
	return ""
}

// Container is the name of the container whose image the value is; "" for every other value.
func (s Scalar) Container() string {
	p := s.path
	if p == nil || p.key != "image" || p.up == nil || p.up.item == nil || p.up.up == nil || !strings.HasSuffix(strings.ToLower(p.up.up.key), "containers") {
		return ""
	}
	return p.up.name()
}
