package plan

import (
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Present is where every tag stands before a registry is asked: its status at the
// tip, what people took back since imgstream's last push, and what the status of
// an export seeds.
type Present struct {
	tip, base *View
	operator  Operator
	copied    Copies
	tags      map[stream.Ref]*tag
	order     []*tag                  // by namespace, stream, then the spec's order; tags without a spec last
	streams   map[stream.Ref][]*tag   // the tags of each stream, in order
	pins      map[stream.Ref][]string // by stream: the digests, or beginnings of digests, that specs name

	repositories []*repository                  // that tags come from, in the order of their streams
	listings     map[stream.Ref]map[string]bool // by stream whose repository was listed: the tags that are imported

	shown, looked map[stream.Ref]bool // what shows and looksFor give; nil: not worked out yet
}

// tag is one tag with a spec, a status or a seed.
type tag struct {
	ref    stream.Ref
	stream *stream.Stream // nil when no document describes the stream
	spec   *stream.Tag    // nil when the spec does not list the tag, and it receives no pushes
	broken bool           // its status file cannot be used: it stands still
	listed bool           // spec is not written: the tag comes from spec.dockerImageRepository

	old *stream.Status // the file at the tip; nil when there is none
	cur *stream.Status // what follows from people's changes; shared with old when nothing does

	rejected string // the digest that people took back since the last push; "" for none
	adopted  bool   // cur was seeded from an export
	pushed   bool   // its image is what is pushed to the local registry
	creates  bool   // its stream is not there yet

	asking, checking *asking // what ask and check gave; nil: not worked out yet
}

// Look compares the tip with imgstream's last push. A nil base means that
// imgstream never pushed: nothing was done by people (semantics.md 6). operator may be
// zero. hints are references that somebody pushed to, in full and with a tag.
func Look(tip, base *View, operator Operator, hints ...string) *Present {
	p := &Present{tip: tip, base: base, operator: operator, tags: map[stream.Ref]*tag{}, streams: map[stream.Ref][]*tag{}, pins: map[stream.Ref][]string{}}
	for _, s := range tip.Tree.Streams {
		for i := range s.Tags {
			p.add(&tag{ref: s.TagRef(s.Tags[i].Name), stream: s, spec: &s.Tags[i]})
		}
		for i := range s.Seed {
			p.add(&tag{ref: s.TagRef(s.Seed[i].Tag), stream: s})
		}
	}
	p.addRepositories()
	for _, ref := range sortedRefs(tip.Tree.Status) {
		p.add(&tag{ref: ref, stream: tip.Tree.Stream(ref.Namespace, ref.Name)})
	}
	heard := p.hear(hints)
	for _, t := range p.order {
		p.receive(t, heard[t.ref])
		p.pin(t)
	}
	for _, t := range p.order {
		p.settle(t)
	}
	return p
}

// pin notes the image that a spec names, so that no history drops it.
func (p *Present) pin(t *tag) {
	if t.spec == nil || t.spec.From == nil || t.spec.From.Kind != stream.KindImageStreamImage {
		return
	}
	if src, err := stream.ParseSource(t.ref, *t.spec.From); err == nil {
		p.pins[src.Stream()] = append(p.pins[src.Stream()], src.Digest)
	}
}

// add keeps the first of two tags with one name.
func (p *Present) add(t *tag) {
	if p.tags[t.ref] == nil {
		p.tags[t.ref] = t
		p.order = append(p.order, t)
		p.streams[t.ref.Stream()] = append(p.streams[t.ref.Stream()], t)
	}
}

func (p *Present) settle(t *tag) {
	t.old = p.tip.Tree.Status[t.ref]
	t.cur = t.old
	if _, broken := p.tip.Tree.Broken[t.ref]; broken {
		t.broken = true
		return
	}
	was := p.base.status(t.ref)
	switch {
	case t.spec != nil && tookBack(was.Head(), t.old):
		t.rejected = was.Head().Image
		t.cur = reject(t, was)
	case t.spec != nil && t.old == nil && was != nil && len(was.Rejected) > 0:
		t.cur = clone(nil, t.ref)
		t.cur.Source, t.cur.Rejected = t.source(), was.Rejected
	case t.old == nil && t.stream != nil && (t.spec == nil || !t.spec.Blocked):
		t.cur = p.seed(t)
		t.adopted = t.cur != nil
	}
	t.cur = withoutRejectedCandidate(unreject(t.cur, t.ref), t.ref)
}

// tookBack reports whether people removed the head of imgstream's last push. An item
// put in front of it, or the same digest written anew, is a move and no rejection.
func tookBack(was *stream.Item, is *stream.Status) bool {
	if was == nil || was.Image == "" { // what is only a reference has no digest to reject
		return false
	}
	if is == nil {
		return true
	}
	if head := is.Head(); head != nil && head.Image == was.Image {
		return false
	}
	return !slices.ContainsFunc(is.Items, func(i stream.Item) bool {
		return i.Image == was.Image && i.Created == was.Created
	})
}

// maxRejections are kept for a tag, the newest first (semantics.md 6).
const maxRejections = 10

// reject is the status after the rejection of t.rejected; commit and time are
// filled in by Next. The source is what the spec says now, so that nothing is due. What
// was rejected before stays so: putting an older file back does not end a rejection.
func reject(t *tag, was *stream.Status) *stream.Status {
	st := clone(t.old, t.ref)
	for _, r := range was.Rejected {
		if !slices.ContainsFunc(st.Rejected, func(of stream.Rejection) bool { return of.Image == r.Image }) {
			st.Rejected = append(st.Rejected, r)
		}
	}
	slices.SortStableFunc(st.Rejected, func(a, b stream.Rejection) int { return strings.Compare(b.At, a.At) })
	addRejection(st, stream.Rejection{Image: t.rejected})
	st.Source = t.source()
	return st
}

// addRejection puts a rejection in front.
func addRejection(st *stream.Status, r stream.Rejection) {
	rest := slices.DeleteFunc(st.Rejected, func(of stream.Rejection) bool { return of.Image == r.Image })
	st.Rejected = slices.Insert(rest, 0, r)
	st.Rejected = st.Rejected[:min(len(st.Rejected), maxRejections)]
}

// seed is the status that an export's history gives a tag that has none yet; nil when
// there is nothing to adopt.
func (p *Present) seed(t *tag) *stream.Status {
	i := slices.IndexFunc(t.stream.Seed, func(s stream.Seed) bool { return s.Tag == t.ref.Tag })
	if i < 0 {
		return nil
	}
	st := clone(nil, t.ref)
	st.Source = t.source()
	for _, item := range t.stream.Seed[i].Items {
		item.Cause = stream.CauseAdopt
		st.Items = append(st.Items, item)
	}
	if len(st.Items) == 0 {
		return nil
	}
	return p.trim(t, st)
}

// source is what the spec says now, nil for a tag without one.
func (t *tag) source() *stream.Source {
	if t.spec == nil || t.pushed {
		return nil
	}
	return t.spec.Source(t.ref.Namespace)
}

// answered reports whether the last import, or a rejection, answered what the spec says now.
func (t *tag) answered() bool {
	return t.cur.Answers(t.source())
}

// still reports whether a Problem keeps the tag as it is.
func (t *tag) still() bool { return t.broken || t.spec == nil || t.spec.Blocked }

// paused gives the reason why nothing of the tag moves: the one people gave for it or
// its stream, or its own.
func (t *tag) paused() (string, bool) {
	if t.stream == nil || t.spec == nil {
		return "", false
	}
	if reason, ok := t.stream.Paused(t.spec); ok {
		return reason, true
	}
	c := pausedItself(t.cur)
	return c.Message, c != stream.Condition{}
}

// Reverted are the status files with a rejection whose commit is not recorded yet,
// sorted: the commits that changed them are asked for, and given to Next.
func (p *Present) Reverted() []string {
	var paths []string
	for _, t := range p.order {
		if t.unrecorded() {
			paths = append(paths, p.statusPath(t.ref))
		}
	}
	slices.Sort(paths)
	return paths
}

func (p *Present) statusPath(ref stream.Ref) string {
	return stream.StatusPath(p.settings().Streams.StatusDirectory, ref)
}

func (p *Present) settings() stream.Settings { return p.tip.Tree.Settings }

func sortedRefs[V any](m map[stream.Ref]V) []stream.Ref {
	refs := make([]stream.Ref, 0, len(m))
	for r := range m {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, compareRefs)
	return refs
}

func compareRefs(a, b stream.Ref) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Tag, b.Tag)
}
