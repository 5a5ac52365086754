package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// daily is how often the registry of an image that consumers show is asked whether it
// still has it (semantics.md 3).
const daily = 24 * time.Hour

// used are the tags whose head some consumer shows by its digest, other than those that
// are about to go.
func (p *Present) used(going map[stream.Pos]bool) map[stream.Ref]bool {
	if len(going) > 0 {
		return p.usedBut(going)
	}
	if p.shown == nil {
		p.shown = p.usedBut(nil)
	}
	return p.shown
}

func (p *Present) usedBut(going map[stream.Pos]bool) map[stream.Ref]bool {
	used := map[stream.Ref]bool{}
	for u := range p.tip.eachUse {
		t := p.tags[u.Ref]
		if u.Err != nil || t == nil || used[u.Ref] || going[u.Pos()] {
			continue
		}
		if head := imageOf(t.cur.Head()); head != "" && u.Digest() == head {
			used[u.Ref] = true
		}
	}
	return used
}

// looksFor are the tags whose image is looked for: what consumers show, and what has no
// metadata, so that an older image that came back is described by the pass that finds it.
// The images of an export are left alone but for those that somebody shows, or is about to.
func (p *Present) looksFor() map[stream.Ref]bool {
	if p.looked != nil {
		return p.looked
	}
	all := maps.Clone(p.used(nil))
	var wanted map[stream.Ref]bool
	for _, t := range p.order {
		head := t.cur.Head()
		if imageOf(head) == "" || p.isDescribed(head.Image) {
			continue
		}
		if head.Cause == stream.CauseAdopt && wanted == nil {
			wanted = p.wanted()
		}
		if head.Cause != stream.CauseAdopt || wanted[t.ref] {
			all[t.ref] = true
		}
	}
	p.looked = all
	return all
}

// wanted are the tags that consumers are bound to, and those that short names mean.
func (p *Present) wanted() map[stream.Ref]bool {
	wanted := map[stream.Ref]bool{}
	for u := range p.tip.eachUse {
		if u.Err == nil && u.Paused == "" {
			wanted[u.Ref] = true
		}
	}
	if p.tip.Graph == nil {
		return wanted
	}
	for _, root := range p.tip.Graph.Roots() {
		for _, r := range root.Images {
			wanted[p.lookedUp(root.Path, r)] = true
		}
	}
	return wanted
}

// check gives the question whether the registry still has the head of a tag, for tags
// whose head is used. An image that it lost is asked for as often as a scheduled tag. Like
// ask, it is worked out once.
func (p *Present) check(t *tag) (Ask, bool) {
	if t.checking == nil {
		a, is := p.mayCheck(t)
		t.checking = &asking{a, is}
	}
	return t.checking.Ask, t.checking.is
}

func (p *Present) mayCheck(t *tag) (Ask, bool) {
	head := t.cur.Head()
	if t.still() || imageOf(head) == "" {
		return Ask{}, false
	}
	image, err := stream.ParseImage(head.DockerImageReference)
	if err != nil {
		return Ask{}, false
	}
	a := Ask{
		Ref: t.ref, Interval: daily,
		Import: Import{Reference: image.Pull(head.Image), Scope: p.operator.scope(image, t), Prefer: p.prefer(t), Exists: true},
	}
	if lost(t.cur) != nil {
		a.Interval = p.settings().Imports.Interval
	}
	return a, true
}

// checks are the questions whether images are still there that are due and not answered,
// also not by an import that just found the same image in the same repository.
func (p *Present) checks(due Due, have Answers) []Question {
	if due == nil {
		return nil // none is pending
	}
	asked, there := map[Import]*Question{}, present(have)
	for ref := range p.looksFor() {
		t := p.tags[ref]
		a, ok := p.check(t)
		if _, answered := have[a.Import]; !ok || answered || there[a.Import.Reference] || !due(a) || p.leaves(t, due, have) {
			continue
		}
		p.raise(asked, a.Import, t)
	}
	return sorted(asked)
}

// leaves reports whether an import just found another image for a tag, or for the one
// that it follows, and nothing that is known keeps it from it.
func (p *Present) leaves(t *tag, due Due, have Answers) bool {
	way := []*tag{t}
	for source := t; len(way) <= len(p.order); way = append(way, source) { // a circle ends too
		ref, follows := p.follows(source.ref)
		if source = p.tags[ref]; !follows || source == nil {
			break
		}
	}
	source := way[len(way)-1]
	a := source.means(have[p.choice(source, due, have).image])
	return a.Digest != "" && a.Digest != t.cur.Head().Image && len(p.lacks(source, a)) == 0 && !slices.ContainsFunc(way, func(t *tag) bool {
		_, paused := t.paused()
		return paused || failed(t.cur) || p.minAge(t) > 0 || t.rejection(t.cur, a.Digest) != nil
	})
}

// present are the images that imports just found, as pull specs by digest.
func present(have Answers) map[string]bool {
	there := make(map[string]bool, len(have))
	for im, a := range have {
		if image, err := stream.ParseImage(im.Reference); err == nil && a.Digest != "" {
			there[image.Pull(a.Digest)] = true
		}
	}
	return there
}

// lost is the condition of an image that its registry no longer has, nil for none.
func lost(st *stream.Status) *stream.Condition {
	if st == nil {
		return nil
	}
	i := slices.IndexFunc(st.Conditions, func(c stream.Condition) bool { return c.Type == stream.ConditionImageAvailable })
	if i < 0 {
		return nil
	}
	return &st.Conditions[i]
}

// watch adds and takes away the conditions of images that consumers show and whose
// registry no longer has them. A registry that does not say whether it has one changes
// nothing.
func (n *Next) watch() {
	going := map[stream.Pos]bool{}
	for _, writes := range n.consumers().writes {
		for _, w := range writes {
			if w.do == kustomize.Remove {
				going[w.use.Pos()] = true
			}
		}
	}
	used, there := n.used(going), present(n.got)
	for _, t := range n.order {
		if st := n.final[t.ref]; used[t.ref] || lost(st) != nil {
			n.final[t.ref] = n.watched(t, st, used[t.ref], there)
		}
	}
}

// watched is a status with the condition, or without it; there are the images that
// imports just found.
func (n *Next) watched(t *tag, st *stream.Status, used bool, there map[string]bool) *stream.Status {
	a, may := n.check(t)
	message := fmt.Sprintf("dockerimage.image.openshift.io %q not found", a.Import.Reference)
	gone := lost(st) != nil && lost(st).Message == message
	switch answer, answered := n.got[a.Import]; {
	case there[a.Import.Reference], answered && answer.Failure == nil:
		gone = false
	case answered && answer.Failure.Reason == stream.ReasonNotFound:
		gone = true
	}
	if gone = gone && may && sameHead(st.Head(), t.cur.Head()) && used; gone {
		n.report(t, stream.Error, a.Import.Reference+" is shown by consumers, and its registry no longer has it", "push it again, or let the tag move to an image that is there")
	}
	if gone && lost(st) != nil && lost(st).Message == message || !gone && lost(st) == nil {
		return st
	}
	next := clone(st, t.ref)
	next.Conditions = slices.DeleteFunc(next.Conditions, func(c stream.Condition) bool { return c.Type == stream.ConditionImageAvailable })
	if gone {
		next.Conditions = append(next.Conditions, stream.Condition{
			Type: stream.ConditionImageAvailable, Status: stream.StatusFalse, Reason: stream.ReasonNotFound, Message: message, LastTransitionTime: stamp(n.now),
		})
	}
	return next
}
