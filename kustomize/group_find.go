package kustomize

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// groups are all groups of a file.
type groups struct {
	all    []*group // by line
	byHead map[int]*group
	byNode map[*yaml.Node]*group
}

// groups finds every group of the file, once.
func (s *scanner) groups() *groups {
	if s.found == nil {
		s.found = &groups{byHead: map[int]*group{}, byNode: map[*yaml.Node]*group{}}
		for _, d := range s.docs {
			s.findGroups(d, d.root, trail{}, d.root.Line, nil)
		}
	}
	return s.found
}

// findGroups looks below a node whose key or dash stands on line head, in the group outer.
func (s *scanner) findGroups(d *document, n *yaml.Node, t trail, head int, outer *group) {
	switch n.Kind {
	case yaml.MappingNode:
		if readGroup(n) != nil {
			g := &group{doc: d, node: n, trail: t.clone(), head: head, outer: outer}
			g.first, g.last = s.yaml.Lines(n)
			s.found.add(g)
			outer = g
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.ScalarNode || key.Kind == yaml.AliasNode {
				s.findGroups(d, n.Content[i+1], t.down(n, keyName(key)), key.Line, outer)
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.findGroups(d, c, t.down(n, i), dashLine(s.yaml, c), outer)
		}
	}
}

func (gs *groups) add(g *group) {
	gs.all = append(gs.all, g)
	gs.byNode[g.node] = g
	if gs.byHead[g.head] == nil {
		gs.byHead[g.head] = g
	}
}

// around is the innermost group that a line below its head stands in, the root of the
// document left out; nil for none.
func (gs *groups) around(line int) *group {
	next := sort.Search(len(gs.all), func(i int) bool { return gs.all[i].head >= line })
	if next == 0 {
		return nil
	}
	g := gs.all[next-1]
	for g != nil && g.last < line {
		g = g.outer
	}
	if g == nil || g.node == g.doc.root {
		return nil
	}
	return g
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
	in, under := s.groups().around(line), s.groups().byHead[below]
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
		return s.groups().byHead[c.Line]
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
	return s.groups().byNode[mapping]
}

// parent is the mapping that a value stands in; nil for an element of a list and the root.
func (p place) parent() *yaml.Node {
	n := len(p.trail.nodes)
	if n == 0 || p.trail.nodes[n-1].Kind != yaml.MappingNode {
		return nil
	}
	return p.trail.nodes[n-1]
}

// bindGroups makes uses of the groups that have markers.
func (s *scanner) bindGroups() {
	if s.found == nil {
		return
	}
	parts := map[Together]Use{} // without Ref, the first of each
	for _, u := range slices.Backward(s.Uses) {
		if u.Group != "" {
			parts[Together{Document: u.Document, Group: u.Group}] = u
		}
	}
	contradicted := map[Together]bool{}
	for _, g := range s.found.all {
		if len(g.marks) == 0 {
			continue
		}
		use := s.newUse(g.doc, g.trail, g.head, g.marks[0].marker)
		of := Together{Document: use.Document, Group: firstOf(use.Path, ".")}
		part, parted := parts[of]
		if line, wrong := g.contradiction(use, part, parted); wrong != nil {
			contradicted[of] = true
			s.problem(line, use.Path, *wrong)
			continue
		}
		s.bindGroup(g, use)
	}
	s.Uses = slices.DeleteFunc(s.Uses, func(u Use) bool { return contradicted[Together{Document: u.Document, Group: u.Group}] })
}

func (s *scanner) bindGroup(g *group, use Use) {
	for _, m := range g.marks {
		use.Paused = firstOf(use.Paused, m.paused)
		use.marks = append(use.marks, m.line)
		if m.lookup {
			s.problem(m.line, use.Path, noLookup)
		}
	}
	use.parts, use.dash, use.last = readGroup(g.node), min(g.head, g.first), g.last
	use.Refused = use.parts.refused(g.node)
	use.Label = place{g.doc, g.node, g.trail}.label()
	s.bind(use)
}

// contradiction tells of markers on a group, and on a part of it, that do not go together,
// and on which line.
func (g *group) contradiction(use, part Use, parted bool) (line int, wrong *finding) {
	for _, m := range g.marks {
		if m.ref != use.Ref {
			return m.line, &finding{
				message: fmt.Sprintf("two markers on one image: %s here, %s on line %d", m.ref, use.Ref, g.marks[0].line), hint: "keep one",
			}
		}
	}
	if parted {
		return part.Line, &finding{
			message: fmt.Sprintf("the marker on line %d is for all of the image, this one for its %s", g.marks[0].line, part.Part), hint: "keep that one, or those of the parts",
		}
	}
	return 0, nil
}

// groupOfPart is what Use.Group says of a value that has a part of an image: the path of
// its mapping, or, for parameters of a chart in a list (name: image.tag, value: …), that of
// the list with what the names have in common; "." for the root.
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
	return firstOf(p.doc.pathText(up), ".")
}

// refusePart says why a part can show no image beside what stands next to it.
func refusePart(p place, value field, part Part) string {
	const one = ": put one marker without a part on the key of the mapping"
	mapping := p.parent()
	key := p.trail.steps[max(0, len(p.trail.steps)-1):]
	switch registry := text(mapping, "registry"); {
	case part == PartName && registry != "" && !slices.Equal(key, yamledit.Path{"registry"}):
		return "the registry stands apart (" + registry + ")" + one
	case part == PartDigest && slices.Equal(key, yamledit.Path{"sha"}) && !strings.HasPrefix(value.text, "sha256:"):
		return "sha takes a digest without sha256:" + one
	}
	return ""
}
