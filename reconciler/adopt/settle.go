package adopt

import (
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// settle gives each tag its status, and each place the image of it, as a pass would.
func (a *Adoption) settle(got plan.Answers, now time.Time) error {
	before := len(a.left)
	a.notes = nil
	_, view, err := a.over()
	if err != nil {
		return err
	}
	present := plan.Look(view, nil, a.options.Operator)
	digests := map[string]bool{}
	for _, w := range a.wanted {
		im, asks := a.question(present, w)
		if !asks {
			continue
		}
		st := a.status(view, w, got[im], now)
		if st == nil {
			continue
		}
		digests[st.Head().Image] = true
		a.files[stream.StatusPath(view.Tree.Settings.Streams.StatusDirectory, w.ref)] = st.Encode()
	}
	if len(a.left) > before {
		return nil
	}
	return a.show(got, now, digests)
}

// note tells something of the first place of a tag, which is bound.
func (a *Adoption) note(w *wanted, message, hint string) {
	p := w.places[0]
	a.notes = append(a.notes, stream.Problem{Severity: stream.Warning, Pos: p.pos(), Message: p.image + ": " + message, Hint: hint})
}

// status is that of a tag with the image that is deployed; nil where nobody knows it, which
// is listed.
func (a *Adoption) status(view *plan.View, w *wanted, answer plan.Answer, now time.Time) *stream.Status {
	digest, index := w.head.Digest, ""
	switch {
	case digest != "":
		if f := answer.Failure; f != nil {
			a.note(w, "adopted as it is shown, but it could not be looked at: "+f.Message, f.Hint)
		}
	case answer.Failure != nil:
		a.drop(w, stream.Error, answer.Failure.Message, answer.Failure.Hint)
		return nil
	case answer.Digest == "":
		a.drop(w, stream.Warning, "no registry was asked which image it is", "run it without --offline")
		return nil
	default:
		digest, index = answer.Digest, answer.Index
	}
	of := view.Tree.Stream(w.ref.Namespace, w.ref.Name)
	if of == nil || of.Tag(w.ref.Tag) == nil {
		a.drop(w, stream.Warning, "its image stream "+w.ref.String()+" could not be read", "imgstream validate says why")
		return nil
	}
	item := stream.Item{
		Image: digest, DockerImageReference: w.head.Pull(digest), Index: index,
		Created: now.UTC().Format(time.RFC3339), Cause: stream.CauseAdopt,
	}
	if w.head.Tag != "" {
		item.From = w.head.Name() + ":" + w.head.Tag
	}
	return &stream.Status{Ref: w.ref, Source: of.Tag(w.ref.Tag).Source(w.ref.Namespace), Items: []stream.Item{item}}
}

// show has a pass write the places, and the metadata of the images, and keeps what is of
// this proposal. What is there already was not touched since imgstream's last push, as far
// as this pass knows.
func (a *Adoption) show(got plan.Answers, now time.Time, digests map[string]bool) error {
	fsys, view, err := a.over()
	if err != nil {
		return err
	}
	never := func(plan.Ask) bool { return false }
	out, err := plan.Look(view, a.view, a.options.Operator).Next(never, got, nil, nil, now).Edits(fsys)
	if err != nil {
		return err
	}
	for _, p := range out.Problems {
		if p.Severity == stream.Error && a.touched[p.Pos.File] {
			a.refuse(p)
		}
	}
	for _, c := range out.Changes {
		for name, data := range c.Files {
			digest, isImage := stream.ParseImagePath(view.Tree.Settings.Streams.StatusDirectory, name)
			if data != nil && (a.touched[name] || isImage && digests[digest]) {
				a.files[name] = data
			}
		}
	}
	return nil
}

// refuse leaves the places of a file that follow a tag, as a pass could not write them.
func (a *Adoption) refuse(problem stream.Problem) {
	for _, w := range a.wanted {
		for _, p := range w.places {
			if w.ref == problem.Ref && p.file.path == problem.Pos.File && !p.dropped {
				a.leave(stream.Warning, p, problem.Message, "") // its hint is for what has a marker
			}
		}
	}
}
