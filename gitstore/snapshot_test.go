package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-git/go-git/v5/plumbing"
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
			"push a first commit to main, or name another branch", h.url)
		if !errors.Is(err, ErrBranchNotFound) || err.Error() != want {
			t.Errorf("deleted branch: %v\nwant: %s", err, want)
		}
		git(t, h.bare, "update-ref", "-d", "refs/heads/main2")
		if _, err := h.open().Snapshot(t.Context()); !errors.Is(err, ErrBranchNotFound) {
			t.Errorf("empty repository: %v", err)
		}
		elsewhere := strings.ReplaceAll(h.url, "repo.git", "none.git")
		_, err = h.open(func(o *Options) { o.URL = elsewhere }).Snapshot(t.Context())
		if !errors.Is(err, ErrRepositoryNotFound) || !strings.Contains(err.Error(), elsewhere) {
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

func TestBase(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		if snap := snapshot(t, s); snap.Base != "" || snap.BaseFS != nil {
			t.Errorf("base of a branch nobody pushed to: %q", snap.Base)
		}
		ours := publish(t, s, h.ref("main"), "app.yaml", "ours\n").Rev
		if snap := snapshot(t, s); snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
			t.Errorf("base after our push is %q", snap.Base)
		}
		h.pull()
		theirs := h.change("app.yaml", "theirs\n")
		for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
			snap := snapshot(t, s)
			h.is(snap, theirs)
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("%s: base by ref is %q, want %q", name, snap.Base, ours)
			}
		}
		// By committer, through 60 commits of other people and a merge.
		git(t, h.bare, "update-ref", "-d", "refs/imgstream/main")
		h.advance(60)
		git(t, h.work, "checkout", "-q", "-b", "side", "HEAD~3")
		h.put("side", "1")
		h.commit("side")
		git(t, h.work, "checkout", "-q", "main")
		git(t, h.work, "merge", "-q", "--no-edit", "side")
		h.push("main")
		h.bitmap()
		for name, s := range map[string]*Store{"warm": s, "fresh": h.open()} {
			snap := snapshot(t, s)
			h.is(snap, h.head())
			if snap.Base != ours || read(t, snap.BaseFS, "app.yaml") != "ours\n" {
				t.Errorf("%s: base by committer is %q, want %q", name, snap.Base, ours)
			}
		}
		// The rewind of the branch does not take the ref along.
		git(t, h.bare, "update-ref", "refs/imgstream/main", string(ours))
		git(t, h.work, "reset", "-q", "--hard", string(ours)+"~1")
		h.push("main")
		if snap := snapshot(t, s); snap.Base != ours || snap.Rev != h.head() || read(t, snap.FS, "app.yaml") != "a\n" {
			t.Errorf("base after a rewind is %q, want %q", snap.Base, ours)
		}
	})
}

// advance makes many commits quickly.
func (h *host) advance(n int) {
	h.t.Helper()
	for i := range n {
		h.put("CHANGES", fmt.Sprint("advance ", i))
		git(h.t, h.work, "commit", "-qam", "advance")
	}
	h.push("main")
}

// Where there is no base, the search for it is not repeated for every move.
func TestBaseIsSearchedOnce(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		h.advance(60)
		s := h.open()
		snapshot(t, s)
		before := s.Stats().Fetches
		h.change("app.yaml", "1")
		snapshot(t, s)
		if n := s.Stats().Fetches - before; n != 1 {
			t.Errorf("%d fetches after one move, want 1", n)
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
		before, requests, connections := s.Stats(), h.requests.Load(), h.connections.Load()
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
		if h.url != h.bare && (h.requests.Load() != requests+3 || h.connections.Load() != connections) {
			t.Errorf("%d requests on %d new connections, want 3 on 0", h.requests.Load()-requests, h.connections.Load()-connections)
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

func TestMissingObjectIsNotAbsence(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		for _, path := range []string{"app/base/deployment.yaml", "app/base"} {
			s := h.open()
			snap := snapshot(t, s)
			info, err := snap.FS.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			name := plumbing.NewHash(info.(interface{ Hash() string }).Hash())
			delete(s.objects.raw, name)
			delete(s.objects.trees, name)

			_, err = snap.FS.ReadFile("app/base/deployment.yaml")
			if !errors.Is(err, ErrIncomplete) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "app/base/deployment.yaml") {
				t.Errorf("without %s: %v", path, err)
			}
			err = fs.WalkDir(snap.FS, ".", func(_ string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					_, err = d.Info()
				}
				return err
			})
			if !errors.Is(err, ErrIncomplete) {
				t.Errorf("a walk without %s: %v", path, err)
			}
			h.is(snapshot(t, s), h.ref("main")) // fetched afresh
		}
	})
}

// A store that lost objects before a fetch notices, and starts afresh.
func TestIncompleteStoreHeals(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		t := h.t
		s := h.open()
		snapshot(t, s)
		s.objects.trees = map[plumbing.Hash]*tree{}
		for name, obj := range s.objects.raw {
			if obj.Type() == plumbing.BlobObject {
				delete(s.objects.raw, name)
			}
		}
		h.change("app/base/deployment.yaml", "image: b\n")
		h.is(snapshot(t, s), h.ref("main"))
	})
}

// What the server leaves out is an error, not a smaller tree.
func TestServerThatLeavesOutObjects(t *testing.T) {
	t.Parallel()
	h := newFilterHTTPHost(t)
	s := h.open()
	git(t, h.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// The same request with a filter that nobody asked for.
		body = bytes.Replace(body, []byte("000ddeepen 1\n"), []byte("000ddeepen 1\n0015filter blob:none\n"), 1)
		if i := bytes.Index(body, []byte(" agent=")); i > 0 && bytes.Contains(body, []byte("filter blob")) {
			line := bytes.IndexByte(body, '\n') + 1
			first := strings.TrimSuffix(string(body[4:line]), "\n") + " filter\n"
			body = append(fmt.Appendf(nil, "%04x%s", len(first)+4, first), body[line:]...)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, r)
	})
	if _, err := s.Snapshot(t.Context()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v, want ErrIncomplete", err)
	}
}

func TestFS(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	fsys := snapshot(t, h.open()).FS
	if err := fstest.TestFS(fsys, "README.md", "app.yaml", "app-b/x.yaml", "app/base/deployment.yaml", "empty"); err != nil {
		t.Error(err)
	}
	info, err := fsys.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	want := git(t, h.bare, "rev-parse", "main^{tree}")
	if got := info.(interface{ Hash() string }).Hash(); got != want {
		t.Errorf("hash of the root is %s, want %s", got, want)
	}
}

func TestFSRefusesLinksAndSubmodules(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	target := git(t, h.work, "hash-object", "-w", "README.md")
	git(t, h.work, "update-index", "--add", "--cacheinfo", "120000,"+target+",link")
	git(t, h.work, "update-index", "--add", "--cacheinfo", "160000,"+string(h.head())+",sub")
	git(t, h.work, "commit", "-qm", "odd entries")
	h.push("main")
	fsys := snapshot(t, h.open()).FS
	for name, want := range map[string]error{
		"link": errSymlink, "link/x": errSymlink, "sub": errSubmodule, "sub/x": errSubmodule,
		"none": fs.ErrNotExist, "README.md/x": fs.ErrNotExist, "../x": fs.ErrInvalid, "/app.yaml": fs.ErrInvalid, "app": errIsDir,
	} {
		if _, err := fsys.ReadFile(name); !errors.Is(err, want) {
			t.Errorf("read %s: %v, want %v", name, err, want)
		}
	}
	if _, err := fsys.Open("link"); !errors.Is(err, errSymlink) {
		t.Errorf("open a link: %v", err)
	}
	if _, err := fsys.ReadDir("sub"); !errors.Is(err, errSubmodule) {
		t.Errorf("list a submodule: %v", err)
	}
	info, err := fsys.Stat("link")
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("stat of a link: %v, %v", info, err)
	}
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
