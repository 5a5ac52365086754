package edit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// parsed reads namespace/stream:tag.
func parsed(t *testing.T, s string) stream.Ref {
	t.Helper()
	r, err := stream.ParseTagRef(s, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPauseAndResume(t *testing.T) {
	const rest = "---\napiVersion: v1\nkind: ImageStream\nmetadata: {name: other, namespace: sso}\nspec: {tags: [{name: a}]}\n"
	tests := map[string]struct{ ref, free, paused string }{
		"a tag without annotations": {
			ref:    "sso/keycloak:25.0",
			free:   "spec:\n  tags:\n  # the one\n  - name: \"25.0\" # quoted\n    from: {kind: DockerImage, name: quay.io/k:25}\n  - {name: b}\n",
			paused: "spec:\n  tags:\n  # the one\n  - name: \"25.0\" # quoted\n    from: {kind: DockerImage, name: quay.io/k:25}\n    annotations:\n      imgstream.dev/paused: \"why: #1\"\n  - {name: b}\n",
		},
		"a tag with annotations": {
			ref:    "sso/keycloak:25.0",
			free:   "spec:\n  tags:\n  - name: \"25.0\"\n    annotations:\n      a: b # kept\n    reference: false\n",
			paused: "spec:\n  tags:\n  - name: \"25.0\"\n    annotations:\n      a: b # kept\n      imgstream.dev/paused: \"why: #1\"\n    reference: false\n",
		},
		"a tag in flow style": {
			ref:    "sso/keycloak:25.0",
			free:   "spec: {tags: [{name: \"25.0\"}, {name: b}]}\n",
			paused: "spec: {tags: [{name: \"25.0\", annotations: {imgstream.dev/paused: \"why: #1\"}}, {name: b}]}\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			head := "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata:\n  name: keycloak\n  namespace: sso\n"
			check := func(from, to string, change func(*edit.Specs) error) {
				t.Helper()
				s := specs(t, "imagestreams/k.yaml", head+from+rest)
				if err := change(s); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(head+to+rest, string(s.Files()["imagestreams/k.yaml"])); diff != "" {
					t.Error(diff)
				}
			}
			check(test.free, test.paused, func(s *edit.Specs) error { return s.Pause(parsed(t, test.ref), "why: #1") })
			check(strings.ReplaceAll(test.paused, "why: #1", "old"), test.paused, func(s *edit.Specs) error { return s.Pause(parsed(t, test.ref), "why: #1") })
			check(test.paused, test.free, func(s *edit.Specs) error {
				paused, err := s.Resume(parsed(t, test.ref))
				if !paused {
					t.Error("it was not paused")
				}
				return err
			})
		})
	}
}

func TestPauseStream(t *testing.T) {
	const free = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata:\n  name: keycloak # ours\n  annotations: {a: b}\nspec: {}\n"
	const paused = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata:\n  name: keycloak # ours\n  annotations: {a: b, imgstream.dev/paused: audit}\nspec: {}\n"
	s := specs(t, "imagestreams/k.yaml", free)
	if err := s.Pause(ref("default/keycloak"), "audit"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(paused, string(s.Files()["imagestreams/k.yaml"])); diff != "" {
		t.Error(diff)
	}
	if was, err := s.Resume(ref("default/keycloak")); !was || err != nil {
		t.Error(was, err)
	}
	if diff := cmp.Diff(free, string(s.Files()["imagestreams/k.yaml"])); diff != "" {
		t.Error(diff)
	}
	if was, err := s.Resume(ref("default/keycloak")); was || err != nil {
		t.Error("resumed twice", err)
	}
}

func TestPauseRefuses(t *testing.T) {
	s := specs(t, "imagestreams/k.yaml", "apiVersion: v1\nkind: ImageStream\nmetadata: {name: k}\nspec: {tags: [{name: a}]}\n")
	for _, test := range []struct{ ref, want string }{
		{"default/k:b", "the spec of default/k has no tag b: imagestreams/k.yaml:1"},
		{"default/none:b", `imagestreams.image.openshift.io "none" not found in namespace default`},
	} {
		if err := s.Pause(parsed(t, test.ref), "why"); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v", test.ref, err)
		}
		if _, err := s.Resume(parsed(t, test.ref)); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v", test.ref, err)
		}
	}
}
