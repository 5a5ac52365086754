package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// What is compared is the same work: every way leaves the same tree on the branch, in
// a repository that git finds nothing wrong with.
func TestWaysDoTheSame(t *testing.T) {
	server, err := gitserver.Start(t.TempDir(), gitserver.Login{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	b := &lab{root: t.TempDir(), runs: 1, server: server}
	shape := fixture.Shape{Registry: "registry.example.com", Streams: 10, PerUnit: 1, Manifests: 7, Status: true}
	want := shape.Files()
	seed, err := server.Create(t.Context(), "seed", want)
	if err != nil {
		t.Fatal(err)
	}
	path := shape.All()[5].Kustomization
	ways := map[string]way{}
	repos := map[string]*gitserver.Repository{}
	for name, open := range b.ways() {
		if repos[name], err = server.Copy(seed, name); err != nil {
			t.Fatal(err)
		}
		if ways[name], err = open(t.Context(), repos[name], path); err != nil {
			t.Fatal(err)
		}
	}
	for run := range 2 {
		text := changed([]byte(want[path]), run)
		want[path] = string(text)
		for name, w := range ways {
			took, err := b.time(t.Context(), w, text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if took.own <= 0 || took.own >= took.total {
				t.Errorf("%s: %v of its own, of %v", name, took.own, took.total)
			}
			got, err := repos[name].Files(t.Context(), gitserver.Branch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s leaves another tree (-want +got):\n%s", name, diff)
			}
			count, err := repos[name].Git(t.Context(), "rev-list", "--count", gitserver.Branch)
			if want := fmt.Sprintln(run + 2); err != nil || count != want {
				t.Errorf("%s: %v, %s commits", name, err, count)
			}
			if err := repos[name].Fsck(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	same := func(n int) int { return n }
	for want, all := range map[int][]int{7: {7}, 2: {9, 1, 2}, 3: {1, 2, 3, 4}} {
		if got := median(all, same); got != want {
			t.Errorf("the median of %v is %d", all, got)
		}
	}
}
