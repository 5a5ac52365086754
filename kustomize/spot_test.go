package kustomize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// spotLines is everything that Spots said, one line each.
func spotLines(spots []Spot) string {
	var b strings.Builder
	for _, s := range spots {
		fmt.Fprintf(&b, "%d %s %s %s", s.Line, s.Kind, s.Path, firstOf(s.Image, "-"))
		for _, p := range []struct{ name, value string }{
			{"ns", s.Namespace},
			{"object", s.Object.String()},
			{"bound", s.Bound},
			{"refused", s.Refused},
		} {
			if p.value != "" {
				fmt.Fprintf(&b, " %s=%s", p.name, p.value)
			}
		}
		if s.Looks {
			b.WriteString(" looks")
		}
		fmt.Fprintf(&b, " (%s of %s)\n", s.Label, s.Document)
	}
	return b.String()
}

var spotCases = []struct{ name, file, in, want string }{
	{"entries of a kustomization", "kustomization.yaml", `
namespace: prod
images:
- name: p
  newName: r/p
  newTag: "1"
- name: q #M
  newTag: 1@sha256:00
- just a word
- {name: s, digest: sha256:00}
- name: t
  NEWTAG: x
patches:
- patch: |-
    image: r/x:1
`, `4 entry images[name=p] r/p:1 ns=prod (p of 0)
7 entry images[name=q] q:1@sha256:00 ns=prod bound=a/b:1 (q of 0)
10 entry images[name=s] s@sha256:00 ns=prod (s of 0)
11 entry images[name=t] t ns=prod refused=the entry's key NEWTAG is not written newTag, though kustomize reads it (t of 0)
`},
	{"containers of every workload", "all.yaml", `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  template:
    spec:
      initContainers:
      - {name: init, image: "r/i:1"}
      containers:
      - name: web
        image: r/w@sha256:00 #M
      volumes:
      - name: v
        image: {reference: r/v:2}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cron}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: nginx}]}}}}}
---
kind: List
items:
- kind: Pod
  metadata: {name: p}
  spec: {containers: [{name: a, image: "${IMAGE}"}]}
  status: {containerStatuses: [{name: a, image: "r/a:1"}]}
- kind: DeploymentConfig
  spec: {triggers: [{imageChangeParams: {lastTriggeredImage: "r/a:1"}}]}
`, `9 container spec.template.spec.initContainers[name=init].image r/i:1 ns=prod object=deployment.apps/web (init of apps/v1/Deployment/prod/web)
12 container spec.template.spec.containers[name=web].image r/w@sha256:00 ns=prod object=deployment.apps/web bound=a/b:1 (web of apps/v1/Deployment/prod/web)
15 container spec.template.spec.volumes[name=v].image.reference r/v:2 ns=prod object=deployment.apps/web (image.reference of apps/v1/Deployment/prod/web)
20 container spec.jobTemplate.spec.template.spec.containers[name=c].image nginx object=cronjob.batch/cron (c of batch/v1/CronJob//cron)
26 container spec.containers[name=a].image ${IMAGE} object=pod/p refused=the value is a template expression (a of /Pod//p)
`},
	{"values", "values.yaml", `
image:
  repository: r/app
  tag: 1.2@sha256:00
proxy:
  image:
    registry: docker.io
    repository: envoy
    tag: "1"
redis: {image: "r/redis:7"}
logo: {image: img/banner.png}
sidecarImage: r/s:1
icon: {image: bare}
other: r/o:1 #M
git: {repository: "https://x/y", tag: v1}
named: {name: tool, tag: v1}
function: {name: encoding/asn1.Marshal, tag: asn1}
said: {name: tool, tag: v1} #M
parts:
  repository: r/q # {"$imagestream": "a/b:1:name"}
  tag: v2 # {"$imagestream": "a/b:1:tag"}
t: {repository: r/t, tag: "{{ x }}"}
u: {image: "${HOST}/r/u:1"}
looks:
  proxy: quay.io/a/b:1
  args:
  - --proxy=localhost:5000/a/b@sha256:1111111111111111111111111111111111111111111111111111111111111111
  - https://quay.io/a/b:1
  - quay.io/a/b
  - a/b:1
  - {annotations: {x: "quay.io/a/b:1"}}
`, `2 group image r/app:1.2@sha256:00 (image of 0)
6 group proxy.image docker.io/envoy:1 (proxy.image of 0)
10 value redis.image r/redis:7 (redis.image of 0)
12 value sidecarImage r/s:1 (sidecarImage of 0)
14 value other r/o:1 bound=a/b:1 (other of 0)
18 group said tool:v1 bound=a/b:1 (said of 0)
19 group parts r/q:v2 bound=a/b:1 (parts of 0)
22 group t r/t:{{ x }} refused=the mapping holds a template expression: {{ x }} (t of 0)
23 value u.image ${HOST}/r/u:1 refused=the value is a template expression (u.image of 0)
25 value looks.proxy quay.io/a/b:1 looks (looks.proxy of 0)
27 value looks.args[0] localhost:5000/a/b@sha256:1111111111111111111111111111111111111111111111111111111111111111 looks (args[0] of 0)
`},
	{"Flux and Argo CD", "apps.yaml", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  targetNamespace: prod
  images:
  - name: p
    newTag: v1
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: app, namespace: argocd}
spec:
  source:
    kustomize:
      images:
      - web=r/w:1 #M
      - r/x:2
      - r/x:2@sha256:00
`, `8 entry spec.images[name=p] p:v1 ns=prod object=kustomization.kustomize.toolkit.fluxcd.io/apps (p of kustomize.toolkit.fluxcd.io/v1/Kustomization/flux-system/apps)
18 entry spec.source.kustomize.images[name=web] r/w:1 object=application.argoproj.io/app bound=a/b:1 (web of argoproj.io/v1alpha1/Application/argocd/app)
19 entry spec.source.kustomize.images[1] r/x:2 object=application.argoproj.io/app (r/x of argoproj.io/v1alpha1/Application/argocd/app)
20 entry spec.source.kustomize.images[2] r/x:2@sha256:00 object=application.argoproj.io/app (r/x of argoproj.io/v1alpha1/Application/argocd/app)
`},
	{"a Dockerfile", "Dockerfile", `
ARG BASE=r/base:1
ARG VERSION=2
FROM ${BASE} AS build
# imgstream: a/b:1
FROM r/run:3
FROM build
FROM scratch
`, `2 from ARG[name=BASE] r/base:1 (BASE of 0)
6 from FROM[1] r/run:3 bound=a/b:1 (FROM of 0)
`},
	{"other text", "x.env", "#M\nA=r/x:1\nB=r/y:1\n", "2 line A r/x:1 bound=a/b:1 (A of 0)\n"},
	{"other text that clearly shows images", "x.env", "A=r/x:1\nIMAGE=r/y:1\n#M\nIMAGE=r/y:2\nIMAGE=r/y:3", "2 line IMAGE r/y:1 (IMAGE of 0)\n4 line IMAGE[1] r/y:2 bound=a/b:1 (IMAGE of 0)\n5 line IMAGE[2] r/y:3 (IMAGE of 0)\n"},
	{"not YAML", "x.yaml", "{{ if }}\na: b\n", "a template, not YAML: line 1: did not find expected <document start>"},
	{"nothing", "x.yaml", "a: b\n", ""},
}

func TestSpots(t *testing.T) {
	for _, c := range spotCases {
		t.Run(c.name, func(t *testing.T) {
			spots, err := Spots(c.file, []byte(withMarkers(c.in)))
			got := spotLines(spots)
			if err != nil {
				got += err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
