package describe

import (
	"cmp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

const apiVersion = "image.openshift.io/v1"

// Tag is an ImageStreamTag as OpenShift prints it, its fields in the order of the
// alphabet: one tag of a stream that has an image (openshift.md 1.4).
type Tag struct {
	APIVersion   string                      `json:"apiVersion" yaml:"apiVersion"`
	Conditions   []stream.DocumentCondition  `json:"conditions,omitempty" yaml:"conditions,omitempty"`
	Generation   int64                       `json:"generation" yaml:"generation"`
	Image        Image                       `json:"image" yaml:"image"`
	Kind         string                      `json:"kind" yaml:"kind"`
	LookupPolicy stream.DocumentLookupPolicy `json:"lookupPolicy" yaml:"lookupPolicy"`
	Metadata     Metadata                    `json:"metadata" yaml:"metadata"`
	Tag          *stream.DocumentTag         `json:"tag" yaml:"tag"` // nil: only the status has it
}

// StreamImage is an ImageStreamImage as OpenShift prints it: one image of a stream's
// history (openshift.md 1.6).
type StreamImage struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Image      Image    `json:"image" yaml:"image"`
	Kind       string   `json:"kind" yaml:"kind"`
	Metadata   Metadata `json:"metadata" yaml:"metadata"`
}

// ImageTag is an ImageTag as OpenShift prints it: a tag that a spec or a status has
// (openshift.md 1.5).
type ImageTag struct {
	APIVersion string                  `json:"apiVersion" yaml:"apiVersion"`
	Image      *Image                  `json:"image" yaml:"image"` // nil: the tag has none
	Kind       string                  `json:"kind" yaml:"kind"`
	Metadata   Metadata                `json:"metadata" yaml:"metadata"`
	Spec       *stream.DocumentTag     `json:"spec" yaml:"spec"`
	Status     *stream.DocumentHistory `json:"status" yaml:"status"`

	cells imageTagCells
}

// Metadata is the part of an ObjectMeta that lies in git.
type Metadata struct {
	Annotations       map[string]string `json:"annotations,omitempty" yaml:"annotations,omitempty"`
	CreationTimestamp string            `json:"creationTimestamp,omitempty" yaml:"creationTimestamp,omitempty"`
	Name              string            `json:"name" yaml:"name"` // stream, stream:tag or stream@digest
	Namespace         string            `json:"namespace,omitempty" yaml:"namespace,omitempty"`
}

// TagsOf gives the tags of a stream that have an image, by name.
func TagsOf(tree *stream.Tree, s *stream.Stream) []Tag {
	var tags []Tag
	for _, t := range ImageTagsOf(tree, s) {
		if t.Image == nil {
			continue
		}
		tags = append(tags, Tag{
			APIVersion: apiVersion, Kind: "ImageStreamTag", Metadata: t.Metadata, Image: *t.Image, Tag: t.Spec,
			Conditions: t.Status.Conditions, Generation: t.Status.Items[0].Generation,
			LookupPolicy: stream.DocumentLookupPolicy{Local: s.LookupLocal},
		})
	}
	return tags
}

// NewTag gives the document of a tag of a stream that was written just now: it has no
// image yet.
func NewTag(of stream.Document, name string) Tag {
	t := Tag{
		APIVersion: apiVersion, Kind: "ImageStreamTag", LookupPolicy: of.Spec.LookupPolicy,
		Metadata: Metadata{Name: of.Metadata.Name + ":" + name, Namespace: of.Metadata.Namespace},
	}
	for i := range of.Spec.Tags {
		if of.Spec.Tags[i].Name == name {
			t.Tag, t.Metadata.Annotations = &of.Spec.Tags[i], of.Spec.Tags[i].Annotations
		}
	}
	return t
}

// ImageTagsOf gives all tags that the spec or a status of a stream has, by name.
func ImageTagsOf(tree *stream.Tree, s *stream.Stream) []ImageTag {
	document := tree.Document(s)
	byName := map[string]ImageTag{}
	for i := range document.Spec.Tags {
		t := &document.Spec.Tags[i]
		byName[t.Name] = ImageTag{Spec: t}
	}
	for i := range document.Status.Tags {
		h := &document.Status.Tags[i]
		t := byName[h.Tag]
		t.Status = h
		byName[h.Tag] = t
	}
	var tags []ImageTag
	for name, t := range byName {
		t.APIVersion, t.Kind = apiVersion, "ImageTag"
		t.Metadata = Metadata{Name: s.Name + ":" + name, Namespace: s.Namespace}
		if t.Spec != nil {
			t.Metadata.Annotations = t.Spec.Annotations
		}
		if t.Status != nil && len(t.Status.Items) > 0 {
			head := t.Status.Items[0]
			t.Metadata.CreationTimestamp = head.Created
			if head.Image != "" {
				t.Image = newImage(head, t.Metadata.Annotations)
			}
		}
		t.cells = cellsOf(tree, s, name)
		tags = append(tags, t)
	}
	slices.SortFunc(tags, func(a, b ImageTag) int { return cmp.Compare(a.Metadata.Name, b.Metadata.Name) })
	return tags
}

// ImagesOf gives the images in the history of a stream, the newest first; of several
// items with one image the newest counts.
func ImagesOf(tree *stream.Tree, s *stream.Stream) []StreamImage {
	var items []stream.DocumentItem
	for _, h := range tree.Document(s).Status.Tags {
		items = append(items, h.Items...)
	}
	slices.SortStableFunc(items, func(a, b stream.DocumentItem) int {
		return cmp.Or(moment(b.Created).Compare(moment(a.Created)), cmp.Compare(a.Image, b.Image))
	})
	var images []StreamImage
	seen := map[string]bool{"": true} // an item without an image is none
	for _, item := range items {
		if seen[item.Image] {
			continue
		}
		seen[item.Image] = true
		images = append(images, StreamImage{
			APIVersion: apiVersion, Kind: "ImageStreamImage", Image: *newImage(item, nil),
			Metadata: Metadata{CreationTimestamp: item.Created, Name: s.Name + "@" + item.Image, Namespace: s.Namespace},
		})
	}
	return images
}

// Means reports whether stream@digest, where the beginning of the digest is enough and
// its algorithm may be left out, means the image.
func (i StreamImage) Means(name string) bool {
	of, prefix, _ := strings.Cut(name, "@")
	own, digest, _ := strings.Cut(i.Metadata.Name, "@")
	_, hex, _ := strings.Cut(digest, ":")
	return prefix != "" && of == own && (strings.HasPrefix(digest, prefix) || strings.HasPrefix(hex, prefix))
}
