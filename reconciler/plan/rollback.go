package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Rollback is one tag that a person takes back to an image of its history.
type Rollback struct {
	Ref      stream.Ref
	Left     stream.Item // the head, which becomes rejected
	To       stream.Item // as the history has it
	Path     string      // of the status file
	Question Question    // whether the registry still has the image

	present *Present
	tag     *tag
}

// NewRollback finds the image that a tag goes back to: "" is the newest one before the
// head that is not rejected, -N the N-th item behind the head, anything else a digest of
// the history or a beginning of one that is unique there, with or without "sha256:".
func NewRollback(tip *View, operator Operator, ref stream.Ref, to string) (*Rollback, error) {
	p := Look(tip, nil, operator)
	t := p.tags[ref]
	switch {
	case t == nil:
		return nil, fmt.Errorf("no image stream has the tag %s", ref)
	case t.broken:
		return nil, fmt.Errorf("%s cannot go back: %s: mend it first", ref, tip.Tree.Broken[ref])
	case t.old.Head() == nil:
		return nil, fmt.Errorf("%s has no image yet: there is nothing to go back to", ref)
	}
	item, err := earlier(t.old, to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	r := &Rollback{Ref: ref, Left: *t.old.Head(), To: item, Path: p.statusPath(ref), present: p, tag: t}
	r.Question.Import = Import{Reference: item.DockerImageReference, Exists: true}
	if image, err := stream.ParseImage(item.DockerImageReference); err == nil {
		r.Question.Import.Scope = operator.scope(image, t)
	}
	return r, nil
}

// earlier finds an item of a history that is not the head's image.
func earlier(st *stream.Status, to string) (stream.Item, error) {
	item, err := itemAt(st, to)
	if err == nil && item.Image == st.Head().Image {
		err = fmt.Errorf("%s is its image already", item.Image)
	}
	return item, err
}

func itemAt(st *stream.Status, to string) (stream.Item, error) {
	if to == "" {
		return itemBefore(st)
	}
	if n, err := strconv.Atoi(to); err == nil && n < 0 {
		if -n >= len(st.Items) {
			return stream.Item{}, fmt.Errorf("the history has no item %d: it goes back to %d", n, 1-len(st.Items))
		}
		return st.Items[-n], nil
	}
	var found []stream.Item
	for _, item := range st.Items {
		_, hex, _ := strings.Cut(item.Image, ":")
		known := slices.ContainsFunc(found, func(f stream.Item) bool { return f.Image == item.Image })
		if !known && (strings.HasPrefix(item.Image, to) || strings.HasPrefix(hex, to)) {
			found = append(found, item)
		}
	}
	switch len(found) {
	case 0:
		return stream.Item{}, fmt.Errorf("no item of its history has a digest that begins with %s; it has %s", to, strings.Join(digestsIn(st.Items), ", "))
	case 1:
		return found[0], nil
	default:
		return stream.Item{}, fmt.Errorf("%s is the beginning of several digests: %s", to, strings.Join(digestsIn(found), ", "))
	}
}

// itemBefore is the newest item that is neither the head's image nor rejected.
func itemBefore(st *stream.Status) (stream.Item, error) {
	for _, item := range st.Items[1:] {
		rejected := slices.ContainsFunc(st.Rejected, func(r stream.Rejection) bool { return r.Image == item.Image })
		if item.Image != "" && item.Image != st.Head().Image && !rejected {
			return item, nil
		}
	}
	return stream.Item{}, fmt.Errorf("its history has no other image that was not rejected: name one with --to, or look for one in git: imgstream history")
}

// digestsIn are the distinct digests of some items, in order.
func digestsIn(items []stream.Item) []string {
	var all []string
	for _, item := range items {
		if !slices.Contains(all, item.Image) {
			all = append(all, item.Image)
		}
	}
	return all
}

// Status is the tag's status after it went back: the image stands in front anew, and the
// one it left is rejected by a commit that the next pass names. Its source is what the
// spec says, so that nothing is due.
func (r *Rollback) Status(now time.Time) *stream.Status {
	st := clone(r.tag.old, r.Ref)
	item := r.To
	item.Created, item.Cause = stamp(now), stream.CauseRollback
	st.Items = slices.Insert(st.Items, 0, item)
	if r.Left.Image != "" {
		addRejection(st, stream.Rejection{Image: r.Left.Image, At: stamp(now)})
	}
	if src := r.tag.source(); src != nil {
		st.Source = src
	}
	return r.present.trim(r.tag, withoutRejectedCandidate(unreject(st, r.Ref), r.Ref))
}
