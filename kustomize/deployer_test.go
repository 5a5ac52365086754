package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Objects of Flux and Argo CD: where an image is bound, and for which namespace.
var deployerCases = []struct{ name, file, in, want string }{
	{"Flux Kustomization", "apps.yaml", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  targetNamespace: prod
  images:
  #M
  - name: p
    newTag: x
  - name: q #N
    newName: r/q
  - {name: r, digest: sha256:00} #M
`, "9 spec.images[name=p] a/b:1 ns=prod (p of kustomize.toolkit.fluxcd.io/v1/Kustomization/flux-system/apps)\n" +
		"11 spec.images[name=q] a/b:2 ns=prod (q of kustomize.toolkit.fluxcd.io/v1/Kustomization/flux-system/apps)\n" +
		"13 spec.images[name=r] a/b:1 ns=prod (r of kustomize.toolkit.fluxcd.io/v1/Kustomization/flux-system/apps)\n"},
	{"Flux Kustomization, beside others", "apps.yaml", `
apiVersion: v1
kind: List
items:
- apiVersion: kustomize.toolkit.fluxcd.io/v1beta2
  kind: Kustomization
  metadata: {name: apps, namespace: flux-system}
  spec:
    images: #M
    - name: p #M
- apiVersion: kustomize.toolkit.fluxcd.io/v1
  kind: Kustomization
  spec: text
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: other}
spec:
  targetNamespace: ${NS}
  patches:
  - patch: x/y:1 #M
  images:
  - nginx #M
  - newTag: v1 #M
`, "10 spec.images[name=p] a/b:1 ns=flux-system (p of kustomize.toolkit.fluxcd.io/v1beta2/Kustomization/flux-system/apps)\n" +
		"21 spec.patches[0].patch a/b:1 (patch of kustomize.toolkit.fluxcd.io/v1/Kustomization//other)\n" +
		"24 spec.images[1] a/b:1 refused=the entry has no name ( of kustomize.toolkit.fluxcd.io/v1/Kustomization//other)\n" +
		"9 error: the marker stands on images: itself\n" +
		"23 error: the entry has no keys\n"},
	{"what stands over the source of an Application", ".argocd-source-shop.yaml", `
kustomize:
  images:
  - a/b:1 #M
  - web=a/c:1 #N
helm:
  parameters:
  - name: image
    value: a/d:1 #M
`, "4 kustomize.images[0] a/b:1 (a/b of 0)\n5 kustomize.images[1] a/b:2 (web of 0)\n9 helm.parameters[name=image].value a/b:1 (image of 0)\n"},
	{"HelmRelease", "app.yaml", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app, namespace: flux-system}
spec:
  targetNamespace: prod
  values:
    image: x/y:1 #M
  postRenderers:
  - kustomize:
      images:
      - name: p
        newTag: v1 #M
  - other: {images: [x]}
`, "8 spec.values.image a/b:1 ns=prod (values.image of helm.toolkit.fluxcd.io/v2/HelmRelease/flux-system/app)\n" +
		"12 spec.postRenderers[0].kustomize.images[name=p] a/b:1 ns=prod (p of helm.toolkit.fluxcd.io/v2/HelmRelease/flux-system/app)\n"},
	{"Argo CD Application", "app.yaml", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: app, namespace: argocd}
spec:
  destination: {namespace: prod}
  source:
    kustomize:
      images:
      #M
      - p=r/a:v1
      - r/a #N
      -
        #M
        r/b@sha256:00
      - {name: q} #M
  sources:
  - kustomize: {images: [r/c:1]} #M
  - helm:
      parameters:
      - name: image.tag
        value: v1 # {"$imagestream": "a/b:1:tag"}
`, "11 spec.source.kustomize.images[name=p] a/b:1 ns=prod (p of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"12 spec.source.kustomize.images[name=r/a] a/b:2 ns=prod (r/a of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"15 spec.source.kustomize.images[name=r/b] a/b:1 ns=prod (r/b of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"22 spec.sources[1].helm.parameters[name=image.tag].value a/b:1 part=tag ns=prod (image.tag of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"16 error: the entry is no single text\n" +
		"18 error: the marker stands on images: itself\n"},
	{"Argo CD ApplicationSet", "set.yaml", `
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: set, namespace: argocd}
spec:
  generators:
  - list:
      template:
        spec:
          sources:
          - kustomize:
              images:
              - r/a:v1 #M
  template:
    spec:
      destination: {namespace: '{{.ns}}'}
      source:
        kustomize:
          images:
          - p={{.image}} #M
          - r/a:v1 #M
`, "13 spec.generators[0].list.template.spec.sources[0].kustomize.images[name=r/a] a/b:1 (r/a of argoproj.io/v1alpha1/ApplicationSet/argocd/set)\n" +
		"20 spec.template.spec.source.kustomize.images[name=p] a/b:1 refused=the value is a template expression (p of argoproj.io/v1alpha1/ApplicationSet/argocd/set)\n" +
		"21 spec.template.spec.source.kustomize.images[name=r/a] a/b:1 (r/a of argoproj.io/v1alpha1/ApplicationSet/argocd/set)\n"},
	{"Argo CD, no destination", "app.yaml", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: app, namespace: argocd}
spec:
  source:
    kustomize:
      images:
      - ${ARGOCD_ENV_X} #M
      - p=*:v1 #M
      - p=r/a=x #M
      - r/a:v1@sha256:00 #M
      - two words #M
      - "" #M
      - =r/a #M
      - https://r/a #M
      - p=nginx #M
      - nginx #M
  kustomize:
    images:
    - p=nginx #M
`, "9 spec.source.kustomize.images[0] a/b:1 refused=the value is a template expression (${ARGOCD_ENV_X} of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"10 spec.source.kustomize.images[1] a/b:1 refused=what stands behind the = of the value is no image (p of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"11 spec.source.kustomize.images[2] a/b:1 refused=what stands behind the = of the value is no image (p of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"12 spec.source.kustomize.images[name=r/a] a/b:1 (r/a of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"13 spec.source.kustomize.images[4] a/b:1 refused=the value holds white space: it is no image (two words of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"14 spec.source.kustomize.images[5] a/b:1 refused=the entry is no [NAME=]IMAGE ( of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"15 spec.source.kustomize.images[6] a/b:1 refused=nothing stands before the = of the value (=r/a of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"16 spec.source.kustomize.images[name=https://r/a] a/b:1 refused=the value is a URL, not an image (https://r/a of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"17 spec.source.kustomize.images[8] a/b:1 (p of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"18 spec.source.kustomize.images[name=nginx] a/b:1 (nginx of argoproj.io/v1alpha1/Application/argocd/app)\n" +
		"21 spec.kustomize.images[name=p] a/b:1 refused=what stands behind the = of the value is no image (images[0] of argoproj.io/v1alpha1/Application/argocd/app)\n"},
}

func TestDeployers(t *testing.T) {
	for _, c := range deployerCases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summary(Parse(c.file, []byte(withMarkers(c.in))))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Texts with NAME=, as values of their own and as entries of Argo CD.
func TestNamedSpellings(t *testing.T) {
	const argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      - "
	for _, c := range []struct {
		frame string
		spelling
	}{
		{"- ", spelling{"--sidecar=r/a:v1", "r/a:v2", "--sidecar=r/a:v2@NEW"}},
		{"- ", spelling{"--sidecar=r/a@OLD", "r/b:v2", "--sidecar=r/b@NEW"}},
		{"- ", spelling{"'X=r/a:v1@OLD'", "r/b", "'X=r/b:v1@NEW'"}},
		{"- ", spelling{"X=r/a@NEW", "r/a", ""}},
		{argo, spelling{"p=r/a:v1", "r/b:v2", "p=r/b:v2@NEW"}},
		{argo, spelling{"p=r/a:v1@OLD", "r/a:v2", "p=r/a:v2@NEW"}},
		{argo, spelling{"p=r/a", "r/a:v2", "p=r/a@NEW"}},
		{argo, spelling{"p=r/a@OLD", "r/a:v2", "p=r/a@NEW"}},
		{argo, spelling{"p=nginx:1", "docker.io/library/nginx:2", "p=docker.io/library/nginx:2@NEW"}},
		{argo, spelling{"'r.io:5000/a=r/a:v2@NEW'", "r/a:v2", ""}},
		// Without a name, older versions of kustomize match what stands before the @.
		{argo, spelling{"r/a", "r/a:v2", "r/a@NEW"}},
		{argo, spelling{"r/a@OLD", "r/a:v2", "r/a@NEW"}},
		{argo, spelling{"r/a:v1", "r/a:v2", "r/a=r/a:v2@NEW"}},
		{argo, spelling{`"nginx:1"`, "docker.io/library/nginx:2", `"nginx=docker.io/library/nginx:2@NEW"`}},
		{argo, spelling{"nginx", "docker.io/library/nginx:2", "nginx=docker.io/library/nginx@NEW"}},
		{argo, spelling{"nginx@OLD", "docker.io/library/nginx:2", "nginx=docker.io/library/nginx@NEW"}},
		{argo, spelling{"r/a:v1@OLD", "r/a:v2", "r/a=r/a:v2@NEW"}},
	} {
		t.Run(c.frame+c.in+" "+c.image, func(t *testing.T) {
			file := func(value string) string { return c.frame + withDigests(value) + withMarkers(" #M\n") }
			out := c.out
			if out == "" {
				out = c.in
			}
			checkSpelling(t, "app.yaml", file(c.in), file(out), image(c.image))
		})
	}
}

// An image without a digest needs no name of its own, unless the repository differs.
func TestNamedWithoutADigest(t *testing.T) {
	const argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n"
	src := argo + withMarkers(withDigests("      - r/a:v1 #M\n      - r/b:v1 #M\n      - p=r/b@OLD #M\n"))
	file := Parse("app.yaml", []byte(src))
	var wants []Want
	for _, u := range file.Uses {
		wants = append(wants, Want{Use: u, Image: Image{Name: "r/a", Tag: "v2"}})
	}
	r := Apply("app.yaml", []byte(src), wants)
	want := argo + withMarkers("      - r/a:v2 #M\n      - r/b=r/a:v2 #M\n      - p=r/a:v2 #M\n")
	if diff := cmp.Diff(want, string(r.Src)); diff != "" {
		t.Errorf("%v (-want +got)\n%s", r.Errs, diff)
	}
}

// What is bound in Flux's Kustomization is written as in a kustomization.
func TestFluxSpellings(t *testing.T) {
	frame := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  images:\n"
	for _, c := range []spelling{
		{"  - name: a #M\n    newTag: v1\n", "r/a:v2", "  - name: a #M\n    newTag: v2\n    newName: r/a\n    digest: NEW\n"},
		{"  #M\n  - name: r/a\n    newTag: v1@OLD\n", "r/a:v2", "  #M\n  - name: r/a\n    newTag: v2@NEW\n"},
		{"  - {name: a, newName: r/a, digest: OLD} #M\n", "r/a:v2", "  - {name: a, newName: r/a, digest: NEW} #M\n"},
	} {
		in, out := frame+withMarkers(withDigests(c.in)), frame+withMarkers(withDigests(c.out))
		checkSpelling(t, "apps.yaml", in, out, image(c.image))
	}
	refused := frame + withMarkers("  - name: r/a #M\n    newTag: v1\n    NEWTAG: v1\n")
	if f := Parse("apps.yaml", []byte(refused)); !strings.Contains(f.Uses[0].Refused, "the entry has the key NEWTAG twice") {
		t.Error(summary(f))
	}
}

// Values in a block of text cannot be bound: what can be is said.
func TestTextOfValues(t *testing.T) {
	src := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      values: |\n        image: #M\n          repository: r/a\n          tag: v1\n"
	want := []Problem{{
		Line: 7, Notice: true,
		Message: "$imagestream stands in the text of a value (1 times in the file) and binds nothing there",
		Hint:    "a marker is a comment of the file itself: write the values of a chart as valuesObject, in a values file, or as parameters",
	}}
	if diff := cmp.Diff(want, Parse("app.yaml", []byte(withMarkers(src))).Problems); diff != "" {
		t.Error(diff)
	}
}
