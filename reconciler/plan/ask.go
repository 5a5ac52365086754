package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Ask is a tag that may raise a question.
type Ask struct {
	Ref      stream.Ref
	Import   Import
	Interval time.Duration // how often the tag is to be asked for; 0: it is not scheduled

	// Pending says that the tag has no answer to what its spec says: no status, a
	// changed source, or an import that failed.
	Pending bool

	// Ripe is when the tag's candidate is old enough: from then on the tag is to be
	// asked for once, scheduled or not, because what is taken must still be there. Zero:
	// no candidate waits.
	Ripe time.Time
}

// IsRipe reports whether the tag has a candidate that is old enough at now.
func (a Ask) IsRipe(now time.Time) bool { return !a.Ripe.IsZero() && !now.Before(a.Ripe) }

// Due says which tags are to be asked for now. nil: the pending ones.
type Due func(Ask) bool

// Always asks for every tag that is pending or scheduled: the caller is the schedule.
func Always(a Ask) bool { return a.Pending || a.Interval > 0 }

func pending(a Ask) bool { return a.Pending }

// Ripe is due, and what has a candidate that is old enough at now.
func Ripe(now time.Time, due Due) Due {
	if due == nil {
		due = pending
	}
	return func(a Ask) bool { return a.IsRipe(now) || due(a) }
}

// Asks are the tags that are pending or scheduled or have a candidate, in the order of the specs.
func (p *Present) Asks() []Ask {
	var all []Ask
	for _, t := range p.order {
		if a, ok := p.ask(t); ok {
			all = append(all, a)
		}
	}
	return all
}

// Imports are the questions that due tags raise and have does not answer yet, one per
// distinct reference, sorted.
func (p *Present) Imports(due Due, have Answers) []Question {
	known := map[Import][]string{}
	for _, t := range p.order {
		im, ok := p.asks(t, due)
		if !ok {
			continue
		}
		if _, answered := have[im]; answered {
			continue
		}
		digests, seen := known[im]
		if !seen {
			digests = digestsOf(t.cur)
		} else {
			digests = slices.DeleteFunc(digests, func(d string) bool { return !slices.Contains(digestsOf(t.cur), d) })
		}
		known[im] = digests
	}
	questions := make([]Question, 0, len(known))
	for im, digests := range known {
		questions = append(questions, Question{Import: im, Known: digests})
	}
	slices.SortFunc(questions, func(a, b Question) int {
		return cmp.Or(strings.Compare(a.Import.Reference, b.Import.Reference), strings.Compare(a.Import.Scope, b.Import.Scope))
	})
	return questions
}

// Outdated are the questions whose answers in got are older than what the branch says:
// somebody else moved an asking tag since then, when the branch was at before.
func (p *Present) Outdated(before *View, due Due, got Answers) []Import {
	var old []Import
	for _, t := range p.order {
		im, ok := p.asks(t, due)
		if _, answered := got[im]; ok && answered && !sameHead(before.status(t.ref).Head(), t.old.Head()) {
			old = append(old, im)
		}
	}
	return old
}

// asks gives the question of one tag, false when the tag asks nothing now.
func (p *Present) asks(t *tag, due Due) (Import, bool) {
	if due == nil {
		due = pending
	}
	a, ok := p.ask(t)
	return a.Import, ok && due(a)
}

// ask gives what a tag may ask; false for one that has no reason to.
func (p *Present) ask(t *tag) (Ask, bool) {
	if t.still() || t.spec.From == nil || t.spec.From.Kind != stream.KindDockerImage {
		return Ask{}, false
	}
	image, err := stream.ParseImage(t.spec.From.Name)
	if err != nil {
		return Ask{}, false
	}
	a := Ask{Ref: t.ref, Import: Import{Reference: image.String()}, Pending: !t.answered() || failed(t.cur)}
	a.Import.Scope = p.operator.scope(image, t)
	if t.spec.IsScheduled(p.settings()) {
		a.Interval = t.stream.Interval(t.spec, p.settings())
	}
	if _, paused := t.paused(); !paused {
		a.Ripe = p.ripe(t, t.cur)
	}
	return a, a.Pending || a.Interval > 0 || !a.Ripe.IsZero()
}

// digestsOf are the digests of a status that were verified when they were recorded.
func digestsOf(st *stream.Status) []string {
	if st == nil {
		return nil
	}
	var all []string
	for _, i := range st.Items {
		all = append(all, i.Image)
	}
	for _, r := range st.Rejected {
		all = append(all, r.Image)
	}
	return all
}
