package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Keep says what Prune does not remove.
type Keep struct {
	Namespace   string        // everything of the other ones, and all metadata of images; "" for all namespaces
	Revisions   int           // the newest items of each tag; below 0: as many as the settings say
	YoungerThan time.Duration // items younger than that
	Now         time.Time
}

// Pruning is what Prune removes.
type Pruning struct {
	Files    map[string][]byte // whole new bytes by path; nil removes the file
	Items    []stream.TagItem  // by namespace, stream and tag, then as in the history
	Statuses []stream.Ref      // whose files are removed, sorted
	Images   []string          // digests whose metadata is removed, sorted
	Problems []stream.Problem  // why something else is kept
}

// Prune computes what is to go from the status files of a commit: items beyond what is
// kept, status files of tags that no spec has, and the metadata of images, a file each,
// that no status names then (openshift.md 4.10). It never removes the head of a tag that a spec
// has, an item that a spec names, or one whose digest a consumer shows.
func Prune(tip *View, images []string, keep Keep) *Pruning {
	p := &pruner{
		Present: Look(tip, nil, Operator{}), keep: keep, used: map[stream.Ref]Use{}, shown: map[stream.Ref]bool{},
		out: &Pruning{Files: map[string][]byte{}},
	}
	if keep.Revisions < 0 {
		p.keep.Revisions = p.settings().HistoryLimit
	}
	p.consumers()
	gone := p.orphans()
	p.histories(gone)
	p.images(images, gone)
	return p.out
}

// pruner is one Prune.
type pruner struct {
	*Present
	keep     Keep
	used     map[stream.Ref]Use // tags that consumers are bound to, each with the first of them
	followed map[stream.Ref]bool
	shown    map[stream.Ref]bool // images, with the stream, that consumers of the stream show
	blind    bool                // some consumers cannot be read
	out      *Pruning
}

// consumers finds out what is in use.
func (p *pruner) consumers() {
	for _, u := range p.tip.uses() {
		if u.Err != nil {
			continue
		}
		if _, known := p.used[u.Ref]; !known {
			p.used[u.Ref] = u
		}
		if digest := u.Digest(); digest != "" {
			p.shown[image(u.Ref, digest)] = true
		}
	}
	for _, f := range p.tip.files() {
		if f.Broken == "" {
			continue
		}
		p.blind = true
		p.out.Problems = append(p.out.Problems, stream.Problem{
			Pos: stream.Pos{File: f.Path}, Message: "has a marker or a trigger and cannot be read, so that no history is pruned: " + f.Broken, Hint: "mend it, and prune again",
		})
	}
}

// image is an image of the stream of a tag.
func image(tag stream.Ref, digest string) stream.Ref {
	of := tag.Stream()
	of.Digest = digest
	return of
}

func (p *pruner) within(ref stream.Ref) bool {
	return p.keep.Namespace == "" || ref.Namespace == p.keep.Namespace
}

// orphans removes the status files of tags that no spec has, and gives these tags.
func (p *pruner) orphans() map[stream.Ref]bool {
	gone := map[stream.Ref]bool{}
	for _, ref := range p.tip.Tree.Orphans {
		if !p.within(ref) {
			continue
		}
		if why, hint := p.needed(ref); why != "" {
			p.keepOrphan(ref, why, hint)
			continue
		}
		gone[ref] = true
		p.out.Statuses = append(p.out.Statuses, ref)
		p.out.Files[p.statusPath(ref)] = nil
	}
	return gone
}

// needed says why the status of a tag that no spec has is kept; "" when it is not.
func (p *pruner) needed(ref stream.Ref) (why, hint string) {
	use, used := p.used[ref]
	switch {
	case len(p.tip.Tree.Streams) == 0:
		return "no image stream is found at all", "are streams.directories in " + stream.SettingsPath + " right?"
	case p.tip.Tree.Doubtful(ref.Stream()):
		return "a spec with errors may list the tag", "mend it, and prune again"
	case used:
		return fmt.Sprintf("%s uses the tag", use.Pos()), "change the " + use.BoundBy() + " there, or put the tag back into a spec"
	case p.blind:
		return "a consumer that cannot be read may use the tag", "mend it, and prune again"
	case p.follows(ref):
		return "a tag of a spec follows it", "change from.name there"
	}
	for _, item := range p.tip.Tree.Status[ref].Items {
		switch {
		case p.elsewhere(ref, item.Image):
		case p.named(ref, item.Image):
			return "a spec names " + item.Image, "change from.name there"
		case p.shown[image(ref, item.Image)]:
			return "a consumer of the stream shows " + item.Image, ""
		}
	}
	return "", ""
}

// elsewhere reports whether a tag of the stream that a spec has, has the image too.
// What is in use of its history is kept.
func (p *pruner) elsewhere(ref stream.Ref, image string) bool {
	return slices.ContainsFunc(p.streams[ref.Stream()], func(t *tag) bool {
		return t.spec != nil && t.old != nil && slices.ContainsFunc(t.old.Items, func(i stream.Item) bool { return i.Image == image })
	})
}

// follows reports whether the spec of some tag takes its image from this one.
func (p *pruner) follows(ref stream.Ref) bool {
	if p.followed == nil {
		p.followed = map[stream.Ref]bool{}
		for _, t := range p.order {
			if t.spec == nil || t.spec.From == nil || t.spec.From.Kind != stream.KindImageStreamTag {
				continue
			}
			if src, err := stream.ParseSource(t.ref, *t.spec.From); err == nil {
				p.followed[src] = true
			}
		}
	}
	return p.followed[ref]
}

func (p *pruner) keepOrphan(ref stream.Ref, why, hint string) {
	p.out.Problems = append(p.out.Problems, stream.Problem{
		Severity: stream.Warning, Ref: ref, Pos: stream.Pos{File: p.statusPath(ref)}, Message: "no spec has this tag, and its status is kept: " + why, Hint: hint,
	})
}

// histories trims those of all tags that stay. A spec that cannot be read may name any
// item, one with errors those of its stream.
func (p *pruner) histories(gone map[stream.Ref]bool) {
	if p.blind || len(p.tip.Tree.Streams) == 0 || p.tip.Tree.Doubtful(stream.Ref{}) {
		return
	}
	for _, ref := range sortedRefs(p.tip.Tree.Status) {
		old := p.tip.Tree.Status[ref]
		if gone[ref] || !p.within(ref) || p.tip.Tree.Doubtful(ref.Stream()) {
			continue
		}
		st := clone(old, ref)
		st.Items = nil
		for i, item := range old.Items {
			if p.keeps(ref, item, i) {
				st.Items = append(st.Items, item)
				continue
			}
			p.out.Items = append(p.out.Items, stream.TagItem{Ref: ref, Item: item})
		}
		if len(st.Items) < len(old.Items) {
			p.out.Files[p.statusPath(ref)] = st.Encode()
		}
	}
}

// keeps reports whether an item stays; revision counts from the head, which is 0.
func (p *pruner) keeps(ref stream.Ref, item stream.Item, revision int) bool {
	return revision == 0 || revision < p.keep.Revisions || p.young(item) || p.named(ref, item.Image) || p.shown[image(ref, item.Image)]
}

// young reports whether an item is younger than what is kept. What is no time is young.
func (p *pruner) young(item stream.Item) bool {
	if p.keep.YoungerThan <= 0 {
		return false
	}
	created, err := time.Parse(time.RFC3339, item.Created)
	return err != nil || p.keep.Now.Sub(created) < p.keep.YoungerThan
}

// images removes the metadata that no status names any more. A status file that cannot
// be read may name any of it.
func (p *pruner) images(files []string, gone map[stream.Ref]bool) {
	if p.keep.Namespace != "" || len(p.tip.Tree.Broken) > 0 {
		return
	}
	named := p.digests(gone)
	for _, file := range files {
		digest, ok := stream.ParseImagePath(p.settings().Streams.StatusDirectory, file)
		if ok && !named[digest] {
			p.out.Images = append(p.out.Images, digest)
			p.out.Files[file] = nil
		}
	}
	slices.Sort(p.out.Images)
}

// digests are those that the statuses name afterwards.
func (p *pruner) digests(gone map[stream.Ref]bool) map[string]bool {
	named := map[string]bool{}
	dropped := map[stream.Ref][]stream.Item{}
	for _, pruned := range p.out.Items {
		dropped[pruned.Ref] = append(dropped[pruned.Ref], pruned.Item)
	}
	for ref, st := range p.tip.Tree.Status {
		for _, item := range st.Items {
			if !gone[ref] && !slices.Contains(dropped[ref], item) {
				named[item.Image], named[item.Index] = true, true
			}
		}
	}
	return named
}
