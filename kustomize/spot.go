package kustomize

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// SpotKind is what a Spot is.
type SpotKind string

// The kinds of spots.
const (
	SpotEntry     SpotKind = "entry"     // an images: entry of a kustomization, of Flux or Argo CD
	SpotContainer SpotKind = "container" // image in containers or initContainers, or of an image volume
	SpotGroup     SpotKind = "group"     // repository with tag or digest beside it, as in Helm values
	SpotLine      SpotKind = "line"      // one line of a text file that is not YAML
	SpotFrom      SpotKind = "from"      // FROM of a Dockerfile, or the ARG that is its reference
	SpotValue     SpotKind = "value"     // any other single value that shows an image
)

// Spot is one place of a file that shows an image, whether it is bound or not. Document
// and Path identify it within its file; they are those of the Use that binds it, of a
// group those of the mapping.
type Spot struct {
	Line      int
	First     int // line of what belongs to it: a marker above it, the dash of an entry, the first part of a group, its container,
	Last      int // and the last one
	Kind      SpotKind
	Path      string // images[name=keycloak]; spec.template.spec.containers[name=web].image; image; FROM[name=build]
	Document  string // as in Use
	Namespace string // as in Use
	Object    Object // the Kubernetes object that it belongs to; the zero Object: none
	Label     string // what a person calls it, as in Use

	Image                   string // what it shows: repository[:tag][@digest]; "" where it shows no name
	Repository, Tag, Digest string

	Bound   string // the [namespace/]stream:tag that it is bound to; "" = none
	Uses    []Use  // what binds it: one, or one per part of a group
	Refused string // why nothing can ever be written here as the file is; "" = it can
	Looks   bool   // of a value: nothing but its text says that it is an image

	doc       *document
	container string     // the name of the container whose image it is
	value     *yaml.Node // of a single value; or else
	entry     *entry
	group     *group
	from      *dockerfile.Reference
	text      *textPlace
	blank     bool // a placeholder (image: ' '), which a trigger fills in
}

// Spots are the places of a file that show an image, by line. Of text that is neither YAML
// nor a Dockerfile they are the lines that are bound, and those that can show nothing else.
// The error is ErrUnproven, where the file cannot be read.
func Spots(name string, src []byte) ([]Spot, error) {
	p, err := placesOf(name, src)
	if err != nil {
		return nil, err
	}
	return p.spots, nil
}

// places are those of one file, and what binds them.
type places struct {
	name     string
	src      []byte
	yaml     *yamledit.File // nil: not YAML
	file     *File          // what the file binds; never nil
	spots    []Spot
	comments map[int]yamledit.Comment // of YAML, by line
	index    map[spotID]int
}

// spotID tells the spots of one file apart.
type spotID struct {
	identity
	kind SpotKind
}

func (s Spot) id() spotID { return spotID{identity{s.Document, s.Path}, s.Kind} }

// placesOf reads a file. The error is ErrUnproven, where it cannot be read.
func placesOf(name string, src []byte) (*places, error) {
	if IsYAML(name) {
		y, broken := parse(src)
		if broken != "" {
			return nil, &yamledit.Error{Reason: broken}
		}
		return yamlPlaces(name, y), nil
	}
	f := Parse(name, src)
	switch {
	case f == nil:
		f = &File{}
	case f.Broken != "":
		return nil, &yamledit.Error{Reason: f.Broken}
	}
	var spots []Spot
	if dockerfile.Is(name) {
		var err error
		if spots, err = dockerSpots(src, f); err != nil {
			return nil, err
		}
	} else {
		spots = lineSpots(name, src, f)
	}
	return newPlaces(&places{name: name, src: src, file: f, spots: spots}), nil
}

func yamlPlaces(name string, y *yamledit.File) *places {
	p := &places{name: name, src: y.Bytes(), yaml: y, file: &File{}, comments: map[int]yamledit.Comment{}}
	if mayBind(p.src) {
		p.file = read(name, y)
	}
	p.spots = yamlSpots(name, y, p.file)
	for _, c := range y.Comments() {
		p.comments[c.Line] = c
	}
	return newPlaces(p)
}

func newPlaces(p *places) *places {
	p.index = make(map[spotID]int, len(p.spots))
	for i, s := range slices.Backward(p.spots) { // of two with one id, the first
		p.index[s.id()] = i
	}
	return p
}

// find is a spot of these bytes, or those from before a change.
func (p *places) find(s Spot) (Spot, error) {
	i, ok := p.index[s.id()]
	if !ok {
		return s, &yamledit.Error{Line: s.Line, Reason: "no image stands at " + s.Path}
	}
	return p.spots[i], nil
}

// Finds reports whether Spots finds in a file of that name what is not bound yet.
func Finds(name string) bool {
	kind, isText := kindOf(name)
	return dockerfile.Is(name) || IsYAML(name) || isText && !kind.byHand
}

// IsText reports whether a file of that name is text of which single lines are bound.
func IsText(name string) bool {
	_, isText := kindOf(name)
	return isText && !IsYAML(name) && !dockerfile.Is(name)
}

func inOrder(spots []Spot) []Spot {
	slices.SortStableFunc(spots, func(a, b Spot) int { return cmp.Compare(a.Line, b.Line) })
	return spots
}

// NamespaceKey is the key of the file that says the Namespace; "" where nothing does.
func (s Spot) NamespaceKey() string {
	switch {
	case s.Namespace == "" || s.doc == nil:
		return ""
	case s.doc.kustomization && text(s.doc.root, "namespace") != "":
		return "namespace"
	case s.doc.deployer == argoApplication || s.doc.deployer == argoSet:
		return "spec.destination.namespace"
	case s.doc.deployer != noDeployer && text(get(s.doc.root, "spec"), "targetNamespace") != "":
		return "spec.targetNamespace"
	}
	return "metadata.namespace"
}

// boundSpots adds the uses that are no spot yet: their markers say that they are images.
func boundSpots(spots []Spot, uses []Use) []Spot {
	known := map[identity]bool{}
	for _, s := range spots {
		for _, u := range s.Uses {
			known[u.identity()] = true
		}
	}
	for _, u := range uses {
		if known[u.identity()] {
			continue
		}
		s := Spot{
			Line: u.Line, First: u.Line, Last: u.Line, Kind: SpotValue, Path: u.Path, Document: u.Document, Namespace: u.Namespace,
			Label: u.Label, Refused: u.Refused,
		}
		s.bind(u)
		s.show(u.Shown())
		spots = append(spots, s)
	}
	return spots
}

// bind notes a use that binds the spot.
func (s *Spot) bind(u Use) {
	s.Uses, s.Bound = append(s.Uses, u), firstOf(s.Bound, u.Ref)
	for _, line := range u.marks {
		s.First, s.Last = min(s.First, line), max(s.Last, line)
	}
}

// Object names a Kubernetes object as kubectl prints it.
type Object struct{ Kind, Group, Name string } // deployment, apps, web

// String is kind.group/name; "" for none.
func (o Object) String() string {
	if o.Group != "" {
		return o.Kind + "." + o.Group + "/" + o.Name
	}
	return strings.Trim(o.Kind+"/"+o.Name, "/")
}

// show notes an image.
func (s *Spot) show(repository, tag, digest string) {
	s.Repository, s.Tag, s.Digest = repository, tag, digest
	if repository == "" {
		return
	}
	s.Image = repository
	if tag != "" {
		s.Image += ":" + tag
	}
	if digest != "" {
		s.Image += "@" + digest
	}
}

// Binding is by what kind of place a use shows its image, in a word: entry, value, group,
// part, from, line, and trigger or lookup where not people's marker binds it.
func (u Use) Binding() string {
	switch {
	case u.Lookup:
		return "lookup"
	case u.BoundBy() == "trigger":
		return "trigger"
	case u.entry != nil || u.renames:
		return "entry"
	case u.parts != nil:
		return "group"
	case u.plain != nil && u.plain.dockerfile:
		return "from"
	case u.plain != nil:
		return "line"
	case u.Part != Whole:
		return "part"
	}
	return "value"
}

// Covers reports whether a line is of the place: of its value, its markers, its entry or
// its mapping.
func (u Use) Covers(line int) bool {
	return line == u.Line || slices.Contains(u.marks, line) || u.dash <= line && line <= u.last
}

// ImageText is what the place says now as one text: a pull spec, or the part that it holds.
func (u Use) ImageText() string {
	var s Spot
	if s.show(u.Shown()); s.Image != "" {
		return s.Image
	}
	return u.value.text
}

// Shown is what the place says now, as far as it says it.
func (u Use) Shown() (repository, tag, digest string) {
	if v := u.entry; v != nil {
		tag, digest = v.newTag.text, v.digest.text
		if t, d, both := strings.Cut(tag, "@"); both {
			tag, digest = t, d
		}
		return v.repository(), tag, digest
	}
	if v := u.parts; v != nil {
		tag, _, _ = strings.Cut(v.tag.text, "@")
		return v.name(), tag, v.shown()
	}
	switch u.Part {
	case PartTag:
		tag, digest, _ = strings.Cut(u.value.text, "@")
		return "", tag, digest
	case PartDigest:
		return "", "", u.value.text
	}
	_, image, _ := cutName(u.value.text)
	return splitPullSpec(image)
}

// objectOf is what a document is; the zero Object for kustomizations, which are none.
func objectOf(d *document) Object {
	kind, name := text(d.root, "kind"), text(get(d.root, "metadata"), "name")
	if d.kustomization || kind == "" || name == "" {
		return Object{}
	}
	group, _, grouped := strings.Cut(text(d.root, "apiVersion"), "/")
	if !grouped {
		group = ""
	}
	return Object{strings.ToLower(kind), group, name}
}
