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

// Copy is an image that must lie in the local registry before a commit names it there.
// It is comparable: one is made once, however many tags want it.
type Copy struct {
	From      string // where the image is: a pull spec by digest
	FromScope string // of the credentials that read it, as Import.Scope
	To        string // the repository of the stream in the local registry
	ToScope   string // of the credentials that write it
	Beside    string // another repository of the local registry that may have the image; "": none is known
}

// Copies are what became of copies: nil for an image that is there.
type Copies map[Copy]*Failure

// Copied is p with what became of copies. One that is not among them counts as made.
func (p *Present) Copied(copies Copies) *Present {
	with := *p
	with.copied = copies
	return &with
}

// Copies are those that the commits of n want and of which it is not known what became,
// in an order in which most find what is beside them.
func (n *Next) Copies() []Copy {
	if n.operator.LocalRegistry == "" {
		return nil
	}
	n.consumers()
	return slices.SortedFunc(maps.Keys(n.wanted), func(a, b Copy) int {
		return cmp.Or(cmp.Compare(min(len(a.Beside), 1), min(len(b.Beside), 1)), cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From), cmp.Compare(a.FromScope, b.FromScope), cmp.Compare(a.ToScope, b.ToScope))
	})
}

// local is the repository from which consumers of a tag get its images; "" when they
// get them from the source.
func (p *Present) local(t *tag) string {
	if !isLocal(t.spec) {
		return ""
	}
	return p.operator.repository(t.ref)
}

// isLocal reports whether a tag has the policy Local. The nil Tag has not.
func isLocal(spec *stream.Tag) bool {
	return spec != nil && spec.ReferencePolicy == stream.ReferenceLocal
}

// missing wants the image of a tag in the local registry, if that is where consumers
// get it. The failure is that of the copy.
func (n *Next) missing(t *tag, item stream.Item) (Copy, *Failure) {
	to := n.local(t)
	pull, err := stream.ParseImage(item.DockerImageReference)
	if to == "" || item.Image == "" || err != nil || pull.Name() == to {
		return Copy{}, nil
	}
	reader := n.importer(t, item, map[stream.Ref]bool{})
	if reader == nil || !n.settings().Granted(reader.ref.Namespace, reader.ref.Name, t.ref.Namespace) {
		reader = t
	}
	c := Copy{From: pull.Pull(item.Image), FromScope: n.operator.scope(pull, reader), To: to}
	if there, err := stream.ParseImage(to); err == nil {
		c.ToScope = n.operator.scope(there, t)
	}
	src, err := stream.ParseRef(item.From)
	if err == nil && isTaken(item) && src.Stream() != t.ref.Stream() {
		c.Beside = n.operator.repository(src)
	}
	f, known := n.copied[c]
	if !known {
		n.wanted[c] = true
	}
	return c, f
}

// importer is the tag whose import brought an item of t, through the tags it was
// followed or taken from: the image is read with its credentials. nil: not known.
func (n *Next) importer(t *tag, item stream.Item, seen map[stream.Ref]bool) *tag {
	if !isTaken(item) {
		return t
	}
	src, err := stream.ParseRef(item.From)
	if err != nil || seen[src] {
		return nil
	}
	seen[src] = true
	for _, of := range n.streams[src.Stream()] {
		if src.Tag != "" && of.ref.Tag != src.Tag {
			continue
		}
		for _, i := range itemsOf(n.status(of.ref)) {
			if i.Image != item.Image {
				continue
			}
			if found := n.importer(of, i, seen); found != nil {
				return found
			}
		}
	}
	return nil
}

// isTaken reports whether an item came from another stream tag or its history.
func isTaken(item stream.Item) bool {
	return item.Cause == stream.CauseFollow || item.Cause == stream.CauseTag
}

// uncopied keeps the known-good image of a tag whose new one is not in the local registry.
func (n *Next) uncopied(t *tag, st *stream.Status, c Copy, f *Failure) *stream.Status {
	n.report(t, stream.Error, notCopied(c, f), f.Hint)
	if f.Reason == "" {
		return st
	}
	return n.fail(t, st, f.Reason, importMessage(f.Reason, c.From))
}

func notCopied(c Copy, f *Failure) string {
	return fmt.Sprintf("not copied to %s: %s", c.To, f.Message)
}

// respelled reports whether a consumer shows the tag's image as a spec or an operator
// before wanted it: the reference policy of the tag changed since imgstream's last push,
// or the local registry did. People changed nothing then, so that it is no hold.
func (n *Next) respelled(t *tag, u Use, head stream.Item) bool {
	if !isLocal(t.spec) && !n.wasLocal(t.ref) || isLocal(t.spec) == n.wasLocal(t.ref) && n.inForce() {
		return false
	}
	source := n.sourceImage(head)
	forms := []kustomize.Image{source}
	if at := u.Repository(); strings.HasSuffix(at, "/"+t.ref.Stream().String()) {
		forms = append(forms, kustomize.Image{Name: at, Tag: source.Tag, Digest: source.Digest})
	}
	return slices.ContainsFunc(forms, func(img kustomize.Image) bool {
		pinned := img
		pinned.Pinned = true
		return u.Shows(img) || u.Shows(pinned)
	})
}

// wasLocal reports whether the tag had the policy Local in imgstream's last push.
func (n *Next) wasLocal(ref stream.Ref) bool {
	t := n.base.tag(ref)
	return t != nil && isLocal(t.spec)
}

// inForce decides once, see spelledSo.
func (n *Next) inForce() bool {
	if n.spelled == nil {
		n.spelled = new(n.spelledSo())
	}
	return *n.spelled
}

// spelledSo reports whether any consumer of imgstream's last push shows its tag of
// policy Local as the operator's local registry, or its absence, wants it now. Git does
// not keep the operator's settings; where none does, they are new.
func (n *Next) spelledSo() bool {
	return slices.ContainsFunc(n.base.uses(), func(u Use) bool {
		head := n.base.status(u.Ref).Head()
		t := n.base.tag(u.Ref)
		if u.Err != nil || head == nil || t == nil || !isLocal(t.spec) {
			return false
		}
		image := n.image(t, *head)
		source, err := stream.ParseImage(head.DockerImageReference)
		return err == nil && u.Repository() == image.Name && u.Shows(image) && source.Name() != n.operator.repository(u.Ref)
	})
}

// reportLocal tells whose policy Local has no effect, once for each stream.
func (n *Next) reportLocal() {
	if n.operator.LocalRegistry != "" {
		return
	}
	for _, s := range n.tip.Tree.Streams {
		var local []*stream.Tag
		for i := range s.Tags {
			if isLocal(&s.Tags[i]) {
				local = append(local, &s.Tags[i])
			}
		}
		if len(local) == 0 {
			continue
		}
		n.problems = append(n.problems, stream.Problem{
			Severity: stream.Notice, Pos: local[0].Pos, Ref: s.Ref(),
			Message: fmt.Sprintf("referencePolicy Local of %s counts as Source without a local registry: consumers get the source's pull spec", stream.Count(len(local), "tag")),
			Hint:    "the operator sets localRegistry in the daemon's configuration",
		})
	}
}
