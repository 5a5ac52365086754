package plan_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// TestProperties searches worlds for violations of what holds for every pass.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		do := func(f func()) func(*rapid.T) { return func(t *rapid.T) { w.t = t; f() } }
		t.Repeat(map[string]func(*rapid.T){
			"pass":     do(w.pass),
			"registry": do(w.moveRegistry),
			"lost":     do(w.breakRegistry),
			"spec":     do(func() { w.writeSpec(w.number(streams, "stream")); w.keep() }),
			"settings": do(w.writeSettings),
			"revert":   do(w.revertFile),
			"rewind":   do(w.rewind),
			"hand":     do(w.editConsumer),
			"rollback": do(w.rollback),
			"resume":   do(w.resume),
			"hours":    do(func() { w.now = w.now.Add(2 * time.Hour) }),
		})
		w.t = t
		w.pass()
		w.checkFollowers()
		w.pass()
		w.checkDescribed()
	})
}

// computed is what a pass comes to, and the answers that it rests on.
type computed struct {
	*plan.Outcome
	got     plan.Answers
	unmoved bool // plan.Present.Unmoved
}

// compute is a pass without its effect. Where it is one again over what another left, the
// registries do not say whether they have an image: the other could not ask that of what
// it moved to.
func (w *world) compute(tip, base fs.FS, due plan.Due, now time.Time, again bool) computed {
	view := func(tree fs.FS) *plan.View { return &readView(w.t, tree).View }
	var was *plan.View
	if w.base != nil {
		was = view(base)
	}
	present := plan.Look(view(tip), was, w.operator, w.hints...)
	due = plan.Ripe(now, due)
	got, blame := plan.Answers{}, map[string]string{}
	for questions := present.Imports(due, got); len(questions) > 0; questions = present.Imports(due, got) {
		for _, q := range questions {
			if got[q.Import] = w.answer(q); again && q.Import.Exists {
				got[q.Import] = failure("")
			}
		}
	}
	for _, path := range present.Reverted() {
		blame[path] = strings.Repeat("0123", 10)
	}
	own := map[string]bool{}
	for _, revision := range present.Revisions(due, got) {
		own[revision] = revision == builtFrom(loop).Revision
	}
	made := plan.Copies{}
	for {
		next := present.Copied(made).Next(due, got, blame, own, now)
		wanted := next.Copies()
		for _, c := range wanted {
			made[c] = w.uncopied[c.To]
		}
		if len(wanted) > 0 {
			continue
		}
		out, err := next.Edits(tip)
		if err != nil {
			w.t.Fatal(err)
		}
		return computed{out, got, present.Unmoved(due, got)}
	}
}

func readView(t *rapid.T, tree fs.FS) *survey.Survey {
	s, err := survey.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func apply(tip fstest.MapFS, out *plan.Outcome) fstest.MapFS {
	after := maps.Clone(tip)
	for _, c := range out.Changes {
		write(after, c.Files)
	}
	return after
}

// pass runs a pass and checks what it did.
func (w *world) pass() {
	w.now = w.now.Add(time.Minute)
	out := w.compute(w.tip, w.base, plan.Always, w.now, false)
	after := apply(w.tip, out.Outcome)
	w.problems = out.Problems
	if diff := cmp.Diff(out.Changes, w.compute(w.tip, w.base, plan.Always, w.now, false).Changes); diff != "" {
		w.fatalf("the same values give other bytes:\n%s", diff)
	}
	w.checkPlaces(out)
	w.checkIsolation(out, after)
	w.checkRejections(after)
	w.checkHistories(after)
	w.checkHolds(after)
	w.checkImages(out, after)
	if len(out.Changes) > 0 || w.base == nil {
		w.base = after
	}
	w.tip, w.hints = after, nil
	w.keep()
	w.checkFixpoint(out)
}

// checkFixpoint runs a second pass at the same moment, with everything due and the same
// answers, and one an hour later with nothing due but what waited.
func (w *world) checkFixpoint(out computed) {
	if again := w.compute(w.tip, w.base, plan.Always, w.now, true); len(again.Changes) > 0 && !w.respells(again) {
		w.fatalf("a second pass at once commits:\n%s", show(again.Changes[0]))
	}
	none := func(plan.Ask) bool { return false }
	some := func(a plan.Ask) bool {
		return (w.now.Minute()+len(a.Ref.String())+strings.Count(a.Ref.String(), "1"))%3 == 0
	}
	for _, due := range []plan.Due{plan.Always, some} {
		if asked := w.compute(w.tip, w.base, due, w.now, false); asked.unmoved {
			if diff := cmp.Diff(w.compute(w.tip, w.base, none, w.now, false).Outcome, asked.Outcome, cmpopts.EquateEmpty()); diff != "" {
				w.fatalf("answers that move nothing come to something else (-without +with them):\n%s", diff)
			}
		}
	}
	later := w.now.Add(time.Hour)
	if ripe := out.Ripe; !ripe.IsZero() && !ripe.After(later) {
		later = ripe.Add(-time.Second) // an image that waited is not to be taken before
	}
	if again := w.compute(w.tip, w.base, none, later, true); len(again.Changes) > 0 && !w.respells(again) {
		w.fatalf("a second pass with nothing due commits:\n%s", show(again.Changes[0]))
	}
}

// respells reports whether nothing is written but consumers that get the same image from
// the local registry: one that people held in the other spelling is, where no other
// consumer shows that the registry is not new.
func (w *world) respells(out computed) bool {
	for _, c := range out.Changes {
		for path, data := range c.Files {
			was, there := w.tip[path]
			if len(c.Moves) > 0 || !there || w.operator.LocalRegistry == "" || strings.Count(string(was.Data), "sha256:") != strings.Count(string(data), "sha256:") {
				return false
			}
		}
	}
	return true
}

func show(c plan.Change) string {
	var b strings.Builder
	b.WriteString(c.Message)
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		fmt.Fprintf(&b, "-- %s --\n%s", path, c.Files[path])
	}
	return b.String()
}

// checkPlaces finds what is written where nothing is to be written.
func (w *world) checkPlaces(out computed) {
	for _, c := range out.Changes {
		for path, data := range c.Files {
			_, isStatus := stream.ParseStatusPath("imagestreams/status", path)
			_, isImage := stream.ParseImagePath("imagestreams/status", path)
			_, there := w.tip[path]
			switch {
			case isStatus && data != nil, isImage:
			case (path == consumerFile || path == lookupFile || path == triggerFile) && there && data != nil:
			case slices.Contains(c.Created, path) && !there:
			default:
				w.fatalf("%s is written:\n%s", path, show(c))
			}
			if before, ok := w.tip[path]; ok && bytes.Equal(before.Data, data) && isImage {
				w.fatalf("%s is written anew:\n%s", path, show(c))
			}
		}
	}
}

// checkIsolation adds a broken spec, a broken consumer and a broken status: nothing else
// may change by that, but that no image is known to be named by nobody, and that a push
// creates no stream, which may stand in the broken spec.
func (w *world) checkIsolation(out computed, want fstest.MapFS) {
	const brokenStatus = "imagestreams/status/default/broken/t.yaml"
	broken := maps.Clone(w.tip)
	if !slices.ContainsFunc(out.Changes, func(c plan.Change) bool { return len(c.Created) > 0 }) {
		broken["imagestreams/broken.yaml"] = &fstest.MapFile{Data: []byte("kind: ImageStream\n\t- {")}
	}
	broken["apps/broken.yaml"] = &fstest.MapFile{Data: []byte("image: [ # {\"$imagestream\": \"s0:t0\"}")}
	broken[brokenStatus] = &fstest.MapFile{Data: []byte("kind: [")}
	got := apply(broken, w.compute(broken, w.base, plan.Always, w.now, false).Outcome)
	for _, path := range []string{"imagestreams/broken.yaml", "apps/broken.yaml", brokenStatus} {
		delete(got, path)
	}
	for path := range got {
		if _, isImage := stream.ParseImagePath("imagestreams/status", path); isImage && want[path] == nil {
			delete(got, path)
		}
	}
	if diff := cmp.Diff(w.text(want), w.text(got)); diff != "" {
		w.fatalf("a broken file changes others:\n%s", diff)
	}
}

// text leaves out who waits in the broken consumer.
func (w *world) text(tree fstest.MapFS) map[string]string {
	all := map[string]string{}
	for path, f := range tree {
		all[path] = strings.ReplaceAll(string(f.Data), "apps/broken.yaml", "")
	}
	return all
}

// checkRejections finds a head that people took back since the last push, or that was
// rejected, and that is back although nothing but the pass put it there.
func (w *world) checkRejections(after fstest.MapFS) {
	for path := range after {
		was, is, next := status(w.base, path), status(w.tip, path), status(after, path)
		head := next.Head()
		if head == nil || imageOf(is) == head.Image {
			continue
		}
		if is != nil && is.Source.Same(next.Source) && slices.ContainsFunc(is.Rejected, func(r stream.Rejection) bool { return r.Image == head.Image }) {
			w.fatalf("%s: %s was rejected and is back", path, head.Image)
		}
		lost := was.Head()
		if lost == nil || lost.Image != head.Image || !w.hasSpec(path) {
			continue
		}
		kept := is != nil && slices.ContainsFunc(is.Items, func(i stream.Item) bool { return i.Image == lost.Image && i.Created == lost.Created })
		if !kept && lost.Image != "" {
			w.fatalf("%s: %s was taken back and is back", path, lost.Image)
		}
	}
}

func imageOf(st *stream.Status) string {
	if head := st.Head(); head != nil {
		return head.Image
	}
	return ""
}

// hasSpec reports whether a spec at the tip has the tag of a status, or where it comes from.
func (w *world) hasSpec(path string) bool {
	ref, _ := stream.ParseStatusPath("imagestreams/status", path)
	tree := readView(w.t, w.tip).View.Tree
	s := tree.Stream(ref.Namespace, ref.Name)
	return s != nil && s.Tag(ref.Tag) != nil
}

func status(tree fstest.MapFS, path string) *stream.Status {
	f, ok := tree[path]
	if !ok || !strings.HasPrefix(path, "imagestreams/status/") {
		return nil
	}
	st, err := stream.ParseStatus(f.Data)
	if err != nil {
		return nil
	}
	return st
}

// checkHistories finds a status that is gone, items that were lost although nothing came
// in front of them, and a failure beside another image.
func (w *world) checkHistories(after fstest.MapFS) {
	limit := readView(w.t, w.tip).View.Tree.Settings.HistoryLimit
	for path := range w.tip {
		is := status(w.tip, path)
		if is == nil {
			continue
		}
		next := status(after, path)
		if next == nil {
			w.fatalf("%s is gone", path)
		}
		failed := func(st *stream.Status) bool {
			return slices.ContainsFunc(st.Conditions, func(c stream.Condition) bool { return c.Type == stream.ConditionImportSuccess })
		}
		if failed(next) && !slices.Equal(next.Items, is.Items) && len(is.Items) <= limit {
			w.fatalf("%s: a failure changes history:\n%s", path, cmp.Diff(is.Items, next.Items))
		}
		if len(next.Items) < len(is.Items) && len(next.Items) < limit {
			w.fatalf("%s: items are lost:\n%s", path, cmp.Diff(is.Items, next.Items))
		}
	}
}

// checkHolds finds a value that people wrote, and that was set back though its tag did
// not move; and a value that was left behind when its tag moved.
func (w *world) checkHolds(after fstest.MapFS) {
	if w.base == nil {
		return
	}
	base, tip, next := readView(w.t, w.base), readView(w.t, w.tip), readView(w.t, after)
	for _, file := range next.View.Files {
		for _, u := range file.Uses {
			ref, err := stream.ParseTagRef(u.Ref, stream.DefaultNamespace)
			now, was := next.View.Tree.Status[ref], base.View.Tree.Status[ref]
			before, there := find(base, file.Path, u.Path, u.Ref)
			present, stands := find(tip, file.Path, u.Path, u.Ref)
			if err != nil || u.Paused != "" || !there || !stands || before != "" && tip.View.Tree.Settings.Consumers == stream.ConsumersEnforce {
				continue
			}
			waits := func(st *stream.Status) bool {
				return st != nil && slices.Contains(st.Pending, stream.Pending{File: file.Path, Path: u.Path})
			}
			moved := !cmp.Equal(withoutIndex(now.Head()), withoutIndex(was.Head()))
			switch {
			case !moved && !waits(tip.View.Tree.Status[ref]) && tip.View.Tree.Settings.Consumers != stream.ConsumersEnforce && present != u.Digest():
				w.fatalf("%s:%d was %s and held, and is %s", file.Path, u.Line, present, u.Digest())
			case moved && imageOf(now) != "" && imageOf(now) != u.Digest() && !waits(now) && follows(tip, u):
				w.fatalf("%s:%d shows %s, and %s moved to %s", file.Path, u.Line, u.Digest(), ref, imageOf(now))
			}
		}
	}
}

// follows reports whether a binding is kept up to date: of an entry for short names, while
// its stream has local lookup.
func follows(tip *survey.Survey, u kustomize.Use) bool {
	ref, _ := stream.ParseTagRef(u.Ref, stream.DefaultNamespace)
	s := tip.View.Tree.Stream(ref.Namespace, ref.Name)
	return s != nil && (s.LookupLocal || !u.Lookup)
}

func withoutIndex(i *stream.Item) stream.Item {
	if i == nil {
		return stream.Item{}
	}
	of := *i
	of.Index = ""
	return of
}

// find gives the digest of a binding that is not paused.
func find(s *survey.Survey, file, path, ref string) (digest string, ok bool) {
	for _, f := range s.View.Files {
		for _, u := range f.Uses {
			if f.Path == file && u.Path == path && u.Ref == ref && u.Paused == "" {
				return u.Digest(), true
			}
		}
	}
	return "", false
}

// wanted are the images whose metadata is to lie in git.
func wanted(s *survey.Survey) map[string]bool {
	all := map[string]bool{}
	for _, st := range s.View.Tree.Status {
		for i, item := range st.Items {
			setting := s.View.Tree.Settings.ImageMetadata
			if item.Image != "" && (setting == stream.MetadataHistory || setting == stream.MetadataHead && i == 0) {
				all[item.Image] = true
			}
		}
	}
	return all
}

// checkImages requires the metadata of exactly the images that the settings say, as far
// as answers described them, and that what is written is never changed.
func (w *world) checkImages(out computed, after fstest.MapFS) {
	want := wanted(readView(w.t, after))
	for path, f := range after {
		d, isImage := stream.ParseImagePath("imagestreams/status", path)
		if !isImage {
			continue
		}
		if old, ok := w.tip[path]; ok && !bytes.Equal(old.Data, f.Data) {
			w.fatalf("%s was changed", path)
		}
		if !want[d] {
			w.fatalf("%s is there, and nothing names the image", path)
		}
	}
	for _, a := range out.got {
		if a.Image != nil && want[a.Image.Digest] && after[stream.ImagePath("imagestreams/status", a.Image.Digest)] == nil {
			w.fatalf("%s was described, and is not there", a.Image.Digest)
		}
	}
}

// checkDescribed requires the metadata of every head that registries have and describe.
func (w *world) checkDescribed() {
	s := readView(w.t, w.tip)
	for ref, st := range s.View.Tree.Status {
		d := imageOf(st)
		if d == "" || w.gone[d] || w.uncopied[localRegistry+"/"+ref.Stream().String()] != nil || describe(d) == nil || s.View.Tree.Stream(ref.Namespace, ref.Name).Tag(ref.Tag) == nil || !wanted(s)[d] {
			continue
		}
		if w.tip[stream.ImagePath("imagestreams/status", d)] == nil {
			w.fatalf("%s: %s is not described", ref, d)
		}
	}
}

// checkFollowers requires that every tag that follows another shows its image, through
// any number of hops, unless a condition, a rejection, a pause or a copy says why not.
func (w *world) checkFollowers() {
	tree := readView(w.t, w.tip).View.Tree
	for _, st := range tree.Streams {
		for _, tag := range st.Tags {
			if tag.From == nil || tag.From.Kind != stream.KindImageStreamTag {
				continue
			}
			src, err := stream.ParseSource(st.Ref(), *tag.From)
			_, paused := st.Paused(&tag)
			if err != nil || paused || tag.ReferencePolicy == stream.ReferenceLocal && w.uncopied[localRegistry+"/"+st.Ref().String()] != nil {
				continue
			}
			own, followed := tree.Status[st.TagRef(tag.Name)], tree.Status[src]
			if followed.Head() == nil || own != nil && (len(own.Conditions) > 0 || own.Candidate != nil) {
				continue
			}
			rejected := own != nil && slices.ContainsFunc(own.Rejected, func(r stream.Rejection) bool { return r.Image == followed.Head().Image })
			if !rejected && (own.Head() == nil || own.Head().Image != followed.Head().Image) {
				w.fatalf("%s follows %s and shows another image", st.TagRef(tag.Name), src)
			}
		}
	}
}
