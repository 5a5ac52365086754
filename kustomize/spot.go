package kustomize

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
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

// yamlSpots finds the places of a parsed file; f is what it binds.
func yamlSpots(name string, y *yamledit.File, f *File) []Spot {
	docs := documents(name, y.Documents())
	s := spotter{yaml: y, uses: f.identities(), groups: (&scanner{yaml: y, docs: docs}).groups().byNode, entries: map[*yaml.Node]bool{}}
	for _, d := range docs {
		s.doc = d
		s.object = objectOf(d)
		for _, l := range lists(y, d) {
			for _, e := range l.entries {
				s.entries[e.node] = true
				s.addEntry(e)
			}
		}
		s.walk(d.root, trail{}, nil)
	}
	found := inOrder(boundSpots(s.found, f.Uses))
	for i := range found {
		for _, d := range docs {
			if d.id == found[i].Document {
				found[i].doc = d
			}
		}
	}
	for i := range found {
		if s := &found[i]; IsJSON(name) && s.Bound == "" && !s.inPod() {
			s.Refused = firstOf(s.Refused, noComments)
		}
	}
	return found
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

// spotter collects the spots of one YAML file.
type spotter struct {
	yaml    *yamledit.File
	uses    map[identity]Use
	doc     *document
	object  Object
	groups  map[*yaml.Node]*group
	entries map[*yaml.Node]bool
	found   []Spot
}

// newSpot is a spot with what binds it, if its places are bound.
func (s *spotter) newSpot(kind SpotKind, n *yaml.Node, t trail, label string) Spot {
	first, last := s.yaml.Lines(n)
	return Spot{
		Line: n.Line, First: first, Last: last, Kind: kind, Path: s.doc.pathText(t), Document: s.doc.id, Namespace: s.doc.namespace,
		Object: s.object, Label: label,
	}
}

// bound notes the use at a path of the document.
func (s *spotter) bound(spot *Spot, path string) {
	u, ok := s.uses[identity{s.doc.id, path}]
	if ok {
		spot.bind(u)
	}
}

func (s *spotter) addEntry(e *entry) {
	var u Use
	switch {
	case e.strings && e.node.Kind == yaml.ScalarNode:
		u.readText(e)
	case !e.strings && e.node.Kind == yaml.MappingNode:
		u.entry, u.Refused = readEntry(e.node)
		u.Label = u.entry.name.text
	default:
		return
	}
	spot := s.newSpot(SpotEntry, e.node, e.trail, u.Label)
	spot.Refused, spot.entry, spot.First = u.Refused, e, e.dash
	spot.show(u.Shown())
	s.bound(&spot, spot.Path)
	s.found = append(s.found, spot)
}

// walk looks for images; keys is the way to n as isImageField reads it.
func (s *spotter) walk(n *yaml.Node, t trail, keys []string) {
	if s.entries[n] {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		g := s.groups[n]
		if g != nil {
			s.addGroup(g)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind != yaml.ScalarNode || g != nil && readGroup(n).has(key.Value) || s.passes(key.Value, len(keys)) {
				continue
			}
			s.walk(value, t.down(n, key.Value), append(keys, key.Value))
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.walk(c, t.down(n, i), append(keys, "[]"))
		}
	case yaml.ScalarNode:
		s.addValue(n, t, keys)
	}
}

// passes reports whether a key leads to no image of the document's own.
func (s *spotter) passes(key string, depth int) bool {
	if s.doc.kustomization && depth == 0 {
		return key != "helmCharts" && key != "configMapGenerator"
	}
	return isObserved(key, depth)
}

// isObserved reports whether a key of a manifest says what a cluster did, in place of what
// it is to do: status at the root, and what OpenShift's triggers remember.
func isObserved(key string, depth int) bool {
	return depth == 0 && key == "status" || key == "lastTriggeredImage"
}

// imageKey is the key of a value that may be an image.
var imageKey = regexp.MustCompile(`^image$|[a-z]Image$`)

// picture is a file that no registry serves.
var picture = regexp.MustCompile(`(?i)\.(png|jpe?g|gif|svg|ico|webp|avif|iso|img|qcow2)$`)

// showsImage reports whether a value of a key for images is one.
func showsImage(text string) bool {
	return pullSpec.MatchString(text) && strings.ContainsAny(text, "/:@") && !picture.MatchString(text)
}

// fullImage is a text that is an image and hardly anything else: with a registry, and
// with a tag or a digest; --proxy=quay.io/a/b:1 too.
var fullImage = regexp.MustCompile(`^(?:[-\w.]+=)?(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|localhost:\d+)/[a-z0-9._/-]+(?::\w[\w.-]*(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$`)

// looks reports whether a value that nothing else says it of looks like an image, in an
// object that is not about images itself.
func (s *spotter) looks(text string, keys []string) bool {
	about := slices.Contains([]string{"image.openshift.io", "image.toolkit.fluxcd.io", "argocd-image-updater.argoproj.io", "apiextensions.k8s.io"}, s.object.Group)
	return fullImage.MatchString(text) && !about && !slices.Contains(keys, "annotations") && !slices.Contains(keys, "labels")
}

// kindOfValue is what a single value is that shows an image by its keys and its text; "" for
// one that does not.
func kindOfValue(keys []string, value field) SpotKind {
	switch {
	case len(keys) == 0 || value.text == "":
	case isImageField(keys):
		return SpotContainer
	case imageKey.MatchString(keys[len(keys)-1]) && (showsImage(value.text) || isTemplate(value.text)):
		return SpotValue
	}
	return ""
}

// addValue adds a single value that shows an image.
func (s *spotter) addValue(n *yaml.Node, t trail, keys []string) {
	value := newField(n)
	kind := kindOfValue(keys, value)
	looks := kind == "" && len(keys) > 0 && s.looks(value.text, keys)
	switch {
	case looks:
		kind = SpotValue
	case kind == "":
		return
	}
	p := place{s.doc, n, t.clone()}
	spot := s.newSpot(kind, n, t, p.label())
	spot.value = n
	if parent := p.parent(); kind == SpotContainer && keys[len(keys)-1] == "image" {
		spot.container = text(parent, "name")
		spot.First, spot.Last = s.yaml.Lines(parent)
	}
	spot.Refused, spot.Looks = refuseValue(t, value, Whole), looks
	spot.blank = strings.TrimSpace(value.text) == ""
	_, image, named := cutName(value.text)
	if !named {
		image = value.text
	}
	spot.show(splitPullSpec(image))
	s.bound(&spot, spot.Path)
	s.found = append(s.found, spot)
}

// addGroup adds an image in several keys, unless nothing binds it and it is something else.
func (s *spotter) addGroup(g *group) {
	v := readGroup(g.node)
	spot := s.newSpot(SpotGroup, g.node, g.trail, place{g.doc, g.node, g.trail}.label())
	spot.Line, spot.First, spot.Refused, spot.group = g.head, min(g.head, g.first), v.refused(g.node), g
	spot.show(Use{parts: v}.Shown())
	s.bound(&spot, spot.Path)
	for _, key := range []string{"registry", v.repositoryKey, "tag", v.digestKey} {
		s.bound(&spot, s.doc.pathText(g.trail.clone().down(g.node, key)))
	}
	if spot.Bound != "" || v.isImage() {
		s.found = append(s.found, spot)
	}
}

// isImage reports whether the parts look like those of an image: not of a chart or of a git
// repository, nor a name and a tag of something else.
func (v *groupValues) isImage() bool {
	text := v.repository.text
	if v.repositoryKey == "name" {
		return strings.Contains(text, "/") && (isTemplate(text) || pullSpec.MatchString(text))
	}
	return text != "" && !strings.Contains(text, "://")
}

// dockerSpots are the references of a Dockerfile that name an image.
func dockerSpots(src []byte, f *File) ([]Spot, error) {
	if len(src) > MaxSize {
		return nil, &yamledit.Error{Reason: "larger than " + strconv.Itoa(MaxSize) + " bytes"}
	}
	docker, err := dockerfile.Parse(src)
	if err != nil {
		return nil, &yamledit.Error{Reason: "not a Dockerfile: " + err.Error()}
	}
	var found []Spot
	uses := f.identities()
	named := namedReferences(docker.References)
	for _, r := range docker.References {
		spot := Spot{Line: r.Line, First: r.First, Last: r.Line, Kind: SpotFrom, Path: referencePath(r, named), Document: "0", Label: firstOf(r.Name, r.Keyword), Refused: r.Refused, from: &r}
		u, bound := uses[identity{spot.Document, spot.Path}]
		if r.Refused != "" && !bound {
			continue // a stage, scratch, an ARG that is no image
		}
		if bound {
			spot.bind(u)
		}
		spot.show(splitPullSpec(r.Text))
		found = append(found, spot)
	}
	return inOrder(found), nil
}
