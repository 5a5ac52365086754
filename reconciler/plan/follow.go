package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// followed copies the head of the followed tag, in this same pass (semantics.md 1).
func (n *Next) followed(t *tag, st *stream.Status) *stream.Status {
	src, err := stream.ParseSource(t.ref, *t.spec.From)
	if err != nil {
		return st // a Problem of the spec
	}
	if cycle, ok := n.cycles[t.ref]; ok {
		return n.refuse(t, st, stream.ReasonCycle, "tags follow each other in a circle: "+cycle, "let one of them name an image")
	}
	if refused, next := n.ungranted(t, st, src); refused {
		return next
	}
	if n.tags[src] == nil || n.status(src) == nil && n.tip.tag(src) == nil { // a push that brought nothing leaves no tag behind
		return n.refuse(t, st, stream.ReasonNotFound, fmt.Sprintf("imagestreamtag.image.openshift.io %q not found", src), n.similar(src)+"it is followed as soon as it is there")
	}
	head := n.status(src).Head()
	switch {
	case head == nil:
		n.report(t, stream.Notice, fmt.Sprintf("waits for %s, %s", src, n.why(src)), "")
		return unfailed(t, st)
	case adoptedTogether(t, st, head):
		return unfailed(t, st)
	}
	if r := t.rejection(st, head.Image); r != nil {
		return n.refuseRejected(t, st, r)
	}
	return n.take(t, st, stream.Item{
		Image: head.Image, DockerImageReference: head.DockerImageReference, Index: head.Index,
		From: src.String(), Cause: stream.CauseFollow,
	})
}

// why says why a followed tag gives no image.
func (n *Next) why(src stream.Ref) string {
	if n.tags[src].broken {
		return "whose status file cannot be used"
	}
	return "which has no image yet"
}

// adoptedTogether keeps a follower of an export as it was exported until its source
// moves for the first time.
func adoptedTogether(t *tag, st *stream.Status, source *stream.Item) bool {
	own := st.Head()
	return own != nil && own.Cause == stream.CauseAdopt && source.Cause == stream.CauseAdopt && st.Source.Equal(t.source())
}

// ungranted refuses a source in a namespace that does not grant it.
func (n *Next) ungranted(t *tag, st *stream.Status, src stream.Ref) (bool, *stream.Status) {
	if n.settings().Granted(src.Namespace, src.Name, t.ref.Namespace) {
		return false, nil
	}
	return true, n.refuse(t, st, stream.ReasonForbidden, notGranted(src, t.ref.Namespace), grantHint(src, t.ref.Namespace))
}

func notGranted(src stream.Ref, to string) string {
	return fmt.Sprintf("namespace %s does not grant stream %s to namespace %s", src.Namespace, src.Name, to)
}

func grantHint(src stream.Ref, to string) string {
	return fmt.Sprintf("add to grants in .imgstream.yaml: {namespace: %s, streams: [%s], to: [%s]}", src.Namespace, src.Name, to)
}

// cycles finds the tags that follow each other in a circle, each with its circle in
// words. The circle is named from its first tag by name, so that all say the same.
func (p *Present) cycles() map[stream.Ref]string {
	found := map[stream.Ref]string{}
	seen := map[stream.Ref]int{} // the walk that came by
	for walk, t := range p.order {
		var path []stream.Ref
		at := t.ref
		for seen[at] == 0 {
			seen[at] = walk + 1
			path = append(path, at)
			next, ok := p.follows(at)
			if !ok {
				break
			}
			at = next
		}
		if i := slices.Index(path, at); i >= 0 && seen[at] == walk+1 && p.closes(path, at) {
			circle := path[i:]
			for _, ref := range circle {
				found[ref] = describeCircle(circle)
			}
		}
	}
	return found
}

// closes reports whether the last tag of the path follows at.
func (p *Present) closes(path []stream.Ref, at stream.Ref) bool {
	next, ok := p.follows(path[len(path)-1])
	return ok && next == at
}

func (p *Present) follows(ref stream.Ref) (stream.Ref, bool) {
	t := p.tags[ref]
	if t == nil || t.spec == nil || t.spec.Blocked || t.spec.From == nil || t.spec.From.Kind != stream.KindImageStreamTag {
		return stream.Ref{}, false
	}
	src, err := stream.ParseSource(t.ref, *t.spec.From)
	return src, err == nil
}

func describeCircle(circle []stream.Ref) string {
	first := 0
	for i := range circle {
		if compareRefs(circle[i], circle[first]) < 0 {
			first = i
		}
	}
	var words []string
	for i := range circle {
		words = append(words, circle[(first+i)%len(circle)].String())
	}
	return strings.Join(append(words, words[0]), " -> ")
}
