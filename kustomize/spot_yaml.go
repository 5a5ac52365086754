package kustomize

import (
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

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

var imageKey = regexp.MustCompile(`^image$|[a-z]Image$`)

// IsImageKey reports whether the value of a key may be an image: image, sidecarImage.
func IsImageKey(key string) bool { return imageKey.MatchString(key) }

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
	case IsImageKey(keys[len(keys)-1]) && (showsImage(value.text) || isTemplate(value.text)):
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
