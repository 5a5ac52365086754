package system_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/registries"
)

// hundreds are 300 streams of two tags each, used by 300 entries in 30 kustomizations.
var hundreds = fixture.Shape{Streams: 300, PerUnit: 10, Manifests: 2}

const (
	gitUser, gitPassword           = "robot", "git-secret-8Ft3kQ"
	registryUser, registryPassword = "puller", "image-secret-2Hv9wZ"
)

// The whole way, over both kinds of registry and both ways to log in to git.
func TestSync(t *testing.T) {
	t.Run("plain registry, git login by configuration file", func(t *testing.T) {
		w := newWorld(t, newRegistry(t), gitserver.Login{Username: gitUser, Password: gitPassword}, hundreds)
		w.logInByFile(t, gitUser, gitPassword)
		w.moves(t)
	})
	t.Run("htpasswd registry, git login by token", func(t *testing.T) {
		w := newWorld(t, newHtpasswdRegistry(t), gitserver.Login{Username: "x-access-token", Password: gitPassword}, hundreds)
		w.logInByToken(gitPassword)
		w.logInToRegistry(t, registryPassword)
		w.moves(t)
	})
}

func newHtpasswdRegistry(t *testing.T) *registries.Registry {
	t.Helper()
	r, err := registries.Htpasswd(t.Context(), t.TempDir(), registries.Login{Username: registryUser, Password: registryPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// logInByFile writes the operator's configuration with the git login in two files.
func (w *world) logInByFile(t *testing.T, username, password string) {
	t.Helper()
	for name, text := range map[string]string{
		"username": username + "\n", "password": password + "\n",
		"config.yaml": "apiVersion: imgstream.dev/v1\nkind: Config\ngit: {usernameFile: username, passwordFile: password}\n",
	} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.flags = []string{"--config", "config.yaml"}
	w.secrets = append(w.secrets, password, base64.StdEncoding.EncodeToString([]byte(username+":"+password)))
}

func (w *world) logInByToken(token string) {
	w.env = []string{"IMGSTREAM_GIT_TOKEN=" + token}
	w.secrets = append(w.secrets, token, base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token)))
}

func (w *world) logInToRegistry(t *testing.T, password string) {
	t.Helper()
	if err := w.registry.DockerConfig(w.dir, registries.Login{Username: registryUser, Password: password}); err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, password, base64.StdEncoding.EncodeToString([]byte(registryUser+":"+password)))
}

// moves is the life of a repository: a first pass, one over an unchanged world, one
// after a tag moved, and one over an unchanged world again.
func (w *world) moves(t *testing.T) {
	t.Helper()
	begin := w.tip(t)
	w.passes(t, "pushed 1 commit to main: %s..%s (300 image streams, 300 references asked)", begin)
	first := w.tip(t)
	if got := w.gitOut(t, "log", "-1", "--format=%s <%ce>"); got != "300 streams, 600 tags <imgstream@imgstream.dev>" {
		t.Errorf("the first commit is %q", got)
	}
	if diff := cmp.Diff(w.pinned(w.files(t, begin)), consumers(w.files(t, first))); diff != "" {
		t.Errorf("files of people after the first pass (-want +got):\n%s", diff)
	}
	w.described(t)
	w.atRest(t)

	const moved = 137
	stream := w.shape.All()[moved]
	was, is := w.digests[moved], w.push(t, stream)
	w.digests[moved] = is
	w.passes(t, "pushed 1 commit to main: %s..%s (300 image streams, 300 references asked)", first)
	w.movedOne(t, first, stream, was, is)
	w.atRest(t)
	w.noSecretIn(t, "what was committed", w.gitOut(t, "log", "-p", "--format=fuller", begin+"..main"))
}

// passes runs a pass that publishes.
func (w *world) passes(t *testing.T, summary, from string) {
	t.Helper()
	r := w.sync(t)
	want := fmt.Sprintf(summary, from[:7], w.tip(t)[:7]) + "\n"
	if r.code != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, want) {
		t.Fatalf("exit code %d; it prints\n%s%s\nand should end with\n%s", r.code, r.stdout, r.stderr, want)
	}
	if own := w.gitOut(t, "rev-parse", "refs/imgstream/main"); own != w.tip(t) {
		t.Errorf("refs/imgstream/main is at %s", own)
	}
	w.fsck(t)
}

// atRest runs a pass over an unchanged world: it publishes nothing.
func (w *world) atRest(t *testing.T) {
	t.Helper()
	before := w.tip(t)
	got := w.sync(t, "--exit-code")
	want := result{peak: got.peak, stdout: fmt.Sprintf("main at %s: nothing to do (300 image streams, 300 references asked)\n", before[:7])}
	if got != want {
		t.Errorf("a second pass: %+v", got)
	}
	if w.tip(t) != before {
		t.Errorf("a second pass moved the branch from %s to %s", before, w.tip(t))
	}
	w.fsck(t)
}

// pinned are the files of people with the digests that a first pass writes.
func (w *world) pinned(files map[string]string) map[string]string {
	files = maps.Clone(files)
	for i, s := range w.shape.All() {
		entry := fmt.Sprintf("  newName: %s/%s\n  newTag: \"1.0\"\n", w.registry.Host, s.Repository)
		files[s.Kustomization] = strings.Replace(files[s.Kustomization], entry, entry+"  digest: "+w.digests[i]+"\n", 1)
	}
	return files
}

// consumers are all files but those that imgstream alone writes.
func consumers(files map[string]string) map[string]string {
	maps.DeleteFunc(files, func(path, _ string) bool { return strings.HasPrefix(path, "imagestreams/status/") || isImage(path) })
	return files
}

func isImage(path string) bool { return strings.HasPrefix(path, "imagestreams/images/") }

// described looks for the metadata of each image that a tag has, and of no other.
func (w *world) described(t *testing.T) {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, digest := range w.digests {
		want[fixture.ImagePath(digest)] = true
	}
	for path := range w.files(t, gitserver.Branch) {
		if isImage(path) {
			got[path] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

// movedOne compares the one new commit with what the move of one stream must be.
func (w *world) movedOne(t *testing.T, before string, s fixture.Stream, was, is string) {
	t.Helper()
	image := w.registry.Host + "/" + s.Repository
	want := map[string]string{
		s.Kustomization: fmt.Sprintf("-  digest: %s\n+  digest: %s\n", was, is),
		statusPath(s, "1.0"): fmt.Sprintf("+- image: %s\n+  dockerImageReference: %s@%[1]s\n+  created: TIME\n+  from: %[2]s:1.0\n+  cause: import\n",
			is, image),
		statusPath(s, "live"): fmt.Sprintf("+- image: %s\n+  dockerImageReference: %s@%[1]s\n+  created: TIME\n+  from: %[3]s/%[4]s:1.0\n+  cause: follow\n",
			is, image, s.Namespace, s.Name),
	}
	if diff := cmp.Diff(want, changes(w.gitOut(t, "diff", "--unified=0", "--minimal", before, gitserver.Branch, "--", ":!imagestreams/images"))); diff != "" {
		t.Errorf("changed lines (-want +got):\n%s", diff)
	}
	w.described(t)
	if n := w.gitOut(t, "rev-list", "--count", before+".."+gitserver.Branch); n != "1" {
		t.Errorf("%s commits", n)
	}
	line := 1 + strings.Count(strings.Split(w.files(t, before)[s.Kustomization], "- name: "+s.Name+" ")[0], "\n")
	message := fmt.Sprintf(`%[1]s:1.0 -> %.19[2]s (+1)

  1.0   %.11[3]s… -> %.11[2]s…   %[4]s:1.0
  live  %.11[3]s… -> %.11[2]s…   follows 1.0
  %[5]s:%[6]d   %[7]s

Image-Stream: %[1]s
Image-Stream-Tag: 1.0 %[3]s %[2]s
Image-Stream-Cause: import
Image-Stream-Tag: live %[3]s %[2]s
Image-Stream-Cause: follow`, s.Namespace+"/"+s.Name, is, was, image, s.Kustomization, line, s.Name)
	if diff := cmp.Diff(message, w.gitOut(t, "log", "-1", "--format=%B")); diff != "" {
		t.Errorf("commit message (-want +got):\n%s", diff)
	}
}

func statusPath(s fixture.Stream, tag string) string {
	return fmt.Sprintf("imagestreams/status/%s/%s/%s.yaml", s.Namespace, s.Name, tag)
}

var created = regexp.MustCompile(`created: ".*"`)

// changes are the removed and added lines of a diff, by file.
func changes(diff string) map[string]string {
	lines, file := map[string]string{}, ""
	for line := range strings.Lines(diff + "\n") {
		switch {
		case strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "+++ b/"):
			file = strings.TrimSpace(strings.TrimPrefix(line, "+++ b/"))
		case line[0] == '-' || line[0] == '+':
			lines[file] += created.ReplaceAllString(line, "created: TIME")
		}
	}
	return lines
}
