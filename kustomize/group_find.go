package kustomize

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// groups finds every group of the file, once, by line.
func (s *scanner) groups() []*group {
	if s.sought {
		return s.found
	}
	s.sought = true
	for _, d := range s.docs {
		s.findGroups(d, d.root, trail{}, d.root.Line)
	}
	return s.found
}

// findGroups looks below a node whose key or dash stands on line head.
func (s *scanner) findGroups(d *document, n *yaml.Node, t trail, head int) {
	switch n.Kind {
	case yaml.MappingNode:
		if readGroup(n) != nil {
			g := &group{doc: d, node: n, trail: t.clone(), head: head}
			g.first, g.last = s.yaml.Lines(n)
			s.found = append(s.found, g)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.ScalarNode || key.Kind == yaml.AliasNode {
				s.findGroups(d, n.Content[i+1], t.down(n, keyName(key)), key.Line)
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.findGroups(d, c, t.down(n, i), dashLine(s.yaml, c))
		}
	}
}

// dashLine is the line of an element's dash, which may stand alone above it.
func dashLine(y *yamledit.File, n *yaml.Node) int {
	if strings.Trim(y.Line(n.Line-1), " \t") == "-" {
		return n.Line - 1
	}
	return n.Line
}

// groupBelow is the group that comment i, on a line of its own, stands directly above, or
// that it stands in, unless that is all of the document; a finding where it can be meant for two.
func (s *scanner) groupBelow(i int) (*group, *finding) {
	line, below := s.comments[i].Line, s.runs[i].last+1
	var in, under *group
	for _, g := range s.groups() {
		if g.head == below && g.head > line {
			under = g
		}
		if g.head < line && line <= g.last && g.node != g.doc.root {
			in = g // later ones lie deeper
		}
	}
	switch {
	case s.runs[i].dead:
		return nil, nil
	case in != nil && under != nil && in != under:
		return nil, &finding{
			message: "the marker stands in one image and above another, and may belong to either",
			hint:    "put it behind the key of its mapping",
		}
	case under != nil:
		return under, nil
	}
	return in, nil
}

// groupBehind is the group that a line comment without a part is for: it stands behind the
// key of the mapping, or behind nothing but values of the group; nil for none.
func (s *scanner) groupBehind(c yamledit.Comment, on []place) *group {
	if len(on) == 0 {
		i := slices.IndexFunc(s.groups(), func(g *group) bool { return g.head == c.Line })
		if i < 0 {
			return nil
		}
		return s.groups()[i]
	}
	mapping := on[0].parent()
	if mapping == nil {
		return nil
	}
	v := readGroup(mapping)
	if v == nil {
		return nil
	}
	own := false
	for _, p := range on {
		if p.parent() != mapping {
			return nil
		}
		own = own || v.has(p.trail.steps[len(p.trail.steps)-1])
	}
	if !own {
		return nil
	}
	i := slices.IndexFunc(s.groups(), func(g *group) bool { return g.node == mapping })
	return s.groups()[i]
}

// parent is the mapping that a value stands in; nil for an element of a list and the root.
func (p place) parent() *yaml.Node {
	n := len(p.trail.nodes)
	if n == 0 || p.trail.nodes[n-1].Kind != yaml.MappingNode {
		return nil
	}
	return p.trail.nodes[n-1]
}

// bindGroup makes a use of a group that has markers.
func (s *scanner) bindGroup(g *group) {
	if len(g.marks) == 0 {
		return
	}
	use := s.newUse(g.doc, g.trail, g.head, g.marks[0].marker)
	if m, wrong := s.contradiction(g, use); wrong != nil {
		s.Uses = slices.DeleteFunc(s.Uses, func(u Use) bool { return u.Document == use.Document && u.Group == use.Path && u.Part != Whole })
		s.problem(m, use.Path, *wrong)
		return
	}
	for _, m := range g.marks {
		use.Paused = firstOf(use.Paused, m.paused)
		use.marks = append(use.marks, m.line)
		if m.lookup {
			s.problem(m.line, use.Path, noLookup)
		}
	}
	use.parts = readGroup(g.node)
	use.Refused = use.parts.refused(g.node)
	use.Label = place{g.doc, g.node, g.trail}.label()
	s.bind(use)
}

// contradiction tells of markers on a group that do not go together, and on which line.
func (s *scanner) contradiction(g *group, use Use) (line int, wrong *finding) {
	for _, m := range g.marks {
		if m.ref != use.Ref {
			return m.line, &finding{
				message: fmt.Sprintf("two markers on one image: %s here, %s on line %d", m.ref, use.Ref, g.marks[0].line), hint: "keep one",
			}
		}
	}
	for _, u := range s.Uses {
		if u.Document == use.Document && u.Group == use.Path && u.Part != Whole {
			return u.Line, &finding{
				message: fmt.Sprintf("the marker on line %d is for all of the image, this one for its %s", g.marks[0].line, u.Part), hint: "keep that one, or those of the parts",
			}
		}
	}
	return 0, nil
}

// groupOfPart is what Use.Group says of a value that has a part of an image: the path of
// its mapping, or, for parameters of a chart in a list (name: image.tag, value: …), that of
// the list with what the names have in common.
func groupOfPart(p place) string {
	mapping := p.parent()
	if mapping == nil {
		return ""
	}
	n := len(p.trail.nodes) - 1
	up := trail{p.trail.nodes[:n], p.trail.steps[:n]}
	if n > 0 && up.nodes[n-1].Kind == yaml.SequenceNode && p.trail.steps[n] == "value" {
		if name := text(mapping, "name"); name != "" {
			prefix := name[:max(0, strings.LastIndexByte(name, '.'))]
			return p.doc.pathText(trail{up.nodes[:n-1], up.steps[:n-1]}) + "[" + prefix + "]"
		}
	}
	return p.doc.pathText(up)
}
