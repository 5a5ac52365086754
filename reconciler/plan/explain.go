package plan

import (
	"io/fs"
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Explained is what decides about one tag.
type Explained struct {
	Ref    stream.Ref
	Spec   *stream.Tag    // nil when no spec lists the tag
	Listed bool           // Spec is not written: the tag comes from spec.dockerImageRepository
	Status *stream.Status // nil when there is none

	Ask     Ask        // of its schedule: the tag's, of a listed one the stream's; zero: it never asks
	Follows stream.Ref // zero: it follows no tag

	Ranking *policy.Ranking // of a tag with a policy, as far as the answers tell
	Failure *Failure        // why there is none, or why nothing is chosen
	Move    *Move           // what the next pass would do to the tag; nil: nothing, as far as is known

	Problems  []stream.Problem // of the tag, its stream and its spec file
	Consumers []Consumer       // in the order of their files
	Followers []stream.Ref     // the tags that follow it
}

// Consumer is a binding of a tag.
type Consumer struct {
	Use
	Shows  bool // the image that the tag has
	Held   bool // people changed it: it stays until the tag moves on
	Writes bool // the next pass writes it
}

// Rank gives the questions that have to be answered before it is known which tag of its
// repository a tag with a policy takes, due or not; none for other tags.
func (p *Present) Rank(ref stream.Ref, have Answers) []Question {
	var all []Question
	for _, im := range p.ranked(ref, have).asks {
		if _, answered := have[im]; !answered {
			all = append(all, Question{Import: im})
		}
	}
	return all
}

// ranked is the choice of a tag with a policy, due or not.
func (p *Present) ranked(ref stream.Ref, have Answers) choice {
	t := p.tags[ref]
	if t == nil || t.still() || t.spec.Policy == nil {
		return choice{}
	}
	a, _ := p.ask(t)
	return p.choose(t, a.Import, have)
}

// Explain tells what decides about a tag, nil when nothing knows of it. got answers
// what Rank asks; fsys is the tip.
func (p *Present) Explain(ref stream.Ref, got Answers, now time.Time, fsys fs.FS) (*Explained, error) {
	t := p.tags[ref]
	if t == nil {
		return nil, nil //nolint:nilnil // there is no such tag
	}
	c := p.ranked(ref, got)
	e := &Explained{Ref: ref, Spec: t.spec, Listed: t.listed, Status: t.old, Ranking: c.ranking, Failure: c.failure}
	e.Ask, _ = p.ask(t)
	for _, r := range p.repositories {
		if t.listed && r.stream == t.stream {
			e.Ask = r.ask
		}
	}
	e.Follows, _ = p.follows(ref)
	n := p.Next(func(a Ask) bool { return a.Ref == ref && len(c.asks) > 0 && (a.Pending || a.Interval > 0) }, got, nil, nil, now)
	out, err := n.Edits(fsys)
	if err != nil {
		return nil, err
	}
	e.uses(n)
	e.problems(out.Problems, p.tip.Tree.Problems)
	for _, change := range out.Changes {
		for i, m := range change.Moves {
			if m.Ref == ref {
				e.Move = &change.Moves[i]
			}
		}
	}
	for _, other := range p.order {
		if src, ok := p.follows(other.ref); ok && src == ref {
			e.Followers = append(e.Followers, other.ref)
		}
	}
	return e, nil
}

// uses finds the consumers of the tag, and what the next pass does with them.
func (e *Explained) uses(n *Next) {
	held := map[stream.Pos]bool{}
	for _, i := range n.held {
		held[n.problems[i].Pos] = true
	}
	writes := n.consumers().writes[e.Ref.Stream()]
	head := e.Status.Head()
	for _, u := range n.tip.uses() {
		if u.Err == nil && u.Ref == e.Ref {
			c := Consumer{Use: u, Held: held[u.Pos()]}
			c.Shows = head != nil && u.Refused == "" && u.Shows(n.image(n.tags[e.Ref], *head))
			c.Writes = slices.ContainsFunc(writes, func(w write) bool { return w.use.Pos() == u.Pos() && w.use.Path == u.Path })
			e.Consumers = append(e.Consumers, c)
		}
	}
}

// problems are those of the tag, but what is said of its consumers, which tell it
// themselves.
func (e *Explained) problems(lists ...[]stream.Problem) {
	for _, p := range slices.Concat(lists...) {
		ofConsumer := slices.ContainsFunc(e.Consumers, func(c Consumer) bool { return c.Pos() == p.Pos })
		if (p.Ref == e.Ref || p.Ref == e.Ref.Stream()) && !ofConsumer {
			e.Problems = append(e.Problems, p)
		}
	}
	stream.SortProblems(e.Problems)
}
