package system_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// hostile are files that somebody put into the repository to do harm, each bound to an image
// stream, and what is said of each.
func hostile(outside string) map[string]struct{ text, said string } {
	const marker = ` # {"$imagestream": "team-000/app-00000:1.0"}`
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 30; i++ {
		bomb += fmt.Sprintf("a%d: &a%[1]d [%s]\n", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	nested := strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(&nested, "%*sk:\n", i, "")
	}
	fmt.Fprintf(&nested, "%*simage: a/b:1%s\n", 1000, "", marker)
	manifest := fixture.Deployment("hostile", "app-00000:1.0")
	return map[string]struct{ text, said string }{
		"hostile/large.yaml":    {"image: a/b:1" + marker + "\n" + strings.Repeat("# 10 MB of this\n", 10<<20/16), "larger than"},
		"hostile/bomb.yaml":     {bomb + "image: *a29" + marker + "\n", "hostile/bomb.yaml"},
		"hostile/aliases.yaml":  {"x: &x a/b:1\ny: *x" + marker + "\n", "hostile/aliases.yaml:2"},
		"hostile/nested.yaml":   {nested.String(), "hostile/nested.yaml"},
		"hostile/brackets.yaml": {"image: " + strings.Repeat("[", 1_000_000) + marker + "\n", "hostile/brackets.yaml"},
		"hostile/latin1.yaml":   {"# caf\xe9\nimage: a/b:1" + marker + "\n", "hostile/latin1.yaml"},
		"hostile/template.yaml": {"{{ if .Values.on }}\nimage: {{ .Values.image }}" + marker + "\n{{ end }}\n", "a template, not YAML"},
		"hostile/value.yaml":    {"image: '{{ .Values.image }}'" + marker + "\n", "hostile/value.yaml:1"},
		"hostile/Dockerfile":    {"# imgstream: team-000/app-00000:1.0\nFROM ${" + strings.Repeat("A${", 10_000) + "\n", "hostile/Dockerfile"},

		// Local lookup: what the build would reach lies outside, or explodes.
		"hostile/up/kustomization.yaml": {
			"namespace: team-000\nresources:\n- ../../../outside/deployment.yaml\n- ../../../../../../../../../../etc/passwd\n- " + outside + "/deployment.yaml\n- link.yaml\n- bomb.yaml\n- deployment.yaml\n" +
				"components:\n- ../up\npatches:\n- path: ../../../outside/deployment.yaml\n", "",
		},
		"hostile/up/bomb.yaml":       {bomb + manifest, ""},
		"hostile/up/deployment.yaml": {manifest, ""},
		"imagestreams/names.yaml": {
			"apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: ../../evil, namespace: ../..}\n" +
				"spec: {tags: [{name: ../../evil, from: {kind: DockerImage, name: a/b:1}}]}\n", "imagestreams/names.yaml",
		},
		"imagestreams/bomb.yaml": {bomb + "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: *a29\n", "imagestreams/bomb.yaml"},
		"imagestreams/status/team-000/app-00001/other.yaml": {
			"apiVersion: imgstream.dev/v1\nkind: ImageStreamTagStatus\nmetadata:\n  name: app-00001:other\n  namespace: team-000\npending:\n- file: ../../../outside/deployment.yaml\n  path: image\n", "",
		},
	}
}

// A tree that was made to do harm: everything is reported where it is bound, nothing is read
// or written outside, the rest proceeds, and neither memory nor time is without a bound.
func TestHostileTree(t *testing.T) {
	w := newWorld(t, newRegistry(t), gitserver.Login{}, fixture.Shape{Streams: 2, PerUnit: 1, Manifests: 1, Lookup: true})
	root := t.TempDir()
	outside := filepath.Join(root, "outside")
	canary := map[string]string{"deployment.yaml": fixture.Deployment("outside", "app-00000:1.0"), "bound.yaml": "image: a/b:1 # {\"$imagestream\": \"team-000/app-00000:1.0\"}\n"}
	writeAll(t, outside, canary)

	clone := filepath.Join(root, "clone", "repository")
	w.gitIn(t, root, "clone", "--quiet", w.repo.Dir, clone)
	files := map[string]string{}
	for path, f := range hostile(outside) {
		files[path] = f.text
	}
	writeAll(t, clone, files)
	for name, target := range map[string]string{
		"hostile/link.yaml": "../../../outside/bound.yaml", "hostile/up/link.yaml": filepath.Join(outside, "deployment.yaml"),
		"hostile/linked": outside, "imagestreams/linked": outside, "hostile/loop": ".", "hostile/passwd.yaml": "/etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(clone, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.gitIn(t, clone, "add", "--all")
	w.gitIn(t, clone, "commit", "--quiet", "-m", "harm")
	w.gitIn(t, clone, "push", "--quiet")

	before := w.tip(t)
	first := w.sync(t)
	if first.code != 3 || w.tip(t) == before {
		t.Errorf("a pass exits with %d, and should with 3, having committed the rest:\n%s", first.code, first.stderr)
	}
	changed := w.gitOut(t, "diff", "--name-only", before, gitserver.Branch)
	for _, want := range []string{"apps/team-000/unit-0000/kustomization.yaml", "apps/team-000/unit-0001/kustomization.yaml", "imagestreams/status/team-000/app-00000/1.0.yaml"} {
		if !strings.Contains(changed, want+"\n") {
			t.Errorf("%s is not written:\n%s", want, changed)
		}
	}
	w.fsck(t)
	again := w.sync(t)
	if again.code != 3 || strings.Contains(again.stdout, "pushed") {
		t.Errorf("the second pass: exit %d, and\n%s", again.code, again.stdout)
	}

	w.gitIn(t, clone, "pull", "--quiet")
	inClone := w.imgstream(t, "-C", clone, "validate")
	if inClone.code != 1 {
		t.Errorf("validate in the work tree exits with %d:\n%s", inClone.code, inClone.stdout)
	}
	remote := w.imgstream(t, "validate", "--repo", w.repo.URL, "--branch", gitserver.Branch)
	if diff := cmp.Diff(remote.stdout, inClone.stdout); diff != "" {
		t.Errorf("validate says of the branch and of the work tree (-branch +work tree)\n%s", diff)
	}
	w.odd(t)
	for path, f := range hostile(outside) {
		for what, out := range map[string]string{"sync": first.stdout + first.stderr, "validate": inClone.stdout + inClone.stderr} {
			if f.said != "" && !saysOf(out, path, f.said) {
				t.Errorf("%s says nothing of %s with %q:\n%s", what, path, f.said, out)
			}
		}
	}
	for _, r := range []result{first, again, inClone, remote} {
		if strings.Contains(r.stdout+r.stderr, "root:") || strings.Contains(r.stdout, "outside/bound.yaml") {
			t.Errorf("something outside was read:\n%s", r.stdout+r.stderr)
		}
		if r.peak > 400<<20 {
			t.Errorf("%d MB of memory at the peak", r.peak>>20)
		}
	}

	w.commit(t, map[string]string{".imgstream.yaml": "apiVersion: imgstream.dev/v1\nkind: Repository\nstreams: {statusDirectory: ../../../outside}\n"})
	escapes := w.sync(t)
	if escapes.code != 1 || !saysOf(escapes.stderr, ".imgstream.yaml:3", "statusDirectory") {
		t.Errorf("a status directory outside of the tree: exit %d, and\n%s", escapes.code, escapes.stderr)
	}
	if diff := cmp.Diff(canary, readAll(t, outside)); diff != "" {
		t.Errorf("what lies outside (-was +is)\n%s", diff)
	}
}

// odd puts a tree on the branch that git itself would never write: names that lead elsewhere.
func (w *world) odd(t *testing.T) {
	t.Helper()
	tip := w.tip(t)
	blob := w.gitOut(t, "rev-parse", tip+":hostile/value.yaml")
	inner := w.gitFrom(t, "100644 blob "+blob+"\t..\n100644 blob "+blob+"\tx.yaml\n", "mktree")
	tree := w.gitFrom(t, w.gitOut(t, "ls-tree", tip)+"\n040000 tree "+inner+"\t..\n040000 tree "+inner+"\t.\n040000 tree "+inner+"\t.git\n", "mktree")
	w.gitOut(t, "update-ref", "refs/heads/"+gitserver.Branch, w.gitOut(t, "commit-tree", "-p", tip, "-m", "odd names", tree))
	r := w.sync(t)
	if r.code != 1 || !strings.Contains(r.stderr, "malformed tree") {
		t.Errorf("a tree with names that lead elsewhere: exit %d, and\n%s", r.code, r.stderr)
	}
	w.gitOut(t, "update-ref", "refs/heads/"+gitserver.Branch, tip)
}

func (w *world) gitFrom(t *testing.T, in string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = w.repo.Dir, gitserver.Env(w.dir), strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// saysOf reports whether a line of out names the path and has the words.
func saysOf(out, path, words string) bool {
	for line := range strings.Lines(out) {
		if strings.Contains(line, path) && strings.Contains(line, words) {
			return true
		}
	}
	return false
}

func (w *world) gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, gitserver.Env(w.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll gives the files directly in a folder.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}
