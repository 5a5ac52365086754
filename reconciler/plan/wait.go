package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Wait is a digest that a tag has seen and does not take yet, or waited for until now.
type Wait struct {
	Ref   stream.Ref
	Image string
	From  string // where it comes from, in words
	Until string // RFC 3339; "" when it waits no longer
}

// take moves a tag to an item once that is old enough (semantics.md 6): until then the
// item's digest waits as the candidate, from its first sight. What is the head already
// waits for nothing; neither does the first image of a tag, because waiting would
// protect nothing that runs.
func (n *Next) take(t *tag, st *stream.Status, item stream.Item) *stream.Status {
	age, head := n.minAge(t), st.Head()
	if age == 0 || head == nil || head.Image == item.Image || item.Image == "" {
		return n.move(t, st, item)
	}
	next := n.seen(t, st, item.Image)
	ripe := n.ripe(t, next)
	if !n.now.Before(ripe) {
		return n.move(t, st, item)
	}
	n.report(t, stream.Notice, fmt.Sprintf("%s waits until %s (%s)", item.Image, stamp(ripe), stream.AnnotationMinAge), "")
	return next
}

// seen is a status with the digest as candidate; st itself where it says so already.
func (n *Next) seen(t *tag, st *stream.Status, digest string) *stream.Status {
	same := st.Candidate != nil && st.Candidate.Image == digest
	if same && st.Source.Equal(t.source()) && !failed(st) {
		return st
	}
	next := clone(st, t.ref)
	settleSource(next, t.source())
	succeed(next)
	if !same {
		next.Candidate = &stream.Candidate{Image: digest, FirstSeen: stamp(n.now)}
	}
	return next
}

func (p *Present) minAge(t *tag) time.Duration {
	if t.spec == nil || t.stream == nil {
		return 0
	}
	return t.stream.MinAge(t.spec, p.settings())
}

// ripe is when the candidate of a status is old enough; zero without one.
func (p *Present) ripe(t *tag, st *stream.Status) time.Time {
	if st == nil || st.Candidate == nil {
		return time.Time{}
	}
	seen, _ := time.Parse(time.RFC3339, st.Candidate.FirstSeen) // ParseStatus has checked it
	return seen.Add(p.minAge(t))
}

// nextRipe is when the next candidate that waits is old enough; zero when none waits.
func (n *Next) nextRipe() time.Time {
	var next time.Time
	for _, t := range n.order {
		at := n.ripe(t, n.status(t.ref))
		if _, paused := t.paused(); paused || t.still() || !at.After(n.now) {
			continue
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// candidate tells of a digest that waits from now on, or no longer, untaken.
func (e *editor) candidate(t *tag) []Wait {
	st := e.status(t.ref)
	var was *stream.Candidate
	if t.old != nil {
		was = t.old.Candidate
	}
	switch {
	case st.Candidate != nil && (was == nil || *was != *st.Candidate):
		return []Wait{{Ref: t.ref, Image: st.Candidate.Image, From: t.spec.From.Name, Until: stamp(e.ripe(t, st))}}
	case st.Candidate == nil && was != nil && imageOf(st.Head()) != was.Image:
		return []Wait{{Ref: t.ref, Image: was.Image}}
	}
	return nil
}

// text is the line of a commit's body about a candidate, behind its tag.
func (w Wait) text() string {
	if w.Until == "" {
		return ellipsis(w.Image) + " waits no longer"
	}
	return fmt.Sprintf("%s waits until %s   %s", ellipsis(w.Image), w.Until, w.From)
}

// withoutCandidate is st without the digest that waited: the source shows another.
func withoutCandidate(st *stream.Status, ref stream.Ref) *stream.Status {
	if st == nil || st.Candidate == nil {
		return st
	}
	next := clone(st, ref)
	next.Candidate = nil
	return next
}

// withoutRejectedCandidate is st without a candidate that people took back.
func withoutRejectedCandidate(st *stream.Status, ref stream.Ref) *stream.Status {
	if st == nil || st.Candidate == nil {
		return st
	}
	rejected := slices.ContainsFunc(st.Rejected, func(r stream.Rejection) bool { return r.Image == st.Candidate.Image })
	if !rejected {
		return st
	}
	return withoutCandidate(st, ref)
}
