package describe

import (
	"strconv"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// imageTagCells are the cells of get itag between name and age (openshift.md 4.8).
type imageTagCells struct{ spec, status, history, updated string }

func cellsOf(tree *stream.Tree, s *stream.Stream, name string) imageTagCells {
	t := tag{name: name, spec: tree.SpecTag(s, name), status: tree.Status[s.TagRef(name)]}
	if p, broken := tree.Broken[s.TagRef(name)]; broken {
		t.broken = &p
	}
	c := imageTagCells{spec: specCell(t, tree.Settings), status: statusCell(s, t)}
	switch head := t.status.Head(); {
	case head != nil:
		c.history, c.updated = strconv.Itoa(len(t.status.Items)), head.Created
	case t.status != nil && len(t.status.Conditions) > 0:
		c.updated = t.status.Conditions[0].LastTransitionTime
	}
	return c
}

// specCell says how the tag comes by its images. Track is a tag that follows another
// and has an image of it: here it goes on following, whatever stream that is of.
func specCell(t tag, settings stream.Settings) string {
	head := t.status.Head()
	switch {
	case t.spec == nil || t.spec.From == nil:
		if head == nil {
			return ""
		}
		return "Push"
	case t.spec.Reference:
		return "Ref"
	case t.spec.IsScheduled(settings):
		return "Scheduled"
	case head != nil && head.Cause == stream.CausePush:
		return "Push"
	case head != nil && t.spec.From.Kind == stream.KindImageStreamTag:
		return "Track"
	}
	return "Tag"
}

// statusCell says where the tag stands.
func statusCell(s *stream.Stream, t tag) string {
	if t.spec != nil && t.spec.From != nil {
		if reason := invalid(s, *t.spec.From); reason != "" {
			return reason
		}
	}
	if reason := failure(t.status); reason != "" {
		return "ImportFailed (" + reason + ")"
	}
	head := t.status.Head()
	switch {
	case t.broken != nil:
		return "StatusBroken"
	case head == nil && t.spec != nil && t.spec.From != nil:
		return wanted(s, t)
	case head == nil:
		return ""
	case importing(s, t):
		return "Importing"
	case head.Image != "":
		return "image/" + head.Image
	}
	return head.DockerImageReference
}

// invalid says what is wrong with a source; "" when nothing is.
func invalid(s *stream.Stream, from stream.From) string {
	var err error
	switch from.Kind {
	case stream.KindDockerImage:
		_, err = stream.ParseImage(from.Name)
	case stream.KindImageStreamTag, stream.KindImageStreamImage:
		_, err = stream.ParseSource(s.Ref(), from)
	default:
		return "InvalidRefKind"
	}
	if err != nil {
		return "InvalidRefName"
	}
	return ""
}

// failure is the reason why the last import failed; "" when it did not.
func failure(st *stream.Status) string {
	if st == nil {
		return ""
	}
	for _, c := range st.Conditions {
		if c.Type == stream.ConditionImportSuccess && c.Status == stream.StatusFalse {
			return c.Reason
		}
	}
	return ""
}

// wanted is what a tag without an image is waiting for.
func wanted(s *stream.Stream, t tag) string {
	from := *t.spec.From
	switch {
	case t.spec.Reference && from.Kind == stream.KindDockerImage:
		return from.Name
	case from.Kind == stream.KindDockerImage:
		return "Importing"
	}
	ref, _ := stream.ParseSource(s.TagRef(t.name), from) // invalid looked at it
	if from.Kind == stream.KindImageStreamImage {
		return "image/" + ref.Digest
	}
	if ref.Namespace == s.Namespace {
		ref.Namespace = ""
	}
	return "istag/" + ref.String()
}
