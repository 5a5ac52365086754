package edit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Import is what import-image is asked for (openshift.md 4.2).
type Import struct {
	Stream  stream.Ref
	Tag     string // "": latest, or everything with All
	From    string // a reference; "": what the spec says, else Target
	Target  string // what a new stream imports without From
	Confirm bool   // a stream may be created, and another repository taken
	All     bool

	// Policy holds what the flags set; a flag that is not given resets nothing.
	Scheduled, Insecure         bool
	ReferencePolicy, ImportMode string
}

// ErrAbsent is that there is no such stream or tag.
var ErrAbsent = errors.New("there is no such stream or tag")

// absentError is ErrAbsent in oc's words.
type absentError struct{ message string }

func (e *absentError) Error() string        { return e.message }
func (e *absentError) Is(target error) bool { return target == ErrAbsent }

// Import writes into the specs what an import needs, and gives the tags that it asks for;
// none where a whole repository is. When the spec says so already, the annotation
// imgstream.dev/reimport with the moment asks for it.
func (s *Specs) Import(im Import, moment string) ([]stream.Ref, error) {
	st := s.stream(im.Stream)
	switch {
	case st == nil && !im.Confirm:
		if err := s.absent(im.Stream); err != nil {
			return nil, err
		}
		return nil, &absentError{fmt.Sprintf("no image stream named %q exists, pass --confirm to create and import", im.Stream.Name)}
	case st == nil:
		if _, err := s.Create(im.Stream, false); err != nil {
			return nil, err
		}
		if im.From == "" {
			im.From = im.Target
		}
		st = s.stream(im.Stream)
	}
	if im.All {
		return s.importAll(st, im, moment)
	}
	tag, from, err := source(st, im)
	if err != nil {
		return nil, err
	}
	return []stream.Ref{st.TagRef(tag)}, s.importTag(st, tag, from, im, moment)
}

// source is the tag that an import is for, behind its aliases, and what it imports.
func source(st *stream.Stream, im Import) (tag, from string, err error) {
	tag = im.Tag
	if tag == "" {
		tag = "latest"
	}
	final, err := follow(st, tag)
	if err != nil {
		return "", "", err
	}
	entry := st.Tag(final)
	switch {
	case entry == nil && im.From == "" && tag == "latest" && st.DockerImageRepository != "":
		return final, st.DockerImageRepository, nil
	case entry == nil && im.From == "":
		return "", "", &absentError{fmt.Sprintf("the tag %q does not exist on the image stream - choose an existing tag to import or use the 'tag' command to create a new tag", tag)}
	case entry == nil:
		return final, im.From, nil
	case entry.From == nil && im.From == "":
		return "", "", fmt.Errorf("tag %q is only pushed to: use the 'tag' command to give it a source", tag)
	case entry.From == nil:
		return "", "", fmt.Errorf("tag %q already exists - you must use the 'tag' command if you want to change the source to %q", tag, im.From)
	case entry.From.Kind != stream.KindDockerImage:
		return "", "", fmt.Errorf("tag %q points to existing %s %q, it cannot be re-imported", tag, entry.From.Kind, entry.From.Name)
	case im.From == "" || sameImage(im.From, entry.From.Name):
		return final, entry.From.Name, nil
	case final != tag:
		return "", "", fmt.Errorf("the tag %q points to the tag %q which points to %q - use the 'tag' command if you want to change the source to %q", tag, final, entry.From.Name, im.From)
	}
	return "", "", fmt.Errorf("the tag %q points to %q - use the 'tag' command if you want to change the source to %q", tag, entry.From.Name, im.From)
}

// follow gives the last tag of a chain of aliases within the stream.
func follow(st *stream.Stream, tag string) (string, error) {
	seen := map[string]bool{}
	for at := tag; ; {
		entry := st.Tag(at)
		if entry == nil || entry.From == nil || entry.From.Kind != stream.KindImageStreamTag {
			return at, nil
		}
		src, err := stream.ParseSource(st.Ref(), *entry.From)
		switch {
		case err != nil:
			return "", fmt.Errorf("tag %q points to an invalid imagestreamtag", tag)
		case src.Stream() != st.Ref():
			return "", fmt.Errorf("tag %q points to an imagestreamtag from another ImageStream", tag)
		case seen[src.Tag] || src.Tag == at:
			return "", fmt.Errorf("tag %q on the image stream is a reference to same tag", tag)
		}
		seen[at], at = true, src.Tag
	}
}

func sameImage(a, b string) bool {
	x, err1 := stream.ParseImage(a)
	y, err2 := stream.ParseImage(b)
	return a == b || err1 == nil && err2 == nil && x == y
}

// importTag writes one entry: as it is, with what the flags add.
func (s *Specs) importTag(st *stream.Stream, tag, from string, im Import, moment string) error {
	want := stream.Tag{Name: tag, From: &stream.From{Kind: stream.KindDockerImage, Name: from}, ReferencePolicy: im.ReferencePolicy}
	entry := st.Tag(tag)
	if entry != nil {
		want = *entry
		want.Annotations = nil
		if entry.ReferencePolicy == "" {
			want.ReferencePolicy = im.ReferencePolicy
		}
	}
	if im.Scheduled {
		want.Scheduled = &im.Scheduled
	}
	want.Insecure = want.Insecure || im.Insecure
	if im.ImportMode != "" {
		want.ImportMode = im.ImportMode
	}
	if entry != nil && says(*entry, want) {
		want.Annotations = map[string]string{stream.AnnotationReimport: another(entry.Annotations[stream.AnnotationReimport], moment)}
	}
	return s.SetTag(st.Ref(), want)
}

// another is a value that differs from the one before: two imports may have one moment.
func another(before, moment string) string {
	if strings.HasPrefix(before, moment) {
		return before + "+"
	}
	return moment
}

// importAll is for a whole repository, where --from or the stream names one, else for all
// tags that a registry has.
func (s *Specs) importAll(st *stream.Stream, im Import, moment string) ([]stream.Ref, error) {
	repository := st.DockerImageRepository
	if im.From != "" {
		image, err := stream.ParseImage(im.From)
		if err != nil {
			return nil, err
		}
		switch same := repository != "" && sameImage(repository, image.Name()); {
		case same:
		case !im.Confirm && repository != "":
			return nil, fmt.Errorf("the image stream has a different import spec %q, pass --confirm to update", repository)
		case !im.Confirm:
			return nil, errors.New("the image stream does not currently import an entire Docker repository, pass --confirm to update")
		default:
			repository = image.Name()
		}
	}
	if repository != "" {
		return nil, s.importRepository(st, repository, im, moment)
	}
	var refs []stream.Ref
	for i := range st.Tags {
		if from := st.Tags[i].From; from == nil || from.Kind != stream.KindDockerImage {
			continue
		}
		one := im
		one.From = ""
		if err := s.importTag(st, st.Tags[i].Name, st.Tags[i].From.Name, one, moment); err != nil {
			return nil, err
		}
		refs = append(refs, st.TagRef(st.Tags[i].Name))
	}
	if len(refs) == 0 {
		return nil, errors.New("image stream does not have tags pointing to external container images")
	}
	return refs, nil
}

// importRepository has the tags of a repository listed: by its name, where that is new,
// else by the annotation.
func (s *Specs) importRepository(st *stream.Stream, repository string, im Import, moment string) error {
	if im.ReferencePolicy != "" || im.ImportMode != "" {
		return errors.New("the tags of a whole repository have neither --reference-policy nor --import-mode of their own: import them by name, and spec.tags keeps both")
	}
	if _, own := st.Annotations[stream.AnnotationInterval]; im.Scheduled && !own {
		if err := s.Annotate(st.Ref(), stream.AnnotationInterval, s.tree.Settings.Imports.Interval.String()); err != nil {
			return err
		}
	}
	if st.DockerImageRepository != repository {
		return s.SetRepository(st.Ref(), repository)
	}
	return s.Annotate(st.Ref(), stream.AnnotationReimport, another(st.Annotations[stream.AnnotationReimport], moment))
}
