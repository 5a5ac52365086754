package adopt

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// key is what one tag of a stream is for: a reference or a rule, in a namespace.
type key struct {
	namespace, repository string
	source                string // tag, @digest, or all that a rule says
}

// wanted is one tag of a stream that places are to follow.
type wanted struct {
	key    key
	ref    stream.Ref
	tag    stream.Tag
	there  bool // some spec has it already
	places []*place

	head stream.Image // the reference that is adopted: with a tag, a digest or both
}

// group puts the places together that one tag is for, in their order, and names the tags.
func (a *Adoption) group() {
	a.wanted = nil
	found := map[key]*wanted{}
	for _, p := range a.all {
		if p.dropped {
			continue
		}
		k := key{a.namespace(p), p.shown.Name(), p.source()}
		w := found[k]
		if w == nil {
			w = &wanted{key: k}
			found[k] = w
			a.wanted = append(a.wanted, w)
		}
		w.places = append(w.places, p)
	}
	a.names = map[key]string{}
	a.used = a.dangling()
	for _, w := range a.wanted {
		a.name(w)
		for _, p := range w.places {
			p.ref = w.ref
		}
		a.adopt(w)
	}
}

// dangling are the tags that something is bound to and that no spec has: they are not made
// by the way, since what is bound to them is none of this.
func (a *Adoption) dangling() map[stream.Ref]string {
	refs := map[stream.Ref]string{}
	for _, f := range a.view.Files {
		for _, u := range f.Uses {
			namespace := cmp.Or(u.Namespace, a.view.Tree.Settings.NamespaceFor(f.Path), stream.DefaultNamespace)
			ref, err := stream.ParseTagRef(u.Ref, namespace)
			if err == nil && !a.view.Tree.Stream(ref.Namespace, ref.Name).Names(ref.Tag) {
				refs[ref] = u.Ref
			}
		}
	}
	return refs
}

// source tells the tags of one repository apart.
func (p *place) source() string {
	switch {
	case p.rule != nil:
		return fmt.Sprint(p.rule.from().Name, p.rule.choice, p.rule.interval, p.rule.platforms, p.rule.paused)
	case p.shown.Tag != "":
		return p.shown.Tag
	}
	return "@" + p.shown.Digest
}

// want is the tag of a stream that the places of w follow, but for its name.
func (w *wanted) want(scheduled bool) stream.Tag {
	p := w.places[0]
	if p.rule != nil {
		return p.rule.tag("")
	}
	t := stream.Tag{From: &stream.From{Kind: stream.KindDockerImage, Name: p.shown.Name() + ":" + p.shown.Tag}}
	if p.shown.Tag == "" {
		t.From.Name = p.shown.Pull(p.shown.Digest)
	} else if scheduled {
		t.Scheduled = &scheduled
	}
	return t
}

// name chooses stream and tag: those that are there, where some spec says the same.
func (a *Adoption) name(w *wanted) {
	want := w.want(a.options.Scheduled)
	own := a.ownStream(w)
	if own != nil {
		for i := range own.Tags {
			if t := &own.Tags[i]; sameSource(t, &want) {
				w.ref, w.tag, w.there = own.TagRef(t.Name), *t, true
				return
			}
		}
	}
	if own != nil {
		w.ref = own.Ref()
	} else {
		w.ref = a.newStream(w)
	}
	name := w.tagName()
	for n := 1; ; n++ {
		w.ref.Tag = name
		if n > 1 {
			w.ref.Tag = fmt.Sprintf("%s-%d", name, n)
		}
		_, used := a.used[w.ref]
		if !used && (own == nil || own.Tag(w.ref.Tag) == nil && a.view.Tree.Status[w.ref] == nil) {
			break
		}
	}
	a.used[w.ref] = w.key.source
	want.Name = w.ref.Tag
	w.tag = want
}

// sameSource says whether two tags take the same image. What one says of its schedule is
// no difference: people may have changed it.
func sameSource(is, want *stream.Tag) bool {
	if is.From == nil || is.From.Kind != stream.KindDockerImage || is.Reference || is.Blocked {
		return false
	}
	a, err1 := stream.ParseImage(is.From.Name)
	b, err2 := stream.ParseImage(want.From.Name)
	if err1 != nil || err2 != nil || a != b {
		return false
	}
	for _, key := range []string{stream.AnnotationPolicy, stream.AnnotationPolicyRange, stream.AnnotationPolicyPattern, stream.AnnotationPolicyOrder} {
		if is.Annotations[key] != want.Annotations[key] {
			return false
		}
	}
	return true
}

// ownStream is the stream of the namespace that is for the repository already, or nil.
func (a *Adoption) ownStream(w *wanted) *stream.Stream {
	for _, s := range a.view.Tree.Streams {
		if s.Namespace != w.key.namespace || len(s.Tags) == 0 {
			continue
		}
		if !slices.ContainsFunc(s.Tags, func(t stream.Tag) bool { return repositoryOf(&t) != "" && repositoryOf(&t) != w.key.repository }) &&
			slices.ContainsFunc(s.Tags, func(t stream.Tag) bool { return repositoryOf(&t) == w.key.repository }) {
			return s
		}
	}
	return nil
}

// repositoryOf is what a tag imports from; "" = from no registry.
func repositoryOf(t *stream.Tag) string {
	if t.From == nil || t.From.Kind != stream.KindDockerImage {
		return ""
	}
	image, err := stream.ParseImage(t.From.Name)
	if err != nil {
		return ""
	}
	return image.Name()
}

// newStream is the name of a stream that is not there yet: the last part of the
// repository's, with more of it where another repository of the namespace has that.
func (a *Adoption) newStream(w *wanted) stream.Ref {
	k := key{namespace: w.key.namespace, repository: w.key.repository}
	if name, known := a.names[k]; known {
		return stream.Ref{Namespace: k.namespace, Name: name}
	}
	parts := strings.Split(k.repository, "/")
	name := ""
	for n := 1; n <= len(parts); n++ {
		name = streamName(strings.Join(parts[len(parts)-n:], "-"))
		ref := stream.Ref{Namespace: k.namespace, Name: name}
		if _, used := a.used[ref]; !used && a.view.Tree.Stream(ref.Namespace, ref.Name) == nil {
			break
		}
	}
	ref := stream.Ref{Namespace: k.namespace, Name: name}
	a.names[k], a.used[ref] = name, k.repository
	return ref
}

var noName = regexp.MustCompile(`[._-]*[^a-z0-9._-]+[._-]*|[._-]{2,}`)

// streamName makes the name of a stream of that of a repository.
func streamName(s string) string {
	return strings.Trim(noName.ReplaceAllString(strings.ToLower(s), "-"), "._-")
}

var noTag = regexp.MustCompile(`[^\w.-]+`)

// tagName is what the tag is called: as the registry's, or after what another tool calls
// its choice, without the name of the stream in it.
func (w *wanted) tagName() string {
	p := w.places[0]
	switch {
	case p.rule == nil && p.shown.Tag != "":
		return p.shown.Tag
	case p.rule == nil:
		return "pinned"
	case p.rule.image.Tag != "":
		return p.rule.image.Tag
	}
	name := strings.Trim(noTag.ReplaceAllString(p.rule.hint, "-"), "-._")
	for _, word := range []string{w.ref.Name, path.Base(w.key.repository), "policy", "image"} {
		name = strings.Trim(strings.TrimSuffix(strings.TrimPrefix(name, word), word), "-._")
	}
	standard := "stable"
	if p.rule.choice.Kind != policy.Semver {
		standard = "newest"
	}
	return cmp.Or(name, standard)
}

// adopt decides which image the tag begins with: the one that most of its places show. A
// place that shows another one is left, since binding it would move it.
func (a *Adoption) adopt(w *wanted) {
	counts := map[stream.Image]int{}
	for _, p := range w.places {
		if p.shown.Tag != "" || p.shown.Digest != "" {
			counts[p.shown]++
		}
	}
	var best stream.Image
	if head := a.view.Tree.Status[w.ref].Head(); head != nil {
		if best, _ = stream.ParseImage(head.From); best.Name() != w.key.repository || head.From == "" {
			best = stream.Image{Registry: w.places[0].shown.Registry, Repository: w.places[0].shown.Repository}
		}
		best.Digest = head.Image
		counts[best] = len(w.places) + 1
	}
	for _, p := range w.places {
		n, most := counts[p.shown], counts[best]
		if n > most || n == most && n > 0 && best.Digest == "" && p.shown.Digest != "" && best.Tag == p.shown.Tag {
			best = p.shown
		}
	}
	w.head = best
	w.places = slices.DeleteFunc(w.places, func(p *place) bool {
		if p.agrees(&w.head) {
			return false
		}
		a.leave(stream.Warning, p, fmt.Sprintf("other places that are for %s show %s", w.ref, shownName(w.head)), "make them show one image, or bind this one to a tag of its own")
		return true
	})
}

func shownName(i stream.Image) string {
	s := i.Name()
	if i.Tag != "" {
		s += ":" + i.Tag
	}
	if i.Digest != "" {
		s += "@" + i.Digest
	}
	return s
}

// agrees says whether a place can show the head without being moved. What the head does
// not say yet, it learns.
func (p *place) agrees(head *stream.Image) bool {
	if p.shown.Tag == "" && p.shown.Digest == "" {
		return true
	}
	if p.shown.Tag != "" && head.Tag != "" && p.shown.Tag != head.Tag || p.shown.Digest != "" && head.Digest != "" && p.shown.Digest != head.Digest {
		return false
	}
	head.Tag = cmp.Or(head.Tag, p.shown.Tag)
	head.Digest = cmp.Or(head.Digest, p.shown.Digest)
	return true
}
