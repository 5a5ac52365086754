package spelling_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/test/internal/kustomized"
)

// Random lists of entries: one that is reported to have no effect has none, as kustomize
// builds; of one that is reported to be changed by a later one, its own image at least is not built.
func TestReportedOrder(t *testing.T) {
	names := []string{"app", "web", "r.io/a/app", "mirror.io/app", `'app:1\.2'`, `'app:1\.3'`, "a.p", "'.*web'", "app$"}
	manifest := []string{"app", "app:1.2", "app:1.3", "web", "web:2", "r.io/a/app", "r.io/a/app:1.2.7", "mirror.io/app:x"}
	refs := []string{"a/app:1.2", "a/app:1.3", "a/web:9", "a/far:1"}
	reported := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 2))
		var b strings.Builder
		b.WriteString("resources: [d.yaml]\nimages:\n")
		r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		for i := range 2 + r.IntN(3) {
			fmt.Fprintf(&b, "- name: %s", names[r.IntN(len(names))])
			if r.IntN(4) > 0 {
				b.WriteString(marked(" %" + refs[i%len(refs)] + "%"))
			}
			b.WriteString("\n")
			for _, line := range []string{"  newName: r.io/a/app\n", "  newName: mirror.io/app\n", "  newTag: x\n", "  digest: " + old + "\n"} {
				if r.IntN(3) == 0 && (!strings.Contains(line, "mirror") || !strings.HasSuffix(b.String(), "r.io/a/app\n")) {
					b.WriteString(line)
				}
			}
		}
		files := tree{"app/kustomization.yaml": b.String(), "app/d.yaml": deployment("d", "", manifest...)}
		after := files.written(t)
		text := after["app/kustomization.yaml"]
		f := kustomize.Parse("kustomization.yaml", []byte(text))
		if f == nil {
			continue // nothing is bound
		}
		all, err := kustomized.Build(after, "app")
		must(t, err)
		images := strings.Join(kustomized.Images(all), " ")
		for _, p := range f.Problems {
			for _, u := range f.Uses {
				if u.Path != p.Path {
					continue
				}
				reported++
				if strings.Contains(images, digestFor(u)) && !shownElsewhere(f, u) {
					t.Fatalf("seed %d: line %d: %s, and yet %s is built:\n%s\n%s", seed, p.Line, p.Message, path.Base(u.Ref), text, images)
				}
			}
		}
	}
	t.Logf("%d entries reported", reported)
	if reported < 100 {
		t.Error("too few entries were reported to show anything")
	}
}

func digestFor(u kustomize.Use) string { return "@" + images[u.Ref].Digest }

// shownElsewhere reports whether another entry is bound to the same tag.
func shownElsewhere(f *kustomize.File, u kustomize.Use) bool {
	for _, o := range f.Uses {
		if o.Ref == u.Ref && o.Path != u.Path {
			return true
		}
	}
	return false
}
