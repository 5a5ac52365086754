package survey_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// tree is a file system that gives hashes, as git does, and notes what is read.
type tree struct {
	fstest.MapFS
	mu          sync.Mutex // of files: they are read by several goroutines
	files, dirs []string
}

func (t *tree) hash(name string) string {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(t.MapFS)) {
		if path == name || name == "." || strings.HasPrefix(path, name+"/") {
			fmt.Fprintf(sum, "%s %s\n", path, t.MapFS[path].Data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	if _, ok := t.MapFS[name]; ok {
		t.mu.Lock()
		t.files = append(t.files, name)
		t.mu.Unlock()
	}
	return t.MapFS.ReadFile(name)
}

func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	t.dirs = append(t.dirs, name)
	entries, err := t.MapFS.ReadDir(name)
	for i, e := range entries {
		entries[i] = hashed{e, t.hash(strings.TrimPrefix(name+"/"+e.Name(), "./"))}
	}
	return entries, err
}

func (t *tree) Stat(name string) (fs.FileInfo, error) {
	info, err := t.MapFS.Stat(name)
	return hashedInfo{info, t.hash(name)}, err
}

type hashed struct {
	fs.DirEntry
	hash string
}

func (h hashed) Hash() string { return h.hash }

type hashedInfo struct {
	fs.FileInfo
	hash string
}

func (h hashedInfo) Hash() string { return h.hash }

func repository() fstest.MapFS {
	files := fstest.MapFS{"README.md": {Data: []byte("$imagestream")}}
	for team := range 10 {
		for app := range 10 {
			dir := fmt.Sprintf("teams/%d/%d", team, app)
			files[dir+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("images:\n- name: a # {\"$imagestream\": \"app:1\"}\n  newTag: x\n")}
			files[dir+"/imagestreams/app.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "apiVersion: v1\nkind: ImageStream\nmetadata: {name: app, namespace: ns%d-%d}\n", team, app)}
		}
	}
	return files
}

func read(t *testing.T, fsys fs.FS, earlier ...*survey.Survey) *survey.Survey {
	t.Helper()
	s, err := survey.Read(fsys, earlier...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A later tree costs what changed: the files that differ, and the directories above
// them. What comes out is what reading it alone gives.
func TestReadCostsTheChange(t *testing.T) {
	files := repository()
	first := read(t, &tree{MapFS: files})

	same := &tree{MapFS: files}
	if again := read(t, same, nil, first); again != first || len(same.files)+len(same.dirs) > 0 {
		t.Errorf("an unchanged tree was read: %v %v", same.files, same.dirs)
	}

	changed := maps.Clone(files)
	changed["teams/3/4/kustomization.yaml"] = &fstest.MapFile{Data: []byte("images: []\n")}
	changed["teams/5/new.yaml"] = &fstest.MapFile{Data: []byte("image: x:1 # {\"$imagestream\": \"app:2\"}\n")}
	delete(changed, "teams/7/7/imagestreams/app.yaml")
	second := &tree{MapFS: changed}
	got := read(t, second, first)
	slices.Sort(second.files)
	slices.Sort(second.dirs)
	if diff := cmp.Diff([]string{"teams/3/4/kustomization.yaml", "teams/5/new.yaml"}, second.files); diff != "" {
		t.Errorf("files read:\n%s", diff)
	}
	if diff := cmp.Diff([]string{".", "teams", "teams/3", "teams/3/4", "teams/5", "teams/7", "teams/7/7"}, second.dirs); diff != "" {
		t.Errorf("directories read:\n%s", diff)
	}
	if diff := cmp.Diff(describe(read(t, &tree{MapFS: changed})), describe(got)); diff != "" {
		t.Errorf("another survey than without an earlier one:\n%s", diff)
	}
}

// Of the metadata of images only the names are read, whatever is in the files.
func TestImagesAreNotRead(t *testing.T) {
	path := func(digits string) string {
		return stream.ImagePath("imagestreams/status", "sha256:"+strings.Repeat(digits, 32))
	}
	files := repository()
	files[path("c1")] = &fstest.MapFile{Data: []byte("image: x # {\"$imagestream\": \"app:1\"}\n")}
	files[path("0f")] = &fstest.MapFile{Data: []byte("kind: ImageStream\n")}
	files["imagestreams/images/README.md"] = &fstest.MapFile{}
	files["imagestreams/images/"+strings.Repeat("ab", 32)+".yaml"] = &fstest.MapFile{}
	first := &tree{MapFS: files}
	got := read(t, first)
	if diff := cmp.Diff([]string{"sha256:" + strings.Repeat("0f", 32), "sha256:" + strings.Repeat("c1", 32)}, got.View.Images); diff != "" {
		t.Errorf("images:\n%s", diff)
	}
	if slices.ContainsFunc(first.files, func(f string) bool { return strings.HasPrefix(f, "imagestreams/") }) {
		t.Errorf("read: %v", first.files)
	}
	changed := maps.Clone(files)
	delete(changed, path("c1"))
	second := &tree{MapFS: changed}
	if got := read(t, second, got); len(got.View.Images) != 1 || len(second.files) > 0 {
		t.Errorf("images %v; read: %v", got.View.Images, second.files)
	} else if got.Same(read(t, first)) {
		t.Error("a tree with one image fewer says the same")
	}
}

// What can bind is read, by its name: Dockerfiles and some other text files, too.
func TestFilesThatBind(t *testing.T) {
	marker := []byte("x = \"y:1\" # {\"$imagestream\": \"app:1\"}\n")
	files := fstest.MapFS{
		"a/Dockerfile":                   {Data: []byte("# imgstream: app:1\nFROM x\n")},
		"a/main.tf":                      {Data: marker},
		"a/main.go":                      {Data: marker},
		"a/run.sh":                       {Data: []byte("true\n")},
		"imagestreams/images/x.tf":       {Data: marker},
		"imagestreams/status/Dockerfile": {Data: marker},
	}
	tr := &tree{MapFS: files}
	if diff := cmp.Diff([]string{"a/Dockerfile 1", "a/main.tf 1"}, describe(read(t, tr))); diff != "" {
		t.Error(diff)
	}
	slices.Sort(tr.files)
	if diff := cmp.Diff([]string{"a/Dockerfile", "a/main.tf", "a/run.sh"}, tr.files); diff != "" {
		t.Errorf("files read:\n%s", diff)
	}
}

func describe(s *survey.Survey) []string {
	var all []string
	for _, st := range s.View.Tree.Streams {
		all = append(all, st.Ref().String()+" "+st.Pos.String())
	}
	for _, f := range s.View.Files {
		all = append(all, fmt.Sprint(f.Path, " ", len(f.Uses)))
	}
	for _, p := range s.View.Tree.Problems {
		all = append(all, p.String())
	}
	return all
}

// Settings that send files to other parsers make everything be read anew.
func TestSettingsChangeTheRoles(t *testing.T) {
	files := repository()
	first := read(t, &tree{MapFS: files})
	files[".imgstream.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: imgstream.dev/v1\nkind: Repository\nmetadata: {name: imgstream}\nscan: {exclude: [\"teams/1/**\"]}\n")}
	got := read(t, &tree{MapFS: files}, first)
	if len(first.View.Files) != 100 || len(got.View.Files) != 90 {
		t.Errorf("%d files with bindings, then %d", len(first.View.Files), len(got.View.Files))
	}
}

func TestSettingsThatAreNotValid(t *testing.T) {
	files := fstest.MapFS{".imgstream.yaml": {Data: []byte("kind: Repository\nhsitory: {}\n")}}
	_, err := survey.Read(files)
	invalid, ok := errors.AsType[*survey.SettingsError](err)
	if !ok {
		t.Fatal(err)
	}
	want := ".imgstream.yaml:1: error: apiVersion \"\" is not known\n    write apiVersion: imgstream.dev/v1\n" +
		".imgstream.yaml:2: error: unknown field hsitory\n    did you mean history?"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("the notice that deploy tools take the file for a resource stays out (-want +got):\n%s", diff)
	}
	s, err := survey.ReadWith(files, read(t, fstest.MapFS{}).View.Tree.Settings)
	if err != nil || len(invalid.Problems) == 0 {
		t.Error(err, s)
	}
}

// What is no regular file, or is too large, is not read; the rest is.
func TestHostileTree(t *testing.T) {
	files := fstest.MapFS{
		"imagestreams/app.yaml":  {Data: []byte("kind: ImageStream\napiVersion: v1\nmetadata: {name: app}\n")},
		"imagestreams/link.yaml": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink},
		"huge.yaml":              {Data: []byte(strings.Repeat("#", 17<<20) + "$imagestream")},
		"large.yaml":             {Data: []byte("image: x # {\"$imagestream\": \"app:1\"}\n" + strings.Repeat("#", 2<<20))},
		".git/config.yaml":       {Data: []byte("image: x # {\"$imagestream\": \"app:1\"}\n")},
		"bomb.yaml":              {Data: []byte("x: " + strings.Repeat("[", 5000) + " # {\"$imagestream\": \"app:1\"}\n")},
	}
	s := read(t, files)
	if len(s.View.Tree.Streams) != 1 {
		t.Error(s.View.Tree.Streams)
	}
	var found []string
	for _, f := range s.View.Files {
		found = append(found, fmt.Sprint(f.Path, " broken=", f.Broken != "", " uses=", len(f.Uses)))
	}
	if diff := cmp.Diff([]string{"bomb.yaml broken=true uses=0", "large.yaml broken=true uses=0"}, found); diff != "" {
		t.Error(diff)
	}
	if p := s.View.Tree.Problems; len(p) != 1 || p[0].Pos.File != "huge.yaml" {
		t.Error(p)
	}
}

// Which kustomizations include which is read when it is asked for, and then as little as
// everything else.
func TestIncludes(t *testing.T) {
	files := repository()
	files["overlay/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [../teams/3/4]\n")}
	deploying := func(tr *tree, s *survey.Survey) (roots []string, reads int) {
		before := len(tr.files)
		g, err := s.Includes(tr)()
		if err != nil {
			t.Fatal(err)
		}
		roots, _ = g.Deploying("teams/3/4/kustomization.yaml")
		return roots, len(tr.files) - before
	}
	first := &tree{MapFS: files}
	s := read(t, first)
	if roots, reads := deploying(first, s); !slices.Equal(roots, []string{"overlay/kustomization.yaml"}) || reads != 101 {
		t.Errorf("%v, %d files read", roots, reads)
	}
	if _, reads := deploying(first, s); reads != 0 {
		t.Errorf("%d files read again", reads)
	}
	changed := maps.Clone(files)
	delete(changed, "overlay/kustomization.yaml")
	changed["prod/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [../teams/3/4]\n")}
	second := &tree{MapFS: changed}
	if roots, reads := deploying(second, read(t, second, s)); !slices.Equal(roots, []string{"prod/kustomization.yaml"}) || reads != 1 {
		t.Errorf("%v, %d files read after a change", roots, reads)
	}
}

// An entry of Flux or Argo CD reaches the Jobs of the path that it is for, where that lies here.
func TestJobsOfDeployers(t *testing.T) {
	const job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: a, image: registry.example.com/tool:1}\n      - {name: b, image: registry.example.com/other:1}\n"
	flux := func(path, kind string) string {
		return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec:\n  path: " + path + "\n  sourceRef: {kind: " + kind + ", name: flux-system}\n  images:\n  - name: registry.example.com/tool # {\"$imagestream\": \"tool:1\"}\n    newTag: x\n"
	}
	argo := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: apps}\nspec:\n  source:\n    repoURL: https://example.com/r.git\n    path: %s\n    kustomize:\n      images:\n      - registry.example.com/tool:1 # {\"$imagestream\": \"tool:1\"}\n"
	for _, c := range []struct{ name, file, text, want string }{
		{"Flux, a kustomization", "flux/a.yaml", flux("./apps/prod", "GitRepository"), "apps/base/job.yaml:8 by flux/a.yaml:8"},
		{"Flux, manifests", "flux/a.yaml", flux("/plain", "GitRepository"), "plain/jobs/job.yaml:8 by flux/a.yaml:8"},
		{"Flux, the root", "flux/a.yaml", flux("''", "GitRepository"), "apps/base/job.yaml:8 by flux/a.yaml:8, plain/jobs/job.yaml:8 by flux/a.yaml:8"},
		{"Flux, a bucket", "flux/a.yaml", flux("./apps/prod", "Bucket"), ""},
		{"Flux, elsewhere", "flux/a.yaml", flux("./apps/none", "GitRepository"), ""},
		{"Flux, filled in", "flux/a.yaml", flux("'./apps/${env}'", "GitRepository"), ""},
		{"Flux, out of the tree", "flux/a.yaml", flux("../apps/prod", "GitRepository"), ""},
		{"Argo CD", "argo/a.yaml", fmt.Sprintf(argo, "apps/prod"), "apps/base/job.yaml:8 by argo/a.yaml:10"},
		{"Argo CD, a chart", "argo/a.yaml", fmt.Sprintf(argo, "''"), ""},
		{"Argo CD, over the source", "apps/prod/.argocd-source-web.yaml", "kustomize:\n  images:\n  - registry.example.com/tool:1 # {\"$imagestream\": \"tool:1\"}\nhelm:\n  parameters:\n  - name: registry.example.com/other\n    value: a/b:1 # {\"$imagestream\": \"tool:1\"}\n", "apps/base/job.yaml:8 by apps/prod/.argocd-source-web.yaml:3"},
		{"an entry for another image", "flux/a.yaml", strings.Replace(flux("./apps/prod", "GitRepository"), "/tool #", "/tools #", 1), ""},
	} {
		s := read(t, &tree{MapFS: fstest.MapFS{
			"apps/prod/kustomization.yaml": {Data: []byte("resources: [../base]\n")}, "apps/base/kustomization.yaml": {Data: []byte("resources: [job.yaml]\n")},
			"apps/base/job.yaml": {Data: []byte(job)}, "plain/jobs/job.yaml": {Data: []byte(job)}, c.file: {Data: []byte(c.text)},
		}})
		var jobs []string
		for _, r := range s.View.Jobs {
			jobs = append(jobs, fmt.Sprintf("%s:%d by %s:%d", r.File, r.Line, r.Changed.File, r.Changed.Line))
		}
		if got := strings.Join(jobs, ", "); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
