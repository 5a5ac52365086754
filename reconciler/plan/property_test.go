package plan_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// world is a repository with people, registries and imgstream at work.
type world struct {
	t       *rapid.T
	tip     fstest.MapFS
	base    fstest.MapFS   // imgstream's last push; nil before the first
	history []fstest.MapFS // every tree there ever was
	digests map[string]string
	now     time.Time
}

const (
	streams  = 3
	tags     = 3
	sources  = 4
	variants = 6
)

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, tip: fstest.MapFS{}, digests: map[string]string{}, now: noon}
		for i := range streams {
			w.writeSpec(i)
		}
		w.writeConsumers()
		t.Repeat(map[string]func(*rapid.T){
			"pass":     func(t *rapid.T) { w.t = t; w.pass() },
			"registry": func(t *rapid.T) { w.t = t; w.moveRegistry() },
			"spec":     func(t *rapid.T) { w.t = t; w.writeSpec(rapid.IntRange(0, streams-1).Draw(t, "stream")); w.keep() },
			"revert":   func(t *rapid.T) { w.t = t; w.revertFile() },
			"rewind":   func(t *rapid.T) { w.t = t; w.rewind() },
			"hand":     func(t *rapid.T) { w.t = t; w.editConsumer() },
			"rollback": func(t *rapid.T) { w.t = t; w.rollback() },
			"hours":    func(*rapid.T) { w.now = w.now.Add(2 * time.Hour) },
		})
		w.pass()
		w.checkFollowers()
	})
}

func (w *world) keep() { w.history = append(w.history, maps.Clone(w.tip)) }

// writeSpec gives a stream random tags: images, followers within and across streams
// (circles and missing sources included), pins.
func (w *world) writeSpec(i int) {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: s%d}\nspec:\n  tags:\n", i)
	minAge := func() {
		if rapid.IntRange(0, 2).Draw(w.t, "waits") == 0 {
			b.WriteString("    annotations: {imgstream.dev/min-age: 3h}\n")
		}
	}
	for tag := range tags {
		fmt.Fprintf(&b, "  - name: t%d\n", tag)
		switch rapid.IntRange(0, 5).Draw(w.t, "kind") {
		case 0, 1:
			fmt.Fprintf(&b, "    from: {kind: DockerImage, name: \"r.io/app:%d\"}\n", rapid.IntRange(0, sources-1).Draw(w.t, "source"))
			fmt.Fprintf(&b, "    importPolicy: {scheduled: %v}\n", rapid.Bool().Draw(w.t, "scheduled"))
			minAge()
		case 2, 3:
			fmt.Fprintf(&b, "    from: {kind: ImageStreamTag, name: \"s%d:t%d\"}\n", rapid.IntRange(0, streams).Draw(w.t, "followed"), rapid.IntRange(0, tags-1).Draw(w.t, "tag"))
			minAge()
		case 4:
			fmt.Fprintf(&b, "    from: {kind: ImageStreamImage, name: \"s%d@%s\"}\n", rapid.IntRange(0, streams-1).Draw(w.t, "pinned"), digest(rapid.IntRange(0, variants-1).Draw(w.t, "digest"))[:9])
		default:
			fmt.Fprintf(&b, "    annotations: {imgstream.dev/paused: freeze}\n    from: {kind: DockerImage, name: \"r.io/app:0\"}\n")
		}
	}
	w.tip[fmt.Sprintf("imagestreams/s%d.yaml", i)] = &fstest.MapFile{Data: []byte(b.String())}
}

func (w *world) writeConsumers() {
	var b strings.Builder
	b.WriteString("images:\n")
	for i := range streams * tags {
		fmt.Fprintf(&b, "- name: c%d # {\"$imagestream\": \"s%d:t%d\"}\n  newTag: x\n", i, i/tags, i%tags)
	}
	w.tip["apps/kustomization.yaml"] = &fstest.MapFile{Data: []byte(b.String())}
	w.keep()
}

func digest(i int) string { return "sha256:" + strings.Repeat(fmt.Sprint(i), 64) }

// loop is an image that was built from a commit of imgstream.
var loop = digest(5)

// builtFrom gives each image a commit of its own.
func builtFrom(image string) plan.Labels { return plan.Labels{Revision: image[len("sha256:"):][:40]} }

// moveRegistry makes a reference point elsewhere, or its lookup fail.
func (w *world) moveRegistry() {
	ref := fmt.Sprintf("r.io/app:%d", rapid.IntRange(0, sources-1).Draw(w.t, "source"))
	w.digests[ref] = rapid.SampledFrom([]string{
		digest(0), digest(1), digest(2), digest(3), digest(4), digest(5), "", stream.ReasonNotFound,
	}).Draw(w.t, "points to")
}

// revertFile is a person who takes one file back to what it was at some time.
func (w *world) revertFile() {
	then := rapid.SampledFrom(w.history).Draw(w.t, "then")
	path := rapid.SampledFrom(slices.Sorted(maps.Keys(w.tip))).Draw(w.t, "file")
	if old, ok := then[path]; ok {
		w.tip[path] = old
	} else {
		delete(w.tip, path)
	}
	w.keep()
}

func (w *world) rewind() {
	w.tip = maps.Clone(rapid.SampledFrom(w.history).Draw(w.t, "then"))
	w.keep()
}

func (w *world) editConsumer() {
	f, ok := w.tip["apps/kustomization.yaml"]
	if !ok {
		return
	}
	old := digest(rapid.IntRange(0, variants-1).Draw(w.t, "old"))
	edited := strings.Replace(string(f.Data), old, digest(rapid.IntRange(0, variants-1).Draw(w.t, "new")), 1)
	w.tip["apps/kustomization.yaml"] = &fstest.MapFile{Data: []byte(edited)}
	w.keep()
}

// rollback is a person who takes a tag back, and commits what imgstream wrote.
func (w *world) rollback() {
	s := readView(w.t, w.tip)
	ref := stream.Ref{
		Namespace: stream.DefaultNamespace,
		Name:      fmt.Sprintf("s%d", rapid.IntRange(0, streams-1).Draw(w.t, "stream")),
		Tag:       fmt.Sprintf("t%d", rapid.IntRange(0, tags-1).Draw(w.t, "tag")),
	}
	to := rapid.SampledFrom([]string{"", "-1", "-2", digest(0)[:9], digest(1)}).Draw(w.t, "to")
	r, err := plan.NewRollback(&s.View, plan.Operator{}, ref, to)
	if err != nil {
		return
	}
	w.tip[r.Path] = &fstest.MapFile{Data: r.Status(w.now).Encode()}
	w.keep()
	w.pass()
	w.checkRolledBack(r, ref)
}

// checkRolledBack runs passes with every registry serving the image that was left: it
// must not come back, and the next other one must come.
func (w *world) checkRolledBack(r *plan.Rollback, ref stream.Ref) {
	for range 3 {
		if head := status(w.tip, r.Path).Head(); head == nil || head.Image == r.Left.Image {
			w.t.Fatalf("%s: %s was rolled back and is back", ref, r.Left.Image)
		}
		w.pass()
	}
}

// compute is a pass without its effect.
func (w *world) compute(tip, base fs.FS, now time.Time) *plan.Outcome {
	view := func(tree fs.FS) *plan.View { return &readView(w.t, tree).View }
	var was *plan.View
	if w.base != nil {
		was = view(base)
	}
	present := plan.Look(view(tip), was, plan.Operator{})
	due := plan.Ripe(now, plan.Always)
	got, blame := plan.Answers{}, map[string]string{}
	for _, q := range present.Imports(due, nil) {
		switch d := w.digests[q.Import.Reference]; d {
		case "":
			got[q.Import] = plan.Answer{Failure: &plan.Failure{Message: "down"}}
		case stream.ReasonNotFound:
			got[q.Import] = plan.Answer{Failure: &plan.Failure{Reason: d, Message: "gone"}}
		default:
			got[q.Import] = plan.Answer{Digest: d, Labels: builtFrom(d)}
		}
	}
	for _, path := range present.Reverted() {
		blame[path] = strings.Repeat("0123", 10)
	}
	own := map[string]bool{}
	for _, revision := range present.Revisions(due, got) {
		own[revision] = revision == builtFrom(loop).Revision
	}
	out, err := present.Next(due, got, blame, own, now).Edits(tip)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
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

// pass runs a pass and searches for violations: of determinism, of isolation from a
// broken file, of the fixpoint, of what people took back.
func (w *world) pass() {
	w.now = w.now.Add(time.Minute)
	out := w.compute(w.tip, w.base, w.now)
	after := apply(w.tip, out)
	if diff := cmp.Diff(out.Changes, w.compute(w.tip, w.base, w.now).Changes); diff != "" {
		w.t.Fatalf("the same values give other bytes:\n%s", diff)
	}
	w.checkIsolation(after)
	w.checkRejections(after)
	if len(out.Changes) > 0 || w.base == nil {
		w.base = after
	}
	w.tip = after
	w.keep()
	again := w.now.Add(time.Hour)
	if ripe := out.Ripe; len(out.Changes) == 0 && !ripe.IsZero() && ripe.Before(again) {
		again = ripe.Add(-time.Second) // an image that waited is not to be taken before
	} else if len(out.Changes) > 0 {
		again = w.now
	}
	if again := w.compute(w.tip, w.base, again); len(again.Changes) > 0 {
		w.t.Fatalf("a second pass commits:\n%s", again.Changes[0].Message)
	}
}

// checkIsolation adds a broken spec and a broken consumer: nothing else may change by that.
func (w *world) checkIsolation(want fstest.MapFS) {
	broken := maps.Clone(w.tip)
	broken["imagestreams/broken.yaml"] = &fstest.MapFile{Data: []byte("kind: ImageStream\n\t- {")}
	broken["apps/broken.yaml"] = &fstest.MapFile{Data: []byte("image: [ # {\"$imagestream\": \"s0:t0\"}")}
	got := apply(broken, w.compute(broken, w.base, w.now))
	delete(got, "imagestreams/broken.yaml")
	delete(got, "apps/broken.yaml")
	if diff := cmp.Diff(text(want), text(got)); diff != "" {
		w.t.Fatalf("a broken file changes others:\n%s", diff)
	}
}

func text(tree fstest.MapFS) map[string]string {
	all := map[string]string{}
	for path, f := range tree {
		all[path] = string(f.Data)
	}
	return all
}

// checkRejections finds a head that people took back since the last push and that is
// back although nothing but the pass put it there.
func (w *world) checkRejections(after fstest.MapFS) {
	if w.base == nil {
		return
	}
	for path := range w.base {
		was, is, next := status(w.base, path), status(w.tip, path), status(after, path)
		if was.Head() == nil || next == nil || !specHas(w.tip, path) {
			continue
		}
		lost := *was.Head()
		kept := is != nil && slices.ContainsFunc(is.Items, func(i stream.Item) bool { return i.Image == lost.Image && i.Created == lost.Created })
		if kept || is.Head() != nil && is.Head().Image == lost.Image {
			continue
		}
		if head := next.Head(); head != nil && head.Image == lost.Image {
			w.t.Fatalf("%s: %s was taken back and is back", path, lost.Image)
		}
	}
}

func specHas(tree fstest.MapFS, path string) bool {
	parts := strings.Split(path, "/")
	_, ok := tree["imagestreams/"+parts[len(parts)-2]+".yaml"]
	return ok
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

// checkFollowers requires that every tag that follows another shows its image, through
// any number of hops, unless a condition, a rejection or a pause says why not.
func (w *world) checkFollowers() {
	s := readView(w.t, w.tip)
	tree := s.View.Tree
	for _, st := range tree.Streams {
		for _, tag := range st.Tags {
			if tag.From == nil || tag.From.Kind != stream.KindImageStreamTag {
				continue
			}
			src, err := stream.ParseSource(st.Ref(), *tag.From)
			if err != nil {
				continue
			}
			own, followed := tree.Status[st.TagRef(tag.Name)], tree.Status[src]
			if followed.Head() == nil || len(own.Conditions) > 0 || own.Candidate != nil {
				continue
			}
			rejected := slices.ContainsFunc(own.Rejected, func(r stream.Rejection) bool { return r.Image == followed.Head().Image })
			if !rejected && (own.Head() == nil || own.Head().Image != followed.Head().Image) {
				w.t.Fatalf("%s follows %s and shows another image", st.TagRef(tag.Name), src)
			}
		}
	}
}
