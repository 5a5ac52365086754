package plan_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// world is a repository with people, registries and imgstream at work.
type world struct {
	t       *rapid.T
	tip     fstest.MapFS
	base    fstest.MapFS   // imgstream's last push; nil before the first
	history []fstest.MapFS // every tree there ever was
	now     time.Time

	operator plan.Operator
	digests  map[string]string        // what references with a tag point to; "" or a reason is a failure
	gone     map[string]bool          // digests that registries lost
	uncopied map[string]*plan.Failure // by repository of the local registry
	hints    []string                 // pushes since the last pass
	problems []stream.Problem         // of the last pass
}

const (
	streams  = 3
	tags     = 3
	sources  = 4
	variants = 6

	localRegistry = "local.io/x"
	consumerFile  = "apps/kustomization.yaml"
	lookupFile    = "short/kustomization.yaml"
	triggerFile   = "triggered/deployment.yaml"
	down          = "" // of digests: the registry does not answer
)

func newWorld(t *rapid.T) *world {
	w := &world{t: t, tip: fstest.MapFS{}, digests: map[string]string{}, gone: map[string]bool{}, uncopied: map[string]*plan.Failure{}, now: noon}
	if rapid.Bool().Draw(t, "local registry") {
		w.operator.LocalRegistry = localRegistry
	}
	for i := range streams {
		w.writeSpec(i)
	}
	w.writeConsumers()
	w.keep()
	return w
}

func (w *world) keep() { w.history = append(w.history, maps.Clone(w.tip)) }

// fatalf reports a violation, with the world in which it was found.
func (w *world) fatalf(format string, args ...any) {
	var b strings.Builder
	fmt.Fprintf(&b, format, args...)
	fmt.Fprintf(&b, "\nregistries: %v, lost: %v, uncopied: %v, local: %q, pushes: %v\n", w.digests, w.gone, w.uncopied, w.operator.LocalRegistry, w.hints)
	for _, p := range w.problems {
		fmt.Fprintln(&b, p)
	}
	for _, path := range slices.Sorted(maps.Keys(w.tip)) {
		if base := w.base[path]; base == nil || !bytes.Equal(base.Data, w.tip[path].Data) {
			fmt.Fprintf(&b, "-- base/%s --\n%s", path, w.dataOf(w.base, path))
		}
		fmt.Fprintf(&b, "-- tip/%s --\n%s", path, w.tip[path].Data)
	}
	w.t.Fatal(b.String())
}

func (w *world) dataOf(tree fstest.MapFS, path string) []byte {
	if f := tree[path]; f != nil {
		return f.Data
	}
	return []byte("(none)\n")
}

func (w *world) write(path, text string) { w.tip[path] = &fstest.MapFile{Data: []byte(text)} }

func (w *world) oneIn(n int, label string) bool {
	return rapid.IntRange(0, n-1).Draw(w.t, label) == n-1
}

func (w *world) number(n int, label string) int { return rapid.IntRange(0, n-1).Draw(w.t, label) }

// writeSettings is a person who changes the settings.
func (w *world) writeSettings() {
	const header = "apiVersion: imgstream.dev/v1\nkind: Repository\n"
	w.write(stream.SettingsPath, header+rapid.SampledFrom([]string{
		"imageMetadata: history\n",
		"imageMetadata: none\n",
		"history: {limit: 2}\n",
		"imports: {minAge: 3h}\n",
		"imports: {importMode: Legacy, platform: linux/arm64}\n",
		"imports: {scheduled: true, repositoryLimit: 2}\n",
		"imports: {requiredPlatforms: [linux/arm64]}\n",
		"consumers: enforce\n",
		"streams: {createOnPush: [\"default/*\"]}\n",
	}).Draw(w.t, "settings"))
	w.keep()
}

// writeSpec gives a stream random tags.
func (w *world) writeSpec(i int) {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata:\n  name: s%d\n", i)
	whole := w.oneIn(5, "a whole repository")
	if annotations := w.streamAnnotations(whole); annotations != "" {
		fmt.Fprintf(&b, "  annotations: {%s}\n", annotations)
	}
	b.WriteString("spec:\n")
	if w.oneIn(3, "looked up") {
		b.WriteString("  lookupPolicy: {local: true}\n")
	}
	if whole {
		b.WriteString("  dockerImageRepository: r.io/app\n")
	}
	b.WriteString("  tags:\n")
	for tag := range tags {
		if !w.oneIn(6, "left out") {
			w.writeTag(&b, tag)
		}
	}
	w.write(fmt.Sprintf("imagestreams/s%d.yaml", i), b.String())
}

func (w *world) streamAnnotations(whole bool) string {
	all := []string{"", "", "", "", "imgstream.dev/interval: 1h", "imgstream.dev/paused: all", "imgstream.dev/platforms: linux/arm64"}
	if whole {
		all = append(all, "imgstream.dev/reimport: \"1\"")
	}
	return rapid.SampledFrom(all).Draw(w.t, "of the stream")
}

// writeTag writes a tag of any kind: an image, a policy, a follower within and across
// streams (circles and missing sources included), a pin, a reference, one that is pushed to.
func (w *world) writeTag(b *strings.Builder, tag int) {
	fmt.Fprintf(b, "  - name: t%d\n", tag)
	image := func(suffix string) {
		fmt.Fprintf(b, "    from: {kind: DockerImage, name: \"r.io/app%s\"}\n", suffix)
		mode := rapid.SampledFrom([]string{"", "", "", ", importMode: Legacy"}).Draw(w.t, "mode")
		fmt.Fprintf(b, "    importPolicy: {scheduled: %v%s}\n", rapid.Bool().Draw(w.t, "scheduled"), mode)
	}
	numbered := func() string { return fmt.Sprintf(":%d", w.number(sources, "source")) }
	switch w.number(12, "kind") {
	case 0, 1, 2:
		w.annotate(b, "imgstream.dev/min-age: 3h", "imgstream.dev/platforms: linux/arm64", "imgstream.dev/reimport: \"1\"", "importer.image.openshift.io/prefer-arch: arm64")
		image(numbered())
	case 3:
		image("@" + digest(w.number(variants, "digest")))
	case 4:
		w.annotate(b, "imgstream.dev/policy: numerical", "imgstream.dev/policy: newest", "imgstream.dev/policy: numerical, imgstream.dev/policy-order: desc, imgstream.dev/min-age: 3h")
		image("")
	case 5, 6, 7:
		w.annotate(b, "imgstream.dev/min-age: 3h", "imgstream.dev/paused: freeze", "imgstream.dev/reimport: \"2\"")
		fmt.Fprintf(b, "    from: {kind: ImageStreamTag, name: \"s%d:t%d\"}\n", w.number(streams+1, "followed"), w.number(tags, "tag"))
	case 8:
		fmt.Fprintf(b, "    from: {kind: ImageStreamImage, name: \"s%d@%s\"}\n", w.number(streams, "pinned"), digest(w.number(variants, "digest"))[:9])
	case 9:
		b.WriteString("    annotations: {imgstream.dev/paused: freeze}\n    from: {kind: DockerImage, name: \"r.io/app:0\"}\n")
	case 10:
		fmt.Fprintf(b, "    reference: true\n    from: {kind: DockerImage, name: \"r.io/app%s\"}\n", numbered())
	} // else it is only pushed to
	if w.oneIn(4, "policy of references") {
		b.WriteString("    referencePolicy: {type: Local}\n")
	}
}

// annotate writes one of some annotations, or none.
func (w *world) annotate(b *strings.Builder, some ...string) {
	if i := w.number(2*len(some), "annotation"); i < len(some) {
		fmt.Fprintf(b, "    annotations: {%s}\n", some[i])
	}
}

// writeConsumers binds every tag three times: by markers, by short names, and by triggers.
func (w *world) writeConsumers() {
	var b, pod, triggers, containers strings.Builder
	b.WriteString("images:\n")
	pod.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n")
	for i := range streams * tags {
		fmt.Fprintf(&b, "- name: c%d # {\"$imagestream\": \"s%d:t%d\"}\n  newTag: x\n", i, i/tags, i%tags)
		fmt.Fprintf(&pod, "  - {name: c%d, image: \"s%d:t%d\"}\n", i, i/tags, i%tags)
		fmt.Fprintf(&triggers, "      {\"fieldPath\":\"spec.template.spec.containers[%d].image\",\"from\":{\"kind\":\"ImageStreamTag\",\"name\":\"s%d:t%d\"}},\n", i, i/tags, i%tags)
		fmt.Fprintf(&containers, "      - {name: c%d, image: ' '}\n", i)
	}
	w.write(triggerFile, "kind: Deployment\nmetadata:\n  name: d\n  annotations:\n    image.openshift.io/triggers: |\n      [\n"+
		strings.TrimSuffix(triggers.String(), ",\n")+"]\nspec:\n  template:\n    spec:\n      containers:\n"+containers.String())
	w.write(consumerFile, b.String())
	w.write("short/pod.yaml", pod.String())
	w.write(lookupFile, "resources: [pod.yaml]\n")
}

func digest(i int) string { return "sha256:" + strings.Repeat(fmt.Sprint(i), 64) }

// The images 0 to 5 are what tags of registries point to: 0 and 2 are indexes, of which
// Legacy takes one image; 5 was built from a commit of imgstream; 4 and 7 cannot be described.
var (
	loop        = digest(5)
	children    = map[string][2]string{digest(0): {digest(6), digest(7)}, digest(2): {digest(8), digest(9)}}
	undescribed = []string{digest(4), digest(7)}
)

// builtFrom gives each image a commit of its own.
func builtFrom(image string) plan.Labels { return plan.Labels{Revision: image[len("sha256:"):][:40]} }

// describe is what the content of an image says; nothing for one that cannot be described.
func describe(image string) *stream.ImageMetadata {
	if slices.Contains(undescribed, image) {
		return nil
	}
	return &stream.ImageMetadata{Digest: image, OS: "linux", Created: "2026-01-0" + image[len(image)-1:] + "T00:00:00Z"}
}

// moveRegistry makes a reference point elsewhere, or its lookup fail.
func (w *world) moveRegistry() {
	ref := fmt.Sprintf("r.io/app:%d", w.number(sources, "source"))
	if w.operator.LocalRegistry != "" && w.oneIn(4, "pushed") {
		ref = fmt.Sprintf("%s/default/s%d:t%d", localRegistry, w.number(streams+1, "stream"), w.number(tags+1, "tag"))
		if w.oneIn(2, "heard") {
			w.hints = append(w.hints, ref)
		}
	}
	w.digests[ref] = rapid.SampledFrom([]string{
		digest(0), digest(1), digest(2), digest(3), digest(4), digest(5), down, stream.ReasonNotFound,
	}).Draw(w.t, "points to")
}

// breakRegistry makes registries lose an image, or have it again, and copies of a tag fail.
func (w *world) breakRegistry() {
	d := digest(w.number(10, "digest"))
	w.gone[d] = !w.gone[d]
	to := fmt.Sprintf("%s/default/s%d", localRegistry, w.number(streams, "stream"))
	w.uncopied[to] = rapid.SampledFrom([]*plan.Failure{nil, {Message: "full"}, {Reason: stream.ReasonNotFound, Message: "gone"}}).Draw(w.t, "copies")
}

// answer is what a registry says to a question.
func (w *world) answer(q plan.Question) plan.Answer {
	image, err := stream.ParseImage(q.Import.Reference)
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case q.Import.Tags:
		return w.list(image.Name())
	case image.Digest != "" && w.gone[image.Digest]:
		return failure(stream.ReasonNotFound)
	case image.Digest != "":
		return content(q, image.Digest)
	}
	switch d := w.digests[q.Import.Reference]; d {
	case down, stream.ReasonNotFound:
		return failure(d)
	default:
		return content(q, d)
	}
}

func failure(reason string) plan.Answer {
	return plan.Answer{Failure: &plan.Failure{Reason: reason, Message: "no"}}
}

// list gives the tags of a repository; its registry is down while that of its tag 0 is.
func (w *world) list(repository string) plan.Answer {
	if w.digests[repository+":0"] == down {
		return failure("")
	}
	var all []string
	for ref, d := range w.digests {
		if tag, ok := strings.CutPrefix(ref, repository+":"); ok && d != stream.ReasonNotFound {
			all = append(all, tag)
		}
	}
	return plan.Answer{Tags: slices.Sorted(slices.Values(all))}
}

// content is the answer of a registry that has d: of what is known, only the digest.
func content(q plan.Question, d string) plan.Answer {
	a := plan.Answer{Digest: d, Platforms: []stream.Platform{{OS: "linux", Architecture: "amd64"}}}
	both, index := children[d]
	if index {
		a.Platforms = append(a.Platforms, stream.Platform{OS: "linux", Architecture: "arm64"})
	}
	if index && q.Import.Legacy {
		a.Digest, a.Index = both[0], d
		if strings.HasPrefix(q.Import.Prefer, "/arm64") || strings.HasPrefix(q.Import.Prefer, "linux/arm64") {
			a.Digest = both[1]
		}
		if child := q.Children[d]; child != "" {
			return plan.Answer{Digest: child, Index: d, Known: true}
		}
	}
	if slices.Contains(q.Known, a.Digest) && !q.Import.Created {
		return plan.Answer{Digest: a.Digest, Index: a.Index, Known: true}
	}
	if a.Image = describe(a.Digest); a.Image == nil && a.Digest == digest(7) {
		a.Platforms = nil
	}
	a.Labels = builtFrom(a.Digest)
	return a
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

// editConsumer is a person who writes another digest, or pauses what is bound.
func (w *world) editConsumer() {
	path := rapid.SampledFrom([]string{consumerFile, lookupFile, triggerFile}).Draw(w.t, "consumer")
	f, ok := w.tip[path]
	if !ok {
		return
	}
	old, fresh := digest(w.number(variants, "old")), digest(w.number(variants, "new"))
	if w.oneIn(4, "paused") {
		tag := fmt.Sprintf("s%d:t%d\"", w.number(streams, "stream"), w.number(tags, "tag"))
		old, fresh = tag+"}", tag+", \"paused\": \"why\"}"
		if path == triggerFile {
			old, fresh = tag+"}", tag+"},\"paused\":true"
		}
	}
	w.write(path, strings.Replace(string(f.Data), old, fresh, 1))
	w.keep()
}

// rollback is a person who takes a tag back, and commits what imgstream wrote.
func (w *world) rollback() {
	s := readView(w.t, w.tip)
	ref := tagRef(fmt.Sprintf("s%d", w.number(streams, "stream")), fmt.Sprintf("t%d", w.number(tags, "tag")))
	to := rapid.SampledFrom([]string{"", "-1", "-2", digest(0)[:9], digest(1)}).Draw(w.t, "to")
	r, err := plan.NewRollback(&s.View, w.operator, ref, to)
	if err != nil {
		return
	}
	w.write(r.Path, string(r.Status(w.now).Encode()))
	w.keep()
	for range 3 {
		w.pass()
		if head := status(w.tip, r.Path).Head(); head == nil || head.Image == r.Left.Image {
			w.fatalf("%s: %s was rolled back and is back", ref, r.Left.Image)
		}
	}
}

// resume is a person who lets a stream go that paused itself, or takes what was rejected.
func (w *world) resume() {
	s := readView(w.t, w.tip)
	ref := tagRef(fmt.Sprintf("s%d", w.number(streams, "stream")), "")
	for path, data := range s.View.Resumed(ref, rapid.Bool().Draw(w.t, "accept rejected")) {
		w.write(path, string(data))
	}
	w.keep()
}
