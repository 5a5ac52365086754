package kustomize

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Images in several keys, as charts have them: where one marker binds all of one.
var groupCases = []struct{ name, file, in, want string }{
	{"where the marker stands", "values.yaml", `
image: #M
  repository: r/a
  tag: v1
#M
b:
  repository: r/a
  tag: v1
c:
  #M
  repository: r/a
  tag: v1
d:
  repository: r/a
  # why
  #N
  tag: v1
e: {repository: r/a, tag: v1} #M
f:
  repository: r/a
  tag: v1 #M
g:
  repository: r/a #M
  digest: ""
`, "2 image a/b:1 (image of 0)\n6 b a/b:1 (b of 0)\n9 c a/b:1 (c of 0)\n13 d a/b:2 (d of 0)\n" +
		"18 e a/b:1 (e of 0)\n19 f a/b:1 (f of 0)\n22 g a/b:1 (g of 0)\n"},
	{"elements of lists, and the root", "values.yaml", `
repository: r/a #M
tag: v1
list:
#M
- repository: r/a
  tag: v1
- name: r/b #M
  tag: v1
-
  #M
  image: r/c
  digest: sha256:00
- {name: x, image: r/c:1, tag: x} #M
`, "2  a/b:1 ( of 0)\n6 list[0] a/b:1 (list[0] of 0)\n8 list[name=r/b] a/b:1 (list[1] of 0)\n12 list[2] a/b:1 (list[2] of 0)\n" +
		"14 error: several values stand on the line of the marker\n"},
	{"HelmRelease, Argo CD", "all.yaml", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: prod}
spec:
  values:
    # tuned on Fridays
    image: #M
      registry: docker.io
      repository: bitnami/redis
      tag: ""
      digest: ""
      pullSecrets: []
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  destination: {namespace: prod}
  source:
    helm:
      valuesObject:
        image: #M
          repository: r/a
          tag: v1
      values: |
        image: #M
          repository: r/a
          tag: v1
      parameters:
      - name: image.repository
        value: r/a # {"$imagestream": "a/b:1:name"}
      - name: image.tag
        value: "1.10" # {"$imagestream": "a/b:1:tag", "paused": "why"}
      - name: sidecar.tag
        value: "1.10" # {"$imagestream": "a/b:1:tag"}
`, "8 spec.values.image a/b:1 ns=prod (values.image of helm.toolkit.fluxcd.io/v2/HelmRelease/prod/web)\n" +
		"23 spec.source.helm.valuesObject.image a/b:1 ns=prod (valuesObject.image of argoproj.io/v1alpha1/Application/argocd/web)\n" +
		"32 spec.source.helm.parameters[name=image.repository].value a/b:1 part=name ns=prod paused=why (image.repository of argoproj.io/v1alpha1/Application/argocd/web)\n" +
		"34 spec.source.helm.parameters[name=image.tag].value a/b:1 part=tag ns=prod paused=why (image.tag of argoproj.io/v1alpha1/Application/argocd/web)\n" +
		"36 spec.source.helm.parameters[name=sidecar.tag].value a/b:1 part=tag ns=prod (sidecar.tag of argoproj.io/v1alpha1/Application/argocd/web)\n" +
		"27 notice: $imagestream stands in the text of a value (1 times in the file) and binds nothing there\n"},
	{"inflated by kustomize", "kustomization.yaml", `
helmCharts:
- name: web
  valuesInline:
    image: #M
      repository: r/a
      tag: v1
images:
- name: r/a #M
`, "5 helmCharts[name=web].valuesInline.image a/b:1 (valuesInline.image of 0)\n9 images[name=r/a] a/b:1 (r/a of 0)\n"},
	{"no image in parts", "values.yaml", `
a: #M
  repository: r/a
b: #M
  repository: r/a:v1
  tag: v1
c: #M
  repository: {x: y}
  tag: v1
d: #M
  image: ""
  tag: v1
e: #M
  repository: r/a
  tag: [v1]
f: [{repository: r/a, tag: v1}, {repository: r/b, tag: v1}] #M
`, "2 error: the marker stands on no single value\n4 error: the marker stands on no single value\n7 error: the marker stands on no single value\n" +
		"10 error: the marker stands on no single value\n13 error: the marker stands on no single value\n16 error: several values stand on the line of the marker\n"},
	{"a value beside the image", "values.yaml", `
image:
  repository: r/a
  tag: v1
  sidecar: r/b:1 #M
`, "5 image.sidecar a/b:1 (image.sidecar of 0)\n"},
	{"of two images", "values.yaml", `
a:
  repository: r/a
  tag: v1
  #M
  b:
    repository: r/b
    tag: v1
`, "5 error: the marker stands in one image and above another, and may belong to either\n"},
	{"an image in another", "values.yaml", `
a:
  repository: r/a
  b: #M
    repository: r/b
    #M
    tag: v1
  tag: v1
  #N
#M
c: d
`, "4 a.b a/b:1 (a.b of 0)\n9 error: the marker stands on a line of its own and above no images: entry of a kustomization\n" +
		"10 error: the marker stands on a line of its own and above no images: entry of a kustomization\n"},
	{"markers that do not go together", "values.yaml", `
a: #M
  repository: r/a
  tag: v1 #N
b: #M
  repository: r/a
  tag: v1 # {"$imagestream": "a/b:1:tag"}
c:
  # {"$imagestream": "a/b:1:tag"}
  repository: r/a
  tag: v1
d: #M
  repository: r/a #M
  tag: v1 # {"$imagestream": "a/b:1", "paused": "why", "lookup": true}
`, "12 d a/b:1 paused=why (d of 0)\n4 error: two markers on one image: a/b:2 here, a/b:1 on line 2\n" +
		"7 error: the marker on line 5 is for all of the image, this one for its tag\n" +
		"9 error: a/b:1:tag stands on a line of its own: that is for all of the image\n" +
		"14 notice: lookup has no effect on a single value\n"},
	{"images that cannot be edited", "values.yaml", `
x: &x {repository: r/a, tag: v1}
a: #M
  repository: r/a
  tag: "{{ .Values.tag }}"
b: #M
  repository: https://r/a
  tag: v1
c: #M
  repository: r/a
  tag: v1@OLD
  digest: OLD
d: #M
  repository: r/a
  digest: latest
e: #M
  repository: r/a
  tag: r/a:v1
f: #M
  repository: r/a
  tag: two words
g: #M
  <<: *x
  repository: r/a
  tag: v1
h: #M
  repository: r/a
  tag: v1
  tag: v2
i: #M
  repository: r/a
  tag: &t v1
j: #M
  repository: r/a
  tag: *t
k: #M
  repository: r/a
  tag: v1@v2
`, "3 a a/b:1 refused=the mapping holds a template expression: {{ .Values.tag }} (a of 0)\n" +
		"6 b a/b:1 refused=the mapping holds a URL, not an image: https://r/a (b of 0)\n" +
		"9 c a/b:1 refused=tag holds a digest and there is a digest too (c of 0)\n" +
		"13 d a/b:1 refused=the value of digest is no digest: latest (d of 0)\n" +
		"16 e a/b:1 refused=the value of tag is no tag: r/a:v1 (e of 0)\n" +
		"19 f a/b:1 refused=the mapping holds a text that is no part of an image: two words (f of 0)\n" +
		"22 g a/b:1 refused=the mapping has a merge key (<<): what it says stands elsewhere too (g of 0)\n" +
		"26 h a/b:1 refused=h.tag: tag stands here twice (lines 28 and 29): readers differ in which one counts (h of 0)\n" +
		"30 i a/b:1 refused=&t is repeated by an alias: more than this value would change (i of 0)\n" +
		"33 j a/b:1 refused=*t is an alias: the value stands elsewhere (j of 0)\n" +
		"36 k a/b:1 refused=the value of tag is no tag: v1@v2 (k of 0)\n"},
	{"parts beside what is no part of theirs", "values.yaml", `
image:
  registry: docker.io
  repository: a/b # {"$imagestream": "a/b:1:name"}
  sha: "" # {"$imagestream": "a/b:1:digest"}
other:
  registry: ""
  repository: a/b # {"$imagestream": "a/b:1:name"}
  sha: sha256:00 # {"$imagestream": "a/b:1:digest"}
`, "4 image.repository a/b:1 part=name refused=the registry stands apart (docker.io): put one marker without a part on the key of the mapping (image.repository of 0)\n" +
		"5 image.sha a/b:1 part=digest refused=sha takes a digest without sha256:: put one marker without a part on the key of the mapping (image.sha of 0)\n" +
		"8 other.repository a/b:1 part=name (other.repository of 0)\n9 other.sha a/b:1 part=digest (other.sha of 0)\n"},
	{"two tags are not one image", "values.yaml", `
web: v1 # {"$imagestream": "a/b:1:tag", "paused": "why"}
worker: v1 # {"$imagestream": "a/b:1:tag"}
image: r/a # {"$imagestream": "a/b:1:name"}
`, "2 web a/b:1 part=tag paused=why (web of 0)\n3 worker a/b:1 part=tag (worker of 0)\n4 image a/b:1 part=name (image of 0)\n"},
	{"parts at the root", "values.yaml", `
repository: a/b # {"$imagestream": "a/b:1:name"}
tag: v1 # {"$imagestream": "a/b:1:tag", "paused": "why"}
`, "2 repository a/b:1 part=name paused=why (repository of 0)\n3 tag a/b:1 part=tag paused=why (tag of 0)\n"},
	{"parts that stand still with another", "values.yaml", `
image:
  repository: r/a # {"$imagestream": "a/b:1:name"}
  tag: "{{ x }}" # {"$imagestream": "a/b:1:tag"}
  digest: "" # {"$imagestream": "a/b:2:digest"}
`, "3 image.repository a/b:1 part=name refused=the tag on line 4, of the same image, cannot be written: the value is a template expression (image.repository of 0)\n" +
		"4 image.tag a/b:1 part=tag refused=the value is a template expression (image.tag of 0)\n" +
		"5 image.digest a/b:2 part=digest (image.digest of 0)\n"},
}

func TestGroups(t *testing.T) {
	for _, c := range groupCases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summary(Parse(c.file, []byte(withMarkers(withDigests(c.in)))))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestGroupSpellings(t *testing.T) {
	for _, c := range []spelling{
		// A tag alone says it alone.
		{"{repository: r/a, tag: v1}", "r/a:v2", "{repository: r/a, tag: v2}"},
		{"{repository: r/b, tag: 1.19}", "r/a:1.20", "{repository: r/a, tag: \"1.20\"}"},
		{"{repository: r/a, tag: ''}", "r/a:v2", "{repository: r/a, tag: 'v2'}"},
		{"{repository: r/a, tag: v2}", "r/a:v2", ""},
		{"{image: a, tag: v1}", "r/a:v2", "{image: r/a, tag: v2}"},
		{"{name: a, tag: v1}", "r/a:v2", "{name: r/a, tag: v2}"},
		// Where no tag is known it would say nothing.
		{"{repository: r/a, tag: v1}", "r/a", "{repository: r/a, tag: v1@NEW}"},
		{"{repository: r/a, tag: v1@OLD}", "r/a:v2", "{repository: r/a, tag: v2@NEW}"},
		{"{repository: r/a, tag: v1@OLD}", "r/a", "{repository: r/a, tag: v1@NEW}"},
		{"{repository: r/a, tag: v1@OLD, digest: ''}", "r/a:v2", "{repository: r/a, tag: v2@NEW, digest: ''}"},
		// A key for the digest is filled.
		{"{repository: r/a, tag: v1, digest: ''}", "r/a:v2", "{repository: r/a, tag: v2, digest: 'NEW'}"},
		{"{repository: r/a, tag: v1, digest: }", "r/a", "{repository: r/a, tag: v1, digest: NEW}"},
		{"{repository: r/a, tag: '', digest: ''}", "r/a:v2", "{repository: r/a, tag: '', digest: 'NEW'}"},
		{"{repository: r/a, tag: , digest: ''}", "r/a:v2", "{repository: r/a, tag: , digest: 'NEW'}"},
		{"{repository: r/a, digest: OLD}", "r/a:v2", "{repository: r/a, digest: NEW}"},
		{"{digest: NEW, tag: v2, repository: r/a}", "r/a", ""},
		{"{repository: '', digest: ''}", "r/a", "{repository: 'r/a', digest: 'NEW'}"},
		// Some charts put sha256: before it themselves.
		{"{repository: r/a, tag: v1, sha: ''}", "r/a:v2", "{repository: r/a, tag: v2, sha: '" + strings.Repeat("1", 64) + "'}"},
		{"{repository: r/a, tag: v1, sha: " + strings.Repeat("a", 64) + "}", "r/a:v2", "{repository: r/a, tag: v2, sha: \"" + strings.Repeat("1", 64) + "\"}"},
		{"{repository: r/a, tag: v1, sha: OLD}", "r/a:v2", "{repository: r/a, tag: v2, sha: NEW}"},
		// A registry of its own.
		{"{registry: q.io, repository: r/a, digest: ''}", "q.io/r/a", "{registry: q.io, repository: r/a, digest: 'NEW'}"},
		// A name that is the same by Docker's defaults stays: the chart may have a registry before it.
		{"{repository: r/a, tag: v1}", "docker.io/r/a:v2", "{repository: r/a, tag: v2}"},
		{"{repository: nginx, tag: v1}", "docker.io/library/nginx:v2", "{repository: nginx, tag: v2}"},
		{"{registry: '', repository: r/a, tag: v1}", "docker.io/r/a:v2", "{registry: '', repository: r/a, tag: v2}"},
		{"{registry: docker.io, repository: nginx, tag: '1'}", "docker.io/library/nginx:2", "{registry: docker.io, repository: nginx, tag: '2'}"},
		{"{registry: index.docker.io, repository: r/a, tag: '1'}", "docker.io/r/a:2", "{registry: index.docker.io, repository: r/a, tag: '2'}"},
		{"{repository: localhost/a, tag: v1}", "docker.io/localhost/a:v2", "{repository: docker.io/localhost/a, tag: v2}"},
		{"{repository: q.io/a, tag: v1}", "docker.io/library/a:v2", "{repository: docker.io/library/a, tag: v2}"},
		{"{registry: docker.io, repository: a/b, tag: '1'}", "q.io:5000/r/a:2", "{registry: q.io:5000, repository: r/a, tag: '2'}"},
		{"{registry: q.io/r, repository: b, tag: v1}", "q.io/r/a:v2", "{registry: q.io/r, repository: a, tag: v2}"},
		{"{registry: '', repository: q.io/r/b, tag: v1}", "q.io/r/a:v2", "{registry: '', repository: q.io/r/a, tag: v2}"},
		// What is not ours.
		{"{repository: r/a, tag: v1, pullPolicy: Always, digests: x}", "r/a:v2", "{repository: r/a, tag: v2, pullPolicy: Always, digests: x}"},
	} {
		t.Run(c.in+" "+c.image, func(t *testing.T) {
			frame := "image: GROUP # {\"$imagestream\": \"a/b:1\"}\n"
			in := strings.Replace(frame, "GROUP", withDigests(c.in), 1)
			out := in
			if c.out != "" {
				out = strings.Replace(frame, "GROUP", withDigests(c.out), 1)
			}
			checkSpelling(t, "values.yaml", in, out, image(c.image))
		})
	}
}

// The same as people write it.
func TestGroupLines(t *testing.T) {
	in := withMarkers(withDigests(`spec:
  values:
    image: #M why
      registry: docker.io  # ours

      repository: 'bitnami/redis'
      # kept by us
      tag: 7.4   # c
      digest: ""
      pullPolicy: Always
`))
	out := strings.NewReplacer("docker.io ", "quay.io ", "'bitnami/redis'", "'r/a'", "7.4", `"7.10"`, `""`, `"`+newDigest+`"`).Replace(in)
	checkSpelling(t, "release.yaml", in, out, image("quay.io/r/a:7.10"))
}

func TestGroupShows(t *testing.T) {
	for in, want := range map[string][2]string{
		"{repository: r/a, tag: v1}":                                    {"r/a", ""},
		"{registry: q.io, repository: r/a, tag: v1@OLD}":                {"q.io/r/a", oldDigest},
		"{repository: r/a, tag: v1, digest: OLD}":                       {"r/a", oldDigest},
		"{repository: r/a, tag: v1, sha: " + oldDigest[7:] + "}":        {"r/a", oldDigest},
		"{registry: '', repository: r/a, tag: v1@sha256:x, digest: ''}": {"r/a", ""},
	} {
		u := Parse("values.yaml", []byte(withMarkers(withDigests("image: "+in+" #M\n")))).Uses[0]
		if got := [2]string{u.Repository(), u.Digest()}; got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

// Images that a group has no place for.
func TestGroupRefusals(t *testing.T) {
	for _, c := range []struct {
		in    string
		image Image
		want  string // the value afterwards, or words of the refusal
	}{
		{"{repository: r/a, tag: v1, digest: OLD}", Image{Name: "r/a", Tag: "v2"}, "empty the value of digest"},
		{"{repository: r/a, digest: ''}", Image{Name: "r/a", Tag: "v2"}, "the mapping has no tag"},
		{"{repository: r/a, tag: v1@OLD, digest: ''}", Image{Name: "r/a", Tag: "v2"}, "{repository: r/a, tag: v2, digest: ''}"},
		{"{repository: r/a, tag: ''}", Image{Name: "r/a", Tag: "v2"}, "{repository: r/a, tag: 'v2'}"},
		{"{repository: r/a, tag: ''}", Image{Name: "r/a", Digest: newDigest}, "no tag is known for the image"},
		{"{repository: r/a, tag: v1, sha: ''}", Image{Name: "r/a", Digest: "sha512:" + newDigest[7:]}, "for sha256 only"},
		{"{registry: q.io, repository: r/a, tag: v1}", Image{Name: "a", Tag: "v2", Digest: newDigest}, "no registry"},
		// The local registry need not have the tag.
		{"{repository: r/a, tag: v1}", Image{Name: "l/a", Tag: "v2", Digest: newDigest, Pinned: true}, "{repository: l/a, tag: v2@NEW}"},
	} {
		in := withMarkers(withDigests("image: " + c.in + " #M\n"))
		u := Parse("values.yaml", []byte(in)).Uses[0]
		r := Apply("values.yaml", []byte(in), []Want{{Use: u, Image: c.image}})
		if refused := c.want[0] != '{'; refused {
			if !errors.Is(r.Errs[0], ErrUnproven) || !strings.Contains(r.Errs[0].Error(), c.want) || string(r.Src) != in || u.Shows(c.image) {
				t.Errorf("%s: %v, %s", c.in, r.Errs[0], r.Src)
			}
			continue
		}
		if diff := cmp.Diff(withMarkers(withDigests("image: "+c.want+" #M\n")), string(r.Src)); diff != "" {
			t.Errorf("%v\n%s", r.Errs, diff)
		}
	}
}

// Parts of one image are written together or not at all; others in the file proceed.
func TestPartsTogether(t *testing.T) {
	parts := func(file, ref string) string {
		for part := range strings.FieldsSeq("name tag digest") {
			file = strings.ReplaceAll(file, "#"+part, `# {"$imagestream": "`+ref+":"+part+`"}`)
		}
		return withMarkers(withDigests(file))
	}
	for _, c := range []struct{ name, in, out string }{
		{
			"all of it", "a:\n  repository: «r/a|r/b» #name\n  tag: «v1|v2» #tag\n  digest: \"«|NEW»\" #digest\n",
			"",
		},
		{
			"the tag cannot be written", "x: &t v1\na:\n  repository: r/a #name\n  tag: *t #tag\nb: «r/a:v1|r/b:v2@NEW» #M\n",
			"the tag on line 4, of the same image, cannot be written",
		},
		{
			"the proof fails for one", "a:\n  repository: r/a #name\n  tag: | #tag\n    v1\nb:\n  repository: «r/a|r/b» #name\n",
			"of the same image, cannot be written",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := beforeAfter(c.in)
			before, after = parts(before, "a/b:1"), parts(after, "a/b:1")
			r := Apply("values.yaml", []byte(before), moveAll(Parse("values.yaml", []byte(before)), "r/b", "v2"))
			if diff := cmp.Diff(after, string(r.Src)); diff != "" {
				t.Errorf("%v (-want +got)\n%s", r.Errs, diff)
			}
			if err := errors.Join(r.Errs...); (c.out == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.out) {
				t.Errorf("got %v, want %q", err, c.out)
			}
		})
	}
}

// What cannot show this image keeps the others of it back, though it could show another.
func TestPartsRefuseOneImage(t *testing.T) {
	src := "a:\n  repository: r/a # {\"$imagestream\": \"a/b:1:name\"}\n  digest: sha256:12 # {\"$imagestream\": \"a/b:1:digest\"}\n"
	f := Parse("values.yaml", []byte(src))
	var wants []Want
	for _, u := range f.Uses {
		wants = append(wants, Want{Use: u, Image: Image{Name: "r/b", Tag: "v2"}})
	}
	r := Apply("values.yaml", []byte(src), wants)
	var got []string
	for _, err := range r.Errs {
		got = append(got, err.Error())
	}
	want := []string{
		"line 2: the digest on line 3, of the same image, cannot be written",
		"line 3: the image has no digest (reference: true): bind the tag, or the whole image",
	}
	if diff := cmp.Diff(want, got); diff != "" || string(r.Src) != src {
		t.Errorf("%s (-want +got)\n%s", r.Src, diff)
	}
}

// A pause of one part is one of all, and ends with it.
func TestPartsPause(t *testing.T) {
	src := "a:\n  repository: r/a # {\"$imagestream\": \"a/b:1:name\"}\n  tag: v1 # {\"$imagestream\": \"a/b:1:tag\"}\nb: # {\"$imagestream\": \"a/b:1\"}\n  repository: r/a\n  tag: v1\n"
	for i, want := range []string{
		strings.Replace(src, `a/b:1:name"`, `a/b:1:name", "paused": "why"`, 1),
		strings.Replace(src, `a/b:1:tag"`, `a/b:1:tag", "paused": "why"`, 1),
		strings.Replace(src, `a/b:1"`, `a/b:1", "paused": "why"`, 1),
	} {
		paused, err := Pause("values.yaml", []byte(src), Parse("values.yaml", []byte(src)).Uses[i], "why")
		if diff := cmp.Diff(want, string(paused)); diff != "" || err != nil {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		uses := Parse("values.yaml", paused).Uses
		if both := uses[0].Paused == "why" && uses[1].Paused == "why"; both != (i < 2) {
			t.Error(summary(Parse("values.yaml", paused)))
		}
		again, err := Pause("values.yaml", paused, uses[i], "")
		if string(again) != src || err != nil {
			t.Errorf("%v\n%s", err, again)
		}
	}
}

// What a hostile file costs grows with its size, not with its square: 4 times the groups take
// much less than 16 times the allocations.
func TestGroupsCost(t *testing.T) {
	cost := func(n int) float64 {
		src := []byte(withMarkers(strings.Repeat("a:\n- repository: r/a\n  #M\n  tag: v1\n", n)))
		src = bytes.ReplaceAll(src, []byte("\na:\n"), []byte("\n"))
		return testing.AllocsPerRun(1, func() {
			if f := Parse("values.yaml", src); len(f.Uses) != n {
				t.Fatal(f.Problems[0])
			}
		})
	}
	if small, large := cost(100), cost(400); large > 6*small {
		t.Errorf("%.0f allocations for 100 groups, %.0f for 400", small, large)
	}
}
