package plan

import (
	"fmt"
	"slices"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// similar is the beginning of a hint where nothing has a tag: what there is instead.
func (n *Next) similar(missing stream.Ref) string {
	if n.names == nil {
		n.names = n.tip.Tree.Names()
	}
	if there := n.names.Similar(missing); there != "" {
		return there + "; "
	}
	return ""
}

// mendHint says what to do about a consumer that cannot be edited.
func (u *Use) mendHint() string {
	return "mend that, or drop the " + u.BoundBy() + ": it is tried again in every pass"
}

// immutable warns of the image of a Job, which no cluster changes once the Job is there.
func (n *Next) immutable(at stream.Pos, ref stream.Ref, what string) {
	n.problems = append(n.problems, stream.Problem{
		Severity: stream.Warning, Pos: at, Ref: ref,
		Message: what + ": a cluster refuses to change it when the tag moves",
		Hint:    "use generateName, a hook of the deploy tool, or have it replaced: argocd.argoproj.io/sync-options: Replace=true, kustomize.toolkit.fluxcd.io/force: enabled",
	})
}

// entriesOfJobs warns of entries that change the image of a Job, at the Job.
func (n *Next) entriesOfJobs(uses []Use) {
	if len(n.tip.Jobs) == 0 {
		return
	}
	entries := map[stream.Pos]stream.Ref{}
	for _, u := range uses {
		if u.Err == nil && !u.Lookup && n.tags[u.Ref] != nil {
			entries[u.Pos()] = u.Ref
		}
	}
	for _, r := range n.tip.Jobs {
		by := pos(r.Changed)
		if ref, bound := entries[by]; bound {
			n.immutable(pos(r.Place()), ref, fmt.Sprintf("image %s of a Job, which %s changes", r.Text, by))
		}
	}
}

// maxUnused is how many streams are named one by one whose tags nobody uses: of more,
// people know.
const maxUnused = 10

// Unused tells of the tags that nothing uses: no consumer, no other tag, no short name. One
// notice for each stream, or one for all where they are many. What only follows a tag of its
// own stream (latest) is another name for it, and costs nothing.
func (n *Next) Unused() []stream.Problem {
	used := n.usedTags()
	var all []stream.Problem
	var names []string
	for _, s := range n.tip.Tree.Streams {
		var tags []string
		at := s.Pos
		for i := range s.Tags {
			ref := s.TagRef(s.Tags[i].Name)
			source, follows := n.follows(ref)
			if alias := follows && source.Stream() == ref.Stream(); !used[ref] && !used[ref.Stream()] && !alias {
				if len(tags) == 0 {
					at = s.Tags[i].Pos
				}
				tags = append(tags, ref.Tag)
			}
		}
		if len(tags) == 0 {
			continue
		}
		names = append(names, s.Ref().String())
		all = append(all, stream.Problem{
			Severity: stream.Notice, Pos: at, Ref: s.Ref(), Message: "nobody uses " + ofTags(tags, len(s.Tags)),
			Hint: "it may stay; a consumer, or a tag that follows it, uses it",
		})
	}
	if len(all) <= maxUnused {
		return all
	}
	slices.Sort(names)
	return []stream.Problem{{
		Severity: stream.Notice, Pos: all[0].Pos,
		Message: fmt.Sprintf("%d streams have tags that nobody uses: %s", len(all), stream.Few(names)), Hint: "imgstream explain NAME:TAG says who uses a tag",
	}}
}

// ofTags says which of a stream's tags are meant.
func ofTags(tags []string, all int) string {
	switch {
	case len(tags) == 1:
		return "the tag " + tags[0]
	case len(tags) == all:
		return fmt.Sprintf("any of its %d tags", all)
	}
	return "the tags " + stream.Few(tags)
}

// usedTags are the tags that something uses; a stream whose history a spec takes an image
// from stands there without a tag.
func (n *Next) usedTags() map[stream.Ref]bool {
	used := map[stream.Ref]bool{}
	for _, u := range n.tip.uses() {
		if u.Err == nil {
			used[u.Ref] = true
		}
	}
	for _, t := range n.order {
		if source, follows := n.follows(t.ref); follows {
			used[source] = true
		}
	}
	for s := range n.pins {
		used[s] = true
	}
	if n.tip.Graph != nil {
		l := &lookup{Next: n}
		for _, root := range n.tip.Graph.Roots() {
			l.uses(used, root.Path, root.Images)
		}
		for _, r := range n.tip.Graph.Unlisted() {
			l.uses(used, r.File, []kustomize.Reached{r})
		}
	}
	return used
}

// uses adds the tags that short names mean.
func (l *lookup) uses(used map[stream.Ref]bool, file string, images []kustomize.Reached) {
	for _, r := range images {
		if ref := l.lookedUp(file, r); ref != (stream.Ref{}) {
			used[ref] = true
		}
	}
}
