package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/go-git/go-git/v5/plumbing"
)

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
		gone := plumbing.NewHash(git(t, h.bare, "rev-parse", "main:app/base/kustomization.yaml"))
		delete(s.objects.raw, gone)
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

// What is fetched of a big file that changes in one line is its delta.
func TestFetchOfABigFileIsThin(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	big := ""
	for i := range 4000 {
		big += fmt.Sprintf("%d: %08x\n", i, uint32(i*2654435761))
	}
	h.change("big.yaml", big)
	git(t, h.bare, "update-ref", "refs/imgstream/main", "main")
	s := h.open()
	snapshot(t, s)
	h.change("big.yaml", big+"one more line\n")
	h.bitmap()
	var sent atomic.Int64
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&counter{ResponseWriter: w, n: &sent}, r)
	})
	h.is(snapshot(t, s), h.head())
	if n := sent.Load(); n > 2000 {
		t.Errorf("%d bytes were sent for one line of %d", n, len(big))
	}
}

type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.ResponseWriter.Write(b)
}

// A server that knows no shallow fetches is asked for everything.
func TestServerWithoutShallow(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	s := h.open()
	if _, err := s.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.server.shallow = false
	ours := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
	h.pull()
	git(t, h.work, "revert", "--no-edit", "HEAD")
	h.push("main")
	h.bitmap()
	snap := snapshot(t, s)
	h.is(snap, h.head())
	if snap.Base != ours || s.server.shallow {
		t.Errorf("base is %s, want %s", snap.Base, ours)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	pushing(t, func(h *host) {
		s := h.open()
		ctx, cancel := context.WithCancel(h.t.Context())
		cancel()
		if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
			h.t.Errorf("snapshot: %v", err)
		}
		base := snapshot(h.t, s).Rev
		if _, err := s.Commit(ctx, base, []Commit{{Message: "x", Files: files("app.yaml", "1")}}); !errors.Is(err, context.Canceled) {
			h.t.Errorf("commit: %v", err)
		}
		h.is(snapshot(h.t, s), base)
	})
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
