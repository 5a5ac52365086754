package web

import (
	"cmp"
	"slices"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// tagStatus is a tag's status file, with its keys (product.md 2). A tag that only the
// spec has, has no status yet.
type tagStatus struct {
	Tag        string      `json:"tag"`
	Broken     string      `json:"broken,omitempty"` // why the status file cannot be used
	Paused     string      `json:"paused,omitempty"` // why people want nothing to move: the spec's word, of the tag or the stream
	Source     *source     `json:"source,omitempty"`
	Items      []item      `json:"items"` // newest first
	Candidate  *candidate  `json:"candidate,omitempty"`
	Rejected   []rejection `json:"rejected,omitempty"`
	Conditions []condition `json:"conditions,omitempty"`
	Pending    []pending   `json:"pending,omitempty"`
}

// The parts of a status: the types of stream with the keys of the file.
type (
	source struct {
		Kind       string            `json:"kind"`
		Namespace  string            `json:"namespace,omitempty"`
		Name       string            `json:"name"`
		Reference  bool              `json:"reference,omitempty"`
		ImportMode string            `json:"importMode,omitempty"`
		Policy     map[string]string `json:"policy,omitempty"`
		Reimport   string            `json:"reimport,omitempty"`
	}
	item struct {
		Image                string `json:"image,omitempty"`
		DockerImageReference string `json:"dockerImageReference"`
		Index                string `json:"index,omitempty"`
		Created              string `json:"created"`
		From                 string `json:"from,omitempty"`
		Cause                string `json:"cause"`
	}
	candidate struct {
		Image     string `json:"image"`
		FirstSeen string `json:"firstSeen"`
	}
	rejection struct {
		Image  string `json:"image"`
		Commit string `json:"commit,omitempty"` // what rollback wrote has none before the next pass
		At     string `json:"at"`
	}
	condition struct {
		Type               string `json:"type"`
		Status             string `json:"status"`
		Reason             string `json:"reason,omitempty"`
		Message            string `json:"message,omitempty"`
		LastTransitionTime string `json:"lastTransitionTime"`
	}
	pending struct {
		File string `json:"file"`
		Path string `json:"path"`
	}
)

// tagsOf are the tags of the spec in its order, then those that only have a status, by name.
func tagsOf(tree *stream.Tree, s *stream.Stream, document stream.Document) []tagStatus {
	var names, others []string
	for i := range s.Tags {
		names = append(names, s.Tags[i].Name)
	}
	for _, h := range document.Status.Tags {
		if s.Tag(h.Tag) == nil {
			others = append(others, h.Tag)
		}
	}
	for ref := range tree.Broken {
		if ref.Stream() == s.Ref() && s.Tag(ref.Tag) == nil {
			others = append(others, ref.Tag)
		}
	}
	slices.Sort(others)
	tags := []tagStatus{}
	for _, name := range append(names, others...) {
		t := tagOf(tree, s.TagRef(name))
		if spec := s.Tag(name); spec != nil {
			if reason, paused := s.Paused(spec); paused {
				t.Paused = cmp.Or(reason, "no reason given")
			}
		}
		tags = append(tags, t)
	}
	return tags
}

func tagOf(tree *stream.Tree, ref stream.Ref) tagStatus {
	t := tagStatus{Tag: ref.Tag, Broken: tree.Broken[ref].Message, Items: []item{}}
	st := tree.Status[ref]
	if st == nil {
		return t
	}
	t.Source, t.Candidate = (*source)(st.Source), (*candidate)(st.Candidate)
	for _, i := range st.Items {
		t.Items = append(t.Items, item(i))
	}
	for _, r := range st.Rejected {
		t.Rejected = append(t.Rejected, rejection(r))
	}
	for _, c := range st.Conditions {
		t.Conditions = append(t.Conditions, condition(c))
	}
	for _, p := range st.Pending {
		t.Pending = append(t.Pending, pending(p))
	}
	return t
}
