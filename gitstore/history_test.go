package gitstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each case makes commits of people on top of (or beside) our last push and
// says which of them each path is expected to name; "tip" stands for the tip.
func TestChangedAt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		make func(h *host) map[string]Rev
	}{
		{"one commit", func(h *host) map[string]Rev {
			rev := h.change("app.yaml", "1")
			return map[string]Rev{"app.yaml": rev, "README.md": rev}
		}},
		{"several commits", func(h *host) map[string]Rev {
			a := h.change("app.yaml", "1")
			h.change("empty", "1")
			git(h.t, h.work, "rm", "-q", "app/base/deployment.yaml")
			del := h.commit("delete")
			c := h.change("empty", "2")
			tip := h.change("README.md", "3")
			return map[string]Rev{
				"app.yaml": a, "empty": c, "app/base/deployment.yaml": del, "README.md": tip,
				"never/there": tip, "app-b/x.yaml": tip, "app.yaml/x": tip,
			}
		}},
		{"changed and changed back", func(h *host) map[string]Rev {
			h.change("app.yaml", "1")
			back := h.change("app.yaml", "ours\n")
			tip := h.change("README.md", "3")
			return map[string]Rev{"app.yaml": back, "README.md": tip}
		}},
		{"merged", func(h *host) map[string]Rev {
			git(h.t, h.work, "checkout", "-q", "-b", "side")
			h.put("app.yaml", "side\n")
			h.commit("side")
			git(h.t, h.work, "checkout", "-q", "main")
			h.change("empty", "1")
			git(h.t, h.work, "merge", "-q", "--no-edit", "side")
			merge := h.head()
			h.change("README.md", "2")
			return map[string]Rev{"app.yaml": merge}
		}},
		{"far away", func(h *host) map[string]Rev {
			rev := h.change("app.yaml", "1")
			h.advance(70)
			return map[string]Rev{"app.yaml": rev, "CHANGES": h.head()}
		}},
		{"rewound", func(h *host) map[string]Rev {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~1")
			h.push("main")
			return map[string]Rev{"app.yaml": h.head()}
		}},
		{"rewound with new commits", func(h *host) map[string]Rev {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~2")
			rev := h.change("empty", "1")
			tip := h.change("README.md", "2")
			return map[string]Rev{"app.yaml": tip, "empty": rev, "CHANGES": tip}
		}},
		{"another history", func(h *host) map[string]Rev {
			git(h.t, h.work, "checkout", "-q", "--orphan", "fresh")
			h.put("app.yaml", "fresh\n")
			root := h.commit("fresh")
			h.put("empty", "1")
			tip := h.commit("fresh 2")
			h.push("fresh:main")
			return map[string]Rev{"app.yaml": root, "empty": tip, "never": tip}
		}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conformance(t, func(h *host) {
				t := h.t
				s := h.open()
				ours := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
				snapshot(t, s)
				h.pull()
				want := tt.make(h)
				h.bitmap()
				var paths []string
				for p := range want {
					paths = append(paths, p)
				}
				for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
					snap := snapshot(t, s)
					if snap.Base != ours {
						t.Fatalf("base is %s, want %s", snap.Base, ours)
					}
					got, err := s.ChangedAt(t.Context(), snap, paths)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s store (-want +got):\n%s", name, diff)
					}
					h.is(snapshot(t, s), snap.Rev) // what was fetched for it does no harm
				}
			})
		})
	}
}

// A store that has seen every commit asks nobody.
func TestChangedAtOfAWarmStore(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
	h.pull()
	want := h.change("app.yaml", "1")
	snapshot(t, s)
	h.change("README.md", "2")
	snap := snapshot(t, s)
	before, requests := s.Stats(), h.requests.Load()
	got, err := s.ChangedAt(t.Context(), snap, []string{"app.yaml"})
	if err != nil || got["app.yaml"] != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if s.Stats().Fetches != before.Fetches || h.requests.Load() != requests {
		t.Error("something was fetched")
	}
}

func TestChangedAtWithoutBase(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	snap := snapshot(t, s)
	requests := h.requests.Load()
	got, err := s.ChangedAt(t.Context(), snap, []string{"app.yaml", "none"})
	want := map[string]Rev{"app.yaml": snap.Rev, "none": snap.Rev}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || h.requests.Load() != requests {
		t.Errorf("%v\n%s", err, diff)
	}
}

// The branch is rewound and pruned after the snapshot.
func TestChangedAtOfALostBranch(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
		h.pull()
		h.advance(3)
		snap := snapshot(t, s)
		git(t, h.work, "reset", "-q", "--hard", "HEAD~3")
		h.push("main")
		git(t, h.bare, "gc", "-q", "--prune=now")
		if _, err := s.ChangedAt(t.Context(), snap, []string{"CHANGES"}); !errors.Is(err, ErrConflict) {
			t.Errorf("got %v, want ErrConflict", err)
		}
	})
}

// Our last push is found through history that is fetched in several steps.
func TestBaseIsFoundByDeepening(t *testing.T) {
	t.Parallel()
	for _, filter := range []bool{false, true} {
		t.Run(fmt.Sprint("filter ", filter), func(t *testing.T) {
			t.Parallel()
			h := newHTTPHost(t)
			git(t, h.bare, "config", "uploadpack.allowFilter", fmt.Sprint(filter))
			s := h.open()
			ours := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
			h.pull()
			git(t, h.bare, "update-ref", "-d", "refs/imgstream/main")
			h.import600()
			h.bitmap()
			fresh := h.open()
			snap := snapshot(t, fresh)
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("base is %q, want %q", snap.Base, ours)
			}
			// The tip, 50, 500 and 5000 commits, the base.
			if n := fresh.Stats().Fetches; n != 5 {
				t.Errorf("%d fetches, want 5", n)
			}
			h.is(snap, h.ref("main"))
		})
	}
}
