package kustomize

import (
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Kustomization is what one kustomization file says that matters to local lookup. It
// depends on the bytes alone.
type Kustomization struct {
	Broken string   // why the file cannot be read; then only words are known
	words  []string // of a broken file: what it may include

	component  bool
	namespace  string // namespace:
	document   string // as in Use
	resources  []string
	components []string
	patches    []string     // files
	inline     []ShortImage // of patches in the file itself
	images     []rewrite    // entries of images:, in order
	closed     Closed
}

// Closed says why a kustomization cannot be given an entry, and the line that is in the
// way; the zero Closed: it can, as far as its shape tells.
type Closed struct {
	Line   int
	Reason string
}

// closedBy is what stands in the way of an entry.
func closedBy(docs []*document, root *yaml.Node) Closed {
	images := get(root, "images")
	switch {
	case len(docs) > 1:
		return Closed{root.Line, "several documents in the file"}
	case images == nil, images.Kind == yaml.SequenceNode && len(images.Content) > 0 && images.Style&yaml.FlowStyle == 0:
		return Closed{}
	}
	return Closed{images.Line, "images is no list with a dash on each element: write it so, or take it away"}
}

// rewrite is an images: entry that changes what its name matches.
type rewrite struct {
	line int
	name string // a regular expression
}

// ReadKustomization reads a file for which IsKustomization holds; nil when it says that it
// is something else.
func ReadKustomization(name string, src []byte) *Kustomization {
	roots, err := yamledit.Documents(src)
	if err != nil {
		return &Kustomization{Broken: err.Error(), words: words(src)}
	}
	docs := documents(name, roots)
	i := slices.IndexFunc(docs, func(d *document) bool { return d.kustomization })
	if i < 0 {
		return nil
	}
	root := docs[i].root
	k := &Kustomization{
		component: text(root, "kind") == "Component", namespace: text(root, "namespace"), document: docs[i].id,
		resources:  slices.Concat(texts(root, "resources"), texts(root, "bases")),
		components: texts(root, "components"), closed: closedBy(docs, root),
	}
	for _, key := range []string{"patches", "patchesJson6902", "patchesStrategicMerge"} {
		for _, p := range elements(get(root, key)) {
			k.patch(p)
		}
	}
	k.readImages(root)
	return k
}

// word is what may be a path in a file that is no YAML.
var word = regexp.MustCompile(`[A-Za-z0-9_./-]+`)

// words are few in any file that people write.
func words(src []byte) []string {
	const most = 10_000
	all := word.FindAllString(string(src), most)
	slices.Sort(all)
	return slices.Compact(all)
}

func elements(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// texts are the elements of a list that are single values.
func texts(root *yaml.Node, key string) []string {
	var all []string
	for _, n := range elements(get(root, key)) {
		if s := scalarText(n); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// patch notes a patch: a file, or YAML in the kustomization itself.
func (k *Kustomization) patch(p *yaml.Node) {
	if file := text(p, "path"); file != "" {
		k.patches = append(k.patches, file)
	}
	body := get(p, "patch")
	if p.Kind == yaml.ScalarNode { // of patchesStrategicMerge: either
		body = p
		k.patches = append(k.patches, p.Value)
	}
	if scalarText(body) == "" {
		return
	}
	roots, err := yamledit.Documents([]byte(body.Value))
	if err != nil {
		return
	}
	for _, i := range shortImages("", roots) {
		if body.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			i.Line += body.Line
		} else {
			i.Line = body.Line
		}
		k.inline = append(k.inline, i)
	}
}

// readImages notes the entries that change something. kustomize reads keys of any case.
func (k *Kustomization) readImages(root *yaml.Node) {
	for _, e := range elements(fold(root, "images")) {
		name := scalarText(fold(e, "name"))
		changes := slices.ContainsFunc([]string{"newName", "newTag", "digest", "tagSuffix"}, func(key string) bool {
			return scalarText(fold(e, key)) != ""
		})
		if name != "" && changes {
			k.images = append(k.images, rewrite{line: e.Line, name: name})
		}
	}
}

// fold is get for readers that ignore case.
func fold(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(keyName(n.Content[i]), key) {
			return n.Content[i+1]
		}
	}
	return nil
}
