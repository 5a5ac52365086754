package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Ask is a tag that may raise a question, or a stream whose repository may be listed.
type Ask struct {
	Ref      stream.Ref    // without a tag: of a stream
	Import   Import        // the question; of a tag with a policy, the one for its repository's tags
	Interval time.Duration // how often the tag is to be asked for; 0: it is not scheduled

	// Pending says that the tag has no answer to what its spec says: no status, a
	// changed source, or an import that failed; the stream, that its repository was
	// never listed.
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

// Asks are the tags that are pending or scheduled or have a candidate, in the order of
// the specs, and then those whose image is looked for daily.
func (p *Present) Asks() []Ask {
	var all []Ask
	for _, t := range p.order {
		if a, ok := p.ask(t); ok {
			all = append(all, a)
		}
	}
	for _, r := range p.repositories {
		if r.ask.Pending || r.ask.Interval > 0 {
			all = append(all, r.ask)
		}
	}
	looked := p.looksFor()
	for _, t := range p.order {
		if a, ok := p.check(t); ok && looked[t.ref] {
			all = append(all, a)
		}
	}
	return all
}

// Imports are the questions that due tags raise and have does not answer yet, one per
// distinct reference, sorted. Some answers raise further questions (which tag a policy
// takes, what a repository has): it is asked again until there are none. A question whose
// answer left out what a tag that came later does not know comes again.
func (p *Present) Imports(due Due, have Answers) []Question {
	p = p.listed(due, have)
	asked := map[Import]*Question{}
	for _, t := range p.order {
		for _, im := range p.choice(t, due, have).asks {
			if a, answered := have[im]; !answered || a.Known && !slices.Contains(p.known(t), a.Digest) {
				p.raise(asked, im, t)
			}
		}
	}
	for _, r := range p.repositories {
		if _, answered := have[r.ask.Import]; !answered && r.due(due) {
			asked[r.ask.Import] = &Question{Import: r.ask.Import}
		}
	}
	if len(asked) == 0 {
		return p.checks(due, have)
	}
	return sorted(asked)
}

func sorted(asked map[Import]*Question) []Question {
	questions := make([]Question, 0, len(asked))
	for _, q := range asked {
		questions = append(questions, *q)
	}
	slices.SortFunc(questions, func(a, b Question) int { return compareImports(a.Import, b.Import) })
	return questions
}

// raise adds what one tag asks: a question leaves out what not all of its tags know.
func (p *Present) raise(asked map[Import]*Question, im Import, t *tag) {
	switch q := asked[im]; {
	case im.Tags || im.Created: // what is known of a digest does not answer this
		asked[im] = &Question{Import: im}
	case q == nil:
		asked[im] = &Question{Import: im, Known: p.known(t), Children: p.children(t)}
	default:
		known, children := p.known(t), p.children(t)
		q.Known = slices.DeleteFunc(q.Known, func(d string) bool { return !slices.Contains(known, d) })
		maps.DeleteFunc(q.Children, func(index, child string) bool { return children[index] != child })
	}
}

// known are the digests of which a tag needs no content: those that were verified when
// they were recorded, and are described as the settings want it. What is rejected is
// not recorded as long as the source is the same.
func (p *Present) known(t *tag) []string {
	var all []string
	for _, i := range itemsOf(t.cur) {
		if i.Image != "" && p.isDescribed(i.Image) {
			all = append(all, i.Image)
		}
	}
	if t.cur != nil && t.cur.Source.Same(t.source()) {
		all = append(all, rejectedOf(t.cur)...)
	}
	return all
}

// children are the images that a tag took from an index, by the digest of the index, if
// what it took them for is what its spec says now.
func (p *Present) children(t *tag) map[string]string {
	var all map[string]string
	for _, i := range slices.Backward(itemsOf(t.cur)) {
		if i.Index == "" || !t.answered() || !p.isDescribed(i.Image) {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[i.Index] = i.Image
	}
	return all
}

// means is what an answer says to one tag: an index that did not move since the tag took
// an image from it moves nothing, whatever other tags that ask the same would take.
func (t *tag) means(a Answer) Answer {
	i := slices.IndexFunc(itemsOf(t.cur), func(i stream.Item) bool { return a.Index != "" && i.Index == a.Index })
	if i < 0 || !t.answered() || t.cur.Items[i].Image == a.Digest {
		return a
	}
	return Answer{Digest: t.cur.Items[i].Image, Index: a.Index, Known: true}
}

// Outdated are the questions whose answers in got are older than what the branch says:
// somebody else moved an asking tag since then, when the branch was at before.
func (p *Present) Outdated(before *View, due Due, got Answers) []Import {
	var old []Import
	p = p.listed(due, got)
	for _, t := range p.order {
		if sameHead(before.status(t.ref).Head(), t.old.Head()) {
			continue
		}
		for _, im := range p.choice(t, due, got).asks {
			if _, answered := got[im]; answered {
				old = append(old, im)
			}
		}
	}
	return old
}

// Unmoved reports whether what due tags were answered is what they have, and nothing else
// is left of an earlier pass: then Next comes to the same with these answers as without.
// It may say no where that is so all the same.
func (p *Present) Unmoved(due Due, got Answers) bool {
	if len(p.Reverted()) > 0 {
		return false
	}
	for im, a := range got {
		if a.Failure != nil || !a.Known && !im.Exists || im.Tags || im.Created {
			return false
		}
	}
	return !slices.ContainsFunc(p.order, func(t *tag) bool {
		im := p.choice(t, due, got).image
		return lost(t.cur) != nil || im != (Import{}) && !t.has(got[im])
	})
}

// has reports whether an answer leaves a tag as it is.
func (t *tag) has(a Answer) bool {
	head := t.cur.Head()
	return head != nil && head.Image == a.Digest && head.Index == a.Index &&
		t.answered() && !t.pushed && t.cur.Candidate == nil && !failed(t.cur)
}

// choice gives the questions of one tag, and the one whose answer it takes as far as
// that is known; none when the tag asks nothing now.
func (p *Present) choice(t *tag, due Due, got Answers) choice {
	if due == nil {
		due = pending
	}
	a, asks := p.ask(t)
	if p.lists(t) {
		asks = a.Import != (Import{})
	} else {
		asks = asks && due(a)
	}
	switch {
	case !asks:
		return choice{}
	case t.spec.Policy != nil:
		return p.choose(t, a.Import, got)
	}
	return choice{asks: []Import{a.Import}, image: a.Import}
}

// asking is what a tag may ask.
type asking struct {
	Ask
	is bool
}

// ask gives what a tag may ask; false for one that has no reason to. It is asked for often
// and worked out once.
func (p *Present) ask(t *tag) (Ask, bool) {
	if t.asking == nil {
		a, is := p.mayAsk(t)
		t.asking = &asking{a, is}
	}
	return t.asking.Ask, t.asking.is
}

func (p *Present) mayAsk(t *tag) (Ask, bool) {
	if t.still() || t.spec.From == nil || t.spec.From.Kind != stream.KindDockerImage || t.spec.Reference {
		return Ask{}, false
	}
	image, err := stream.ParseImage(t.spec.From.Name)
	if err != nil {
		return Ask{}, false
	}
	a := Ask{Ref: t.ref, Import: p.question(t, image), Pending: !t.pushed && (!t.answered() || failed(t.cur))}
	if t.spec.Policy != nil {
		a.Import = Import{Reference: image.Name(), Scope: a.Import.Scope, Tags: true}
	}
	if !t.listed && t.spec.IsScheduled(p.settings()) {
		a.Interval = t.stream.Interval(t.spec, p.settings())
	}
	if _, paused := t.paused(); !paused {
		a.Ripe = p.ripe(t, t.cur)
	}
	return a, a.Pending || a.Interval > 0 || !a.Ripe.IsZero()
}

func compareImports(a, b Import) int {
	return cmp.Or(strings.Compare(a.Reference, b.Reference), strings.Compare(a.Scope, b.Scope),
		compareBools(a.Tags, b.Tags), compareBools(a.Created, b.Created), compareBools(a.Exists, b.Exists),
		compareBools(a.Legacy, b.Legacy), strings.Compare(a.Prefer, b.Prefer))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// digestsOf are the digests of a status that were verified when they were recorded.
func digestsOf(st *stream.Status) []string {
	var all []string
	for _, i := range itemsOf(st) {
		if i.Image != "" {
			all = append(all, i.Image)
		}
	}
	return append(all, rejectedOf(st)...)
}

func rejectedOf(st *stream.Status) []string {
	if st == nil {
		return nil
	}
	var all []string
	for _, r := range st.Rejected {
		all = append(all, r.Image)
	}
	return all
}

// Question is what the tag asks where another reference is imported than its spec names;
// false for a tag that no spec has.
func (p *Present) Question(ref stream.Ref, image stream.Image) (Import, bool) {
	t := p.tags[ref]
	if t == nil || t.spec == nil {
		return Import{}, false
	}
	return p.question(t, image), true
}
