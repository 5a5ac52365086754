package adopt

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// loose is an image of which a file says only a part, or says it where no reader of the
// file would look for an image.
type loose struct {
	line  int
	keys  []string              // of the values of a chart: the way to what says it
	parts map[string]*yaml.Node // registry, repository, tag, digest; or
	whole *yaml.Node            // all of it
}

var (
	tagKey    = regexp.MustCompile(`^image_?[tT]ag$|[a-z]ImageTag$`)
	parameter = regexp.MustCompile(`^(.*[iI]mage)\.(registry|repository|name|tag|digest)$`)
)

const byHand = `bind it by hand: # {"$imagestream": "STREAM:TAG%s"} behind the value`

// addLoose adds the images of a file that are no spots, and lists those that cannot be bound.
func (a *Adoption) addLoose(f *file, taken setLines) {
	if f.yaml == nil {
		return
	}
	known := map[int]bool{}
	for _, s := range f.spots {
		known[s.Line] = known[s.Line] || !s.Looks
	}
	for _, doc := range f.yaml.Documents() {
		if isOfImages(doc) {
			continue
		}
		for _, l := range looseIn(doc, kustomize.IsKustomization(f.path)) {
			if !known[l.line] && !taken.own[l.line] && !strings.Contains(commentOn(f.yaml, l.line), "$imagestream") {
				a.addOneLoose(f, l)
			}
		}
	}
}

// isOfImages is for objects that are about images themselves, and run none.
func isOfImages(doc *yaml.Node) bool {
	api, kind := valueOf(doc, "apiVersion"), valueOf(doc, "kind")
	if api == nil || kind == nil {
		return false
	}
	group, _, _ := strings.Cut(api.Value, "/")
	return slices.Contains([]string{fluxImages, updates, "image.openshift.io"}, group) || strings.HasPrefix(kind.Value, "ImageStream") || kind.Value == "CustomResourceDefinition"
}

func (a *Adoption) addOneLoose(f *file, l loose) {
	if l.whole != nil {
		p := &place{file: f, line: l.line, value: l.whole, image: l.whole.Value}
		repository, tag, digest := splitPart(l.whole.Value, kustomize.Whole, "")
		a.addValue(p, repository, tag, digest)
		return
	}
	name := cmp.Or(l.repository(), a.chartRepository(f, l.keys))
	tag, digest := textOf(l.parts["tag"]), textOf(l.parts["digest"])
	if name == "" {
		p, part := &place{file: f, line: l.line, image: cmp.Or(tag, digest)}, ":tag"
		if tag == "" {
			part = ":digest"
		}
		a.leave(stream.Notice, p, strings.Join(l.keys, ".")+" shows no repository: the chart has it", fmt.Sprintf(byHand, part))
		return
	}
	for _, of := range []struct {
		key  string
		part kustomize.Part
	}{{"repository", kustomize.PartName}, {"tag", kustomize.PartTag}, {"digest", kustomize.PartDigest}} {
		v := l.parts[of.key]
		if textOf(v) == "" || of.part == kustomize.PartName && textOf(l.parts["registry"]) != "" {
			continue
		}
		_, line := f.yaml.Lines(v)
		a.addValue(&place{file: f, line: line, value: v, part: of.part, image: strings.TrimSuffix(name+":"+tag, ":")}, name, tag, digest)
	}
}

// leaveLooks lists what looks like an image and is none that anybody names.
func (a *Adoption) leaveLooks() {
	for _, p := range a.looks {
		if !slices.ContainsFunc(a.all, func(of *place) bool { return of.file == p.file && of.line == p.line }) {
			a.leave(stream.Notice, p, "nothing but its text says that this is an image", "if it is one: imgstream set triggers "+p.pos().String()+" --from-image STREAM:TAG")
		}
	}
}

// tagBeside is the key beside a value that shows no tag which says one: imageTag of an
// image; "" = none.
func (f *file) tagBeside(s *kustomize.Spot) string {
	if s.Kind != kustomize.SpotValue || s.Tag != "" || s.Digest != "" || f.yaml == nil {
		return ""
	}
	keys := strings.Split(s.Path, ".")
	n := f.valueAt(keys[:len(keys)-1]...)
	if n == nil || n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i].Value; key == "version" || tagKey.MatchString(key) {
			return key
		}
	}
	return ""
}

// addValue adds a single value that shows an image, or a part of one.
func (a *Adoption) addValue(p *place, repository, tag, digest string) {
	if p.stated = a.statedBy(p); !p.dropped {
		a.addShown(p, repository, tag, digest, "")
	}
}

func textOf(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// repository is the one that the image says itself; "" = none.
func (l loose) repository() string {
	name := textOf(l.parts["repository"])
	if registry := textOf(l.parts["registry"]); name != "" && registry != "" {
		name = registry + "/" + name
	}
	return name
}

// chartRepository is what the values.yaml beside a file of values has for the same image;
// "" = nothing.
func (a *Adoption) chartRepository(f *file, keys []string) string {
	of := a.repo.byPath[path.Join(path.Dir(f.path), "values.yaml")]
	if of == nil || of == f || f.valueAt("kind") != nil {
		return ""
	}
	return partsOf(of.valueAt(keys...)).repository()
}

// partsOf are the parts of an image that a mapping has.
func partsOf(n *yaml.Node) loose {
	l := loose{parts: map[string]*yaml.Node{}}
	for _, key := range []string{"registry", "tag", "digest"} {
		l.parts[key] = valueOf(n, key)
	}
	for _, key := range []string{"name", "image", "repository"} {
		if v := valueOf(n, key); v != nil {
			l.parts["repository"] = v
		}
	}
	return l
}

// looseIn finds what a document shows of images besides what package kustomize knows.
func looseIn(doc *yaml.Node, kustomization bool) []loose {
	var found []loose
	var walk func(n *yaml.Node, keys []string)
	walk = func(n *yaml.Node, keys []string) {
		last := ""
		if len(keys) > 0 {
			last = keys[len(keys)-1]
		}
		switch {
		case slices.Equal(keys, []string{"status"}) || slices.Equal(keys, []string{"items", "[]", "status"}):
			return
		case n.Kind == yaml.MappingNode && !kustomization:
			found = append(found, looseMapping(n, keys)...)
		case n.Kind == yaml.SequenceNode && last == "parameters":
			found = append(found, parameters(n)...)
		}
		for i, c := range n.Content {
			switch {
			case n.Kind == yaml.MappingNode && i%2 == 1:
				walk(c, append(slices.Clip(keys), n.Content[i-1].Value))
			case n.Kind == yaml.SequenceNode:
				walk(c, append(slices.Clip(keys), "[]"))
			}
		}
	}
	walk(doc, nil)
	return found
}

// looseMapping is what one mapping says: a patch that sets an image, or an image whose
// repository stands elsewhere.
func looseMapping(n *yaml.Node, keys []string) []loose {
	if op, at, v := valueOf(n, "op"), valueOf(n, "path"), valueOf(n, "value"); op != nil && at != nil && strings.HasSuffix(at.Value, "/image") && textOf(v) != "" {
		return []loose{{line: v.Line, whole: v}}
	}
	l := partsOf(n)
	if shows := firstNode(l.parts["tag"], l.parts["digest"]); shows != nil && l.parts["repository"] == nil && len(keys) > 0 && kustomize.IsImageKey(keys[len(keys)-1]) {
		l.keys, l.line = keys, shows.Line
		return []loose{l}
	}
	var found []loose
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key, v := n.Content[i], n.Content[i+1]; tagKey.MatchString(key.Value) && textOf(v) != "" {
			found = append(found, loose{line: v.Line, keys: append(slices.Clip(keys), key.Value), parts: map[string]*yaml.Node{"tag": v}})
		}
	}
	return found
}

func firstNode(some ...*yaml.Node) *yaml.Node {
	for _, n := range some {
		if textOf(n) != "" {
			return n
		}
	}
	return nil
}

// parameters are the images that Argo CD's parameters of Helm show: image.repository and
// image.tag with their values.
func parameters(list *yaml.Node) []loose {
	var found []loose
	at := map[string]int{}
	for _, item := range list.Content {
		value := valueOf(item, "value")
		name := parameter.FindStringSubmatch(textOf(valueOf(item, "name")))
		if name == nil || textOf(value) == "" {
			continue
		}
		i, ok := at[name[1]]
		if !ok {
			i, at[name[1]] = len(found), len(found)
			found = append(found, loose{keys: strings.Split(name[1], "."), line: value.Line, parts: map[string]*yaml.Node{}})
		}
		key := name[2]
		if key == "name" {
			key = "repository"
		}
		found[i].parts[key] = value
	}
	return slices.DeleteFunc(found, func(l loose) bool { return firstNode(l.parts["tag"], l.parts["digest"]) == nil })
}
