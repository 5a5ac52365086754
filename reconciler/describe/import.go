package describe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Import is OpenShift's ImageStreamImport, for encoding (openshift.md 1.7): what was asked
// of a registry, and what it said.
type Import struct {
	APIVersion string       `json:"apiVersion" yaml:"apiVersion"`
	Kind       string       `json:"kind" yaml:"kind"`
	Metadata   Metadata     `json:"metadata" yaml:"metadata"`
	Spec       ImportSpec   `json:"spec" yaml:"spec"`
	Status     ImportStatus `json:"status" yaml:"status"`
}

// ImportSpec is an ImageStreamImportSpec.
type ImportSpec struct {
	Images     []ImportImage `json:"images,omitempty" yaml:"images,omitempty"`
	Import     bool          `json:"import" yaml:"import"` // false: nothing was to be stored
	Repository *ImportImage  `json:"repository,omitempty" yaml:"repository,omitempty"`
}

// ImportImage is an ImageImportSpec, or a RepositoryImportSpec, which has no To.
type ImportImage struct {
	From            stream.DocumentFrom             `json:"from" yaml:"from"`
	ImportPolicy    stream.DocumentImportPolicy     `json:"importPolicy" yaml:"importPolicy"`
	ReferencePolicy *stream.DocumentReferencePolicy `json:"referencePolicy,omitempty" yaml:"referencePolicy,omitempty"`
	To              *ImportTo                       `json:"to,omitempty" yaml:"to,omitempty"`
}

// ImportTo is the tag that an image is imported into.
type ImportTo struct {
	Name string `json:"name" yaml:"name"`
}

// ImportStatus is an ImageStreamImportStatus.
type ImportStatus struct {
	Images     []ImportedImage     `json:"images,omitempty" yaml:"images,omitempty"`
	Import     *stream.Document    `json:"import,omitempty" yaml:"import,omitempty"` // nil when nothing was to be stored
	Repository *ImportedRepository `json:"repository,omitempty" yaml:"repository,omitempty"`
}

// ImportedRepository is a RepositoryImportStatus.
type ImportedRepository struct {
	AdditionalTags []string        `json:"additionalTags,omitempty" yaml:"additionalTags,omitempty"`
	Images         []ImportedImage `json:"images,omitempty" yaml:"images,omitempty"`
	Status         ImportedStatus  `json:"status" yaml:"status"`
}

// ImportedImage is an ImageImportStatus.
type ImportedImage struct {
	Image  *Image         `json:"image,omitempty" yaml:"image,omitempty"`
	Status ImportedStatus `json:"status" yaml:"status"`
	Tag    string         `json:"tag" yaml:"tag"`
}

// ImportedStatus is the part of a Status that says whether it went well.
type ImportedStatus struct {
	Message string `json:"message,omitempty" yaml:"message,omitempty"`
	Reason  string `json:"reason,omitempty" yaml:"reason,omitempty"`
	Status  string `json:"status" yaml:"status"`
}

// Imported is what an import came to.
type Imported struct {
	Tree   *stream.Tree   // as the import leaves it
	Stream *stream.Stream // of the Tree
	Tags   []ImportedTag  // those that were asked for, in their order

	Repository string   // the whole repository that was imported; "" for tags alone
	Beyond     []string // its tags beyond the limit, the most important first
}

// ImportedTag is one tag of an import.
type ImportedTag struct {
	Name     string
	Failure  string   // "" for none
	Contents Contents // of the image
}

// Document gives the import for encoding; dry: nothing was to be stored.
func (i Imported) Document(dry bool) Import {
	d := Import{
		APIVersion: apiVersion, Kind: "ImageStreamImport",
		Metadata: Metadata{Name: i.Stream.Name, Namespace: i.Stream.Namespace}, Spec: ImportSpec{Import: !dry},
	}
	tags := map[string]ImageTag{}
	for _, t := range ImageTagsOf(i.Tree, i.Stream) {
		_, name, _ := strings.Cut(t.Metadata.Name, ":")
		tags[name] = t
	}
	var asked []ImportImage
	var images []ImportedImage
	for _, t := range i.Tags {
		asked = append(asked, t.asked(tags[t.Name]))
		images = append(images, t.image(tags[t.Name]))
	}
	if i.Repository == "" {
		d.Spec.Images, d.Status.Images = asked, images
	} else {
		d.Spec.Repository = &ImportImage{From: stream.DocumentFrom{Kind: stream.KindDockerImage, Name: i.Repository}, ReferencePolicy: fromSource()}
		d.Status.Repository = &ImportedRepository{AdditionalTags: i.Beyond, Images: images, Status: i.status()}
	}
	if !dry {
		document := i.Tree.Document(i.Stream)
		d.Status.Import = &document
	}
	return d
}

// status is that of a whole repository (openshift.md 2.7.1).
func (i Imported) status() ImportedStatus {
	switch failed := i.Failed(); failed {
	case 0:
		return ImportedStatus{Status: "Success"}
	case 1:
		return ImportedStatus{Status: "Failure", Reason: "ImportFailed", Message: "one of the images from this repository failed to import"}
	default:
		return ImportedStatus{Status: "Failure", Reason: "ImportFailed", Message: fmt.Sprintf("%d of the images from this repository failed to import", failed)}
	}
}

// Failed counts the tags that could not be imported.
func (i Imported) Failed() int {
	n := 0
	for _, t := range i.Tags {
		if t.Failure != "" {
			n++
		}
	}
	return n
}

// fromSource is the policy where none is written.
func fromSource() *stream.DocumentReferencePolicy {
	return &stream.DocumentReferencePolicy{Type: "Source"}
}

func (t ImportedTag) asked(is ImageTag) ImportImage {
	asked := ImportImage{To: &ImportTo{Name: t.Name}, ReferencePolicy: fromSource()}
	if is.Spec != nil {
		asked.ImportPolicy = is.Spec.ImportPolicy
		asked.ReferencePolicy = cmp.Or(is.Spec.ReferencePolicy, asked.ReferencePolicy)
		if is.Spec.From != nil {
			asked.From = *is.Spec.From
		}
	}
	return asked
}

func (t ImportedTag) image(is ImageTag) ImportedImage {
	got := ImportedImage{Tag: t.Name, Status: ImportedStatus{Status: "Success"}}
	switch {
	case t.Failure != "":
		got.Status = ImportedStatus{Status: "Failure", Message: t.Failure}
		if is.Status != nil && len(is.Status.Conditions) > 0 {
			got.Status.Reason = is.Status.Conditions[0].Reason
		}
	case is.Image != nil:
		got.Image = is.With(t.Contents).Image
		got.Image.Metadata.Annotations = nil // they are the tag's
	}
	return got
}

// Text is what people are told of an import: the stream as it leaves it, the images that
// were found, and which tags of a repository were left out.
func (i Imported) Text(now time.Time) string {
	var b strings.Builder
	b.WriteString(Stream(i.Tree, i.Stream, now))
	tags := ImageTagsOf(i.Tree, i.Stream)
	for _, t := range i.Tags {
		at := slices.IndexFunc(tags, func(is ImageTag) bool { return is.Metadata.Name == i.Stream.Name+":"+t.Name })
		if t.Failure == "" && at >= 0 && tags[at].Image != nil {
			image := *tags[at].Image
			image.Metadata.Annotations = nil // they are the tag's
			b.WriteString("\n" + image.text(tags[at].Metadata.Name, t.Contents, now))
		}
	}
	if len(i.Beyond) > 0 {
		fmt.Fprintf(&b, "\ninfo: The remote repository contained %d additional tags which were not imported: %s\n", len(i.Beyond), plain(strings.Join(i.Beyond, ", ")))
	}
	return b.String()
}

// Failures tells what could not be imported, a line for each tag, as oc does.
func (i Imported) Failures() []string {
	kind := "tag"
	if i.Repository != "" {
		kind = "repository tag"
	}
	var lines []string
	for _, t := range i.Tags {
		if t.Failure != "" {
			lines = append(lines, fmt.Sprintf("error: %s %s failed: %s", kind, t.Name, cmp.Or(plain(t.Failure), "nobody knows why")))
		}
	}
	return lines
}
