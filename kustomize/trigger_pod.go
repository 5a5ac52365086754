package kustomize

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

var (
	containerPath = regexp.MustCompile(`^(containers|initContainers)\[(.+)\]\.image$`)
	byName        = regexp.MustCompile(`^\?\(@\.name=="([^"]*)"\)$`)
)

// pod is the containers of a workload.
type pod struct {
	doc    *document
	trail  trail  // to node
	prefix string // of the field paths of its containers
	node   *yaml.Node
	named  map[string]place // of a container by its name: the first one; node is the container
	names  []string         // of named, sorted
}

// podOf is the pod of a document, without a node where it has none.
func podOf(d *document) *pod {
	base := []string{"spec", "template", "spec"}
	if text(d.root, "kind") == "CronJob" {
		base = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	p := &pod{doc: d, node: d.root, prefix: strings.Join(base, ".") + ".", named: map[string]place{}}
	for _, key := range base {
		p.trail, p.node = p.trail.down(p.node, key), target(get(p.node, key))
	}
	return p
}

// podLists are where the containers of a pod stand, in the order in which a name is looked for.
var podLists = []string{"initContainers", "containers"}

// size is how many containers there are.
func (p *pod) size() (n int) {
	for _, list := range podLists {
		n += len(elements(target(get(p.node, list))))
	}
	return n
}

// index notes the containers by name.
func (p *pod) index() {
	for _, list := range podLists {
		seq := target(get(p.node, list))
		for i, c := range elements(seq) {
			name := text(target(c), "name")
			if _, there := p.named[name]; name != "" && !there {
				p.named[name] = p.container(list, seq, i)
			}
		}
	}
	p.names = slices.Sorted(maps.Keys(p.named))
}

func (p *pod) container(list string, seq *yaml.Node, i int) place {
	return place{doc: p.doc, node: target(seq.Content[i]), trail: p.trail.down(p.node, list).down(seq, i).clone()}
}

// image finds the value that a field path means. A selector by name means an init
// container of that name first, whichever list it is written for (openshift.md 3.1).
func (p *pod) image(fieldPath string) (place, *finding) {
	rest, ok := strings.CutPrefix(fieldPath, p.prefix)
	m := containerPath.FindStringSubmatch(rest)
	if !ok || m == nil {
		return place{}, &finding{message: "field path is not valid: " + fieldPath, hint: p.validHint()}
	}
	var c place
	seq := target(get(p.node, m[1]))
	if name := byName.FindStringSubmatch(m[2]); name != nil {
		c, ok = p.named[name[1]]
	} else {
		i, err := strconv.Atoi(m[2])
		if ok = err == nil && i >= 0 && i < len(elements(seq)); ok {
			c = p.container(m[1], seq, i)
		}
	}
	if !ok {
		return place{}, &finding{message: "no such container: " + fieldPath, hint: p.nameHint(m[2])}
	}
	image := get(c.node, "image")
	if kind := target(image); kind == nil || kind.Kind != yaml.ScalarNode {
		return place{}, &finding{message: "the container has no single value image: " + fieldPath, hint: `write image: " " into it, for the trigger to fill in`}
	}
	return place{doc: p.doc, node: image, trail: c.trail.down(c.node, "image")}, nil
}

// fieldPath is a right one for a container.
func (p *pod) fieldPath(name string) string {
	if len(p.names) == 1 {
		name = p.names[0]
	}
	return fmt.Sprintf(`%scontainers[?(@.name=="%s")].image`, p.prefix, name)
}

// validHint says how the path of a field is written.
func (p *pod) validHint() string {
	if p.node == nil {
		return "only " + p.prefix + "containers and initContainers can have triggers: bind another image by a marker"
	}
	return "write " + p.fieldPath("NAME")
}

// likeName is a selector that OpenShift does not read as one by name.
var likeName = regexp.MustCompile(`name\s*==?\s*['"]?([\w.-]+)`)

// nameHint says which containers there are.
func (p *pod) nameHint(selector string) string {
	const most = 10
	if m := likeName.FindStringSubmatch(selector); m != nil {
		if _, there := p.named[m[1]]; there {
			return "write " + p.fieldPath(m[1])
		}
	}
	switch {
	case len(p.names) == 0:
		return "the document has no containers: write the annotation where they stand, or a marker on the images: entry of the kustomization"
	case len(p.names) > most:
		return "write " + p.fieldPath("NAME")
	}
	return fmt.Sprintf("the containers are %s: write %s", strings.Join(p.names, ", "), p.fieldPath("NAME"))
}
