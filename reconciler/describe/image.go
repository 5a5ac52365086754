package describe

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Image is an Image as OpenShift prints it inside of other documents (openshift.md 1.6).
// All but the reference and its own metadata comes from the file of the image.
type Image struct {
	DockerImageLayers            []ImageLayer    `json:"dockerImageLayers,omitempty" yaml:"dockerImageLayers,omitempty"` // none of an index
	DockerImageManifestMediaType string          `json:"dockerImageManifestMediaType,omitempty" yaml:"dockerImageManifestMediaType,omitempty"`
	DockerImageManifests         []ImageManifest `json:"dockerImageManifests,omitempty" yaml:"dockerImageManifests,omitempty"`
	DockerImageMetadata          *DockerImage    `json:"dockerImageMetadata,omitempty" yaml:"dockerImageMetadata,omitempty"` // of an index: for the platform of the settings
	DockerImageMetadataVersion   string          `json:"dockerImageMetadataVersion,omitempty" yaml:"dockerImageMetadataVersion,omitempty"`
	DockerImageReference         string          `json:"dockerImageReference" yaml:"dockerImageReference"`
	Metadata                     Metadata        `json:"metadata" yaml:"metadata"` // its name is the digest
}

// ImageLayer is one layer of an image.
type ImageLayer struct {
	MediaType string `json:"mediaType" yaml:"mediaType"`
	Name      string `json:"name" yaml:"name"`
	Size      int64  `json:"size" yaml:"size"`
}

// ImageManifest is one image of an index.
type ImageManifest struct {
	Architecture string `json:"architecture" yaml:"architecture"`
	Digest       string `json:"digest" yaml:"digest"`
	ManifestSize int64  `json:"manifestSize" yaml:"manifestSize"`
	MediaType    string `json:"mediaType" yaml:"mediaType"`
	OS           string `json:"os" yaml:"os"`
	Variant      string `json:"variant,omitempty" yaml:"variant,omitempty"`
}

// DockerImage is what the configuration of an image says.
type DockerImage struct {
	Architecture string       `json:"Architecture,omitempty" yaml:"Architecture,omitempty"`
	Author       string       `json:"Author,omitempty" yaml:"Author,omitempty"`
	Config       DockerConfig `json:"Config" yaml:"Config"`
	Created      string       `json:"Created,omitempty" yaml:"Created,omitempty"`
	OS           string       `json:"Os,omitempty" yaml:"Os,omitempty"`
	Size         int64        `json:"Size" yaml:"Size"`
	APIVersion   string       `json:"apiVersion" yaml:"apiVersion"`
	Kind         string       `json:"kind" yaml:"kind"`
}

// DockerConfig says how an image is run.
type DockerConfig struct {
	Cmd          []string            `json:"Cmd,omitempty" yaml:"Cmd,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty" yaml:"Entrypoint,omitempty"`
	Env          []string            `json:"Env,omitempty" yaml:"Env,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty" yaml:"ExposedPorts,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty" yaml:"Labels,omitempty"`
	User         string              `json:"User,omitempty" yaml:"User,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty" yaml:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty" yaml:"WorkingDir,omitempty"`
}

func newImage(item stream.DocumentItem, annotations map[string]string) *Image {
	return &Image{
		DockerImageReference: item.DockerImageReference,
		Metadata:             Metadata{Annotations: annotations, CreationTimestamp: item.Created, Name: item.Image},
	}
}

// with is the image with what its file says; m may be nil.
func (i Image) with(m *stream.ImageMetadata) Image {
	if m == nil {
		return i
	}
	i.DockerImageManifestMediaType, i.DockerImageMetadataVersion = m.MediaType, "1.0"
	i.DockerImageMetadata = &DockerImage{
		APIVersion: "image.openshift.io/1.0", Kind: "DockerImage",
		Architecture: m.Architecture, Author: m.Author, Created: m.Created, OS: m.OS, Size: m.Size,
		Config: DockerConfig{
			Cmd: m.Config.Cmd, Entrypoint: m.Config.Entrypoint, Env: m.Config.Env, Labels: m.Config.Labels,
			ExposedPorts: set(m.Config.ExposedPorts), Volumes: set(m.Config.Volumes), User: m.Config.User, WorkingDir: m.Config.WorkingDir,
		},
	}
	for _, d := range m.Manifests {
		i.DockerImageManifests = append(i.DockerImageManifests, ImageManifest{
			Architecture: d.Architecture, Digest: d.Digest, ManifestSize: d.Size, MediaType: d.MediaType, OS: d.OS, Variant: d.Variant,
		})
	}
	for _, l := range m.Layers {
		if len(m.Manifests) == 0 { // OpenShift has either
			i.DockerImageLayers = append(i.DockerImageLayers, ImageLayer{MediaType: l.MediaType, Name: l.Name, Size: l.Size})
		}
	}
	return i
}

func set(names []string) map[string]struct{} {
	if len(names) == 0 {
		return nil
	}
	all := map[string]struct{}{}
	for _, name := range names {
		all[name] = struct{}{}
	}
	return all
}

// Contents is what the file of an image says, or why there is nothing to say.
type Contents struct {
	*stream.ImageMetadata
	Missing string // the reason, where ImageMetadata is nil
}

// With is the tag's document with what the file of its image says.
func (t Tag) With(c Contents) Tag {
	t.Image = t.Image.with(c.ImageMetadata)
	return t
}

// With is the image's document with what its file says.
func (i StreamImage) With(c Contents) StreamImage {
	i.Image = i.Image.with(c.ImageMetadata)
	return i
}

// With is the document of a tag that has an image, with what the file of that says.
func (t ImageTag) With(c Contents) ImageTag {
	image := t.Image.with(c.ImageMetadata)
	t.Image = &image
	return t
}

// Text is what describe istag prints (openshift.md 4.7).
func (t Tag) Text(c Contents, now time.Time) string {
	return t.Image.text(t.Image.Metadata.Name, c, now)
}

// Text is what describe isimage prints (openshift.md 4.7).
func (i StreamImage) Text(c Contents, now time.Time) string {
	return i.Image.text(i.Image.Metadata.Name, c, now)
}

// text describes an image by the name that it was asked for by.
func (i Image) text(name string, c Contents, now time.Time) string {
	d := newTabbed()
	d.field("Image Name", name)
	d.field("Docker Image", i.DockerImageReference)
	d.field("Name", i.Metadata.Name)
	d.field("Created", ago(now, i.Metadata.CreationTimestamp))
	if len(i.Metadata.Annotations) > 0 {
		d.annotations(i.Metadata.Annotations)
	}
	if c.ImageMetadata == nil {
		d.field("Image Metadata", "<none>: "+c.Missing)
		return d.String()
	}
	d.contents(c.ImageMetadata, now)
	return d.String()
}

func (t *tabbed) contents(m *stream.ImageMetadata, now time.Time) {
	size := humanSize(m.Size)
	if len(m.Layers) > 1 {
		size += fmt.Sprintf(" in %d layers", len(m.Layers))
	}
	t.field("Image Size", size)
	if len(m.Layers) > 1 {
		rows := make([][2]string, len(m.Layers))
		for i, l := range m.Layers {
			rows[i] = [2]string{humanSize(l.Size), l.Name}
		}
		t.rows("Layers", rows)
	}
	t.field("Image Created", ago(now, m.Created))
	t.field("Author", m.Author)
	t.field("Arch", m.Architecture)
	if len(m.Manifests) > 0 {
		rows := make([][2]string, len(m.Manifests))
		for i, d := range m.Manifests {
			rows[i] = [2]string{platform(d), d.Digest}
		}
		t.rows("Manifests", rows)
	}
	t.config(m.Config)
	if m.Truncated {
		t.field("Left Out", "some of it: the file of an image holds no more than 64 KiB")
	}
}

// config says how the image is run. What is rare stands only where there is any.
func (t *tabbed) config(c stream.ImageConfig) {
	if len(c.Entrypoint) > 0 {
		t.field("Entrypoint", strings.Join(c.Entrypoint, " "))
	}
	if len(c.Cmd) > 0 || len(c.Entrypoint) == 0 {
		t.field("Command", strings.Join(c.Cmd, " "))
	}
	t.field("Working Dir", c.WorkingDir)
	t.field("User", c.User)
	t.field("Exposes Ports", strings.Join(c.ExposedPorts, ", "))
	t.pairs("Docker Labels", c.Labels)
	if len(c.Env) > 0 {
		t.field("Environment", c.Env...)
	}
	if len(c.Volumes) > 0 {
		t.field("Volumes", c.Volumes...)
	}
}

// platform is os/architecture/variant; what is not known is left out.
func platform(m stream.ImageManifest) string {
	name := cmp.Or(m.OS, "unknown") + "/" + cmp.Or(m.Architecture, "unknown")
	if m.Variant != "" {
		name += "/" + m.Variant
	}
	return name
}

// humanSize is a number of bytes in decimal units with four digits: 84.7MB.
func humanSize(bytes int64) string {
	size, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	for size >= 1000 && len(units) > 1 {
		size, units = size/1000, units[1:]
	}
	return strconv.FormatFloat(size, 'g', 4, 64) + units[0]
}

// Children are the images of an index of the stream, which its file lists.
func (i StreamImage) Children(c Contents) []StreamImage {
	if c.ImageMetadata == nil {
		return nil
	}
	of, _, _ := strings.Cut(i.Metadata.Name, "@")
	repository, _, _ := strings.Cut(i.Image.DockerImageReference, "@")
	var children []StreamImage
	for _, m := range c.Manifests {
		child := i
		child.Metadata.Name = of + "@" + m.Digest
		child.Image.Metadata.Name = m.Digest
		child.Image.DockerImageReference = repository + "@" + m.Digest
		children = append(children, child)
	}
	return children
}

// NoContents says why the file of an image is not there.
func NoContents(tree *stream.Tree, digest string) string {
	kept := tree.Settings.ImageMetadata
	switch {
	case kept == "none":
		return "imageMetadata: none in " + stream.SettingsPath + " keeps none"
	case kept == "head" && !isHead(tree, digest):
		return "imageMetadata: head in " + stream.SettingsPath + " keeps that of the newest image of each tag alone"
	}
	return "no pass has written it yet"
}

func isHead(tree *stream.Tree, digest string) bool {
	for _, st := range tree.Status {
		if head := st.Head(); head != nil && head.Image == digest {
			return true
		}
	}
	return false
}
