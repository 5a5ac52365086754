package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// clone gives a status that can be changed; a nil one becomes that of a tag without history.
func clone(st *stream.Status, ref stream.Ref) *stream.Status {
	if st == nil {
		return &stream.Status{Ref: ref}
	}
	c := *st
	c.Items = slices.Clone(st.Items)
	c.Rejected = slices.Clone(st.Rejected)
	c.Conditions = slices.Clone(st.Conditions)
	c.Pending = slices.Clone(st.Pending)
	return &c
}

// record puts an item at the head of a history (semantics.md 2), and reports whether it
// is another image. Only the head is compared: the same image changes nothing but its
// reference.
func record(st *stream.Status, item stream.Item) bool {
	head := st.Head()
	switch {
	case head == nil || head.Image != item.Image:
		st.Items = slices.Insert(st.Items, 0, item)
		return true
	case head.DockerImageReference != item.DockerImageReference || head.Index != item.Index:
		head.DockerImageReference, head.From, head.Index = item.DockerImageReference, item.From, item.Index
	}
	return false
}

// trim drops the items beyond the limit, except those that a spec names.
func (p *Present) trim(t *tag, st *stream.Status) *stream.Status {
	limit := p.settings().HistoryLimit
	if len(st.Items) <= limit {
		return st
	}
	kept := slices.Clone(st.Items[:limit])
	for _, item := range st.Items[limit:] {
		if p.named(t.ref, item.Image) {
			kept = append(kept, item)
		}
	}
	st.Items = kept
	return st
}

// named reports whether a spec pins the image in the history of this stream.
func (p *Present) named(ref stream.Ref, image string) bool {
	return slices.ContainsFunc(p.pins[ref.Stream()], func(digest string) bool { return strings.HasPrefix(image, digest) })
}

// settleSource records that the spec's source was answered. A rejection ends when the
// source is another one than it was (semantics.md 6).
func settleSource(st *stream.Status, src *stream.Source) {
	if !st.Source.Same(src) {
		st.Rejected = nil
	}
	st.Source = src
}

// unreject ends the rejection of a digest that people made the head again.
func unreject(st *stream.Status, ref stream.Ref) *stream.Status {
	head := st.Head()
	if head == nil || !slices.ContainsFunc(st.Rejected, func(r stream.Rejection) bool { return r.Image == head.Image }) {
		return st
	}
	next := clone(st, ref)
	next.Rejected = slices.DeleteFunc(next.Rejected, func(r stream.Rejection) bool { return r.Image == head.Image })
	return next
}

// rejection finds the rejection that keeps a digest from a tag, nil when there is none.
func (t *tag) rejection(st *stream.Status, digest string) *stream.Rejection {
	if st == nil || !st.Source.Same(t.source()) {
		return nil
	}
	i := slices.IndexFunc(st.Rejected, func(r stream.Rejection) bool { return r.Image == digest })
	if i < 0 || (st.Head() != nil && st.Head().Image == digest) {
		return nil
	}
	return &st.Rejected[i]
}

// leftReference reports whether people took a tag back from what is only a reference,
// which has no digest that could be rejected: the rollback itself keeps it away.
func leftReference(st *stream.Status, item stream.Item) bool {
	if st == nil || len(st.Items) < 2 || st.Items[0].Cause != stream.CauseRollback {
		return false
	}
	left := st.Items[1]
	return left.Image == "" && left.DockerImageReference == item.DockerImageReference
}

// unrecorded reports whether a rejection of the tag has no commit yet.
func (t *tag) unrecorded() bool {
	return t.spec != nil && t.cur != nil && slices.ContainsFunc(t.cur.Rejected, func(r stream.Rejection) bool { return r.Commit == "" })
}

// fail records a fact about the tag. A condition that says the same keeps its time.
func fail(st *stream.Status, reason, message string, now time.Time) {
	c := stream.Condition{
		Type: stream.ConditionImportSuccess, Status: stream.StatusFalse,
		Reason: reason, Message: message, LastTransitionTime: stamp(now),
	}
	for _, old := range st.Conditions {
		if old.Type == c.Type && old.Status == c.Status && old.Reason == reason && old.Message == message {
			return
		}
	}
	succeed(st)
	st.Conditions = append(st.Conditions, c)
}

// succeed removes what a failed import left: success is the absence of a condition.
func succeed(st *stream.Status) {
	st.Conditions = slices.DeleteFunc(st.Conditions, func(c stream.Condition) bool {
		return c.Type == stream.ConditionImportSuccess
	})
}

// failed reports whether the last import left a condition.
func failed(st *stream.Status) bool {
	return st != nil && slices.ContainsFunc(st.Conditions, func(c stream.Condition) bool {
		return c.Type == stream.ConditionImportSuccess
	})
}

// stamp is how times are written: RFC 3339, UTC, seconds.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
