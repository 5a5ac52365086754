package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// A tag pauses itself after so many returns to a digest within the hour (semantics.md 6).
const (
	flappingReturns = 3
	flappingWithin  = time.Hour
)

// flaps reports whether the head of a history is a return to a digest of the last hour,
// and not the first: what a registry does that serves one tag from two places. Only what
// the same source of the tag brought by itself counts, back to the last thing that
// people did. It is asked when an item is recorded, and never again for that item, so
// that a tag which was resumed stays so until it returns once more.
func flaps(st *stream.Status) bool {
	moved := ofRegistry(st)
	if !returns(moved, 0) {
		return false
	}
	count := 0
	for i := range moved {
		if returns(moved, i) && within(moved[i], moved[0]) {
			count++
		}
	}
	return count >= flappingReturns
}

// ofRegistry are the newest items that one source of the tag brought by itself.
func ofRegistry(st *stream.Status) []stream.Item {
	byPolicy := st.Source != nil && len(st.Source.Policy) > 0 // which chooses the registry's tag
	i := slices.IndexFunc(st.Items, func(item stream.Item) bool {
		imported := item.Cause == stream.CauseImport || item.Cause == stream.CausePush
		return !imported || item.From != st.Items[0].From && !byPolicy
	})
	if i < 0 {
		return st.Items
	}
	return st.Items[:i]
}

// returns reports whether an item, with older ones behind it, has a digest that was the
// head within the hour before it.
func returns(items []stream.Item, i int) bool {
	for older := i + 1; older < len(items); older++ {
		if items[older].Image == items[i].Image {
			return within(items[older-1], items[i]) // when the older one left
		}
	}
	return false
}

// within reports whether an item came in the hour before a newer one.
func within(item, newer stream.Item) bool {
	from, err1 := time.Parse(time.RFC3339, item.Created)
	to, err2 := time.Parse(time.RFC3339, newer.Created)
	return err1 == nil && err2 == nil && to.Sub(from) <= flappingWithin
}

// pauseItself records that the tag stands still from now on, until resume removes the
// condition.
func (n *Next) pauseItself(t *tag, st *stream.Status) {
	message := fmt.Sprintf("%q went back to a digest of the last hour three times; to let it move: imgstream resume %s", st.Items[0].From, argument(t.ref))
	st.Conditions = append(st.Conditions, stream.Condition{
		Type: stream.ConditionPaused, Status: stream.StatusTrue, Reason: stream.ReasonFlapping, Message: message, LastTransitionTime: stamp(n.now),
	})
	n.report(t, stream.Warning, "pauses itself: "+message, "")
}

// pausedItself is the condition of a tag that does not move by itself any more, else zero.
func pausedItself(st *stream.Status) stream.Condition {
	if st != nil {
		for _, c := range st.Conditions {
			if c.Type == stream.ConditionPaused {
				return c
			}
		}
	}
	return stream.Condition{}
}

// resumeHint says how a paused tag is let go.
func (n *Next) resumeHint(t *tag) string {
	_, byTag := t.spec.Annotations[stream.AnnotationPaused]
	_, byStream := t.stream.Paused(t.spec)
	what := argument(t.ref)
	switch {
	case byStream && !byTag:
		what = t.ref.Name + " -n " + t.ref.Namespace
	case !byStream:
		return "" // the condition says it
	}
	return "remove the annotation " + stream.AnnotationPaused + " to let it move: imgstream resume " + what
}
