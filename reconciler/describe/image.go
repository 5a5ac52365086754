package describe

import (
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Image is an Image as OpenShift prints it inside of other documents.
type Image struct {
	DockerImageReference string   `json:"dockerImageReference" yaml:"dockerImageReference"`
	Metadata             Metadata `json:"metadata" yaml:"metadata"` // its name is the digest
}

func newImage(item stream.DocumentItem, annotations map[string]string) *Image {
	return &Image{
		DockerImageReference: item.DockerImageReference,
		Metadata:             Metadata{Annotations: annotations, CreationTimestamp: item.Created, Name: item.Image},
	}
}

// Text is what describe istag prints (openshift.md 4.7).
func (t Tag) Text(now time.Time) string { return t.Image.text(now) }

// Text is what describe isimage prints (openshift.md 4.7).
func (i StreamImage) Text(now time.Time) string { return i.Image.text(now) }

func (i Image) text(now time.Time) string {
	d := newTabbed()
	d.field("Image Name", i.Metadata.Name)
	d.field("Docker Image", i.DockerImageReference)
	d.field("Name", i.Metadata.Name)
	d.field("Created", ago(now, i.Metadata.CreationTimestamp))
	if len(i.Metadata.Annotations) > 0 {
		d.annotations(i.Metadata.Annotations)
	}
	return d.String()
}
