package kustomize

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kustomize applies the entries of a list one after the other: which bound ones have no
// effect, or not the last word.
var orderCases = []struct{ name, file, in, want string }{
	{"one name, two tags", "kustomization.yaml", `
images:
- name: nginx #M
  newTag: "1"
- name: nginx #N
  newTag: "2"
`, "3 images[0] a/b:1 (nginx of 0)\n5 images[1] a/b:2 (nginx of 0)\n3 error: the entry on line 5 has the same name and comes later: kustomize goes by that one\n"},
	{"one name, two tags, of which the first renames", "kustomization.yaml", `
images:
- name: nginx #M
  newName: docker.io/library/nginx
- name: nginx #N
  newTag: "2"
`, "3 images[0] a/b:1 (nginx of 0)\n5 images[1] a/b:2 (nginx of 0)\n5 error: the entry on line 3 has the same name and renames the image: nothing is left for this one\n"},
	{"one name, one tag", "kustomization.yaml", `
images:
- name: nginx #M
- name: nginx #M
  newTag: "2"
`, "3 images[0] a/b:1 (nginx of 0)\n4 images[1] a/b:1 (nginx of 0)\n"},
	{"one name, the later one not bound", "kustomization.yaml", `
images:
- name: nginx #M
  digest: sha256:00
- name: nginx
  newTag: "2"
`, "3 images[0] a/b:1 (nginx of 0)\n3 error: the entry on line 5 has the same name and comes later: kustomize goes by that one\n"},
	{"one name, the later one only renames", "kustomization.yaml", `
images:
- name: nginx #M
  digest: sha256:00
- name: nginx
  newName: mirror.io/nginx
`, "3 images[0] a/b:1 (nginx of 0)\n"},
	{"two tags of one stream by their names", "kustomization.yaml", `
images:
- name: 'nginx:1\.2' #M
  newName: nginx
  newTag: 1.2.3
- name: 'nginx:1\.3' #N
  newName: nginx
  newTag: 1.3.1
`, `3 images[name=nginx:1\.2] a/b:1 (nginx:1\.2 of 0)` + "\n" + `6 images[name=nginx:1\.3] a/b:2 (nginx:1\.3 of 0)` + "\n"},
	{"chained", "kustomization.yaml", `
images:
- name: nginx
  newName: r/nginx
- name: r/nginx #M
  newTag: "2"
- name: r/nginx
  newName: mirror.io/nginx
`, "5 images[1] a/b:1 (r/nginx of 0)\n"},
	{"changed by a later one", "kustomization.yaml", `
images:
- name: nginx #M
  newName: r/nginx
  newTag: "1"
- name: r/nginx
  digest: sha256:00
- name: web #M
  digest: sha256:00
- name: 'w.*'
  newTag: "1"
`, "3 images[name=nginx] a/b:1 (nginx of 0)\n8 images[name=web] a/b:1 (web of 0)\n" +
		"3 notice: the entry on line 6 comes later and changes what this one writes\n8 notice: the entry on line 10 comes later and changes what this one writes\n"},
	{"not changed by what does not match", "kustomization.yaml", `
images:
- name: nginx #M
  newTag: "1"
- name: nginx:2
  digest: sha256:00
- name: ngin
  digest: sha256:00
- name: docker.io/library/nginx
  digest: sha256:00
- name: '['
  digest: sha256:00
- name: nginx
  newTag: "1"
  newTag: "2"
`, "3 images[0] a/b:1 (nginx of 0)\n"},
	{"in Flux's Kustomization", "apps.yaml", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
spec:
  images:
  - name: nginx #M
    newTag: "1"
  - name: nginx:1 #N
    newTag: "2"
`, "6 spec.images[name=nginx] a/b:1 (nginx of 0)\n8 spec.images[name=nginx:1] a/b:2 (nginx:1 of 0)\n6 notice: the entry on line 8 comes later and changes what this one writes\n"},
}

func TestOrder(t *testing.T) {
	for _, c := range orderCases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summary(Parse(c.file, []byte(withMarkers(c.in))))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
