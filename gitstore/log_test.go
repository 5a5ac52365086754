package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
)

// logPaths are those that wander changes and TestLog asks for.
var logPaths = []string{"s/a/x.yaml", "s/a/y.yaml", "s/b", "s", "x.yaml", "never/there", "README.md"}

// wander puts commits on the branch that write, remove and replace files by
// links and directories, keep them, and merge lines where they change as well.
func (h *host) wander(seed uint64, commits int) {
	h.t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for i := range commits {
		branch := "main"
		if i%7 > 3 {
			branch = "side"
		}
		fmt.Fprintf(&b, "commit refs/heads/%s\nauthor Zoë <zoe@example.com> %d +0000\ncommitter Bob <bob@example.com> %d +0200\ndata 4\n%04d\n",
			branch, 1700000000+i, 1700005000+i, i)
		switch {
		case i == 0:
			fmt.Fprintf(&b, "from refs/heads/main^0\n")
		case i%7 == 4:
			fmt.Fprintf(&b, "from refs/heads/main\n")
		case i%7 == 0:
			fmt.Fprintf(&b, "merge refs/heads/side\n")
		}
		for _, path := range []string{"s/a/x.yaml", "s/a/y.yaml", "s/b", "x.yaml"} {
			switch n := r.IntN(12); {
			case n < 3:
				fmt.Fprintf(&b, "M %s inline %s\ndata 1\n%d\n", []string{"644", "755", "120000"}[n], path, r.IntN(3))
			case n == 3:
				fmt.Fprintf(&b, "D %s\n", path)
			case n == 4:
				fmt.Fprintf(&b, "D %s\nM 644 inline %s/deep\ndata 1\n1\n", path, path)
			}
		}
	}
	cmd := exec.CommandContext(h.t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = h.bare, strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
}

// versions is what git itself says of logPaths, commit by commit.
func (h *host) versions() map[string][]Version {
	h.t.Helper()
	all, last, data := map[string][]Version{}, map[string]string{}, map[string][]byte{}
	log := git(h.t, h.bare, "log", "--first-parent", "--reverse", "--format=%H%x00%ct%x00%an%x00%ae%x00%B%x01", "main")
	for record := range strings.SplitSeq(strings.TrimSuffix(log, "\x01"), "\x01\n") {
		f := strings.Split(record, "\x00")
		seconds, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			h.t.Fatal(err)
		}
		blobs := h.plainFiles(f[0])
		for _, path := range logPaths {
			blob := blobs[path]
			if blob == last[path] {
				continue
			}
			last[path] = blob
			if blob != "" && data[blob] == nil {
				data[blob] = []byte(git(h.t, h.bare, "cat-file", "blob", blob))
			}
			all[path] = append([]Version{{
				Rev: Rev(f[0]), When: time.Unix(seconds, 0).UTC(), Author: Identity{f[2], f[3]}, Message: f[4], Data: data[blob],
			}}, all[path]...)
		}
	}
	return all
}

// plainFiles names the blobs that a commit has as files, by path.
func (h *host) plainFiles(rev string) map[string]string {
	h.t.Helper()
	blobs := map[string]string{}
	for line := range strings.Lines(git(h.t, h.bare, "ls-tree", "-r", rev)) {
		meta, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if f := strings.Fields(meta); strings.HasPrefix(f[0], "100") {
			blobs[path] = f[2]
		}
	}
	return blobs
}

// sameLog compares a Log with what git says.
func (h *host) sameLog(l *Log, want map[string][]Version) {
	h.t.Helper()
	if want := h.ref("main"); l.Rev() != want {
		h.t.Errorf("the log is of %s, want %s", l.Rev(), want)
	}
	for _, path := range logPaths {
		got, err := l.Versions(h.t.Context(), path)
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range got {
			if got[i].Data != nil {
				got[i].Data = bytes.TrimSpace(got[i].Data) // as git() does
			}
		}
		if diff := cmp.Diff(want[path], got); diff != "" {
			h.t.Errorf("%s (-git +ours):\n%s", path, diff)
		}
		data, err := l.ReadFile(h.t.Context(), path)
		switch there := len(got) > 0 && got[0].Data != nil; {
		case !there && !errors.Is(err, fs.ErrNotExist):
			h.t.Errorf("%s: read %q, %v; want none", path, data, err)
		case there && (err != nil || string(bytes.TrimSpace(data)) != string(got[0].Data)):
			h.t.Errorf("%s: read %q, %v; want %q", path, data, err, got[0].Data)
		}
	}
	h.sameFiles(l)
}

func (h *host) sameFiles(l *Log) {
	h.t.Helper()
	there := h.plainFiles("main")
	for _, dir := range []string{"s", "app", "never/there"} {
		var want []string
		for _, path := range slices.Sorted(maps.Keys(there)) {
			if path == dir || strings.HasPrefix(path, dir+"/") {
				want = append(want, path)
			}
		}
		got, err := l.Files(h.t.Context(), dir)
		if err != nil {
			h.t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			h.t.Errorf("files of %s (-git +ours):\n%s", dir, diff)
		}
	}
}

func openLog(tb testing.TB, s *Store) *Log {
	tb.Helper()
	l, err := s.Log(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// cloneLog is the Log of a clone's work tree.
func cloneLog(tb testing.TB, dir string) (*Log, error) {
	tb.Helper()
	w, err := OpenWorkTree(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	l, err := w.Log(nil)
	if err == nil {
		tb.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

func TestLog(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			conformance(t, func(h *host) {
				h.wander(seed, 40)
				h.bitmap()
				want := h.versions()
				s := h.open()
				h.sameLog(openLog(h.t, s), want)
				// A store that has read a snapshot answers the same, and stays good.
				snap := snapshot(h.t, s)
				h.sameLog(openLog(h.t, s), want)
				h.is(snapshot(h.t, s), snap.Rev)
			})
		})
	}
}

func TestLogOfAClone(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	h.wander(7, 40)
	want := h.versions()
	in := func(args ...string) string {
		dir := filepath.Join(t.TempDir(), "clone")
		git(t, "", append(append([]string{"clone", "-q"}, args...), "file://"+h.bare, dir)...)
		return dir
	}
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, in(), "worktree", "add", "-q", "--detach", linked)
	shared := filepath.Join(t.TempDir(), "shared")
	git(t, "", "clone", "-q", "--shared", h.bare, shared)
	below := in()
	if err := os.Mkdir(filepath.Join(below, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	packed := in()
	git(t, packed, "pack-refs", "--all")
	for name, dir := range map[string]string{
		"plain": in(), "linked and detached": linked, "shared": shared, "packed references": packed, "below": filepath.Join(below, "below"),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := cloneLog(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			h.sameLog(l, want)
		})
	}
}

// What people have not pushed is part of a clone's log; what they have not
// committed is not.
func TestLogOfACloneIsHead(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	h.put("app.yaml", "committed\n")
	rev := h.commit("local")
	h.put("app.yaml", "not committed\n")
	l, err := cloneLog(t, h.work)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Versions(t.Context(), "app.yaml")
	if err != nil || len(got) != 2 || got[0].Rev != rev || string(got[0].Data) != "committed\n" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLogOfACloneNeedsNoGit(t *testing.T) {
	h := newFileHost(t)
	want := h.head()
	t.Setenv("PATH", "")
	l, err := cloneLog(t, h.work)
	if err != nil || l.Rev() != want {
		t.Fatal(err)
	}
	if got, err := l.Versions(t.Context(), "CHANGES"); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLogOfAPartOfAClone(t *testing.T) {
	t.Parallel()
	h := newFileHost(t)
	git(t, h.bare, "config", "uploadpack.allowFilter", "true")
	h.wander(3, 30)
	for _, how := range []string{"--depth=5", "--filter=blob:none", "--filter=tree:0"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "clone")
			git(t, "", "clone", "-q", "--no-checkout", how, "file://"+h.bare, dir)
			l, err := cloneLog(t, dir)
			if err == nil {
				_, err = l.Versions(t.Context(), "s/a/x.yaml")
			}
			want := "read the history of HEAD of " + dir + ": the clone does not hold its whole history: it is shallow or partial"
			if !errors.Is(err, ErrShallow) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestLogOfNoClone(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	git(t, empty, "init", "-q", "-b", "main")
	sha256 := t.TempDir()
	git(t, sha256, "init", "-q", "--object-format=sha256")
	none := t.TempDir()
	for dir, want := range map[string]string{
		empty:  "read the history of HEAD of " + empty + ": there is no commit yet",
		sha256: "read the history of HEAD of " + sha256 + ": repositories with SHA-256 object names are not supported",
		none:   "read the history: " + none + ": not in a clone of a git repository",
	} {
		if _, err := cloneLog(t, dir); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := cloneLog(t, none); !errors.Is(err, ErrNoClone) {
		t.Errorf("%v is not ErrNoClone", err)
	}
}

// From a server that filters come the commits, the trees on the way to the
// file, and the file, and nothing else.
func TestLogFetchesWhatItReads(t *testing.T) {
	t.Parallel()
	h := newFilterHTTPHost(t)
	h.wander(5, 200)
	h.bitmap()
	s := h.open()
	l := openLog(t, s)
	if _, err := l.Versions(t.Context(), "s/a/x.yaml"); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for rev := range strings.FieldsSeq(git(t, h.bare, "rev-list", "main")) {
		want[rev] = true
	}
	var above []string
	for rev := range strings.FieldsSeq(git(t, h.bare, "rev-list", "--first-parent", "main")) {
		above = append(above, rev+"^{tree}", rev+":s", rev+":s/a")
	}
	for _, name := range h.trees(above) {
		want[name] = true
	}
	for _, v := range h.versions()["s/a/x.yaml"] {
		if v.Data != nil {
			want[git(t, h.bare, "rev-parse", string(v.Rev)+":s/a/x.yaml")] = true
		}
	}
	got := map[string]bool{}
	objects, err := l.objects.deeper.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		t.Fatal(err)
	}
	err = objects.ForEach(func(obj plumbing.EncodedObject) error {
		got[obj.Hash().String()] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fetched (-needed +got):\n%s", diff)
	}
	if n := s.Stats().Fetches; n != 5 { // commits, three levels of trees, files
		t.Errorf("%d fetches, want 5", n)
	}
}

// trees names those of the objects that are trees.
func (h *host) trees(objects []string) []string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "git", "cat-file", "--batch-check=%(objecttype) %(objectname)")
	cmd.Dir, cmd.Stdin = h.bare, strings.NewReader(strings.Join(objects, "\n"))
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "tree "); ok {
			found = append(found, name)
		}
	}
	return found
}

// A server may filter and yet refuse to be asked for a tree: then everything comes.
func TestLogOfAServerThatRefusesTrees(t *testing.T) {
	t.Parallel()
	h := newFilterHTTPHost(t)
	h.wander(2, 40)
	tip := string(h.ref("main"))
	refused := 0
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("want ")) && !bytes.Contains(body, []byte("want "+tip)) {
			refused++
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			text := "ERR upload-pack: not our ref"
			fmt.Fprintf(w, "%04x%s", len(text)+4, text)
			return
		}
		next.ServeHTTP(w, r)
	})
	s := h.open()
	h.sameLog(openLog(t, s), h.versions())
	if n := s.Stats().Fetches; n != 3 || refused != 1 {
		t.Errorf("%d fetches, of which %d were refused; want 3 and 1", n, refused)
	}
}

// The branch is rewound and pruned between the look and the fetch.
func TestLogOfABranchThatIsRewound(t *testing.T) {
	t.Parallel()
	conformance(t, func(h *host) {
		h.advance(3)
		s := h.open()
		s.wire = &faulty{wire: s.wire, service: uploadPack, before: func() error {
			git(h.t, h.work, "reset", "-q", "--hard", "HEAD~2")
			h.push("main")
			git(h.t, h.bare, "gc", "-q", "--prune=now")
			return nil
		}}
		l := openLog(h.t, s)
		h.sameLog(l, h.versions())
	})
}

func TestLogOfNoBranch(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	_, err := h.open(func(o *Options) { o.Branch = "other" }).Log(t.Context(), nil)
	if !errors.Is(err, ErrBranchNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestLogTellsItsProgress(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	h.import600()
	h.import600()
	var told []string
	l, err := h.open().Log(t.Context(), func(what string) { told = append(told, what) })
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || !strings.HasPrefix(told[0], "fetching the history: ") {
		t.Errorf("a fetch tells %q", told)
	}
	told = nil
	if _, err := l.Versions(t.Context(), "CHANGES"); err != nil {
		t.Fatal(err)
	}
	want := "reading the history of main of " + h.url + ": 1000 of 1203 commits"
	if diff := cmp.Diff([]string{want}, told); diff != "" {
		t.Error(diff)
	}
}
