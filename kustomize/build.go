package kustomize

import (
	"path"
	"slices"
	"strings"
)

// build is what becomes of the short images on the way to one kustomization, as kustomize
// would build it: resources first, then components, patches, namespace and images
// (yaml.md 3). It never changes once it is made.
type build struct {
	images []Reached
	unread []Unread
}

// build is that of a kustomization; made once, however often it is included.
func (g *Graph) build(n *node) *build {
	if b := g.builds[n.dir]; b != nil {
		return b
	}
	b := g.into(n, &build{})
	g.builds[n.dir] = b
	return b
}

// into adds what a kustomization has to what is there already: a component changes both.
func (g *Graph) into(n *node, was *build) *build {
	b := &build{images: slices.Clone(was.images), unread: slices.Clone(was.unread)}
	g.left -= 1 + len(b.images)
	switch {
	case g.left < 0:
		b.unread = append(b.unread, Unread{n.path, "the kustomizations include each other more often than is followed"})
		return b
	case g.running[n.dir]:
		b.unread = append(b.unread, Unread{n.path, "it includes itself"})
		return b
	case n.Broken != "":
		b.unread = append(b.unread, Unread{n.path, n.Broken})
		return b
	}
	g.running[n.dir] = true
	defer delete(g.running, n.dir)
	for _, entry := range n.resources {
		if c := g.child(n, entry); c != nil {
			sub := g.build(c)
			b.images, b.unread = append(b.images, sub.images...), append(b.unread, sub.unread...)
			continue
		}
		g.manifest(n, entry, b)
	}
	for _, entry := range n.components {
		if c := g.child(n, entry); c != nil {
			b = g.into(c, b)
		}
	}
	for _, file := range n.patches {
		g.manifest(n, file, b)
	}
	for _, i := range n.inline {
		b.images = append(b.images, Reached{ShortImage: i, File: n.path})
	}
	g.transform(n, b)
	return b
}

// manifest adds the short images of a listed file.
func (g *Graph) manifest(n *node, entry string, b *build) {
	file := path.Join(n.dir, entry)
	m := g.manifests[file]
	switch {
	case m == nil:
	case m.Broken != "":
		b.unread = append(b.unread, Unread{file, m.Broken})
	default:
		for _, i := range m.Images {
			b.images = append(b.images, Reached{ShortImage: i, File: file})
		}
	}
}

// transform applies the namespace and the images of a kustomization. Of equal images one
// is enough.
func (g *Graph) transform(n *node, b *build) {
	entries := slices.DeleteFunc(slices.Clone(n.images), func(e rewrite) bool { return n.ours[e.line] })
	g.left -= len(b.images) * (1 + len(entries))
	for i := range b.images {
		r := &b.images[i]
		if n.namespace != "" {
			r.Namespace = n.namespace
		}
		if r.Changed != (Place{}) {
			continue
		}
		if at := slices.IndexFunc(entries, func(e rewrite) bool { return g.matches(e.name, r.Text) }); at >= 0 {
			r.Changed = Place{n.path, entries[at].line}
		}
	}
	slices.SortFunc(b.images, compareReached)
	b.images = slices.Compact(b.images)
	slices.SortFunc(b.unread, func(a, b Unread) int { return strings.Compare(a.File, b.File) })
	b.unread = slices.Compact(b.unread)
}

// matches is as the function of the same name, and remembers expressions.
func (g *Graph) matches(name, image string) bool {
	if literal.MatchString(name) {
		return matches(name, image)
	}
	p, ok := g.patterns[name]
	if !ok {
		p = nameExpression(name)
		g.patterns[name] = p
	}
	return p != nil && p.MatchString(image)
}
