package edit_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// specs reads a repository of the files, each path followed by its text.
func specs(t *testing.T, files ...string) *edit.Specs {
	t.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	s, err := survey.Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return edit.Of(fsys, s.View.Tree)
}

const directories = `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata: {name: imgstream, annotations: {config.kubernetes.io/local-config: "true"}}
streams: {directories: [`

func TestCreate(t *testing.T) {
	for name, c := range map[string]struct {
		ref   stream.Ref
		files []string
		path  string // or
		err   string
	}{
		"default":               {ref: ref("sso/keycloak"), path: "imagestreams/keycloak.yaml"},
		"the name is taken":     {ref: ref("sso/keycloak"), files: []string{"imagestreams/keycloak.yaml", "a: b\n"}, path: "imagestreams/sso-keycloak.yaml"},
		"both are taken":        {ref: ref("sso/keycloak"), files: []string{"imagestreams/keycloak.yaml", "", "imagestreams/sso-keycloak.yaml", ""}, err: "has no free place"},
		"never a kustomization": {ref: ref("sso/kustomization"), path: "imagestreams/sso-kustomization.yaml"},
		"by the settings":       {ref: ref("sso/keycloak"), files: []string{".imgstream.yaml", directories + `"teams/*/x", "**/streams"]}` + "\n"}, path: "streams/keycloak.yaml"},
		"patterns only":         {ref: ref("sso/keycloak"), files: []string{".imgstream.yaml", directories + `"teams/*"]}` + "\n"}, err: "streams.directories has patterns only (teams/*)"},
		"there":                 {ref: ref("sso/keycloak"), files: []string{"imagestreams/a.yaml", is}, err: "sso/keycloak stands at imagestreams/a.yaml:1 already"},
		"perhaps there":         {ref: ref("sso/web"), files: []string{"imagestreams/a.yaml", "kind: ImageStream\n\tx"}, err: "may stand in imagestreams/a.yaml:2, which has an error"},
		"broken elsewhere":      {ref: ref("sso/web"), files: []string{"imagestreams/a.yaml", is + "  - name: a b\n"}, path: "imagestreams/web.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			s := specs(t, c.files...)
			got, err := s.Create(c.ref, false)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || len(s.Files()) > 0 {
					t.Fatalf("%v, %v, %v; want error %s", got, err, s.Files(), c.err)
				}
				return
			}
			if err != nil || got != c.path {
				t.Fatalf("%v, %v; want %s", got, err, c.path)
			}
			f := stream.ParseSpecs(s.Files()[c.path])
			if f == nil || len(f.Problems) > 0 || len(f.Streams) != 1 || f.Streams[0].Ref() != c.ref || !f.Streams[0].SkipMarked {
				t.Errorf("%s says %+v", s.Files()[c.path], f)
			}
		})
	}
}

const is = `apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: keycloak, namespace: sso}
spec:
  tags:
  - name: "25.0"
    from: {kind: DockerImage, name: "quay.io/keycloak/keycloak:25.0"}
`

func ref(s string) stream.Ref {
	namespace, name, _ := strings.Cut(s, "/")
	return stream.Ref{Namespace: namespace, Name: name}
}

func TestCreatedFile(t *testing.T) {
	s := specs(t)
	if _, err := s.Create(ref("1e3/12"), true); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"imagestreams/12.yaml": []byte(`# +argocd:skip-file-rendering
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: "12"
  namespace: "1e3"
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  lookupPolicy:
    local: true
`)}
	if diff := cmp.Diff(want, s.Files()); diff != "" {
		t.Error(diff)
	}
}
