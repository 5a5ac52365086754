package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"
)

// Every example of a help text works when it is pasted: in a repository that has what it
// names, with a registry of the test's own behind the names of public ones.
func TestHelpExamples(t *testing.T) {
	server := httptest.NewServer(anyImage(registry.New()))
	defer server.Close()
	template := exampleRepository(t, strings.TrimPrefix(server.URL, "http://"))
	for _, line := range exampleLines(newRoot(&app{})) {
		t.Run(strings.ReplaceAll(line, "/", "|"), func(t *testing.T) {
			runExample(t, template, line)
		})
	}
}

// exampleLines are the command lines of all help texts.
func exampleLines(cmd *cobra.Command) []string {
	var lines []string
	for line := range strings.Lines(cmd.Example) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
		if line != "" {
			lines = append(lines, line)
		}
	}
	for _, sub := range cmd.Commands() {
		lines = append(lines, exampleLines(sub)...)
	}
	return lines
}

func runExample(t *testing.T, template, line string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	line = strings.NewReplacer(
		"https://git.example.com/apps.git", filepath.Join(dir, "apps.git"), "/etc/imgstream/", filepath.Join(dir, "apps")+"/",
	).Replace(line)
	words, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+line).Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Split(strings.TrimSpace(string(words)), "\n")[1:]
	work := filepath.Join(dir, "apps")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch args[0] {
	case "import-image", "init", "plan", "sync", "rollback", "explain": // they ask registries
		if !strings.Contains(line, "--config") {
			args = append(args, "--config", "config.yaml")
		}
	case "create":
		work = t.TempDir() // without streams
	case "resume":
		if code := run(ctx, &app{stdout: io.Discard, stderr: io.Discard, now: clock}, []string{"-C", work, "pause", args[1], "-n", "sso", "--reason", "why"}); code != exitDone {
			t.Fatalf("pause %s: exit code %d", args[1], code)
		}
	case "run":
		cancel() // it starts, and ends
		if strings.Contains(line, "--listen") {
			args = append(args, "--listen", "127.0.0.1:0")
		}
	}
	var stdout, stderr bytes.Buffer
	code := run(ctx, &app{stdout: &stdout, stderr: &stderr, now: clock}, append([]string{"-C", work}, args...))
	if code != exitDone && (code != exitChanges || !strings.Contains(line, "--exit-code")) {
		t.Errorf("%q: exit code %d\n%s%s", args, code, &stdout, &stderr)
	}
}

// anyImage serves what was pushed, and has every image that is asked for by a digest that
// begins like the examples'.
func anyImage(of http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		digest := path.Base(r.URL.Path)
		if r.Method != http.MethodHead || !strings.HasPrefix(digest, "sha256:1f0") {
			of.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	})
}

// exampleRepository is a directory with the clone apps and the bare apps.git.
func exampleRepository(t *testing.T, host string) string {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "Ada")
		t.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
	}
	for _, image := range []string{"keycloak/keycloak:25.0.3", "keycloak/keycloak:19.0", "keycloak/keycloak:latest", "shop/web:1.0", "centos/python-35-centos7:latest"} {
		if _, err := pushImage(host+"/"+image, image); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	archive, err := txtar.ParseFile("testdata/examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		name := filepath.Join(dir, "apps", f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.ReplaceAll(f.Data, []byte("$REG"), []byte(host)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{
		"init -q --bare -b main apps.git", "-C apps init -q -b main", "-C apps remote add origin ../apps.git",
		"-C apps add .", "-C apps commit -q -m first", "-C apps push -q -u origin main",
	} {
		cmd := exec.CommandContext(t.Context(), "git", strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	return dir
}
