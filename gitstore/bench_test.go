package gitstore

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
)

var sizes = []int{1000, 10_000, 100_000}

// fill makes a branch of n YAML files of 1.5 kB, 50 to a directory.
func (h *host) fill(n int) {
	h.t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, "commit refs/heads/main\ncommitter Ann <ann@example.com> 1700000000 +0000\ndata 4\nfill\nfrom refs/heads/main^0\n")
	for i := range n {
		data := manifest(i)
		fmt.Fprintf(&b, "M 644 inline apps/%03d/%02d/f%05d.yaml\ndata %d\n%s\n", i/2500, i/50%50, i, len(data), data)
	}
	cmd := exec.CommandContext(h.t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = h.bare, strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	git(h.t, h.bare, "update-ref", "refs/imgstream/main", "main")
	h.bitmap()
}

func manifest(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-%d\n", i)
	for j := 0; b.Len() < 1500; j++ {
		fmt.Fprintf(&b, "# %08x\n", (i*2654435761+j*40503)&0xffffffff)
	}
	return b.String()
}

// BenchmarkFirstRead is P4's part of this package: fetch and read everything,
// beside git clone --bare --depth 1. heap-MB is what stays.
func BenchmarkFirstRead(b *testing.B) {
	for _, n := range sizes[:2] {
		h := newHTTPHost(b)
		h.fill(n)
		b.Run(fmt.Sprintf("files=%d/imgstream", n), func(b *testing.B) {
			var s *Store
			before := heap()
			for b.Loop() {
				s = h.open()
				readAll(b, snapshot(b, s).FS)
			}
			b.ReportMetric(float64(heap()-before)/1e6, "heap-MB")
			runtime.KeepAlive(s)
		})
		b.Run(fmt.Sprintf("files=%d/git-clone", n), func(b *testing.B) {
			dir := b.TempDir()
			for b.Loop() {
				git(b, dir, "clone", "-q", "--bare", "--depth", "1", "--single-branch", "-b", "main", h.url, "c.git")
				b.StopTimer()
				if err := os.RemoveAll(filepath.Join(dir, "c.git")); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func readAll(b *testing.B, fsys FS) {
	b.Helper()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = fsys.ReadFile(name)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPush is P1: one file changed, committed and pushed, by this
// package, by a bare git push of an equal commit, and by a go-git work tree.
func BenchmarkPush(b *testing.B) {
	for _, n := range sizes {
		h := newHTTPHost(b)
		h.fill(n)
		b.Run(fmt.Sprintf("files=%d/imgstream", n), func(b *testing.B) {
			s := h.open()
			base := snapshot(b, s).Rev
			for i := 0; b.Loop(); i++ {
				base = publish(b, s, base, "apps/000/07/f00350.yaml", fmt.Sprint("changed ", i)).Rev
			}
		})
		b.Run(fmt.Sprintf("files=%d/git-push", n), func(b *testing.B) {
			c := filepath.Join(b.TempDir(), "c.git")
			git(b, h.bare, "clone", "-q", "--bare", "--depth", "1", "-b", "main", h.url, c)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				h.equalCommit(b, c, i)
				b.StartTimer()
				git(b, c, "push", "-q", h.url, "main")
			}
		})
		if n > 10_000 {
			continue
		}
		b.Run(fmt.Sprintf("files=%d/go-git-worktree", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				worktreePush(b, h.url, fmt.Sprint("worktree ", i))
			}
		})
	}
}

// equalCommit makes a commit like ours in a clone, without pushing it.
func (h *host) equalCommit(b *testing.B, dir string, i int) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "git", "fast-import", "--quiet")
	cmd.Dir = dir
	text := fmt.Sprint("by git ", i)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("commit refs/heads/main\ncommitter Ann <ann@example.com> 1700000000 +0000\n"+
		"data 1\nx\nfrom refs/heads/main^0\nM 644 inline apps/000/07/f00350.yaml\ndata %d\n%s\n", len(text), text))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

func worktreePush(b *testing.B, url, text string) {
	b.Helper()
	dir := b.TempDir()
	repo, err := gogit.PlainClone(dir, false, &gogit.CloneOptions{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	name := "apps/000/07/f00350.yaml"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tree.Add(name); err != nil {
		b.Fatal(err)
	}
	if _, err := tree.Commit("x", &gogit.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@b"}}); err != nil {
		b.Fatal(err)
	}
	if err := repo.Push(&gogit.PushOptions{}); err != nil {
		b.Fatal(err)
	}
}
