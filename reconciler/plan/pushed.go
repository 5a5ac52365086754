package plan

import (
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Pushed is the stream tag that an image reference stands for, in full and with a tag,
// when it lies in the local registry: what is pushed there as namespace/stream:tag is
// the tag's next image (openshift.md 1.7, ImageStreamMapping).
func (o Operator) Pushed(reference string) (stream.Ref, bool) {
	rest, ok := strings.CutPrefix(reference, o.LocalRegistry+"/")
	if !ok || o.LocalRegistry == "" || strings.Count(rest, "/") != 1 {
		return stream.Ref{}, false
	}
	ref, err := stream.ParseTagRef(rest, "")
	return ref, err == nil
}

// Hears reports whether a push to a stream can change anything: there is such a stream,
// or the settings let a push create it.
func (v *View) Hears(ref stream.Ref) bool {
	return v.Tree.Stream(ref.Namespace, ref.Name) != nil || v.Tree.Settings.CreatesOnPush(ref)
}

// hear adds the tags that somebody pushed to and that neither spec nor status has.
func (p *Present) hear(hints []string) map[stream.Ref]bool {
	heard := map[stream.Ref]bool{}
	for _, hint := range slices.Sorted(slices.Values(hints)) {
		ref, ok := p.operator.Pushed(hint)
		if !ok || !p.tip.Hears(ref) {
			continue
		}
		heard[ref] = true
		t := &tag{ref: ref, stream: p.tip.Tree.Stream(ref.Namespace, ref.Name)}
		if t.stream == nil {
			t.stream, t.creates = &stream.Stream{Namespace: ref.Namespace, Name: ref.Name}, true
		}
		if old := p.tags[ref]; old != nil && old.stream == nil {
			old.stream, old.creates = t.stream, t.creates
		}
		p.add(t)
	}
	return heard
}

// receive makes a tag without source one whose source is the local registry's tag: it is
// asked for when it is due, so that a push whose notification was lost arrives as well. A
// tag that no spec lists receives what is pushed to it now, and what was pushed before.
func (p *Present) receive(t *tag, heard bool) {
	repository := p.operator.repository(t.ref)
	if repository == "" || t.stream == nil {
		return
	}
	spec := stream.Tag{Name: t.ref.Tag, Pos: t.stream.Pos}
	switch {
	case t.spec != nil && t.spec.From != nil:
		return
	case t.spec != nil:
		spec = *t.spec
	case !heard && !p.wasPushed(t.ref):
		return
	}
	yes := true
	spec.From, spec.Scheduled = &stream.From{Kind: stream.KindDockerImage, Name: repository + ":" + t.ref.Tag}, &yes
	t.spec, t.pushed = &spec, true
}

// wasPushed reports whether the head of a tag, or what it was in imgstream's last push,
// came by a push.
func (p *Present) wasPushed(ref stream.Ref) bool {
	return slices.ContainsFunc([]*stream.Item{p.tip.status(ref).Head(), p.base.status(ref).Head()}, func(head *stream.Item) bool {
		return head != nil && head.Cause == stream.CausePush
	})
}
