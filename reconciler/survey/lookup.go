package survey

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// more is what a file says that only local lookup asks for. Like everything that is
// remembered by hash, it depends on the file's name and bytes alone.
type more struct {
	kustomization *kustomize.Kustomization
	manifest      *kustomize.Manifest
}

// kept are the bytes of files that matter to local lookup, for as long as one reader
// works, so that most are not read twice; a bounded amount of them.
type kept struct {
	mu    sync.Mutex
	files map[*file][]byte
	size  int
}

// maxKept is how much is kept, in bytes.
const maxKept = 16 << 20

func (k *kept) add(f *file, src []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.size += len(src); k.size > maxKept {
		return
	}
	if k.files == nil {
		k.files = map[*file][]byte{}
	}
	k.files[f] = src
}

// of is nil for a file that is not kept.
func (k *kept) of(f *file) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files[f]
}

// lookups reads what local lookup needs beyond what every tree is read for: nothing where
// no stream and no entry has to do with it, else the kustomizations and the manifests
// that may say a stream's name. What was read once is not read again.
func (r *reader) lookups(s *Survey) error {
	want := newWanted(s.View.Tree)
	if asked := want.entries(s.View.Files); asked || s.root.mentions(want) {
		var err error
		if s.View.Graph, err = r.graph(s.root, want); err != nil {
			return err
		}
	}
	jobs := wanted{jobs: true}
	if !changesImages(s.View.Files) || !s.root.mentions(jobs) {
		return nil
	}
	graph, err := r.graph(s.root, jobs)
	if err != nil {
		return err
	}
	s.View.Jobs = graph.Jobs()
	for _, f := range s.View.Files {
		for _, u := range f.Uses {
			if dir := deploys(f, u); dir != "" {
				s.View.Jobs = append(s.View.Jobs, graph.DeployedJobs(dir, u.Label, kustomize.Place{File: f.Path, Line: u.Line})...)
			}
		}
	}
	return nil
}

// deploys is the directory that an entry of Flux or Argo CD is for; "" where that is not known.
func deploys(f plan.File, u kustomize.Use) string {
	if u.Deploys != "" && kustomize.IsOverride(f.Path) {
		return path.Dir(f.Path)
	}
	return u.Deploys
}

// Includes gives a function that says which kustomizations include which, in the tree of fsys,
// which s was read from. Where local lookup did not need that, the kustomizations are read when
// it is first called, and remembered by hash like everything else. It is for one caller at a time.
func (s *Survey) Includes(fsys fs.FS) func() (*kustomize.Graph, error) {
	return func() (*kustomize.Graph, error) {
		if s.View.Graph != nil || s.includes != nil {
			return cmp.Or(s.View.Graph, s.includes), nil
		}
		r := reader{fsys: fsys}
		r.parsing.SetLimit(runtime.GOMAXPROCS(0))
		var err error
		s.includes, err = r.graph(s.root, wanted{})
		return s.includes, err
	}
}

// graph reads what is wanted and was not read before, and puts it together.
func (r *reader) graph(root *dir, want wanted) (*kustomize.Graph, error) {
	r.ask(".", root, want)
	if err := r.parsing.Wait(); err != nil {
		return nil, err
	}
	g := kustomize.NewGraph()
	root.graph(".", want, g)
	return g, nil
}

// changesImages reports whether an entry of people is bound in some kustomization, or in what
// deploys one.
func changesImages(files []plan.File) bool {
	return slices.ContainsFunc(files, func(f plan.File) bool {
		own := kustomize.IsKustomization(f.Path)
		return slices.ContainsFunc(f.Uses, func(u kustomize.Use) bool { return own && !u.Lookup || deploys(f, u) != "" })
	})
}

// wanted are the names that local lookup may have to do with.
type wanted struct {
	jobs  bool            // manifests with Jobs, whatever their images are called
	local map[string]bool // of streams with lookupPolicy.local, and of entries
	any   map[string]bool // of all streams: for OpenShift's annotation
}

func newWanted(tree *stream.Tree) wanted {
	w := wanted{local: map[string]bool{}, any: map[string]bool{}}
	for _, s := range tree.Streams {
		w.any[s.Name] = true
		if s.LookupLocal {
			w.local[s.Name] = true
		}
	}
	return w
}

// entries adds the names of the entries that local lookup made, and reports whether there
// are any: the name counts also when its stream is gone.
func (w wanted) entries(files []plan.File) (found bool) {
	for _, f := range files {
		for _, u := range f.Uses {
			if u.Lookup {
				name, _, _ := strings.Cut(u.Label, ":")
				w.local[name], found = true, true
			}
		}
	}
	return found
}

// in reports whether a file may say one of the names.
func (w wanted) in(m *kustomize.Mentions) bool {
	if m == nil || w.jobs {
		return m != nil && m.Job
	}
	names := w.local
	if m.Resolve {
		names = w.any
	}
	return len(names) > 0 && (m.All || slices.ContainsFunc(m.Names, func(n string) bool { return names[n] }))
}

func (d *dir) mentions(want wanted) bool {
	return d.names && (slices.ContainsFunc(d.files, func(f file) bool { return want.in(f.names) }) ||
		slices.ContainsFunc(d.dirs, func(sub *dir) bool { return sub.mentions(want) }))
}

// ask has the files read that matter and were not read for local lookup before.
func (r *reader) ask(name string, d *dir, want wanted) {
	if !d.names {
		return
	}
	for i := range d.files {
		f := &d.files[i]
		if f.more == nil && f.tooBig == 0 && (kustomize.IsKustomization(f.name) || want.in(f.names)) {
			r.parsing.Go(func() error { return r.readMore(f, path.Join(name, f.name)) })
		}
	}
	for _, sub := range d.dirs {
		r.ask(path.Join(name, sub.name), sub, want)
	}
}

func (r *reader) readMore(f *file, name string) error {
	src := r.kept.of(f)
	if src == nil {
		var err error
		if src, err = fs.ReadFile(r.fsys, name); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if kustomize.IsKustomization(f.name) {
		f.more = &more{kustomization: kustomize.ReadKustomization(f.name, src)}
	} else {
		f.more = &more{manifest: kustomize.ReadManifest(src)}
	}
	return nil
}

// graph puts together what the files say.
func (d *dir) graph(name string, want wanted, g *kustomize.Graph) {
	if !d.names {
		return
	}
	for _, f := range d.files {
		switch file := path.Join(name, f.name); {
		case f.more == nil:
		case f.more.kustomization != nil:
			g.AddKustomization(file, f.more.kustomization, f.uses)
		case f.more.manifest != nil && want.in(f.names):
			g.AddManifest(file, f.more.manifest, f.uses)
		}
	}
	for _, sub := range d.dirs {
		sub.graph(path.Join(name, sub.name), want, g)
	}
}
