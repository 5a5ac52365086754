package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// repository is a stream that has tags from spec.dockerImageRepository beside those of
// its spec. That it was listed shows in the statuses of the tags that came of it.
type repository struct {
	stream *stream.Stream
	ask    Ask
}

// maxNamed is how many left out tags a notice names.
const maxNamed = 10

// addRepositories finds the streams with a repository. The tags that came of one have
// their spec from it, also where people removed the status.
func (p *Present) addRepositories() {
	for _, s := range p.tip.Tree.Streams {
		if s.RepositoryPos.Line == 0 {
			continue
		}
		image, err := stream.ParseImage(s.DockerImageRepository)
		if err != nil {
			continue // a Problem of the spec
		}
		r := &repository{stream: s, ask: Ask{Ref: s.Ref(), Import: Import{Reference: image.Name(), Tags: true}, Pending: true}}
		r.ask.Interval = s.RepositoryInterval(p.settings())
		r.ask.Import.Scope = p.operator.scope(image, &tag{ref: s.Ref(), spec: s.Listed("")})
		p.repositories = append(p.repositories, r)
		p.addListed(r)
	}
}

// addListed adds the tags that came of a repository before. Of a status that people
// removed, there must be something to take back.
func (p *Present) addListed(r *repository) {
	for _, view := range []*View{p.tip, p.base} {
		if view == nil {
			continue
		}
		for _, st := range view.Tree.StatusesOf(r.stream) {
			if !r.stream.HasListed(st) || view == p.base && st.Head() == nil && len(st.Rejected) == 0 {
				continue
			}
			spec := r.stream.Listed(st.Ref.Tag)
			p.add(&tag{ref: st.Ref, stream: r.stream, spec: spec, listed: true})
			if view == p.tip && st.Answers(spec.Source(st.Ref.Namespace)) {
				r.ask.Pending = false
			}
		}
	}
}

// due reports whether the repository is to be listed.
func (r *repository) due(due Due) bool {
	if due == nil {
		due = pending
	}
	_, paused := r.stream.Annotations[stream.AnnotationPaused]
	return !paused && (r.ask.Pending || r.ask.Interval > 0) && due(r.ask)
}

// pick gives the tags of a repository that are imported, the most important first, and
// those that are beyond the limit (openshift.md 2.8); ok is false where it was not listed.
func (p *Present) pick(r *repository, got Answers) (in, out []string, ok bool) {
	answer, answered := got[r.ask.Import]
	if !answered || answer.Failure != nil {
		return nil, nil, false
	}
	tags := slices.Clone(answer.Tags)
	stream.SortTags(tags)
	limit := min(len(tags), p.settings().Imports.RepositoryLimit)
	in = slices.DeleteFunc(tags[:limit:limit], r.stream.Names)
	return in, tags[limit:], true
}

// listed is the present with the tags of the due repositories that got lists; p itself
// where there is nothing to add.
func (p *Present) listed(due Due, got Answers) *Present {
	q := p
	for _, r := range p.repositories {
		if !r.due(due) {
			continue
		}
		in, _, ok := p.pick(r, got)
		if !ok {
			continue
		}
		if q == p {
			q = p.copy()
		}
		q.listings[r.stream.Ref()] = map[string]bool{}
		for _, name := range in {
			q.listings[r.stream.Ref()][name] = true
			q.want(r, name)
		}
	}
	return q
}

// copy gives a present to which tags can be added.
func (p *Present) copy() *Present {
	q := *p
	q.tags, q.order, q.streams = maps.Clone(p.tags), slices.Clone(p.order), maps.Clone(p.streams)
	q.listings = map[stream.Ref]map[string]bool{}
	q.shown, q.looked = nil, nil
	return &q
}

// want adds a tag of a repository. One that has a status of another origin gets a spec.
func (p *Present) want(r *repository, name string) {
	ref := r.stream.TagRef(name)
	old := p.tags[ref]
	if old != nil && old.spec != nil {
		return
	}
	t := &tag{ref: ref, stream: r.stream, spec: r.stream.Listed(name), listed: true}
	t.old = p.tip.status(ref)
	_, t.broken = p.tip.Tree.Broken[ref]
	t.cur = unreject(t.old, ref)
	p.tags[ref] = t
	of := slices.Clone(p.streams[ref.Stream()])
	if i := slices.Index(of, old); i >= 0 {
		of[i] = t
		p.order[slices.Index(p.order, old)] = t
	} else {
		of, p.order = append(of, t), append(p.order, t)
	}
	p.streams[ref.Stream()] = of
}

// lists reports whether a listing that is at hand has the tag among those that are
// imported. One that it has not, and that waits for its first import, is asked for as
// without the listing.
func (p *Present) lists(t *tag) bool {
	return t.listed && p.listings[t.ref.Stream()][t.ref.Tag]
}

// Listing is what came of the repository of a stream that was listed.
type Listing struct {
	Stream     stream.Ref
	Repository string
	All        int      // tags that it has
	In         []string // those that are imported, the most important first
	Out        []string // those beyond the limit, in the same order
	Failure    *Failure // why there is no list; nil: there is one
}

// ofRepositories tells what came of the repositories that were listed, in the order of the specs.
func (n *Next) ofRepositories() []Listing {
	var all []Listing
	for _, r := range n.repositories {
		answer, answered := n.got[r.ask.Import]
		if !answered || !r.due(n.due) {
			continue
		}
		l := Listing{Stream: r.stream.Ref(), Repository: r.ask.Import.Reference, All: len(answer.Tags), Failure: answer.Failure}
		l.In, l.Out, _ = n.pick(r, n.got)
		all = append(all, l)
	}
	return all
}

// reportListed tells it to people.
func (n *Next) reportListed() {
	for _, l := range n.ofRepositories() {
		s := n.tip.Tree.Stream(l.Stream.Namespace, l.Stream.Name)
		report := func(severity stream.Severity, message, hint string) {
			n.problems = append(n.problems, stream.Problem{Severity: severity, Pos: s.RepositoryPos, Ref: l.Stream, Message: message, Hint: hint})
		}
		switch {
		case l.Failure != nil:
			report(stream.Error, l.Failure.Message, l.Failure.Hint)
		case l.All == 0:
			report(stream.Notice, l.Repository+" has no tags", "")
		case len(l.Out) > 0:
			report(stream.Notice, leftOut(l.Repository, l.All, l.Out),
				"the settings' imports.repositoryLimit decides how many; tags in spec.tags are imported whatever their place")
		}
	}
}

func leftOut(repository string, all int, out []string) string {
	named := strings.Join(out[:min(len(out), maxNamed)], ", ")
	if len(out) > maxNamed {
		named += ", …"
	}
	return fmt.Sprintf("%d of the %d tags of %s are left out: %s", len(out), all, repository, named)
}

// reserve gives the tags of a repository that was listed for the first time, and could
// not be imported now, a status without anything: what is not in git would never be
// asked for again.
func (n *Next) reserve() {
	for _, r := range n.repositories {
		of, listed := n.listings[r.stream.Ref()]
		if !listed || !r.ask.Pending {
			continue
		}
		some := false
		for _, t := range n.streams[r.stream.Ref()] {
			some = some || of[t.ref.Tag] && n.final[t.ref].Answers(t.source())
		}
		for _, t := range n.streams[r.stream.Ref()] {
			if some && of[t.ref.Tag] && !t.broken && n.final[t.ref] == nil {
				n.final[t.ref] = clone(nil, t.ref)
			}
		}
	}
}
