package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// write is one consumer that is to show an image, or an entry that is to go.
type write struct {
	use   Use
	image kustomize.Image
	do    kustomize.Action
	told  bool // why it cannot be made was told
}

// consumers is what becomes of every binding at the tip.
type consumers struct {
	writes  map[stream.Ref][]write // by stream
	pending map[stream.Ref][]stream.Pending
}

// consumers decides once, see decideConsumers.
func (n *Next) consumers() *consumers {
	if n.bindings == nil {
		n.bindings = n.decideConsumers()
	}
	return n.bindings
}

// decideConsumers decides which bindings are written, and reports the ones that are not
// (semantics.md 6): a consumer is written when its tag moved, when its binding is
// new, or when it is pending; one that differs otherwise was changed by people.
func (n *Next) decideConsumers() *consumers {
	c := &consumers{writes: map[stream.Ref][]write{}, pending: map[stream.Ref][]stream.Pending{}}
	n.reportFiles()
	n.reportLocal()
	was := n.base.uses()
	before := unpaused(was)
	uses := n.lookups(c, n.tip.uses())
	n.shared = n.partsOf(uses, before)
	for _, u := range uses {
		n.consumer(c, u, before)
	}
	n.entriesOfJobs(uses)
	n.unreadable(c, was)
	return c
}

// reportFiles tells what the files themselves have wrong: markers that cannot be read,
// and files that hold markers and cannot be read.
func (n *Next) reportFiles() {
	for _, f := range n.tip.Files {
		if f.Broken != "" {
			n.problems = append(n.problems, stream.Problem{
				Pos: stream.Pos{File: f.Path, Line: f.BrokenAt}, Message: "has a marker or a trigger, and cannot be edited: " + f.Broken,
				Hint: "mend it: what its markers and triggers bind stays as it is until then; what is not imgstream's to write is left out by scan.exclude in " + stream.SettingsPath,
			})
		}
		for _, p := range f.Problems {
			severity := stream.Error
			if p.Notice {
				severity = stream.Notice
			}
			n.problems = append(n.problems, stream.Problem{
				Severity: severity, Pos: stream.Pos{File: f.Path, Line: p.Line}, Message: p.Message, Hint: p.Hint,
			})
		}
	}
}

// unpaused are the bindings of imgstream's last push that it kept up to date.
func unpaused(uses []Use) map[binding]bool {
	before := make(map[binding]bool, len(uses))
	for _, u := range uses {
		if u.Err == nil && u.Paused == "" {
			before[u.binding()] = true
		}
	}
	return before
}

func (n *Next) consumer(c *consumers, u Use, before map[binding]bool) {
	if u.Err != nil {
		n.reportUse(u, stream.Error, u.Err.Error(), "write [namespace/]stream:tag")
		return
	}
	t := n.tags[u.Ref]
	if t == nil && u.Lookup {
		return // the manifest that says the name is reported
	}
	if t == nil {
		n.reportUse(u, stream.Error, "no image stream has the tag "+u.Ref.String(), n.similar(u.Ref)+"write the tag of a stream, or drop the "+u.BoundBy())
		return
	}
	if u.Job {
		n.immutable(u.Pos(), u.Ref, "image "+u.Label+" of a Job")
	}
	head := n.status(u.Ref).Head()
	switch {
	case t.broken:
		return
	case head == nil && !n.mayUse(u):
		n.reportUse(u, stream.Error, notGranted(u.Ref, u.Namespace), grantHint(u.Ref, u.Namespace))
		return
	case head == nil && u.Refused != "":
		n.reportUse(u, stream.Error, u.Refused, u.mendHint())
		return
	case head == nil:
		return
	}
	image := n.image(t, *head)
	shows := u.Refused == "" && u.Shows(image)
	u.Refused = cmp.Or(u.Refused, u.Refuses(image))
	waits := n.pendingBefore(u)
	held := n.holds(t, u, *head, before, waits)
	if of, ok := togetherOf(u); ok {
		u.Refused = cmp.Or(u.Refused, n.shared[of].refused)
		waits, held = n.shared[of].waits, n.shared[of].held
	}
	switch {
	case shows:
	case u.Paused != "":
		n.reportUse(u, stream.Warning, fmt.Sprintf("paused (%s); %s is available", u.Paused, cmp.Or(head.Image, head.DockerImageReference)), "imgstream resume "+u.Pos().String()+" drops the pause from its "+u.BoundBy())
		if waits {
			c.wait(u)
		}
	case held:
		n.reportHold(u, image)
	case !n.mayUse(u):
		n.reportUse(u, stream.Error, notGranted(u.Ref, u.Namespace), grantHint(u.Ref, u.Namespace))
		c.wait(u)
	case u.Refused != "":
		n.reportUse(u, stream.Error, u.Refused, u.mendHint())
		c.wait(u)
	default:
		n.deliver(c, t, write{use: u, image: image})
	}
}

// deliver has a consumer written, unless its image cannot be had from where it is to say.
func (n *Next) deliver(c *consumers, t *tag, w write) {
	if copied, f := n.missing(t, *n.status(t.ref).Head()); f != nil {
		n.reportUse(w.use, stream.Error, notCopied(copied, f), f.Hint)
		c.wait(w.use)
		return
	}
	of := t.ref.Stream()
	c.writes[of] = append(c.writes[of], w)
}

// reportHold tells of a value that people changed and that stays.
func (n *Next) reportHold(u Use, image kustomize.Image) {
	if u.Refused != "" {
		n.reportUse(u, stream.Error, u.Refused, u.mendHint())
		return
	}
	n.held = append(n.held, len(n.problems))
	n.reportUse(u, stream.Warning,
		fmt.Sprintf("held: it differs from %s (%s) and was changed by people", u.Ref, cmp.Or(image.Digest, image.Name+":"+image.Tag)),
		"it follows again when the tag moves on; to end the hold now: imgstream resume "+u.Pos().String())
}

func (n *Next) reportUse(u Use, s stream.Severity, message, hint string) {
	n.problems = append(n.problems, stream.Problem{Severity: s, Pos: u.Pos(), Ref: u.Ref, Message: message, Hint: hint})
}

// unreadable keeps in mind the consumers in files that cannot be read now: those
// that wait already, and those whose tag moved while their file is broken.
func (n *Next) unreadable(c *consumers, was []Use) {
	for _, u := range was {
		if u.Err == nil && n.brokenFile(u.File) && n.tags[u.Ref] != nil && n.moved(u.Ref) {
			c.wait(u)
		}
	}
	for _, t := range n.order {
		st := n.status(t.ref)
		if st == nil {
			continue
		}
		for _, w := range st.Pending {
			if n.brokenFile(w.File) {
				c.add(t.ref, w)
			}
		}
	}
}

func (n *Next) brokenFile(path string) bool {
	f := n.tip.file(path)
	return f != nil && f.Broken != ""
}

// wait notes a consumer that could not be written.
func (c *consumers) wait(u Use) { c.add(u.Ref, stream.Pending{File: u.File, Path: u.Path}) }

func (c *consumers) add(ref stream.Ref, w stream.Pending) {
	list := c.pending[ref]
	i, found := slices.BinarySearchFunc(list, w, func(a, b stream.Pending) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Path, b.Path))
	})
	if !found {
		c.pending[ref] = slices.Insert(list, i, w)
	}
}

// moved reports whether the head that this pass leaves differs from the one in
// imgstream's last push.
func (n *Next) moved(ref stream.Ref) bool {
	return !sameHead(n.base.status(ref).Head(), n.status(ref).Head())
}

// sameHead compares the heads of two statuses; nil is that of a tag without an image.
func sameHead(a, b *stream.Item) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Index, y.Index = "", "" // an index that moved without the image that was taken from it moves nothing
	return x == y
}

func (n *Next) pendingBefore(u Use) bool {
	st := n.tip.status(u.Ref)
	return st != nil && slices.Contains(st.Pending, stream.Pending{File: u.File, Path: u.Path})
}

func (n *Next) enforces() bool { return n.settings().Consumers == stream.ConsumersEnforce }

// mayUse reports whether the tag's namespace grants it to the consumer's. A consumer
// whose namespace is stated nowhere needs no grant.
func (n *Next) mayUse(u Use) bool {
	return u.Namespace == "" || n.settings().Granted(u.Ref.Namespace, u.Ref.Name, u.Namespace)
}

// image is what a consumer of a tag shows: the source's pull spec, or that of the local
// registry (semantics.md 4).
func (n *Next) image(t *tag, item stream.Item) kustomize.Image {
	img := n.sourceImage(item)
	if local := n.local(t); local != "" && item.Image != "" {
		img.Name, img.Pinned = local, true
	}
	return img
}

func (n *Next) sourceImage(item stream.Item) kustomize.Image {
	pull, err := stream.ParseImage(item.DockerImageReference)
	if item.Image == "" { // a reference, shown as it is
		return kustomize.Image{Name: pull.Name(), Tag: pull.Tag, Digest: pull.Digest}
	}
	img := kustomize.Image{Digest: item.Image, Tag: n.tagShown(item, map[stream.Ref]bool{})}
	if err == nil {
		img.Name = pull.Name()
	}
	return img
}

// tagShown is the registry's tag that an item came from, through the tags it was
// followed or taken from; "" when that is not known.
func (n *Next) tagShown(item stream.Item, seen map[stream.Ref]bool) string {
	switch item.Cause {
	case stream.CauseImport, stream.CausePush, stream.CauseAdopt:
		image, err := stream.ParseImage(item.From)
		if err != nil || image.Digest != "" {
			return ""
		}
		return image.Tag
	case stream.CauseRollback:
		// what the item that it came back to says: a registry's tag, or a stream tag
		if pull, err := stream.ParseImage(item.DockerImageReference); err == nil {
			if tag, ok := strings.CutPrefix(item.From, pull.Name()+":"); ok {
				return tag
			}
		}
		return n.tagOfSource(item, seen)
	default:
		return n.tagOfSource(item, seen)
	}
}

func (n *Next) tagOfSource(item stream.Item, seen map[stream.Ref]bool) string {
	src, err := stream.ParseRef(item.From)
	if err != nil || seen[src] {
		return ""
	}
	seen[src] = true
	for _, t := range n.streams[src.Stream()] {
		if src.Tag != "" && t.ref.Tag != src.Tag {
			continue
		}
		for _, of := range itemsOf(n.status(t.ref)) {
			if of.Image != item.Image {
				continue
			}
			if tag := n.tagShown(of, seen); tag != "" {
				return tag
			}
		}
	}
	return ""
}
