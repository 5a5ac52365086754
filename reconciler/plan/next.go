package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Next is where every tag is going to stand, and what people should know about it.
type Next struct {
	*Present
	due   Due
	got   Answers
	blame map[string]string
	own   map[string]bool
	now   time.Time

	cycles   map[stream.Ref]string
	earlier  map[stream.Ref]*stream.Status // what the round before came to; nil in the first
	final    map[stream.Ref]*stream.Status
	unfound  int // pins that name an image no history has
	problems []stream.Problem
	held     []int // of problems: the consumers that people changed
	tookBack []int // of problems: the tags whose head people took back

	names stream.Names // see similar

	wanted   map[Copy]bool // by what moves and what is written
	bindings *consumers    // decided once
	refused  Refusals      // of these
	shared   map[together]*parts
	spelled  *bool // see inForce
}

// Next computes the next status of every tag from the present and the answers. blame
// gives the commit that changed each of the Reverted paths; own says which of the
// Revisions are commits of imgstream; now becomes the time of every new item. A tag
// whose question is not answered stays as it is.
func (p *Present) Next(due Due, got Answers, blame map[string]string, own map[string]bool, now time.Time) *Next {
	p = p.listed(due, got)
	cycles := p.cycles()
	var before *Next
	for {
		n := &Next{Present: p, due: due, got: got, blame: blame, own: own, now: now, cycles: cycles, final: map[stream.Ref]*stream.Status{}, wanted: map[Copy]bool{}}
		if before != nil {
			n.earlier = before.final
		}
		for _, t := range p.order {
			n.status(t.ref)
		}
		n.reserve()
		n.reportListed()
		// An image that arrives in this pass may be one that a spec names: look again
		// while that finds more.
		if n.unfound == 0 || before != nil && n.unfound == before.unfound {
			n.watch()
			return n
		}
		before = n
	}
}

// status is the next status of a tag; nil when it has none and gets none.
func (n *Next) status(ref stream.Ref) *stream.Status {
	if st, done := n.final[ref]; done {
		return st
	}
	t := n.tags[ref]
	if t == nil {
		return nil
	}
	n.final[ref] = t.cur // what a cycle sees
	st := n.decide(t, n.recorded(t))
	n.final[ref] = st
	return st
}

// recorded is the present status with the commit and time of rejections filled in: of
// what people took back, and of what rollback wrote before its commit was made.
func (n *Next) recorded(t *tag) *stream.Status {
	commit := n.blame[n.statusPath(t.ref)]
	if t.rejected == "" && (commit == "" || !t.unrecorded()) {
		return t.cur
	}
	st := clone(t.cur, t.ref)
	for i := range st.Rejected {
		r := &st.Rejected[i]
		if r.Commit == "" {
			r.Commit, r.At = commit, cmp.Or(r.At, stamp(n.now))
		}
	}
	if t.rejected != "" {
		n.tookBack = append(n.tookBack, len(n.problems))
		n.report(t, stream.Warning, fmt.Sprintf("rejected: %s was taken back by %s", t.rejected, short(commit)), "")
	}
	return st
}

func (n *Next) decide(t *tag, st *stream.Status) *stream.Status {
	if t.still() || t.spec.From == nil {
		return st
	}
	if reason, ok := t.paused(); ok {
		n.report(t, stream.Warning, fmt.Sprintf("paused (%s)%s", reason, n.available(t, st)), n.resumeHint(t))
		return st
	}
	next := n.resolve(t, st)
	if next == nil || next == t.old {
		return next
	}
	return n.trim(t, next)
}

// resolve gives a new status, or st itself where nothing is to be done.
func (n *Next) resolve(t *tag, st *stream.Status) *stream.Status {
	switch t.spec.From.Kind {
	case stream.KindDockerImage:
		if t.spec.Reference {
			return n.referenced(t, st)
		}
		return n.imported(t, st)
	case stream.KindImageStreamTag:
		return n.followed(t, st)
	default:
		return n.pinned(t, st)
	}
}

// referenced records a reference as it is written, without asking for its image
// (semantics.md 2).
func (n *Next) referenced(t *tag, st *stream.Status) *stream.Status {
	image, err := stream.ParseImage(t.spec.From.Name)
	if err != nil {
		return st // a Problem of the spec
	}
	return n.move(t, st, stream.Item{DockerImageReference: t.spec.From.Name, From: image.String(), Cause: stream.CauseImport})
}

// imported applies the answer of a registry (semantics.md 3).
func (n *Next) imported(t *tag, st *stream.Status) *stream.Status {
	c := n.choice(t, n.due, n.got)
	switch {
	case len(c.asks) == 0:
		return st
	case c.failure != nil:
		return n.unimported(t, st, c)
	}
	answer, answered := n.got[c.image]
	if !answered {
		return st
	}
	answer = t.means(answer)
	if answer.Failure != nil {
		return n.unimported(t, st, c.fail(c.image, answer.Failure))
	}
	if r := t.rejection(st, answer.Digest); r != nil {
		return n.refuseRejected(t, st, r)
	}
	if n.own[t.revision(answer)] {
		return n.looped(t, st, c.image, answer)
	}
	if kept, incomplete := n.incomplete(t, st, c.image, answer); incomplete {
		return kept
	}
	image, _ := stream.ParseImage(c.image.Reference) // written by Image.String
	item := stream.Item{
		Image: answer.Digest, DockerImageReference: image.Name() + "@" + answer.Digest, Index: answer.Index,
		From: image.String(), Cause: stream.CauseImport,
	}
	if t.pushed {
		item.Cause = stream.CausePush
	}
	return n.take(t, st, item)
}

// unimported keeps the known-good image. Only a fact about the tag becomes a condition.
func (n *Next) unimported(t *tag, st *stream.Status, c choice) *stream.Status {
	f := c.failure
	if t.pushed && f.Reason == stream.ReasonNotFound {
		return unfailed(t, st) // nobody pushed to it yet
	}
	n.report(t, stream.Error, f.Message, f.Hint)
	if f.Reason == "" {
		return st
	}
	if f.Reason == stream.ReasonNotFound {
		st = withoutCandidate(st, t.ref)
	}
	return n.fail(t, st, f.Reason, cmp.Or(c.condition, importMessage(f.Reason, c.of.Reference)))
}

// importMessage is the closed list of what a condition says about an import: made of
// the reference and the reason, so that nothing that varies reaches git.
func importMessage(reason, reference string) string {
	switch reason {
	case stream.ReasonNotFound:
		return fmt.Sprintf("dockerimage.image.openshift.io %q not found", reference)
	case stream.ReasonForbidden:
		return fmt.Sprintf("%q is not allowed", reference)
	case stream.ReasonBuildLoop:
		return fmt.Sprintf("%q was built from a commit of imgstream itself", reference)
	default:
		return fmt.Sprintf("%q is not an image that can be imported", reference)
	}
}

// pinned takes an image from the history of a stream, once.
func (n *Next) pinned(t *tag, st *stream.Status) *stream.Status {
	if t.answered() {
		return unfailed(t, withoutCandidate(st, t.ref))
	}
	src, err := stream.ParseSource(t.ref, *t.spec.From)
	if err != nil {
		return st // a Problem of the spec
	}
	if refused, next := n.ungranted(t, st, src); refused {
		return next
	}
	found := n.matches(src)
	switch len(found) {
	case 0:
		n.unfound++
		return n.refuse(t, st, stream.ReasonNotFound, fmt.Sprintf("imagestreamimage.image.openshift.io %q not found", src),
			fmt.Sprintf("write an image of its history: imgstream describe is/%s -n %s shows it", src.Name, src.Namespace))
	case 1:
		src.Digest = found[0].Image
		return n.move(t, st, stream.Item{
			Image: src.Digest, DockerImageReference: found[0].DockerImageReference, Index: found[0].Index,
			From: src.String(), Cause: stream.CauseTag,
		})
	default:
		return n.refuse(t, st, stream.ReasonInvalid, fmt.Sprintf("%q is the beginning of several digests", src), "write more of the digest")
	}
}

// matches are the distinct images in the history of a stream whose digest begins like src's.
func (n *Next) matches(src stream.Ref) []stream.Item {
	var found []stream.Item
	for _, t := range n.streams[src.Stream()] {
		for _, st := range []*stream.Status{t.cur, n.earlier[t.ref]} {
			for _, item := range itemsOf(st) {
				known := slices.ContainsFunc(found, func(f stream.Item) bool { return f.Image == item.Image })
				if strings.HasPrefix(item.Image, src.Digest) && !known {
					found = append(found, item)
				}
			}
		}
	}
	return found
}

func itemsOf(st *stream.Status) []stream.Item {
	if st == nil {
		return nil
	}
	return st.Items
}

// move makes item the head; the source is answered with it.
func (n *Next) move(t *tag, st *stream.Status, item stream.Item) *stream.Status {
	switch {
	case n.stands(t, st, item):
		return st // the same value, so that nobody has to compare
	case item.Image == "" && t.answered() && leftReference(st, item):
		return unfailed(t, st)
	}
	if head := st.Head(); head == nil || head.Image != item.Image {
		if c, f := n.missing(t, item); f != nil {
			return n.uncopied(t, st, c, f)
		}
	}
	item.Created = stamp(n.now)
	next := clone(st, t.ref)
	settleSource(next, t.source())
	succeed(next)
	next.Candidate = nil
	if record(next, item) && flaps(next) {
		n.pauseItself(t, next)
	}
	return next
}

// stands reports whether a status says all that a move to item would make it say.
func (n *Next) stands(t *tag, st *stream.Status, item stream.Item) bool {
	head := st.Head()
	return head != nil && head.Image == item.Image && head.DockerImageReference == item.DockerImageReference && head.Index == item.Index &&
		st.Source.Equal(t.source()) && !failed(st) && st.Candidate == nil && len(st.Items) <= n.settings().HistoryLimit
}

// refuse records a fact that keeps the tag where it is, and reports it.
func (n *Next) refuse(t *tag, st *stream.Status, reason, message, hint string) *stream.Status {
	n.report(t, stream.Error, message, hint)
	return n.fail(t, st, reason, message)
}

func (n *Next) fail(t *tag, st *stream.Status, reason, message string) *stream.Status {
	next := clone(st, t.ref)
	fail(next, reason, message, n.now)
	return next
}

// unfailed is st without the condition of an import that is no longer wanted or no
// longer fails.
func unfailed(t *tag, st *stream.Status) *stream.Status {
	if !failed(st) {
		return st
	}
	next := clone(st, t.ref)
	succeed(next)
	return next
}

// available tells what a paused tag would move to: its source goes on being checked.
func (n *Next) available(t *tag, st *stream.Status) string {
	digest := n.offered(t)
	if digest == "" || st.Head() != nil && st.Head().Image == digest {
		return ""
	}
	return "; " + digest + " is available"
}

// offered is the digest that the source of a tag has now, "" when it is not known.
func (n *Next) offered(t *tag) string {
	if c := n.choice(t, n.due, n.got); len(c.asks) > 0 {
		return t.means(n.got[c.image]).Digest
	}
	src, ok := n.follows(t.ref)
	if !ok || n.cycles[t.ref] != "" {
		return ""
	}
	if head := n.status(src).Head(); head != nil {
		return head.Image
	}
	return ""
}

func (n *Next) report(t *tag, s stream.Severity, message, hint string) {
	n.problems = append(n.problems, stream.Problem{Severity: s, Pos: t.spec.Pos, Ref: t.ref, Message: message, Hint: hint})
}

// refuseRejected keeps a tag from a digest that people took back. Asking for it
// explicitly does not help, and is an error that says so (semantics.md 6).
func (n *Next) refuseRejected(t *tag, st *stream.Status, r *stream.Rejection) *stream.Status {
	next := unfailed(t, withoutCandidate(st, t.ref))
	by := ""
	if r.Commit != "" {
		by = " by " + short(r.Commit)
	}
	message, severity := fmt.Sprintf("%s was taken back%s and is not imported again", r.Image, by), stream.Warning
	if !next.Source.Equal(t.source()) {
		severity = stream.Error
		message += ", although it was asked for"
		next = clone(next, t.ref)
		next.Source = t.source()
	}
	if severity == stream.Warning && t.rejected == r.Image {
		return next // recorded in this pass, which has told it
	}
	n.report(t, severity, message, "another digest is; to have this one again: imgstream resume "+argument(t.ref)+" --accept-rejected")
	return next
}

// argument is how the command line names a tag.
func argument(ref stream.Ref) string { return ref.Name + ":" + ref.Tag + " -n " + ref.Namespace }

// short abbreviates a commit for people.
func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}
