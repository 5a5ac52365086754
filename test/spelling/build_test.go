// Package spelling_test holds every spelling of an image that imgstream edits against
// kustomize itself: what is built after the edit shows the new image.
package spelling_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kustomize/v5/commands/edit"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/test/internal/kustomized"
)

// tree is a repository, files by path.
type tree map[string]string

// images are what the stream tags have.
var images = map[string]kustomize.Image{
	"a/app:1.2": {Name: "r.io/a/app", Tag: "1.2.7", Digest: digestOf(12)},
	"a/app:1.3": {Name: "r.io/a/app", Tag: "1.3.0", Digest: digestOf(13)},
	"a/app:1.4": {Name: "r.io/a/app", Tag: "1.20", Digest: digestOf(14)}, // a number to YAML
	"a/web:9":   {Name: "docker.io/library/web", Tag: "9", Digest: digestOf(9)},
	"a/far:1":   {Name: "r.io:5000/a/far", Tag: "1e3", Digest: digestOf(1)},
	"a/quiet:x": {Name: "r.io/a/quiet", Digest: digestOf(3)}, // no tag is known
	"a/named:x": {Name: "r.io/a/named", Tag: "5"},            // known by its tag alone
}

func digestOf(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// shown is an image as a pull spec with all that is known of it.
func shown(ref string) string {
	img := images[ref]
	s := img.Name
	if img.Tag != "" {
		s += ":" + img.Tag
	}
	if img.Digest != "" {
		s += "@" + img.Digest
	}
	return s
}

// pinned is an image by its digest alone, or with another tag.
func pinned(ref, tag string) string {
	return images[ref].Name + tag + "@" + images[ref].Digest
}

// written is the repository after every marker has its image.
func (r tree) written(t *testing.T) tree {
	t.Helper()
	after := maps.Clone(r)
	for file, text := range r {
		f := kustomize.Parse(path.Base(file), []byte(text))
		if f == nil {
			continue
		}
		var wants []kustomize.Want
		for _, u := range f.Uses {
			img, ok := images[u.Ref]
			if !ok {
				t.Fatalf("%s: no image for %s", file, u.Ref)
			}
			wants = append(wants, kustomize.Want{Use: u, Image: img})
		}
		result := kustomize.Apply(path.Base(file), []byte(text), wants)
		if err := errors.Join(result.Errs...); err != nil || f.Broken != "" {
			t.Fatalf("%s: %v %s", file, err, f.Broken)
		}
		if again := kustomize.Apply(path.Base(file), result.Src, wants); string(again.Src) != string(result.Src) {
			t.Errorf("%s changes a second time:\n%s", file, again.Src)
		}
		after[file] = string(result.Src)
	}
	return after
}

// flux gives the kustomization of app/ the images of Flux's Kustomization, as its
// controller does: an entry of the same name is replaced, others come last.
func (r tree) flux(t *testing.T) tree {
	t.Helper()
	var object struct {
		Spec struct {
			Images []types.Image `json:"images"`
		} `json:"spec"`
	}
	var k types.Kustomization
	must(t, yaml.Unmarshal([]byte(r["flux.yaml"]), &object))
	must(t, yaml.Unmarshal([]byte(r["app/kustomization.yaml"]), &k))
	for _, image := range object.Spec.Images {
		i := slices.IndexFunc(k.Images, func(of types.Image) bool { return of.Name == image.Name })
		if i < 0 {
			k.Images = append(k.Images, image)
		} else {
			k.Images[i] = image
		}
	}
	text, err := yaml.Marshal(k)
	must(t, err)
	after := maps.Clone(r)
	after["app/kustomization.yaml"] = string(text)
	return after
}

// argoCD gives the kustomization of app/ the images of an Argo CD Application, as Argo CD
// does: by kustomize edit set image.
func (r tree) argoCD(t *testing.T) tree {
	t.Helper()
	var object struct {
		Spec struct {
			Source struct {
				Kustomize struct {
					Images []string `json:"images"`
				} `json:"kustomize"`
			} `json:"source"`
		} `json:"spec"`
	}
	must(t, yaml.Unmarshal([]byte(r["argocd.yaml"]), &object))
	disk := filesys.MakeFsInMemory()
	must(t, disk.WriteFile("kustomization.yaml", []byte(r["app/kustomization.yaml"])))
	p := provider.NewDefaultDepProvider()
	command := edit.NewCmdEdit(disk, p.GetFieldValidator(), p.GetResourceFactory(), io.Discard)
	command.SetArgs(append([]string{"set", "image"}, object.Spec.Source.Kustomize.Images...))
	must(t, command.ExecuteContext(t.Context()))
	text, err := disk.ReadFile("kustomization.yaml")
	must(t, err)
	after := maps.Clone(r)
	after["app/kustomization.yaml"] = string(text)
	return after
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// marked writes %REF% as a marker comment.
func marked(s string) string {
	parts := strings.Split(s, "%")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = `# {"$imagestream": "` + parts[i] + `"}`
	}
	return strings.Join(parts, "")
}

var deployment = kustomized.Deployment
