package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// lookup is the local lookup of one pass (semantics.md 4): which images: entries the
// deployable kustomizations need for the short names in their manifests.
type lookup struct {
	*Next
	roots    map[string]*kustomize.Root // by path; scanned ones
	verdicts map[shortAt]verdict
	told     map[stream.Pos]bool       // of files and entries: each is reported once
	marked   map[stream.Pos]stream.Ref // of kustomizations: the tags that entries are bound to
}

// shortAt is a short name in the build of one root.
type shortAt struct{ root, text string }

// verdict is what one short name means in the build of one root.
type verdict struct {
	ref     stream.Ref // the tag that its entry shows; zero: it needs none
	used    bool       // some manifest says the name, and nobody changes it on its way
	doubted bool       // nobody can tell which tag is meant: what is there stays
	there   bool       // its entry is there
	stays   bool       // an entry for something else is there, and people had a hand in it
}

// lookups decides about the entries that local lookup made, and about those that are
// missing. It gives the uses that are bound as any other; the entries that nothing needs
// any more are among c's writes.
func (n *Next) lookups(c *consumers, uses []Use) []Use {
	if n.tip.Graph == nil {
		return uses
	}
	l := &lookup{Next: n, roots: map[string]*kustomize.Root{}, verdicts: map[shortAt]verdict{}, told: map[stream.Pos]bool{}, marked: markedEntries(uses)}
	l.judge()
	bound := make([]Use, 0, len(uses))
	for _, u := range uses {
		switch {
		case u.Err != nil || !u.Lookup || l.needs(&u) || l.doubts(u):
			bound = append(bound, u)
		case l.keeps(u):
			l.update(u, func(v *verdict) { v.stays = true })
		case l.verdicts[at(u)].ref == (stream.Ref{}) || l.verdicts[at(u)].ref == u.Ref: // what is to show another tag is replaced
			of := u.Ref.Stream()
			c.writes[of] = append(c.writes[of], write{use: u, do: kustomize.Remove})
		}
	}
	l.add(c)
	l.unlisted()
	return bound
}

// markedEntries are the tags that entries of kustomizations are bound to, by their places.
func markedEntries(uses []Use) map[stream.Pos]stream.Ref {
	marked := map[stream.Pos]stream.Ref{}
	for _, u := range uses {
		if !u.Lookup && u.Err == nil && kustomize.IsKustomization(u.File) {
			marked[stream.Pos{File: u.File, Line: u.Line}] = u.Ref
		}
	}
	return marked
}

// judge finds out what every short name means.
func (l *lookup) judge() {
	for _, f := range l.tip.Graph.Broken() {
		l.unread(f)
	}
	for _, root := range l.tip.Graph.Roots() {
		if !l.settings().Scans(root.Path) {
			continue
		}
		l.roots[root.Path] = &root
		for _, f := range root.Unread {
			l.unread(f)
		}
		for text, images := range byText(root.Images) {
			l.verdicts[shortAt{root.Path, text}] = l.verdict(&root, text, images)
		}
	}
}

// byText groups images by what the name of one entry changes, in a fixed order. An entry
// for name:tag changes name:tag@digest too.
func byText(images []kustomize.Reached) func(yield func(string, []kustomize.Reached) bool) {
	groups := map[string][]kustomize.Reached{}
	for _, r := range images {
		if r.Name == "" {
			continue
		}
		text, _, exact := strings.Cut(r.Text, "@")
		if !exact || strings.Contains(text, ":") {
			groups[text] = append(groups[text], r)
		}
	}
	return func(yield func(string, []kustomize.Reached) bool) {
		for _, text := range slices.Sorted(maps.Keys(groups)) {
			if !yield(text, groups[text]) {
				return
			}
		}
	}
}

// verdict is what a short name means in a root, from all the manifests that say it: one
// entry changes them all.
func (l *lookup) verdict(root *kustomize.Root, text string, images []kustomize.Reached) verdict {
	var v verdict
	var of kustomize.Reached // which v.ref is for
	for _, r := range images {
		ref := l.lookedUp(root.Path, r)
		switch {
		case r.Changed != kustomize.Place{}:
			l.changed(r, ref)
		case !v.used:
			v.used, v.ref, of = true, ref, r
		case v.ref != ref:
			return l.doubt(root, of, v.ref, r, ref)
		}
	}
	if v.ref == (stream.Ref{}) {
		return v
	}
	for _, r := range images {
		if r.Job {
			l.immutable(pos(r.Place()), v.ref, "image "+r.Text+" of a Job")
		}
	}
	if l.tags[v.ref] == nil {
		l.problem(of, v.ref, stream.Error, fmt.Sprintf("image %s: stream %s has local lookup and no tag %s", text, v.ref.Stream(), v.ref.Tag),
			l.similar(v.ref)+"add the tag to the stream, or write the image with its registry")
	}
	return v
}

// lookedUp is the tag that an image means, the zero Ref when it means none. The namespace
// is that of the build, else the settings' for the file, else the default.
func (p *Present) lookedUp(file string, r kustomize.Reached) stream.Ref {
	ref := stream.Ref{Namespace: cmp.Or(r.Namespace, p.settings().NamespaceFor(file), stream.DefaultNamespace), Name: r.Name, Tag: r.Tag}
	s := p.tip.Tree.Stream(ref.Namespace, ref.Name)
	if r.Digest || s == nil || !s.LookupLocal && !r.Resolve {
		return stream.Ref{}
	}
	return ref
}

// doubt reports a short name that means several things in one build.
func (l *lookup) doubt(root *kustomize.Root, a kustomize.Reached, aRef stream.Ref, b kustomize.Reached, bRef stream.Ref) verdict {
	words := func(ref stream.Ref) string {
		if ref == (stream.Ref{}) {
			return "no tag of a stream"
		}
		return ref.String()
	}
	l.problem(b, cmp.Or(bRef, aRef), stream.Error,
		fmt.Sprintf("image %s means %s here and %s at %s, and one entry in %s would change both", b.Text, words(bRef), words(aRef), pos(a.Place()), root.Path),
		"write another name at one of them, or deploy them by kustomizations of their own")
	return verdict{used: true, doubted: true}
}

// changed reports an entry of people that wins over local lookup, unless it is bound to the
// very tag.
func (l *lookup) changed(r kustomize.Reached, ref stream.Ref) {
	at := pos(r.Changed)
	if ref == (stream.Ref{}) || l.told[at] || l.marked[at] == ref {
		return
	}
	l.told[at] = true
	l.problems = append(l.problems, stream.Problem{
		Severity: stream.Notice, Pos: at, Ref: ref,
		Message: fmt.Sprintf("the entry changes %s (%s) already: local lookup leaves it to you", r.Text, pos(r.Place())),
		Hint:    "remove the entry to have the stream's digest",
	})
}

// at is the short name that an entry is for.
func at(u Use) shortAt { return shortAt{u.File, u.Label} }

func (l *lookup) update(u Use, f func(*verdict)) {
	v := l.verdicts[at(u)]
	f(&v)
	l.verdicts[at(u)] = v
}

// needs reports whether an entry is the one that a short name needs.
func (l *lookup) needs(u *Use) bool {
	if v := l.verdicts[at(*u)]; v.ref != u.Ref || v.there {
		return false
	}
	l.update(*u, func(v *verdict) { v.there = true })
	u.Namespace = u.Ref.Namespace // it was looked up there
	return true
}

// doubts reports whether not enough is known to say that nothing needs an entry: then it
// is bound as it was.
func (l *lookup) doubts(u Use) bool {
	v, root := l.verdicts[at(u)], l.roots[u.File]
	unknown := v.used && v.ref == (stream.Ref{}) && l.tip.Tree.Stream(u.Ref.Namespace, u.Ref.Name) == nil
	if unknown && !v.doubted {
		l.reportUse(u, stream.Warning, "no document describes the stream: the entry stays as it is", "put the stream back, or write the image with its registry")
	}
	return !kustomize.IsKustomization(u.File) || v.doubted || unknown || root != nil && len(root.Unread) > 0 && !v.there && v.ref == (stream.Ref{})
}

// keeps reports whether an entry that no short name needs stays all the same, since people
// had a hand in it.
func (l *lookup) keeps(u Use) bool {
	switch {
	case u.Paused != "":
		l.reportUse(u, stream.Warning, fmt.Sprintf("paused (%s): the entry stays, though no manifest needs it", u.Paused), "remove the entry")
		return true
	case !l.enforces() && l.edited(u):
		l.reportUse(u, stream.Warning, "held: no manifest needs the entry, and people changed it", "remove the entry, or drop lookup from its marker to keep it")
		return true
	}
	return false
}

// edited reports whether an entry shows no image that the tag had: people wrote another.
func (l *lookup) edited(u Use) bool {
	var items []stream.Item
	var rejected []string
	for _, st := range []*stream.Status{l.status(u.Ref), l.tip.status(u.Ref), l.base.status(u.Ref)} {
		items = append(items, itemsOf(st)...)
		rejected = append(rejected, rejectedOf(st)...)
	}
	t := l.tags[u.Ref]
	return len(items)+len(rejected) > 0 && !slices.Contains(rejected, u.Digest()) && !slices.ContainsFunc(items, func(i stream.Item) bool {
		return u.Shows(l.sourceImage(i)) || t != nil && u.Shows(l.image(t, i))
	})
}

// addHint says what to do about an entry that cannot be made.
const addHint = "mend that, or write the entry by hand: it is tried again in every pass"

// add has the entries made that are missing, and tells of those that the shape of the file
// does not allow.
func (l *lookup) add(c *consumers) {
	for _, path := range slices.Sorted(maps.Keys(l.roots)) {
		root := l.roots[path]
		for text := range byText(root.Images) {
			v := l.verdicts[shortAt{path, text}]
			t := l.tags[v.ref]
			if v.there || v.stays || t == nil || t.broken {
				continue
			}
			head := l.status(v.ref).Head()
			u := Use{Use: kustomize.NewLookup(*root, text, v.ref.String()), File: path, Ref: v.ref, Namespace: v.ref.Namespace}
			closed := root.Closed != (kustomize.Closed{})
			if closed {
				u.Line = root.Closed.Line
				l.reportUse(u, stream.Error, "not changed: "+root.Closed.Reason, addHint)
			}
			if head == nil || head.Image == "" {
				continue
			}
			l.deliver(c, t, write{use: u, image: l.image(t, *head), do: kustomize.Add, told: closed})
		}
	}
}

// unlisted reports the short names that no entry can change.
func (l *lookup) unlisted() {
	for _, r := range l.tip.Graph.Unlisted() {
		if ref := l.lookedUp(r.File, r); ref != (stream.Ref{}) {
			l.problem(r, ref, stream.Warning, fmt.Sprintf("image %s stays as it is: no kustomization that is deployed lists this manifest", r.Text),
				"list it in a kustomization, or write the image with a marker")
		}
	}
}

// unread reports a file that local lookup cannot read, unless its markers made it known.
func (l *lookup) unread(f kustomize.Unread) {
	at := stream.Pos{File: f.File}
	if l.told[at] || l.brokenFile(f.File) || !l.settings().Scans(f.File) {
		return
	}
	l.told[at] = true
	l.problems = append(l.problems, stream.Problem{
		Severity: stream.Warning, Pos: at, Message: "local lookup cannot read the file: " + f.Reason,
		Hint: "until it is mended, entries of the kustomizations that include it are added and kept, and none is taken away",
	})
}

func (l *lookup) problem(r kustomize.Reached, ref stream.Ref, s stream.Severity, message, hint string) {
	l.problems = append(l.problems, stream.Problem{Severity: s, Pos: pos(r.Place()), Ref: ref, Message: message, Hint: hint})
}

func pos(p kustomize.Place) stream.Pos { return stream.Pos{File: p.File, Line: p.Line} }
