package kustomize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary is everything that Parse said, one line per use and problem.
func summary(f *File) string {
	if f == nil {
		return "nothing\n"
	}
	var b strings.Builder
	if f.Broken != "" {
		fmt.Fprintf(&b, "broken: %s\n", f.Broken)
	}
	for _, u := range f.Uses {
		fmt.Fprintf(&b, "%d %s %s", u.Line, u.Path, u.Ref)
		for _, p := range []struct{ name, value string }{
			{"part", string(u.Part)},
			{"ns", u.Namespace},
			{"paused", u.Paused},
			{"refused", u.Refused},
		} {
			if p.value != "" {
				fmt.Fprintf(&b, " %s=%s", p.name, p.value)
			}
		}
		if u.Job {
			b.WriteString(" job")
		}
		fmt.Fprintf(&b, " (%s of %s)\n", u.Label, u.Document)
	}
	for _, p := range f.Problems {
		kind := "error"
		if p.Notice {
			kind = "notice"
		}
		fmt.Fprintf(&b, "%d %s: %s\n", p.Line, kind, p.Message)
	}
	return b.String()
}

// In the inputs M stands for a marker of a/b:1, N for one of a/b:2.
func withMarkers(s string) string {
	return strings.NewReplacer("#M", `# {"$imagestream": "a/b:1"}`, "#N", `# {"$imagestream": "a/b:2"}`).Replace(s)
}

var parseCases = []struct{ name, file, in, want string }{
	// Entries of kustomizations.
	{"above the dash of the first, middle and last entry", "kustomization.yaml", `
images:
#M
- name: p
  newTag: x
#N
- name: q
  newTag: x
#M
- name: r
  newTag: x
`, "4 images[name=p] a/b:1 (p of 0)\n7 images[name=q] a/b:2 (q of 0)\n10 images[name=r] a/b:1 (r of 0)\n"},
	{"above indented dashes", "kustomization.yml", `
namespace: prod
images:
  #M
  - name: p
  #M

  # why
  - name: q
#M
  - name: r
resources: []
`, "5 images[name=p] a/b:1 ns=prod (p of 0)\n9 images[name=q] a/b:1 ns=prod (q of 0)\n11 images[name=r] a/b:1 ns=prod (r of 0)\n"},
	{"behind a key", "Kustomization", `
images:
- name: p #M
  newTag: x
- name: q
  newTag: x #M and why
- digest: sha256:00 #M
  name: r
- #M
  name: s
`, "3 images[name=p] a/b:1 (p of 0)\n5 images[name=q] a/b:1 (q of 0)\n7 images[name=r] a/b:1 (r of 0)\n10 images[name=s] a/b:1 (s of 0)\n"},
	{"on a line of its own inside", "kustomization.yaml", `
images:
- name: p
  #M
  newTag: x
- name: q
# {"$imagestream": "a/b:3"}
  newTag: x
-
  #M
  name: r
- name: s
  newTag: x
  #M
resources: []
`, "3 images[name=p] a/b:1 (p of 0)\n6 images[name=q] a/b:3 (q of 0)\n11 images[name=r] a/b:1 (r of 0)\n12 images[name=s] a/b:1 (s of 0)\n"},
	{"the same marker on every line", "kustomization.yaml", `
images:
#M
- name: p #M
  newTag: x #M
`, "4 images[name=p] a/b:1 (p of 0)\n"},
	{"paused on one of two lines", "kustomization.yaml", `
images:
#M
- name: p # {"$imagestream": "a/b:1", "paused": "freeze"}
`, "4 images[name=p] a/b:1 paused=freeze (p of 0)\n"},
	{"two tags on one entry", "kustomization.yaml", `
images:
#M
- name: p
  newTag: x #N
`, "5 error: two markers on one entry: a/b:2 here, a/b:1 on line 3\n"},
	{"two tags above one dash", "kustomization.yaml", `
images:
#M
#N
- name: p
`, "4 error: two markers on one entry: a/b:2 here, a/b:1 on line 3\n"},
	{"a part on an entry", "kustomization.yaml", `
images:
- name: p # {"$imagestream": "a/b:1:tag"}
`, "3 error: a/b:1:tag: a marker on an images: entry is for all of it\n"},
	{"on images: itself", "kustomization.yaml", `
images: #M
- name: p
`, "2 error: the marker stands on images: itself\n"},
	{"above images:", "kustomization.yaml", `
#M
# why
images:
- name: p
`, "2 error: the marker stands on images: itself\n"},
	{"indented as a part of the entry before", "kustomization.yaml", `
images:
- name: p
  newTag: x
  #M
- name: q
`, "5 error: the marker stands between two entries and may belong to either\n"},
	{"below the last entry", "kustomization.yaml", `
images:
- name: p
#M
resources: []
#M
`, "4 error: the marker stands on a line of its own and above no images: entry of a kustomization\n" +
		"6 error: the marker stands on a line of its own and above no images: entry of a kustomization\n"},
	{"commented-out images above the real ones", "kustomization.yaml", `
# images:
# - name: p #M
#   newTag: x
#M
# - name: p
images:
#M
# - name: p
#   newTag: x
- name: q
  newTag: x
#M
#- name: r
`, "3 notice: a marker inside a comment binds nothing\n" +
		"5 notice: the marker stands above an entry that is commented out\n" +
		"8 notice: the marker stands above an entry that is commented out\n" +
		"13 notice: the marker stands above an entry that is commented out\n"},
	{"a comment between the marker and the dash", "kustomization.yaml", `
images:
#M
# digest: pinned on Fridays
# - as agreed
- name: p
#M
# -
#   name: q
- name: r
`, "6 images[name=p] a/b:1 (p of 0)\n7 notice: the marker stands above an entry that is commented out\n"},
	{"flow entries", "kustomization.yaml", `
images:
#M
- {name: p, newTag: x}
- {name: q} #M
- {
    name: r, #M
    newTag: x
  }
- {
    name: s
  } #M
`, "4 images[name=p] a/b:1 (p of 0)\n5 images[name=q] a/b:1 (q of 0)\n6 images[name=r] a/b:1 (r of 0)\n10 images[name=s] a/b:1 (s of 0)\n"},
	{"a flow list", "kustomization.yaml", `
images: [
  #M
  {name: p},
  {name: q}, {name: r} #M
]
`, "4 images[name=p] a/b:1 (p of 0)\n5 error: several entries stand on the line of the marker\n"},
	{"a flow list on one line", "kustomization.yaml", `
images: [{name: p}] #M
`, "2 error: the marker stands on images: itself\n"},
	{"entries without keys", "kustomization.yaml", `
images:
- nginx #M
#M
-
#M
- [x]
`, "3 error: the entry has no keys\n4 error: the marker stands above an entry without keys\n6 error: the marker stands above an entry without keys\n"},
	{"images: null and []", "kustomization.yaml", `
images: [] #M
---
images: #M
---
images:
  #M
`, "2 error: the marker stands on images: itself\n4 error: the marker stands on images: itself\n" +
		"7 error: the marker stands on a line of its own and above no images: entry of a kustomization\n"},
	{"two entries of one name", "kustomization.yaml", `
images:
- name: p #M
- name: p #N
`, "3 images[0] a/b:1 (p of 0)\n4 images[1] a/b:2 (p of 0)\n"},
	{"entries that cannot be edited", "kustomization.yaml", `
x: &x {name: s, newTag: x}
images:
- name: p #M
  newTag: x
  newTag: x
- name: q #M
  NewTag: x
- newTag: x #M
- <<: *x #M
- name: t #M
  newTag: &t x
- name: u #M
  newTag: *t
- name: v #M
  newTag: x@sha256:00
  digest: sha256:00
- name: w #M
  newTag: ${TAG}
- name: "" #M
- name: y
  newTag: [x] #M
`, "4 images[name=p] a/b:1 refused=the entry has the key newTag twice: readers differ in which one counts (p of 0)\n" +
		"7 images[name=q] a/b:1 refused=the entry's key NewTag is not written newTag, though kustomize reads it (q of 0)\n" +
		"9 images[2] a/b:1 refused=the entry has no name ( of 0)\n" +
		"10 images[3] a/b:1 refused=the entry has a merge key (<<): what it says stands elsewhere too ( of 0)\n" +
		"11 images[name=t] a/b:1 refused=&t is repeated by an alias: more than this value would change (t of 0)\n" +
		"13 images[name=u] a/b:1 refused=*t is an alias: the value stands elsewhere (u of 0)\n" +
		"15 images[name=v] a/b:1 refused=newTag holds a digest and there is a digest too (v of 0)\n" +
		"18 images[name=w] a/b:1 refused=the entry holds a template expression: ${TAG} (w of 0)\n" +
		"20 images[8] a/b:1 refused=the entry has no name ( of 0)\n" +
		"21 images[name=y] a/b:1 refused=the entry's newTag is no single value (y of 0)\n"},
	{"images twice, and in another case", "kustomization.yaml", `
images:
- name: p #M
images:
- name: q
---
Images:
- name: r #M
`, "3 images[name=p] a/b:1 refused=images: images stands here twice (lines 2 and 4): readers differ in which one counts (p of 0)\n" +
		"8 images[name=r] a/b:1 refused=images: the key is written Images: not every reader takes it for images (r of 1)\n"},

	// Which documents are kustomizations.
	{"by kind", "other.yaml", `
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
metadata: {name: c, namespace: ignored}
namespace: prod
images:
- name: p #M
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  images:
  - name: p
    newTag: x # {"$imagestream": "a/b:1:tag"}
`, "7 images[name=p] a/b:1 ns=prod (p of kustomize.config.k8s.io/v1alpha1/Component/ignored/c)\n" +
		"15 error: a/b:1:tag: a marker on an images: entry is for all of it\n"},
	{"a kustomization's name, another kind", "kustomization.yaml", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
images:
- name: quay.io/p #M
`, "5 images[name=quay.io/p].name a/b:1 (name of 0)\n"},

	// Values.
	{"a Deployment", "deploy.yaml", `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: prod
spec:
  template:
    spec:
      initContainers:
      - image: busybox #M
      containers:
      - name: web
        image: "quay.io/a/b:1" #M
`, "11 spec.template.spec.initContainers[0].image a/b:1 ns=prod (image of apps/v1/Deployment/prod/web)\n" +
		"14 spec.template.spec.containers[name=web].image a/b:1 ns=prod (web of apps/v1/Deployment/prod/web)\n"},
	{"values", "values.yaml", `
image:
  repository: quay.io/a/b # {"$imagestream": "a/b:1:name"}
  tag: v1@sha256:00 # {"$imagestream": "a/b:1:tag"}
  digest: "" # {"$imagestream": "a/b:1:digest", "paused": "freeze"}
"dotted.key":
- [quay.io/a/b, x]
- - quay.io/a/b #M
`, "3 image.repository a/b:1 part=name paused=freeze (image.repository of 0)\n4 image.tag a/b:1 part=tag paused=freeze (image.tag of 0)\n" +
		"5 image.digest a/b:1 part=digest paused=freeze (image.digest of 0)\n8 [\"dotted.key\"][1][0] a/b:1 ([0] of 0)\n"},
	{"several documents, some alike", "all.yaml", `
kind: Pod
apiVersion: v1
metadata: {name: p}
image: x/y:1 #M
---
image: x/y:1 #M
---
kind: Pod
apiVersion: v1
metadata: {name: p}
image: x/y:1 #M
`, "5 image a/b:1 (image of v1/Pod//p)\n7 image a/b:1 (image of 1)\n12 image a/b:1 (image of v1/Pod//p#2)\n"},
	{"a List", "list.yaml", `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: p, namespace: n}
  image: x/y:1 #M
- image: x/y:1 #M
`, "8 image a/b:1 ns=n (image of v1/Pod/n/p)\n9 image a/b:1 (image of 0[1])\n"},
	{"a top-level list", "list.yaml", "- image: x/y:1 #M\n- x/y:2 #M\n", "1 [0].image a/b:1 (image of 0)\n2 [1] a/b:1 ([1] of 0)\n"},
	{"a file that is one value", "one.yaml", "x/y:1 #M\n", "1  a/b:1 ( of 0)\n"},
	{"null, and a block", "a.yaml", "image: #M\nother: >- #M\n  x/y:1\n", "1 image a/b:1 (image of 0)\n2 other a/b:1 (other of 0)\n"},
	{"a quoted value on two lines", "a.yaml", "image: \"x/\\\n  y:1\" #M\n", "1 image a/b:1 refused=the value spans several lines (image of 0)\n"},
	{"values that are no image", "a.yaml", `
a: {{ .Values.image }} #M
b: "{{ .Values.image }}" #M
c: https://quay.io/a/b #M
d: two words #M
e: nginx=quay.io/a/b:1 #M
tag: v1 #M
g: sha256:00 #M
h: quay.io/a/b:1 # {"$imagestream": "a/b:1:name"}
i: quay.io/a/b:1 # {"$imagestream": "a/b:1:tag"}
j: v1@sha256:00 # {"$imagestream": "a/b:1:digest"}
k: quay.io/a/b:${TAG} #M
l: 3 #M
m: 1.20 # {"$imagestream": "a/b:2:tag"}
`, "3 b a/b:1 refused=the value is a template expression (b of 0)\n" +
		"4 c a/b:1 refused=the value is a URL, not an image (c of 0)\n" +
		"5 d a/b:1 refused=the value holds white space: it is no image (d of 0)\n" +
		"6 e a/b:1 (e of 0)\n" +
		"7 tag a/b:1 refused=the value is a part of an image: write :tag or :digest behind the stream tag (tag of 0)\n" +
		"8 g a/b:1 refused=the value is a part of an image: write :tag or :digest behind the stream tag (g of 0)\n" +
		"9 h a/b:1 part=name refused=the value shows more than a name: drop :name to have all of it written (h of 0)\n" +
		"10 i a/b:1 part=tag refused=the value is no tag (i of 0)\n" +
		"11 j a/b:1 part=digest refused=the value is no digest (j of 0)\n" +
		"12 k a/b:1 refused=the value is a template expression (k of 0)\n" +
		"13 l a/b:1 refused=the value is a number or a word that YAML does not read as text: no image (l of 0)\n" +
		"14 m a/b:2 part=tag (m of 0)\n" +
		"2 error: the value is a template expression\n"},
	{"duplicate keys around it", "a.yaml", "a: {image: x}\na:\n  image: x/y:1 #M\n", "3 a.image a/b:1 refused=a: a stands here twice (lines 1 and 2): readers differ in which one counts (a.image of 0)\n"},
	{"an alias", "a.yaml", "x: &x x/y:1\nimage: *x #M\n", "2 image a/b:1 refused=*x is an alias: the value stands elsewhere (image of 0)\n"},

	// Markers on nothing.
	{"on a mapping, a list, a line with two values", "a.yaml", `
spec: #M
  image: x/y:1
list: #M
- x/y:1
flow: {a: x/y:1, b: x/y:1} #M
#M
image: x/y:1
`, "2 error: the marker stands on no single value\n4 error: the marker stands on no single value\n" +
		"6 error: several values stand on the line of the marker\n" +
		"7 error: the marker stands on a line of its own and above no images: entry of a kustomization\n"},
	{"on the name of a container", "a.yaml", `
containers:
- name: web #M
  image: x/y:1
`, "3 containers[name=web].name a/b:1 refused=the value is a name, and the image stands beside it: put the marker behind image (line 4) (name of 0)\n"},
	{"in text", "a.yaml", `
patch: |
  image: x/y:1 #M
script: 'echo #M'
plain: a#$imagestream
real: x/y:1 #M
`, "6 real a/b:1 (real of 0)\n3 notice: $imagestream stands in the text of a value (3 times in the file) and binds nothing there\n"},
	{"flux's marker", "a.yaml", "image: x/y:1 # {\"$imagepolicy\": \"flux-system:p\"}\n", "nothing\n"},

	// Files.
	{"no YAML file", "README.md", "image: x/y:1 #M\n", "nothing\n"},
	{"no marker", "a.yaml", "a: [\n", "nothing\n"},
	{"a template", "a.yaml", "{{- if .x }}\nimage: x/y:1 #M\n{{- end }}\n", "broken: a template, not YAML: did not find expected node content\n"},
	{"a Jinja template", "a.yaml", "{% if x %}\nimage: x/y:1 #M\n", "broken: a template, not YAML: found character that cannot start any token\n"},
	{"not YAML", "a.yaml", "image: [x/y:1 #M\n", "broken: not YAML: line 1: did not find expected ',' or ']' (a list [...] is not closed, or lacks a comma)\n"},
	{"not UTF-8", "a.yaml", "image: \xff #M\n", "broken: not UTF-8\n"},
	{"too large", "a.yaml", "image: x/y:1 #M\n" + strings.Repeat("#", MaxSize), "broken: larger than 1048576 bytes\n"},
}

func TestParse(t *testing.T) {
	for _, c := range parseCases {
		t.Run(c.name, func(t *testing.T) {
			got := summary(Parse("apps/prod/"+c.file, []byte(withMarkers(c.in))))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
