package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/reconciler/render"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// P8 is about so many streams, with so many tags each.
const manyStreams, tagsEach = 1000, 10

// manyFigures are of passes in which many tags move at once (P8).
type manyFigures struct {
	files  int
	passes []manyPass
	peer   manyPass
}

// manyPass is one of them. For each tag that moved it changes four files: the status, the
// consumer, the metadata of the new image and that of the old one.
type manyPass struct {
	changes   int // tags that moved, each with one consumer
	took, cpu time.Duration
	steps     map[reconciler.Step]time.Duration
	pushes    int64
	files     int // that the commit changed
}

func (p manyPass) each(d time.Duration) time.Duration { return d / time.Duration(max(1, p.changes)) }

// moving is a registry on loopback in which the tag NUMBER of every repository many/app-S has
// an image; what was moved has another.
type moving struct {
	*httptest.Server
	generation atomic.Int64
	moved      atomic.Int64 // tags below it are of the generation, others of the one before
}

func newMoving() *moving {
	m := &moving{}
	m.Server = httptest.NewServer(m)
	return m
}

func (m *moving) host() string { return strings.TrimPrefix(m.URL, "http://") }

// image is that of a tag now. Its number is one that no other tag ever has.
func (m *moving) image(number int) (manifest, config []byte) {
	generation := m.generation.Load()
	if int64(number) >= m.moved.Load() {
		generation--
	}
	return fixture.Image(number + int(generation)*manyStreams*tagsEach)
}

func (m *moving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := parsePlace(r.URL.Path)
	if !ok { // the ping
		w.WriteHeader(http.StatusOK)
		return
	}
	var stream int
	if _, err := fmt.Sscanf(at.repository, "many/app-%d", &stream); err != nil {
		http.NotFound(w, r)
		return
	}
	for t := range tagsEach {
		manifest, config := m.image(stream*tagsEach + t)
		switch {
		case at.kind == "manifests" && (at.reference == tagName(t) || at.reference == fixture.DigestOf(manifest)):
			serve(w, manifest, fixture.MediaType)
			return
		case at.kind == "blobs" && at.reference == fixture.DigestOf(config):
			serve(w, config, "application/octet-stream")
			return
		}
	}
	http.NotFound(w, r)
}

func serve(w http.ResponseWriter, body []byte, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Docker-Content-Digest", fixture.DigestOf(body))
	_, _ = w.Write(body) // not at all, to a HEAD
}

func tagName(t int) string { return fmt.Sprintf("1.%d", t) }

// manyFiles is a repository with a stream for each thousandth, ten tags in it, and for each
// tag an application: a kustomization with one entry, and its deployment.
func manyFiles(host string) map[string]string {
	files := map[string]string{}
	for s := range manyStreams {
		name := fmt.Sprintf("app-%05d", s)
		var tags strings.Builder
		for t := range tagsEach {
			fmt.Fprintf(&tags, "  - name: %q\n    from: {kind: DockerImage, name: \"%s/many/%s:%s\"}\n    importPolicy: {scheduled: true}\n", tagName(t), host, name, tagName(t))
			dir := manyDir(s, t)
			files[dir+"deployment.yaml"] = fixture.Deployment(name+"-"+strconv.Itoa(t), name)
			files[dir+"kustomization.yaml"] = fmt.Sprintf("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: many\nresources:\n- deployment.yaml\n"+
				"images:\n- name: %s # {\"$imagestream\": \"%[1]s:%s\"}\n  newName: %s/many/%[1]s\n  newTag: %[2]q\n", name, tagName(t), host)
		}
		files[fmt.Sprintf("imagestreams/many/%s.yaml", name)] = fmt.Sprintf("# +argocd:skip-file-rendering\napiVersion: image.openshift.io/v1\nkind: ImageStream\n"+
			"metadata:\n  name: %s\n  namespace: many\n  annotations:\n    config.kubernetes.io/local-config: \"true\"\nspec:\n  tags:\n%s", name, tags.String())
	}
	return files
}

func manyDir(s, t int) string { return fmt.Sprintf("apps/%02d/app-%05d/%s/", s%100, s, tagName(t)) }

// many measures P8: a pass as a daemon makes it when a hook names so many tags.
func (b *lab) many(ctx context.Context) (f manyFigures, err error) {
	progress("%d streams with %d tags each: preparing", manyStreams, tagsEach)
	images := newMoving()
	defer images.Close()
	content := manyFiles(images.host())
	repo, err := b.server.Create(ctx, "many", content)
	if err != nil {
		return f, err
	}
	store, err := gitstore.Open(gitstore.Options{URL: repo.URL, Branch: gitserver.Branch})
	if err != nil {
		return f, err
	}
	client, err := registry.New(registry.Options{})
	if err != nil {
		return f, err
	}
	defer client.Close()
	r := &reconciler.Reconciler{Repo: store, Resolver: client, Now: time.Now, Verifier: render.Verifier{Builds: config.Default().Limits.Builds}}
	if _, err := b.manyPass(ctx, r, images, store, manyStreams*tagsEach); err != nil {
		return f, err
	}
	for _, n := range []int{100, 1000, manyStreams * tagsEach} {
		runs := max(1, min(3, b.slowRuns()))
		all := make([]manyPass, runs)
		for i := range runs {
			progress("  %d changes at once: run %d", n, i+1)
			if all[i], err = b.manyPass(ctx, r, images, store, n); err != nil {
				return f, err
			}
		}
		p := all[runs-1]
		p.took = median(all, func(p manyPass) time.Duration { return p.took })
		p.cpu = median(all, func(p manyPass) time.Duration { return p.cpu })
		f.passes = append(f.passes, p)
	}
	tip, err := repo.Files(ctx, gitserver.Branch)
	if err != nil {
		return f, err
	}
	f.files = len(tip)
	f.peer, err = b.manyByGoGit(ctx, repo, tip)
	return f, err
}

// manyPass moves so many tags, and runs the pass that brings them to their consumers.
func (b *lab) manyPass(ctx context.Context, r *reconciler.Reconciler, images *moving, store *gitstore.Store, changes int) (p manyPass, err error) {
	// What the last run left behind comes first, and the look that a daemon takes after its push.
	images.moved.Store(manyStreams * tagsEach)
	for _, due := range []plan.Due{plan.Always, nil} {
		if _, err := r.Pass(ctx, reconciler.Request{Due: due}); err != nil {
			return p, err
		}
	}
	images.moved.Store(int64(changes))
	images.generation.Add(1)
	runtime.GC()
	p.steps = map[reconciler.Step]time.Duration{}
	r.Observe = func(s reconciler.Step, took time.Duration) { p.steps[s] += took }
	before := store.Stats().Pushes
	start, cpu := time.Now(), ownCPU()
	report, err := r.Pass(ctx, reconciler.Request{Due: func(a plan.Ask) bool {
		var s, t int
		_, err := fmt.Sscanf(a.Ref.Name+" "+a.Ref.Tag, "app-%d 1.%d", &s, &t)
		return err == nil && s*tagsEach+t < changes
	}})
	r.Observe = nil
	p.changes, p.took, p.cpu, p.pushes = changes, time.Since(start), ownCPU()-cpu, store.Stats().Pushes-before
	switch {
	case err != nil:
		return p, err
	case len(report.Problems) > 0:
		return p, fmt.Errorf("%d problems, the first: %v", len(report.Problems), report.Problems[0])
	}
	var written int
	for _, c := range report.Changes {
		written += len(c.Written)
		p.files += len(c.Files)
	}
	if written != changes || p.pushes != 1 {
		return p, fmt.Errorf("%d tags moved: %d consumers written, %d pushes", changes, written, p.pushes)
	}
	return p, nil
}

// manyByGoGit is what other updaters do for the same: a clone with a work tree, every changed
// file added to it, one commit, one push. Their time grows with files × changes: it is measured
// with few.
func (b *lab) manyByGoGit(ctx context.Context, repo *gitserver.Repository, tip map[string]string) (p manyPass, err error) {
	p.changes = 10
	progress("  %d changes by go-git", p.changes)
	dir, remove := b.dir("go-git-many")
	defer remove()
	start, cpu := time.Now(), ownCPU()
	clone, err := git.PlainCloneContext(ctx, dir, false, &git.CloneOptions{URL: repo.URL, Depth: 1, SingleBranch: true, ReferenceName: plumbing.NewBranchReferenceName(gitserver.Branch)})
	if err != nil {
		return p, err
	}
	tree, err := clone.Worktree()
	if err != nil {
		return p, err
	}
	for n := range p.changes {
		path := manyDir(n, 0) + "kustomization.yaml"
		if tip[path] == "" {
			return p, errors.New("no file " + path)
		}
		if err := write(dir, path, changed([]byte(tip[path]), n)); err != nil {
			return p, err
		}
		if _, err := tree.Add(path); err != nil {
			return p, err
		}
	}
	who := &object.Signature{Name: "Ada", Email: "ada@example.com", When: time.Now()}
	if _, err := tree.Commit("many values", &git.CommitOptions{Author: who}); err != nil {
		return p, err
	}
	err = clone.PushContext(ctx, &git.PushOptions{})
	p.took, p.cpu, p.files, p.pushes = time.Since(start), ownCPU()-cpu, p.changes, 1
	return p, err
}

// ownCPU is what this process used so far; the git that answers is another one.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// printMany prints P8.
func printMany(f manyFigures) {
	fmt.Printf("\nP8: many tags move at once, in %d files, %d streams and %d consumers\n\n", f.files, manyStreams, manyStreams*tagsEach)
	fmt.Println("Medians of whole passes. CPU is this process's: the pass, and the registry and the HTTP half of the git server beside it.")
	fmt.Print("\n| changes | took | of it fetch | of it read | of it resolve | of it plan | of it push | files in the commit | pushes | per change | CPU per change |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	row := func(what string, p manyPass) {
		step := func(s reconciler.Step) string {
			if p.steps == nil {
				return ""
			}
			return ms(p.steps[s]) + " ms"
		}
		fmt.Printf("| %s | %s ms | %s | %s | %s | %s | %s | %d | %d | %s ms | %s ms |\n", what, ms(p.took), step(reconciler.StepFetch), step(reconciler.StepRead), step(reconciler.StepResolve), step(reconciler.StepPlan), step(reconciler.StepPush),
			p.files, p.pushes, fine(p.each(p.took)), fine(p.each(p.cpu)))
	}
	for _, p := range f.passes {
		row(strconv.Itoa(p.changes), p)
	}
	row(strconv.Itoa(f.peer.changes)+" by go-git: clone, work tree, add each, commit, push", f.peer)
	fmt.Println()
	first, last := f.passes[0], f.passes[len(f.passes)-1]
	bar(fmt.Sprintf("time per change, with %d / with %d", last.changes, first.changes), ratio(last.each(last.took), first.each(first.took)), "≤", 2)
	bar("CPU per change: go-git's work tree / imgstream with all of them", ratio(f.peer.each(f.peer.cpu), last.each(last.cpu)), "≥", 50)
}

func fine(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
