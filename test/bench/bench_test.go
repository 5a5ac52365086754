package main

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// What is compared is the same work: every way leaves the same tree on the branch, in
// a repository that git finds nothing wrong with. Each takes time of its own; where there is
// much to do, the server may see the end of a push long after the client.
func TestWaysDoTheSame(t *testing.T) {
	b, err := newLab(options{parent: t.TempDir(), runs: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	names := []string{"http"}
	if _, err := exec.LookPath("ssh"); err == nil {
		names = append(names, "ssh")
	}
	overs, err := b.open(names)
	if err != nil {
		t.Fatal(err)
	}
	shape := fixture.Shape{Registry: "registry.example.com", Streams: 10, PerUnit: 1, Manifests: 6, Status: true}
	want := shape.Files()
	seed, err := b.server.Create(t.Context(), "seed", want)
	if err != nil {
		t.Fatal(err)
	}
	path := shape.All()[5].Kustomization
	type opened struct {
		over transport
		way  way
		repo *gitserver.Repository
	}
	ways := map[string]opened{}
	for _, over := range overs {
		for name, open := range b.ways() {
			name += " over " + over.name
			o := opened{over: over}
			if o.repo, err = b.server.Copy(seed, strings.ReplaceAll(name, " ", "-")); err != nil {
				t.Fatal(err)
			}
			if o.way, err = open(t.Context(), over, o.repo, path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			ways[name] = o
		}
	}
	own := map[string]time.Duration{} // the most of each way
	for run := 0; run < 2 || run < 10 && slices.Min(slices.Collect(maps.Values(own))) <= 0; run++ {
		text := changed([]byte(want[path]), run)
		want[path] = string(text)
		for name, o := range ways {
			took, err := b.time(t.Context(), o.over, o.way, text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if took.own >= took.total {
				t.Errorf("%s: %v of its own, of %v", name, took.own, took.total)
			}
			own[name] = max(own[name], took.own)
			got, err := o.repo.Files(t.Context(), gitserver.Branch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s leaves another tree (-want +got):\n%s", name, diff)
			}
			count, err := o.repo.Git(t.Context(), "rev-list", "--count", gitserver.Branch)
			if want := fmt.Sprintln(run + 2); err != nil || count != want {
				t.Errorf("%s: %v, %s commits", name, err, count)
			}
			if err := o.repo.Fsck(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, took := range own {
		if took <= 0 {
			t.Errorf("%s takes no time of its own", name)
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

func TestListening(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-03-04T05:06:07Z","level":"INFO","msg":"listening","address":"127.0.0.1:4711"}`: "127.0.0.1:4711",
		`{"level":"INFO","msg":"running","address":"127.0.0.1:4711"}`:                                 "",
		`{"msg":"listening"}`:      "",
		"level=INFO msg=listening": "",
		"":                         "",
	} {
		if got, ok := listening([]byte(line)); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q, %v", line, got, ok)
		}
	}
}

func TestParseStatus(t *testing.T) {
	const status = "Name:\timgstream\nVmPeak:\t 1787360 kB\nVmHWM:\t   70000 kB\nVmRSS:\t   41580 kB\nRssAnon:\t   20000 kB\n"
	if got, want := parseStatus(status), (memory{now: 41580 << 10, peak: 70000 << 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := parseStatus("Name:\tkthreadd\n"); got != (memory{}) {
		t.Errorf("%+v of a process without memory", got)
	}
}

func TestParseSteps(t *testing.T) {
	const text = `# TYPE imgstream_step_duration_seconds histogram
imgstream_step_duration_seconds_bucket{branch="apps/main",step="fetch",le="0.1"} 0
imgstream_step_duration_seconds_sum{branch="apps/main",step="fetch"} 0.25
imgstream_step_duration_seconds_sum{branch="apps/main",step="read"} 5e-05
imgstream_pass_duration_seconds_sum{branch="apps/main"} 0.5
`
	want := map[string]time.Duration{"fetch": 250 * time.Millisecond, "read": 50 * time.Microsecond}
	if diff := cmp.Diff(want, parseSteps(text)); diff != "" {
		t.Error(diff)
	}
}

func TestParseTransports(t *testing.T) {
	for list, want := range map[string]int{"http": 1, "ssh": 1, "http,ssh": 2, "ssh,http": 2, "": 0, "git": 0, "ssh,ssh": 0, "http,": 0} {
		if got, err := parseTransports(list); len(got) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}

func TestStreamOf(t *testing.T) {
	shape := fixture.Shape{Streams: 1100, PerUnit: 1}
	for i, s := range shape.All() {
		if got, ok := streamOf(s.Repository); !ok || got != i {
			t.Fatalf("%s: %d, %v", s.Repository, got, ok)
		}
	}
	for _, repository := range []string{"", "team-000/app-00001/x", "team-0/app-1", "x/team-000/app-00001"} {
		if i, ok := streamOf(repository); ok {
			t.Errorf("%s is taken for stream %d", repository, i)
		}
	}
}

func TestParsePlace(t *testing.T) {
	for path, want := range map[string]place{
		"/v2/":                          {},
		"/v2/a/b/tags/list":             {},
		"/manifests/x":                  {},
		"/v2/a/b/manifests/1.0":         {"a/b", "manifests", "1.0"},
		"/v2/a/blobs/sha256:12":         {"a", "blobs", "sha256:12"},
		"/v2/a/blobs/uploads/?digest=x": {"a", "blobs", "uploads/?digest=x"},
	} {
		if got, ok := parsePlace(path); got != want || ok != (want != place{}) {
			t.Errorf("%s: %+v, %v", path, got, ok)
		}
	}
}

// A file that is no ELF program is not judged.
func TestLinkageOfNoProgram(t *testing.T) {
	if got, err := linkage("main.go"); err != nil || got != "not known" {
		t.Errorf("%s, %v", got, err)
	}
}
