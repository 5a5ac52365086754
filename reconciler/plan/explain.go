package plan

import (
	"cmp"
	"io/fs"
	"slices"
	"time"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Explained is what decides about one tag.
type Explained struct {
	Ref    stream.Ref
	Spec   *stream.Tag    // nil when no spec lists the tag
	Listed bool           // Spec is not written: the tag comes from spec.dockerImageRepository
	Status *stream.Status // nil when there is none
	Broken bool           // its status file cannot be used: nothing is known, and it stands still

	Ask     Ask        // of its schedule: the tag's, of a listed one the stream's; zero: it never asks
	Follows stream.Ref // zero: it follows no tag

	Ranking *policy.Ranking // of a tag with a policy, as far as the answers tell
	Failure *Failure        // why there is none, or why nothing is chosen
	Move    *Move           // what the next pass would do to the tag; nil: nothing, as far as is known

	Problems  []stream.Problem // of the tag, its stream and its spec file
	Consumers []Consumer       // in the order of their files
	Followers []stream.Ref     // the tags that follow it
}

// Consumer is a binding of a tag, and what the next pass finds of it.
type Consumer struct {
	Use
	Wants   string // what it is to show: repository[:tag][@digest]; "" = its tag has no image
	Shows   bool   // the image that the tag has
	Held    bool   // people changed it: it stays until the tag moves on
	Waits   bool   // it could not be written when its tag moved
	Writes  bool   // the next pass writes it
	Removes bool   // it is an entry of local lookup that the next pass takes away
	Unknown bool   // there is no such tag
	Broken  bool   // the status file of its tag cannot be used
	Denied  string // why its namespace may not use the tag; "" = it may
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
	e := &Explained{Ref: ref, Spec: t.spec, Listed: t.listed, Status: t.old, Broken: t.broken, Ranking: c.ranking, Failure: c.failure}
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

// Consumers are all bindings of the tip, in the order of their files, as a pass that asks
// for nothing finds them.
func (p *Present) Consumers(now time.Time) []Consumer {
	return p.Next(nil, nil, nil, nil, now).described()
}

// uses finds the consumers of the tag, and what the next pass does with them.
func (e *Explained) uses(n *Next) {
	for _, c := range n.described() {
		if c.Err == nil && c.Ref == e.Ref {
			e.Consumers = append(e.Consumers, c)
		}
	}
}

// described are the bindings of the tip with what becomes of them.
func (n *Next) described() []Consumer {
	held, writes := map[stream.Pos]bool{}, map[binding]kustomize.Action{}
	for _, list := range n.consumers().writes {
		for _, w := range list {
			writes[w.use.binding()] = w.do
		}
	}
	for _, i := range n.held {
		held[n.problems[i].Pos] = true
	}
	var all []Consumer
	for _, u := range n.tip.uses() {
		c := Consumer{Use: u, Held: held[u.Pos()]}
		if u.Err == nil {
			n.describe(&c)
			do, is := writes[u.binding()]
			c.Writes, c.Removes = is && do != kustomize.Remove, is && do == kustomize.Remove
		}
		all = append(all, c)
	}
	return all
}

// describe finds where one consumer stands.
func (n *Next) describe(c *Consumer) {
	t := n.tags[c.Ref]
	if c.Unknown = t == nil; c.Unknown {
		return
	}
	c.Waits, c.Broken = n.pendingBefore(c.Use), t.broken
	if head := n.status(c.Ref).Head(); head != nil {
		image := n.image(t, *head)
		c.Wants, c.Shows = imageText(image), c.Refused == "" && c.Use.Shows(image)
		c.Refused = cmp.Or(c.Refused, c.Refuses(image))
	}
	if of, ok := togetherOf(c.Use); ok && n.shared[of] != nil && !c.Shows {
		c.Refused, c.Waits = cmp.Or(c.Refused, n.shared[of].refused), n.shared[of].waits
	}
	if !c.Lookup && !n.mayUse(c.Use) { // an entry of local lookup was looked up where it stands
		c.Denied = notGranted(c.Ref, c.Namespace)
	}
}

// imageText is an image as a pull spec, as far as it is known.
func imageText(img kustomize.Image) string {
	text := img.Name
	if img.Tag != "" {
		text += ":" + img.Tag
	}
	if img.Digest != "" {
		text += "@" + img.Digest
	}
	return text
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
