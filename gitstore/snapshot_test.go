package gitstore

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Every way a branch moves, seen by a store that has read it before and by one
// that has not, on a server with bitmaps.
func TestSnapshotFollowsTheBranch(t *testing.T) {
	t.Parallel()
	moves := []struct {
		name string
		move func(h *host)
		most int64 // objects that may be fetched
	}{
		{"not moved", func(*host) {}, 0},
		{"advanced", func(h *host) { h.change("app/base/deployment.yaml", "image: b\n") }, 5},
		{"advanced twice", func(h *host) { h.change("empty", "1"); h.change("empty", "2") }, 3},
		{"reverted", func(h *host) {
			git(h.t, h.work, "revert", "--no-edit", "HEAD")
			h.push("main")
		}, 3},
		{"advanced and reverted", func(h *host) {
			h.change("app.yaml", "z\n")
			git(h.t, h.work, "revert", "--no-edit", "HEAD", "HEAD~1")
			h.push("main")
		}, 3},
		{"older branch merged", func(h *host) {
			git(h.t, h.work, "checkout", "-q", "-b", "old", "HEAD~2")
			h.put("app-b/x.yaml", "from the old branch\n")
			h.commit("old")
			git(h.t, h.work, "checkout", "-q", "main")
			git(h.t, h.work, "merge", "-q", "--no-edit", "old")
			h.push("main")
		}, 4},
		{"rewound", func(h *host) {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~1")
			h.push("main")
		}, 3},
		{"rewound with a new commit", func(h *host) {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~2")
			h.change("app.yaml", "other\n")
		}, 4},
		{"replaced by another history", func(h *host) {
			git(h.t, h.work, "checkout", "-q", "--orphan", "fresh")
			h.put("app.yaml", "fresh\n")
			h.commit("fresh")
			h.push("fresh:main")
		}, 4},
		{"a link, a submodule, an executable, a rename", func(h *host) {
			git(h.t, h.work, "mv", "app/base", "app/moved")
			git(h.t, h.work, "update-index", "--chmod=+x", "README.md")
			link := git(h.t, h.work, "hash-object", "-w", "CHANGES")
			git(h.t, h.work, "update-index", "--add", "--cacheinfo", "120000,"+link+",link")
			git(h.t, h.work, "update-index", "--add", "--cacheinfo", "160000,"+string(h.head())+",sub")
			git(h.t, h.work, "commit", "-qm", "odd entries")
			h.push("main")
		}, 3},
	}
	for _, tt := range moves {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conformance(t, func(h *host) {
				t := h.t
				git(t, h.bare, "update-ref", "refs/imgstream/main", "main~1")
				s := h.open()
				h.is(snapshot(t, s), h.ref("main"))
				before := s.Stats()
				tt.move(h)
				h.is(snapshot(t, s), h.ref("main"))
				h.is(snapshot(t, h.open()), h.ref("main"))
				got := s.Stats()
				if n := got.ObjectsFetched - before.ObjectsFetched; n > tt.most {
					t.Errorf("%d objects fetched, want at most %d: only what changed", n, tt.most)
				}
				if n := got.Fetches - before.Fetches; n > 1 {
					t.Errorf("%d fetches", n)
				}
			})
		})
	}
}

func TestSnapshotStaysReadable(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		first := snapshot(t, s)
		was := h.ref("main")
		h.change("app.yaml", "later\n")
		snapshot(t, s)
		h.is(first, was)
	})
}

func TestSnapshotErrors(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		snapshot(t, s)
		h.push("main:refs/heads/main2") // the same prefix
		git(t, h.bare, "update-ref", "-d", "refs/heads/main")

		_, err := s.Snapshot(t.Context())
		want := fmt.Sprintf("read main of %s: branch does not exist: imgstream neither creates nor recreates a branch; "+
			"push a first commit to main, or name another branch", Redact(h.url))
		if !errors.Is(err, ErrBranchNotFound) || err.Error() != want {
			t.Errorf("deleted branch: %v\nwant: %s", err, want)
		}
		git(t, h.bare, "update-ref", "-d", "refs/heads/main2")
		if _, err := h.open().Snapshot(t.Context()); !errors.Is(err, ErrBranchNotFound) {
			t.Errorf("empty repository: %v", err)
		}
		elsewhere := strings.ReplaceAll(h.url, "repo.git", "none.git")
		_, err = h.open(func(o *Options) { o.URL = elsewhere }).Snapshot(t.Context())
		if !errors.Is(err, ErrRepositoryNotFound) || !strings.Contains(err.Error(), Redact(elsewhere)) {
			t.Errorf("no repository: %v", err)
		}
	})
}

// The branch is rewound and pruned between the look and the fetch.
func TestSnapshotOfABranchThatIsRewoundMeanwhile(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		h.change("app.yaml", "short-lived\n")
		s.wire = &faulty{wire: s.wire, service: uploadPack, before: func() error {
			git(t, h.work, "reset", "-q", "--hard", "HEAD~1")
			h.push("main")
			git(t, h.bare, "reflog", "expire", "--expire=now", "--all")
			git(t, h.bare, "gc", "-q", "--prune=now")
			return nil
		}}
		h.is(snapshot(t, s), h.head())
		if n := s.Stats().Looks; n != 2 {
			t.Errorf("%d looks, want 2", n)
		}
	})
}

// P2: an unmoved branch costs one request on a kept connection, no object,
// and the snapshot is the same value.
func TestUnmovedCostsOneLook(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		publish(t, s, h.ref("main"), "app.yaml", "ours\n")
		first := snapshot(t, s)
		before := s.Stats()
		requests, connections, counted := h.traffic()
		for range 3 {
			if snapshot(t, s) != first {
				t.Error("another snapshot of the same commit")
			}
		}
		want := before
		want.Looks += 3
		if got := s.Stats(); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
		r, c, _ := h.traffic()
		if counted && (r != requests+3 || c != connections) {
			t.Errorf("%d requests on %d new connections, want 3 on 0", r-requests, c-connections)
		}
	})
}

// P5: k changed files cost k blobs and k × depth trees at most.
func TestMovedCostsTheDelta(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		for i := range 40 {
			for j := range 5 {
				h.put(fmt.Sprintf("many/%d/%d.yaml", i, j), fmt.Sprint(i, j))
			}
		}
		h.commit("many")
		h.push("main")
		h.bitmap()
		s := h.open()
		whole(t, snapshot(t, s).FS)
		before := s.Stats()
		for i := range 3 {
			h.put(fmt.Sprintf("many/%d/1.yaml", i), "changed")
		}
		h.commit("change 3")
		h.push("main")
		fsys := snapshot(t, s).FS
		for i := range 3 {
			read(t, fsys, fmt.Sprintf("many/%d/1.yaml", i))
		}
		got := s.Stats()
		trees, blobs, fetched := got.TreesRead-before.TreesRead, got.BlobsRead-before.BlobsRead, got.ObjectsFetched-before.ObjectsFetched
		if trees != 5 || blobs != 3 || fetched > 7 || got.Fetches-before.Fetches != 1 {
			t.Errorf("3 files changed: %d trees and %d blobs read, %d objects fetched", trees, blobs, fetched)
		}
		whole(t, fsys)
		if n := s.Stats().TreesRead; n != got.TreesRead {
			t.Errorf("%d trees were read twice", n-got.TreesRead)
		}
	})
}

// A store that has grown is cut to what the snapshot needs, without asking.
func TestStoreIsTrimmed(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	git(t, h.bare, "update-ref", "refs/imgstream/main", "main")
	s := h.open()
	base := snapshot(t, s).Rev
	big := strings.Repeat("0123456789abcdef", 1<<14)
	for i := range 12 {
		base = publish(t, s, base, "big.yaml", fmt.Sprint(i)+big).Rev
		snapshot(t, s)
	}
	if limit := int64(6 * len(big)); s.objects.bytes > limit {
		t.Errorf("the store holds %d bytes, want at most %d", s.objects.bytes, limit)
	}
	fetches := s.Stats().Fetches
	h.is(snapshot(t, s), base)
	if s.Stats().Fetches != fetches || fetches != 1 {
		t.Errorf("%d fetches", s.Stats().Fetches)
	}
	h.pull()
	theirs := h.change("app.yaml", "after the trim\n")
	h.is(snapshot(t, s), theirs)
}

// A truncated answer is an error: the branch is not taken for deleted.
func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	for _, v0 := range []bool{false, true} {
		for size := 0; size < 1200; size += 17 {
			cut := false
			h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if v0 {
					r.Header.Del("Git-Protocol")
				}
				next.ServeHTTP(&cutter{ResponseWriter: w, left: size, cut: &cut}, r)
			})
			_, err := h.open().Snapshot(t.Context())
			if (err != nil) != cut || errors.Is(err, ErrBranchNotFound) || errors.Is(err, ErrRepositoryNotFound) {
				t.Errorf("answers cut at %d bytes (v0: %v, cut: %v): %v", size, v0, cut, err)
			}
		}
	}
}

// cutter ends an answer early.
type cutter struct {
	http.ResponseWriter
	left int
	cut  *bool
}

func (c *cutter) Write(b []byte) (int, error) {
	n := min(c.left, len(b))
	*c.cut = *c.cut || n < len(b)
	c.left -= n
	_, err := c.ResponseWriter.Write(b[:n])
	return len(b), err
}
