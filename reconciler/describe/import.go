package describe

import "github.com/imgstream/imgstream/reconciler/stream"

// Import is OpenShift's ImageStreamImport, for encoding: what was asked of a registry, and
// what it said.
type Import struct {
	APIVersion string         `json:"apiVersion" yaml:"apiVersion"`
	Kind       string         `json:"kind" yaml:"kind"`
	Metadata   ImportMetadata `json:"metadata" yaml:"metadata"`
	Spec       ImportSpec     `json:"spec" yaml:"spec"`
	Status     ImportStatus   `json:"status" yaml:"status"`
}

// ImportMetadata is the part of an ObjectMeta that an import has.
type ImportMetadata struct {
	Name      string `json:"name" yaml:"name"`
	Namespace string `json:"namespace" yaml:"namespace"`
}

// ImportSpec is an ImageStreamImportSpec.
type ImportSpec struct {
	Images []ImportImage `json:"images,omitempty" yaml:"images,omitempty"`
	Import bool          `json:"import" yaml:"import"`
}

// ImportImage is an ImageImportSpec.
type ImportImage struct {
	From stream.DocumentFrom `json:"from" yaml:"from"`
	To   ImportTo            `json:"to" yaml:"to"`
}

// ImportTo is the tag that an image is imported into.
type ImportTo struct {
	Name string `json:"name" yaml:"name"`
}

// ImportStatus is an ImageStreamImportStatus.
type ImportStatus struct {
	Images []ImportedImage `json:"images,omitempty" yaml:"images,omitempty"`
}

// ImportedImage is an ImageImportStatus.
type ImportedImage struct {
	Image  *ImportedName  `json:"image,omitempty" yaml:"image,omitempty"`
	Status ImportedStatus `json:"status" yaml:"status"`
	Tag    string         `json:"tag" yaml:"tag"`
}

// ImportedName is the part of an Image that says which one it is.
type ImportedName struct {
	DockerImageReference string   `json:"dockerImageReference" yaml:"dockerImageReference"`
	Metadata             ImageRef `json:"metadata" yaml:"metadata"`
}

// ImageRef is the name of an Image: its digest.
type ImageRef struct {
	Name string `json:"name" yaml:"name"`
}

// ImportedStatus is the part of a Status that says whether it went well.
type ImportedStatus struct {
	Message string `json:"message,omitempty" yaml:"message,omitempty"`
	Status  string `json:"status" yaml:"status"`
}

// Imported is one tag of an import, and what became of it.
type Imported struct {
	Tag, From string
	Head      *stream.Item // nil where there is none
	Failure   string       // "" for none
}

// NewImport gives the document of an import; dry: nothing was to be stored.
func NewImport(of stream.Ref, dry bool, images []Imported) Import {
	d := Import{
		APIVersion: "image.openshift.io/v1", Kind: "ImageStreamImport",
		Metadata: ImportMetadata{Name: of.Name, Namespace: of.Namespace}, Spec: ImportSpec{Import: !dry},
	}
	for _, i := range images {
		d.Spec.Images = append(d.Spec.Images, ImportImage{
			From: stream.DocumentFrom{Kind: stream.KindDockerImage, Name: i.From}, To: ImportTo{Name: i.Tag},
		})
		got := ImportedImage{Tag: i.Tag, Status: ImportedStatus{Status: "Success"}}
		switch {
		case i.Failure != "":
			got.Status = ImportedStatus{Status: "Failure", Message: i.Failure}
		case i.Head != nil:
			got.Image = &ImportedName{DockerImageReference: i.Head.DockerImageReference, Metadata: ImageRef{Name: i.Head.Image}}
		}
		d.Status.Images = append(d.Status.Images, got)
	}
	return d
}
