package lookup_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Random repositories: kustomizations that include each other, components, namespaces,
// entries of people, streams in some namespaces. kustomize itself says which object ends
// where with which name before the pass; from that follows what it must build after it.
func TestRandomRepositories(t *testing.T) {
	built, digests := 0, 0
	for seed := range uint64(150) {
		w := newWorld(rand.New(rand.NewPCG(seed, 1)))
		after, out := w.files.pass(t, nil)
		for dir := range w.roots() {
			before, err := w.files.build(dir)
			if err != nil {
				continue // kustomize refuses it: two objects with one name
			}
			got, err := after.build(dir)
			if err != nil {
				t.Fatalf("seed %d: %s does not build any more: %v", seed, dir, err)
			}
			want := w.expect(before)
			if diff := cmp.Diff(imagesOf(want), imagesOf(got)); diff != "" {
				t.Fatalf("seed %d: %s (-want +got)\n%s\n%v\n%v", seed, dir, diff, errorsIn(out), after)
			}
			built++
			digests += strings.Count(fmt.Sprint(got), "@sha256:")
		}
		if _, again := after.pass(t, after); len(again.Changes) > 0 {
			t.Fatalf("seed %d: a second pass commits:\n%s", seed, again.Changes[0].Message)
		}
		off(after)
		back, _ := after.pass(t, after)
		for file, text := range w.files {
			if strings.HasSuffix(file, "kustomization.yaml") && back[file] != text {
				t.Fatalf("seed %d: %s came back as\n%s\nand was\n%s", seed, file, back[file], text)
			}
		}
	}
	t.Logf("%d builds with %d digests", built, digests)
	if built < 250 || digests < 250 {
		t.Error("too little was built to show anything")
	}
}

// world is a random repository.
type world struct {
	*rand.Rand
	files    tree
	included map[string]bool
	local    map[string]bool // namespace/name of streams with lookup
}

var (
	namespaces = []string{"a", "b", ""}
	names      = []string{"app", "web", "db"}
	tags       = []string{"", ":latest", ":1.0", ":1.0.1"}
)

func newWorld(r *rand.Rand) *world {
	w := &world{Rand: r, files: tree{}, included: map[string]bool{}, local: map[string]bool{}}
	for _, namespace := range []string{"a", "b", "default"} {
		for _, name := range names {
			local := r.IntN(2) == 0
			w.local[namespace+"/"+name] = local
			at := fmt.Sprintf("r.io/%s/%s:", namespace, name)
			w.files[fmt.Sprintf("imagestreams/%s-%s.yaml", namespace, name)] = imageStream(namespace, name, local, "latest="+at+"9", "1.0="+at+"1.0.7", "1.0.1="+at+"1.0.1")
		}
	}
	for i := range 2 + r.IntN(5) {
		w.kustomization(i)
	}
	return w
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// kustomization adds k<i>, which may include those before it.
func (w *world) kustomization(i int) {
	var b strings.Builder
	component := i > 0 && w.IntN(5) == 0
	if component {
		b.WriteString("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
	}
	if namespace := pick(w.Rand, namespaces); namespace != "" && w.IntN(2) == 0 {
		fmt.Fprintf(&b, "namespace: %s\n", namespace)
	}
	fmt.Fprintf(&b, "namePrefix: k%d-\n", i)
	var resources, components []string
	for m := range w.IntN(3) {
		file := fmt.Sprintf("d%d.yaml", m)
		w.files[fmt.Sprintf("k%d/%s", i, file)] = w.manifest(fmt.Sprintf("d%d-%d", i, m))
		resources = append(resources, file)
	}
	for other := range i {
		dir := fmt.Sprintf("k%d", other)
		isComponent := strings.Contains(w.files[dir+"/kustomization.yaml"], "kind: Component")
		if w.IntN(3) > 0 {
			continue
		}
		w.included[dir] = true
		if isComponent {
			components = append(components, "../"+dir)
		} else {
			resources = append(resources, "../"+dir+"/")
		}
	}
	writeList(&b, "resources", resources)
	writeList(&b, "components", components)
	b.WriteString(pick(w.Rand, []string{"", "", "images:\n- name: web\n  newName: own.io/web\n", "images:\n- {name: 'd.', newName: own.io/db, newTag: x} # c\n", "images: # mine\n  - name: nginx\n    newTag: '1'\n\n"}))
	text := b.String()
	switch w.IntN(4) {
	case 0:
		text = strings.TrimSuffix(text, "\n")
	case 1:
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	w.files[fmt.Sprintf("k%d/kustomization.yaml", i)] = text
}

func writeList(b *strings.Builder, key string, all []string) {
	if len(all) > 0 {
		fmt.Fprintf(b, "%s:\n- %s\n", key, strings.Join(all, "\n- "))
	}
}

func (w *world) manifest(name string) string {
	var images []string
	for range 1 + w.IntN(2) {
		images = append(images, pick(w.Rand, names)+pick(w.Rand, tags))
	}
	return deployment(name, pick(w.Rand, namespaces), images...)
}

// roots are the directories that no other includes, but for components.
func (w *world) roots() map[string]bool {
	roots := map[string]bool{}
	for file, text := range w.files {
		if dir, ok := strings.CutSuffix(file, "/kustomization.yaml"); ok && !w.included[dir] && !strings.Contains(text, "kind: Component") {
			roots[dir] = true
		}
	}
	return roots
}

// expect is a build with the digests in it: a short name gets that of the stream in its
// object's namespace, unless the same name means something else in the same build.
func (w *world) expect(before []container) []container {
	means := map[string]map[string]bool{}
	for _, c := range before {
		if means[c.Image] == nil {
			means[c.Image] = map[string]bool{}
		}
		means[c.Image][w.source(c)] = true
	}
	want := slices.Clone(before)
	for i, c := range want {
		if all := slices.Collect(maps.Keys(means[c.Image])); len(all) == 1 && all[0] != "" {
			want[i].Image = shown(all[0])
		}
	}
	return want
}

// source is the reference that a container's short name stands for, "" for none.
func (w *world) source(c container) string {
	name, tag, _ := strings.Cut(c.Image, ":")
	namespace := c.Namespace
	if namespace == "" {
		namespace = "default"
	}
	if !w.local[namespace+"/"+name] {
		return ""
	}
	of := map[string]string{"": "9", "latest": "9", "1.0": "1.0.7", "1.0.1": "1.0.1"}
	return fmt.Sprintf("r.io/%s/%s:%s", namespace, name, of[tag])
}
