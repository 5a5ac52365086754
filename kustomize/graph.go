package kustomize

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Graph is the kustomizations of a repository and the manifests that they are made of. It
// is put together from what single files say, and parses nothing.
type Graph struct {
	nodes     map[string]*node     // by directory
	manifests map[string]*Manifest // by path
	parents   map[*node][]*node    // what included gave since something was added; nil: nothing yet
	roots     []Root               // what Roots gave since something was added; nil: nothing yet

	builds   map[string]*build
	running  map[string]bool // directories that are being built
	patterns map[string]*regexp.Regexp
	left     int // steps that may be taken still
}

// node is the kustomization of one directory.
type node struct {
	*Kustomization
	path string
	dir  string
	ours map[int]bool // lines of entries that local lookup made
}

// Place is a line of a file.
type Place struct {
	File string
	Line int
}

// Root is a kustomization that no other includes: what is deployed.
type Root struct {
	Path     string
	Document string // as in Use
	Images   []Reached
	Unread   []Unread // not everything that it reaches is known
	Closed   Closed
}

// Reached is a short image in a manifest, as a Root deploys it.
type Reached struct {
	ShortImage        // Namespace is the effective one of the build; "" = stated nowhere
	File       string // the manifest, or the kustomization with the patch
	Changed    Place  // the entry of people that changes it on its way; the zero Place: none does
}

// Place is where the image stands.
func (r Reached) Place() Place { return Place{r.File, r.Line} }

// Unread is a file that a Root reaches and that cannot be read.
type Unread struct{ File, Reason string }

// NewGraph gives an empty Graph.
func NewGraph() *Graph {
	return &Graph{nodes: map[string]*node{}, manifests: map[string]*Manifest{}}
}

// AddKustomization adds a file. uses may be nil: what the same file binds.
func (g *Graph) AddKustomization(file string, k *Kustomization, uses *File) {
	g.roots, g.parents = nil, nil
	n := &node{Kustomization: k, path: file, dir: path.Dir(file), ours: map[int]bool{}}
	if uses != nil {
		for _, u := range uses.Uses {
			n.ours[u.Line] = n.ours[u.Line] || u.Lookup
		}
	}
	if other := g.nodes[n.dir]; other != nil {
		n.Kustomization = &Kustomization{
			Broken: "another kustomization stands beside it, " + path.Base(other.path) + ": kustomize refuses the directory",
			words:  slices.Concat(other.includes(), k.includes()),
		}
	}
	g.nodes[n.dir] = n
}

// AddManifest adds a file. uses may be nil: what the same file binds is not looked up.
func (g *Graph) AddManifest(file string, m *Manifest, uses *File) {
	g.roots, g.parents = nil, nil
	if uses == nil || len(uses.Uses) == 0 {
		g.manifests[file] = m
		return
	}
	bound := map[ShortImage]bool{}
	for _, u := range uses.Uses {
		bound[ShortImage{Line: u.Line, Text: u.value.text}] = true
	}
	free := slices.DeleteFunc(slices.Clone(m.Images), func(i ShortImage) bool { return bound[ShortImage{Line: i.Line, Text: i.Text}] })
	g.manifests[file] = &Manifest{Images: free, Broken: m.Broken}
}

// includes is everything that a kustomization names, or may name.
func (k *Kustomization) includes() []string {
	return slices.Concat(k.resources, k.components, k.patches, k.words)
}

// child is the kustomization that an entry names; nil for files, and for what lies
// outside of the tree.
func (g *Graph) child(n *node, entry string) *node {
	if path.IsAbs(entry) {
		return nil
	}
	if c := g.nodes[path.Join(n.dir, entry)]; c != n {
		return c
	}
	return nil
}

// Roots are the deployable kustomizations, sorted by path. They are worked out once, and
// are not the caller's to change.
func (g *Graph) Roots() []Root {
	if g.roots != nil {
		return g.roots
	}
	const most = 4_000_000
	g.builds, g.running, g.patterns, g.left = map[string]*build{}, map[string]bool{}, map[string]*regexp.Regexp{}, most
	for _, n := range g.rootNodes() {
		b := g.build(n)
		g.roots = append(g.roots, Root{Path: n.path, Document: n.document, Images: b.images, Unread: b.unread, Closed: n.closed})
	}
	return g.roots
}

func (g *Graph) rootNodes() []*node {
	included := g.included()
	var roots []*node
	for _, dir := range slices.Sorted(maps.Keys(g.nodes)) {
		if n := g.nodes[dir]; len(included[n]) == 0 && !n.component && n.Broken == "" {
			roots = append(roots, n)
		}
	}
	return roots
}

// Unlisted are the short images of manifests that no Root reaches, sorted by place. Their
// Namespace is their object's.
func (g *Graph) Unlisted() []Reached {
	listed, seen := map[string]bool{}, map[*node]bool{}
	var mark func(n *node)
	mark = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, entry := range n.includes() {
			if c := g.child(n, entry); c != nil {
				mark(c)
			}
			listed[path.Join(n.dir, entry)] = true
		}
	}
	for _, n := range g.rootNodes() {
		mark(n)
	}
	for _, n := range g.nodes {
		if n.Broken != "" {
			mark(n)
		}
	}
	var all []Reached
	for file, m := range g.manifests {
		if listed[file] {
			continue
		}
		for _, i := range m.Images {
			all = append(all, Reached{ShortImage: i, File: file})
		}
	}
	slices.SortFunc(all, compareReached)
	return all
}

// Jobs are the images of Jobs that some entry of people changes on their way to a Root,
// sorted by place: those that keep the image they were made with.
func (g *Graph) Jobs() []Reached {
	var all []Reached
	for _, root := range g.Roots() {
		for _, r := range root.Images {
			if r.Job && r.Changed != (Place{}) {
				r.Namespace = ""
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, compareReached)
	return slices.Compact(all)
}

// DeployedJobs are the images of Jobs below a directory that an images: entry of Flux or Argo CD
// changes, which stands at by and is called name: of the directory's kustomization, else of
// the manifests in it, which Flux makes one of. They are sorted by place.
func (g *Graph) DeployedJobs(dir, name string, by Place) []Reached {
	g.Roots() // sets the bounds of building
	var images []Reached
	if n := g.nodes[dir]; n != nil {
		images = slices.Clone(g.build(n).images)
	} else {
		for file, m := range g.manifests {
			if dir == "." || strings.HasPrefix(file, dir+"/") {
				for _, i := range m.Images {
					images = append(images, Reached{ShortImage: i, File: file})
				}
			}
		}
	}
	images = slices.DeleteFunc(images, func(r Reached) bool { return !r.Job || r.Changed != (Place{}) || !g.matches(name, r.Text) })
	for i := range images {
		images[i].Changed, images[i].Namespace = by, ""
	}
	slices.SortFunc(images, compareReached)
	return slices.Compact(images)
}

// Broken are the kustomizations that cannot be read, sorted by path.
func (g *Graph) Broken() []Unread {
	var all []Unread
	for _, dir := range slices.Sorted(maps.Keys(g.nodes)) {
		if n := g.nodes[dir]; n.Broken != "" {
			all = append(all, Unread{n.path, n.Broken})
		}
	}
	return all
}

func compareReached(a, b Reached) int {
	return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Text, b.Text), strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Changed.File, b.Changed.File), a.Changed.Line-b.Changed.Line)
}

// Deploying are the deployable roots that include a kustomization, directly or not, sorted by
// path; itself where none does. known is false where a file that cannot be read may include
// it. A nil Graph knows nothing.
func (g *Graph) Deploying(file string) (roots []string, known bool) {
	if g == nil || g.nodes[path.Dir(file)] == nil {
		return nil, false
	}
	if g.parents == nil {
		g.parents = g.included()
	}
	seen, known := map[*node]bool{}, true
	var up func(n *node)
	up = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		known = known && n.Broken == ""
		if len(g.parents[n]) == 0 && !n.component && n.Broken == "" {
			roots = append(roots, n.path)
		}
		for _, p := range g.parents[n] {
			up(p)
		}
	}
	up(g.nodes[path.Dir(file)])
	slices.Sort(roots)
	return roots, known
}

// included are the kustomizations that include one, each.
func (g *Graph) included() map[*node][]*node {
	parents := map[*node][]*node{}
	for _, n := range g.nodes {
		for _, entry := range n.includes() {
			if c := g.child(n, entry); c != nil {
				parents[c] = append(parents[c], n)
			}
		}
	}
	return parents
}
