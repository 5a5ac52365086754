package kustomize

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// group is a mapping that says one image in several keys, as the values of charts do:
// repository, or image or name, with tag and digest or one of them, and registry where
// it stands apart.
type group struct {
	doc         *document
	node        *yaml.Node
	trail       trail
	head        int    // line of the mapping's key or dash; of its first key at the root
	first, last int    // lines of its text
	outer       *group // the one that it stands in
	marks       []mark
}

// groupValues is what a group says.
type groupValues struct {
	registry, repository, tag, digest field
	repositoryKey, digestKey          string
}

// groupKeys are the keys that can hold the repository; the first that is there does.
var groupKeys = []string{"repository", "image", "name"}

// readGroup gives what a mapping says as a group; nil when it is none.
func readGroup(n *yaml.Node) *groupValues {
	v := &groupValues{digestKey: "digest"}
	var repository *yaml.Node
	for _, key := range groupKeys {
		if repository = get(n, key); repository != nil {
			v.repositoryKey = key
			break
		}
	}
	if get(n, "digest") == nil && get(n, "sha") != nil {
		v.digestKey = "sha" // without sha256:, as the charts of Grafana and Prometheus have it
	}
	tag, digest := get(n, "tag"), get(n, v.digestKey)
	if !isSingle(repository) || tag == nil && digest == nil || tag != nil && !isSingle(tag) || digest != nil && !isSingle(digest) {
		return nil
	}
	if registry := get(n, "registry"); isSingle(registry) {
		v.registry = newField(registry)
	}
	v.repository, v.tag, v.digest = newField(repository), newField(tag), newField(digest)
	if _, tag, digest := splitPullSpec(v.repository.text); tag != "" || digest != "" || v.repositoryKey != "repository" && v.repository.text == "" {
		return nil
	}
	return v
}

func isSingle(n *yaml.Node) bool {
	return n != nil && (n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode && n.Alias.Kind == yaml.ScalarNode)
}

// has reports whether a key says a part of the image.
func (v *groupValues) has(key any) bool {
	return key == v.repositoryKey || key == "tag" || key == v.digestKey || key == "registry" && v.registry.there
}

// refused says why a group cannot be edited; "" when it can.
func (v *groupValues) refused(n *yaml.Node) string {
	if get(n, "<<") != nil {
		return "the mapping has a merge key (<<): what it says stands elsewhere too"
	}
	for _, f := range []field{v.registry, v.repository, v.tag, v.digest} {
		switch {
		case isTemplate(f.text):
			return "the mapping holds a template expression: " + f.text
		case strings.Contains(f.text, "://"):
			return "the mapping holds a URL, not an image: " + f.text
		case strings.ContainsAny(f.text, " \t\n="):
			return "the mapping holds a text that is no part of an image: " + f.text
		}
	}
	tag, both, inTag := strings.Cut(v.tag.text, "@")
	switch {
	case strings.Contains(tag, "/") || inTag && (tag == "" || !isDigest(both)):
		return "the value of tag is no tag: " + v.tag.text
	case v.shown() == "" && v.digest.text != "":
		return "the value of " + v.digestKey + " is no digest: " + v.digest.text
	case inTag && v.digest.text != "":
		return "tag holds a digest and there is a " + v.digestKey + " too"
	}
	return ""
}

// shown is the digest that the group shows; "" for none.
func (v *groupValues) shown() string {
	shown := v.digest.text
	if v.digestKey == "sha" && shown != "" && !strings.Contains(shown, ":") {
		shown = "sha256:" + shown
	}
	if _, both, ok := strings.Cut(v.tag.text, "@"); ok && shown == "" {
		shown = both
	}
	if !isDigest(shown) {
		return ""
	}
	return shown
}

// name is the repository that the group shows, registry included.
func (v *groupValues) name() string {
	if v.registry.text != "" {
		return v.registry.text + "/" + v.repository.text
	}
	return v.repository.text
}

// split is how the group writes a repository: a registry that stands apart gets the host,
// unless what it says is already how the name begins.
func (v *groupValues) split(name string) (registry, repository string) {
	if v.registry.text == "" {
		return "", name
	}
	if path, ok := strings.CutPrefix(name, v.registry.text+"/"); ok {
		return v.registry.text, path
	}
	registry, repository, _ = strings.Cut(name, "/")
	return registry, repository
}

// refuses says why the group can never show img.
func (v *groupValues) refuses(img Image) string {
	switch {
	case img.Digest == "" && v.digest.text != "":
		return "the image has no digest (reference: true): empty the value of " + v.digestKey
	case img.Digest == "" && !v.tag.there:
		return "the image has no digest (reference: true): the mapping has no tag"
	case img.Digest != "" && !v.digest.there && v.tag.text == "" && img.Tag == "":
		return "no tag is known for the image, and the mapping has no place for a digest: add digest where the chart knows it, or write the tag"
	case v.digestKey == "sha" && v.digest.there && img.Digest != "" && !strings.HasPrefix(img.Digest, "sha256:"):
		return "the value of sha is for sha256 only"
	case v.registry.text != "" && !strings.Contains(img.Name, "/"):
		return "the image has no registry"
	}
	return ""
}

// groupEdits are the edits of a group, the keys of which there are stay those that there
// are: a repository that is the image's by Docker's defaults stays as it is spelled, since
// a chart may put its registry before it; the digest goes into its key, also an empty one; else into the tag, where it stands there
// already or nothing else would say which image it is; else the tag says it alone. An empty tag
// is left to the chart where the digest has a key.
func (u Use) groupEdits(img Image) []yamledit.Edit {
	v := u.parts
	var edits []yamledit.Edit
	put := func(key string, f field, value string) {
		if value == f.text && (f.str || value == "") {
			return
		}
		edits = append(edits, yamledit.Edit{Doc: u.doc, Path: append(slices.Clip(u.at), key), Value: value})
	}
	if !sameRepository(v.name(), img.Name) {
		registry, repository := v.split(img.Name)
		put("registry", v.registry, registry)
		put(v.repositoryKey, v.repository, repository)
	}
	tag, _, inTag := strings.Cut(v.tag.text, "@")
	hasKey := v.digest.there && !inTag
	switch known := firstOf(img.Tag, tag); {
	case img.Digest == "":
		put("tag", v.tag, img.Tag)
	case hasKey && tag == "":
	case hasKey:
		put("tag", v.tag, known)
	case inTag || img.Pinned || img.Tag == "":
		put("tag", v.tag, known+"@"+img.Digest)
	default:
		put("tag", v.tag, known)
	}
	if hasKey && img.Digest != "" {
		put(v.digestKey, v.digest, v.spellDigest(img.Digest))
	}
	return edits
}

func (v *groupValues) spellDigest(digest string) string {
	if v.digestKey == "sha" && !strings.HasPrefix(v.digest.text, "sha256:") {
		return strings.TrimPrefix(digest, "sha256:")
	}
	return digest
}
