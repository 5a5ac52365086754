package main

import (
	"testing"

	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Tags that may use different credentials share a question where these are for another host.
func TestScope(t *testing.T) {
	r, err := newRegistries(config.Config{Registries: []config.Registry{
		{Host: "quay.io", Mirrors: []string{"mirror.example.com:5000/quay"}},
		{Host: "quay.io", TokenFile: "a", Namespaces: []string{"a"}},
		{Host: "mirror.example.com:5000", TokenFile: "m", Namespaces: []string{"a", "b"}},
		{Host: "docker.io", TokenFile: "d", Paths: []string{"teams/a/**"}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ image, namespace, file, want string }{
		{"quay.io/x/y:1", "a", "teams/a/s.yaml", "1,2"},
		{"quay.io/x/y:1", "b", "teams/a/s.yaml", "2"},
		{"quay.io/x/y:1", "c", "teams/a/s.yaml", ""},
		{"mirror.example.com:5000/x:1", "a", "s.yaml", "2"},
		{"mysql:8", "a", "teams/a/s.yaml", "3"},
		{"index.docker.io/library/mysql:8", "b", "teams/a/s.yaml", "3"},
		{"mysql:8", "a", "s.yaml", ""},
		{"ghcr.io/x/y:1", "a", "teams/a/s.yaml", ""},
	} {
		image, err := stream.ParseImage(c.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.scope(image, stream.Ref{Namespace: c.namespace, Name: "s", Tag: "1"}, c.file); got != c.want {
			t.Errorf("%s of %s in %s: scope %q, want %q", c.image, c.namespace, c.file, got, c.want)
		}
	}
}
