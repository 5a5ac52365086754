package kustomize

import (
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Manifest is what one file says of images that may be looked up. It depends on the
// bytes alone.
type Manifest struct {
	Images []ShortImage // by line
	Broken string       // why the file cannot be read; then there are no Images
}

// ShortImage is one image without a registry in a field that kustomize changes
// (yaml.md 3): image in containers and initContainers, reference in image volumes. Of a
// Job that keeps its image it is any image, one with a registry without a Name.
type ShortImage struct {
	Line      int
	Text      string // as written: keycloak:25.0
	Name, Tag string // the tag is latest where none is written
	Digest    bool   // with a digest: never looked up
	Namespace string // the object's metadata.namespace; "" = none
	Resolve   bool   // OpenShift's annotation asks for it, whatever the stream's policy
	Job       bool   // of a Job that keeps its image, as nothing replaces or generates it
}

// ReadManifest finds the short images of a file.
func ReadManifest(src []byte) *Manifest {
	roots, err := yamledit.Documents(src)
	if err != nil {
		return &Manifest{Broken: err.Error()}
	}
	return &Manifest{Images: shortImages("", roots)}
}

func shortImages(name string, roots []*yaml.Node) []ShortImage {
	var all []ShortImage
	for _, d := range documents(name, roots) {
		f := imageFinder{object: d, job: isFixedJob(d.root), left: maxVisits}
		f.walk(d.root, nil, false)
		all = append(all, f.found...)
	}
	slices.SortStableFunc(all, func(a, b ShortImage) int { return a.Line - b.Line })
	return all
}

// maxVisits bounds the values of one object that are looked at, aliases followed.
const maxVisits = 200_000

// imageFinder looks for the image fields of one object.
type imageFinder struct {
	object *document
	job    bool
	left   int
	found  []ShortImage
}

func (f *imageFinder) walk(n *yaml.Node, keys []string, resolve bool) {
	if f.left--; f.left < 0 || len(keys) > maxKeys {
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		f.walk(n.Alias, keys, resolve)
	case yaml.SequenceNode:
		if len(keys) == 0 && isPatch(n) {
			f.patch(n)
			return
		}
		for _, c := range n.Content {
			f.walk(c, append(keys, "[]"), resolve)
		}
	case yaml.MappingNode:
		if len(keys) == 0 && text(n, "kind") == "CustomResourceDefinition" {
			return
		}
		resolve = resolve || text(get(get(n, "metadata"), "annotations"), resolveNames) == "*"
		for i := 0; i+1 < len(n.Content); i += 2 {
			f.walk(n.Content[i+1], append(keys, keyName(n.Content[i])), resolve)
		}
	case yaml.ScalarNode:
		if isImageField(keys) {
			f.add(n, resolve)
		}
	}
}

// maxKeys bounds how deep values lie.
const maxKeys = 500

func isImageField(keys []string) bool {
	n := len(keys)
	if n < 3 {
		return false
	}
	if keys[n-1] == "image" && keys[n-2] == "[]" {
		return keys[n-3] == "containers" || keys[n-3] == "initContainers"
	}
	return keys[n-1] == "reference" && slices.Contains(imageVolumes, strings.Join(keys, "/"))
}

// imageVolumes are the fields of image volumes that kustomize knows.
var imageVolumes = []string{
	"spec/volumes/[]/image/reference",
	"spec/template/spec/volumes/[]/image/reference",
	"spec/jobTemplate/spec/template/spec/volumes/[]/image/reference",
}

func (f *imageFinder) add(n *yaml.Node, resolve bool) {
	m := shortName.FindStringSubmatch(n.Value)
	if m == nil {
		if f.job && n.Value != "" {
			f.found = append(f.found, ShortImage{Line: n.Line, Text: n.Value, Namespace: f.object.namespace, Job: true})
		}
		return
	}
	f.found = append(f.found, ShortImage{
		Line: n.Line, Text: m[0], Name: m[1], Tag: firstOf(m[2], defaultTag), Digest: m[3] != "",
		Namespace: f.object.namespace, Resolve: resolve, Job: f.job,
	})
}

// isPatch reports whether a list is a JSON patch (RFC 6902).
func isPatch(list *yaml.Node) bool {
	return len(list.Content) > 0 && text(list.Content[0], "op") != "" && text(list.Content[0], "path") != ""
}

// element is a step of a JSON pointer into a list.
var element = regexp.MustCompile(`^(\d+|-)$`)

// patch finds the images that a JSON patch writes: its values stand where their paths lead.
func (f *imageFinder) patch(list *yaml.Node) {
	for _, op := range list.Content {
		value := get(op, "value")
		if value == nil {
			continue
		}
		keys := strings.Split(strings.TrimPrefix(text(op, "path"), "/"), "/")
		for i, key := range keys {
			if element.MatchString(key) {
				keys[i] = "[]"
			}
		}
		f.walk(value, keys, false)
	}
}

// isFixedJob reports whether an object is a Job whose image can never be changed once it
// was applied: it is not generated anew, no hook, and nothing says to replace it.
func isFixedJob(root *yaml.Node) bool {
	meta := get(root, "metadata")
	if text(root, "kind") != "Job" || text(meta, "generateName") != "" {
		return false
	}
	a := get(meta, "annotations")
	sync := text(a, "argocd.argoproj.io/sync-options")
	return text(a, "argocd.argoproj.io/hook") == "" && text(a, "helm.sh/hook") == "" &&
		!strings.Contains(sync, "Replace=true") && !strings.Contains(sync, "Force=true") &&
		!strings.EqualFold(text(a, "kustomize.toolkit.fluxcd.io/force"), "enabled")
}

// IsKustomization reports whether kustomize takes a file of that name for a kustomization.
func IsKustomization(name string) bool {
	switch path.Base(name) {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return true
	}
	return false
}
