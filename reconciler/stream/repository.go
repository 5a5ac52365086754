package stream

import "time"

// Listed is a tag that comes from spec.dockerImageRepository, as if spec.tags had it: an
// import of that tag of the repository, as OpenShift writes it (openshift.md 2.8).
func (s *Stream) Listed(tag string) *Tag {
	t := &Tag{Name: tag, Pos: s.RepositoryPos, From: &From{Kind: KindDockerImage, Name: s.DockerImageRepository + ":" + tag}}
	if reimport, ok := s.Annotations[AnnotationReimport]; ok {
		t.Annotations = map[string]string{AnnotationReimport: reimport}
	}
	return t
}

// HasListed says whether a status is that of a tag which comes, or once came, from the
// repository that spec.dockerImageRepository names: nothing else remembers what was
// listed. One without source and items waits for its first import. Tags that the file
// itself has, in spec.tags or in the status of an export, win. The nil Stream has none.
func (s *Stream) HasListed(st *Status) bool {
	switch {
	case s == nil || s.RepositoryPos.Line == 0 || s.Names(st.Ref.Tag):
		return false
	case st.Source == nil:
		return len(st.Items) == 0
	}
	return st.Source.Kind == KindDockerImage && st.Source.Name == s.DockerImageRepository+":"+st.Ref.Tag
}

// SpecTag is what a tag of the stream is to be: as spec.tags says, else as
// spec.dockerImageRepository does where the tag's status came from there; nil for a tag
// that no spec has.
func (t *Tree) SpecTag(s *Stream, name string) *Tag {
	if tag := s.Tag(name); tag != nil {
		return tag
	}
	if st := t.Status[s.TagRef(name)]; st != nil && s.HasListed(st) {
		return s.Listed(name)
	}
	return nil
}

// RepositoryInterval is how often spec.dockerImageRepository is listed: as the stream's
// own annotation says, else the settings where they schedule imports; 0: not again.
func (s *Stream) RepositoryInterval(settings Settings) time.Duration {
	if _, own := s.Annotations[AnnotationInterval]; own || settings.Imports.Scheduled {
		return s.Interval(&Tag{}, settings)
	}
	return 0
}
