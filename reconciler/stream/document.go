package stream

import (
	"cmp"
	"maps"
	"slices"
)

// Document is an ImageStream as OpenShift prints it: image.openshift.io/v1, its
// field names, in the order of the alphabet, for encoding in YAML and in JSON.
type Document struct {
	APIVersion string           `json:"apiVersion" yaml:"apiVersion"`
	Kind       string           `json:"kind" yaml:"kind"`
	Metadata   DocumentMetadata `json:"metadata" yaml:"metadata"`
	Spec       DocumentSpec     `json:"spec" yaml:"spec"`
	Status     DocumentStatus   `json:"status" yaml:"status"`
}

// DocumentMetadata is the part of an ObjectMeta that lies in git.
type DocumentMetadata struct {
	Annotations       map[string]string `json:"annotations,omitempty" yaml:"annotations,omitempty"`
	CreationTimestamp string            `json:"creationTimestamp,omitempty" yaml:"creationTimestamp,omitempty"` // of an export
	Labels            map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	Name              string            `json:"name" yaml:"name"`
	Namespace         string            `json:"namespace" yaml:"namespace"`
}

// DocumentSpec is an ImageStreamSpec.
type DocumentSpec struct {
	DockerImageRepository string               `json:"dockerImageRepository,omitempty" yaml:"dockerImageRepository,omitempty"`
	LookupPolicy          DocumentLookupPolicy `json:"lookupPolicy" yaml:"lookupPolicy"`
	Tags                  []DocumentTag        `json:"tags,omitempty" yaml:"tags,omitempty"`
}

// DocumentLookupPolicy is an ImageLookupPolicy.
type DocumentLookupPolicy struct {
	Local bool `json:"local" yaml:"local"`
}

// DocumentTag is a TagReference.
type DocumentTag struct {
	Annotations     map[string]string        `json:"annotations,omitempty" yaml:"annotations,omitempty"`
	From            *DocumentFrom            `json:"from,omitempty" yaml:"from,omitempty"`
	Generation      int64                    `json:"generation,omitempty" yaml:"generation,omitempty"`
	ImportPolicy    DocumentImportPolicy     `json:"importPolicy" yaml:"importPolicy"`
	Name            string                   `json:"name" yaml:"name"`
	Reference       bool                     `json:"reference,omitempty" yaml:"reference,omitempty"`
	ReferencePolicy *DocumentReferencePolicy `json:"referencePolicy,omitempty" yaml:"referencePolicy,omitempty"`
}

// DocumentFrom is an ObjectReference.
type DocumentFrom struct {
	Kind      string `json:"kind" yaml:"kind"`
	Name      string `json:"name" yaml:"name"`
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
}

// DocumentImportPolicy is a TagImportPolicy.
type DocumentImportPolicy struct {
	ImportMode string `json:"importMode,omitempty" yaml:"importMode,omitempty"`
	Insecure   bool   `json:"insecure,omitempty" yaml:"insecure,omitempty"`
	Scheduled  *bool  `json:"scheduled,omitempty" yaml:"scheduled,omitempty"`
}

// DocumentReferencePolicy is a TagReferencePolicy.
type DocumentReferencePolicy struct {
	Type string `json:"type" yaml:"type"`
}

// DocumentStatus is an ImageStreamStatus.
type DocumentStatus struct {
	DockerImageRepository string            `json:"dockerImageRepository" yaml:"dockerImageRepository"`
	Tags                  []DocumentHistory `json:"tags,omitempty" yaml:"tags,omitempty"`
}

// DocumentHistory is a NamedTagEventList.
type DocumentHistory struct {
	Conditions []DocumentCondition `json:"conditions,omitempty" yaml:"conditions,omitempty"`
	Items      []DocumentItem      `json:"items" yaml:"items"`
	Tag        string              `json:"tag" yaml:"tag"`
}

// DocumentCondition is a TagEventCondition.
type DocumentCondition struct {
	Generation         int64  `json:"generation" yaml:"generation"`
	LastTransitionTime string `json:"lastTransitionTime" yaml:"lastTransitionTime"`
	Message            string `json:"message,omitempty" yaml:"message,omitempty"`
	Reason             string `json:"reason,omitempty" yaml:"reason,omitempty"`
	Status             string `json:"status" yaml:"status"`
	Type               string `json:"type" yaml:"type"`
}

// DocumentItem is a TagEvent.
type DocumentItem struct {
	Created              string `json:"created" yaml:"created"`
	DockerImageReference string `json:"dockerImageReference" yaml:"dockerImageReference"`
	Generation           int64  `json:"generation" yaml:"generation"`
	Image                string `json:"image" yaml:"image"`
}

// Document assembles OpenShift's document of a stream from its spec and the
// statuses of its tags: those of the spec in its order, then the others by name. Tags that
// were imported with a whole repository stand in its spec, as OpenShift writes them there.
//
// Generations are not in git. Those of a document say what OpenShift's say of the
// present (openshift.md 0): items count from the oldest, and a tag whose spec is not
// answered yet is one ahead of its newest.
func (t *Tree) Document(s *Stream) Document {
	d := Document{
		APIVersion: "image.openshift.io/v1", Kind: "ImageStream",
		Metadata: DocumentMetadata{Annotations: s.Annotations, CreationTimestamp: s.Created, Labels: s.Labels, Name: s.Name, Namespace: s.Namespace},
		Spec:     DocumentSpec{DockerImageRepository: s.DockerImageRepository, LookupPolicy: DocumentLookupPolicy{Local: s.LookupLocal}},
		Status:   DocumentStatus{DockerImageRepository: s.DockerImageRepository},
	}
	for i := range s.Tags {
		d.Spec.Tags = append(d.Spec.Tags, t.documentTag(s, &s.Tags[i]))
	}
	for _, st := range t.StatusesOf(s) {
		tag := t.SpecTag(s, st.Ref.Tag)
		d.Status.Tags = append(d.Status.Tags, st.document(tag))
		if tag != nil && s.Tag(tag.Name) == nil {
			d.Spec.Tags = append(d.Spec.Tags, t.documentTag(s, tag))
		}
	}
	return d
}

// documentTag is the TagReference of a tag of the stream.
func (t *Tree) documentTag(s *Stream, tag *Tag) DocumentTag {
	d := tag.document()
	if tag.From != nil {
		d.Generation = t.Status[s.TagRef(tag.Name)].generation(tag)
	}
	return d
}

// generation is that of the spec of a tag with this status; either may be nil.
func (s *Status) generation(tag *Tag) int64 {
	g := int64(1)
	if s == nil {
		return g
	}
	g = max(g, int64(len(s.Items)))
	if tag != nil && tag.From != nil && len(s.Items) > 0 && !s.Answers(tag.Source(s.Ref.Namespace)) {
		g++
	}
	return g
}

// StatusesOf gives the statuses of a stream, in the spec's order, then those that no
// spec tag has, by name.
func (t *Tree) StatusesOf(s *Stream) []*Status {
	var own []*Status
	for i := range s.Tags {
		if st := t.Status[s.TagRef(s.Tags[i].Name)]; st != nil {
			own = append(own, st)
		}
	}
	named := len(own)
	all := t.kept[s.Ref()]
	if len(t.kept) == 0 { // a Tree put together by hand
		all = slices.Collect(maps.Values(t.Status))
	}
	for _, st := range all {
		if st.Ref.Stream() == s.Ref() && s.Tag(st.Ref.Tag) == nil {
			own = append(own, st)
		}
	}
	slices.SortFunc(own[named:], func(a, b *Status) int { return cmp.Compare(a.Ref.Tag, b.Ref.Tag) })
	return own
}

func (t *Tag) document() DocumentTag {
	d := DocumentTag{
		Annotations:  t.Annotations,
		ImportPolicy: DocumentImportPolicy{ImportMode: t.ImportMode, Insecure: t.Insecure, Scheduled: t.Scheduled},
		Name:         t.Name, Reference: t.Reference,
	}
	if t.From != nil {
		d.From = &DocumentFrom{Kind: t.From.Kind, Name: t.From.Name, Namespace: t.From.Namespace}
	}
	if t.ReferencePolicy != "" {
		d.ReferencePolicy = &DocumentReferencePolicy{Type: t.ReferencePolicy}
	}
	return d
}

func (s *Status) document(tag *Tag) DocumentHistory {
	d := DocumentHistory{Tag: s.Ref.Tag, Items: []DocumentItem{}}
	for age, i := range s.Items {
		d.Items = append(d.Items, DocumentItem{
			Created: i.Created, DockerImageReference: i.DockerImageReference, Generation: int64(len(s.Items) - age), Image: i.Image,
		})
	}
	for _, c := range s.Conditions {
		d.Conditions = append(d.Conditions, DocumentCondition{
			Generation: s.generation(tag), LastTransitionTime: c.LastTransitionTime, Message: c.Message, Reason: c.Reason, Status: c.Status, Type: c.Type,
		})
	}
	return d
}
