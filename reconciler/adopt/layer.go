package adopt

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// layer is one kustomization: what it is made of, and what it changes on the way.
type layer struct {
	dir, namespace string
	component      bool
	includes       []string // files and directories of the repository
	rewrites       []*regexp.Regexp
	above          []*layer // that include it
}

// kustomizationFile is what matters of a kustomization here.
type kustomizationFile struct {
	Kind       string   `yaml:"kind"`
	Namespace  string   `yaml:"namespace"`
	Resources  []string `yaml:"resources"`
	Bases      []string `yaml:"bases"`
	Components []string `yaml:"components"`
	Patches    []struct {
		Path string `yaml:"path"`
	} `yaml:"patches"`
	Images []struct {
		Name string `yaml:"name"`
	} `yaml:"images"`
}

// addLayer takes in a kustomization. What cannot be read of it plays no part.
func (r *repo) addLayer(f *file) {
	var k kustomizationFile
	_ = f.yaml.Documents()[0].Decode(&k)
	l := &layer{dir: path.Dir(f.path), namespace: k.Namespace, component: k.Kind == "Component"}
	for _, p := range k.Patches {
		k.Resources = append(k.Resources, p.Path)
	}
	for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components) {
		if name, ok := inTree(l.dir, entry); ok && entry != "" && !path.IsAbs(entry) {
			l.includes = append(l.includes, name)
		}
	}
	for _, i := range k.Images {
		l.rewrite(i.Name)
	}
	r.layers[l.dir] = l
}

// rewrite notes the name of an images: entry, which kustomize takes for a regular
// expression.
func (l *layer) rewrite(name string) {
	re, err := regexp.Compile("^" + name + "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-fA-F0-9]+)?$")
	if err == nil && name != "" {
		l.rewrites = append(l.rewrites, re)
	}
}

// addDeployers puts what Flux and Argo CD change above the directories that they deploy.
func (r *repo) addDeployers(apps []application) {
	for _, o := range r.objects {
		var k fluxKustomization
		if !o.is(fluxKustomize, "Kustomization") || o.spec(&k) != nil {
			continue
		}
		l := &layer{namespace: k.TargetNamespace}
		for _, i := range k.Images {
			l.rewrite(i.Name)
		}
		if dir, ok := inTree("", k.Path); ok {
			r.deploy(l, dir, true)
		}
	}
	for _, app := range apps {
		for _, dir := range app.dirs {
			l := &layer{}
			for _, f := range []*file{r.byPath[app.pos.File], r.byPath[path.Join(dir, ".argocd-source-"+app.head.Metadata.Name+".yaml")]} {
				for _, s := range spotsOf(f) {
					if f.path != app.pos.File || s.Object.Kind == "application" && s.Object.Name == app.head.Metadata.Name {
						l.rewrite(regexp.QuoteMeta(cmp.Or(s.Label, s.Repository)))
					}
				}
			}
			r.deploy(l, dir, false)
		}
	}
}

func spotsOf(f *file) []kustomize.Spot {
	if f == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.spots), func(s kustomize.Spot) bool { return s.Kind != kustomize.SpotEntry })
}

// deploy puts a layer above a directory: above its kustomization, else, where the tool
// makes one of all files, above these.
func (r *repo) deploy(l *layer, dir string, makes bool) {
	l.dir = dir
	switch of := r.layers[dir]; {
	case of != nil:
		of.above = append(of.above, l)
	case makes:
		for _, f := range r.files {
			if below(f.path, dir) && len(r.holders(f.path)) == 0 {
				r.named[f.path] = append(r.named[f.path], l)
			}
		}
	}
}

// link finds out which layers include which.
func (r *repo) link() {
	for _, dir := range slices.Sorted(maps.Keys(r.layers)) {
		l := r.layers[dir]
		for _, name := range l.includes {
			r.named[name] = append(r.named[name], l)
			if of := r.layers[name]; of != nil && of != l && !slices.Contains(of.above, l) {
				of.above = append(of.above, l)
			}
		}
	}
}

// holders are the layers that a file belongs to: its own for a kustomization's file, else
// those that name it.
func (r *repo) holders(file string) []*layer {
	if kustomize.IsKustomization(file) {
		if l := r.layers[path.Dir(file)]; l != nil {
			return []*layer{l}
		}
		return nil
	}
	return r.named[file]
}

// ways are all ways from a layer up to one that no other includes. They are bounded: where
// there are more, nil is known.
func ways(from *layer) [][]*layer {
	const most = 200
	var all [][]*layer
	var climb func(way []*layer)
	climb = func(way []*layer) {
		last := way[len(way)-1]
		if len(all) > most {
			return
		}
		if len(last.above) == 0 {
			all = append(all, slices.Clone(way))
			return
		}
		for _, up := range last.above {
			if !slices.Contains(way, up) {
				climb(append(slices.Clip(way), up))
			}
		}
	}
	climb([]*layer{from})
	if len(all) > most {
		return nil
	}
	return all
}

// overridden reports whether every deployment of an image that a file shows gets its name,
// tag or digest from an images: entry further up: then what the file shows runs nowhere.
func (r *repo) overridden(file, image string) bool {
	found := false
	for _, l := range r.holders(file) {
		for _, way := range ways(l) {
			if kustomize.IsKustomization(file) {
				way = way[1:]
			}
			if !slices.ContainsFunc(way, func(l *layer) bool { return l.changes(image) }) {
				return false
			}
			found = true
		}
	}
	return found
}

// missed is the directory of a kustomization further up that changes an image which a file
// shows, and would not under its new name; "" where there is none.
func (r *repo) missed(file, image, renamed string) string {
	for _, l := range r.holders(file) {
		for _, way := range ways(l) {
			if kustomize.IsKustomization(file) {
				way = way[1:]
			}
			i := slices.IndexFunc(way, func(l *layer) bool { return l.changes(image) && !l.changes(renamed) })
			if i >= 0 {
				return way[i].dir
			}
		}
	}
	return ""
}

func (l *layer) changes(image string) bool {
	return slices.ContainsFunc(l.rewrites, func(re *regexp.Regexp) bool { return re.MatchString(image) })
}

// deployedTo is the namespace that all kustomizations which deploy a file agree on: that
// of the outermost one which sets any, else where that is deployed to; "" where they do not
// agree or none does.
func (r *repo) deployedTo(file string) string {
	found := map[string]bool{}
	for _, l := range r.holders(file) {
		for _, way := range ways(l) {
			namespace := ""
			for _, l := range way {
				if l.namespace != "" {
					namespace = l.namespace
				}
			}
			found[cmp.Or(namespace, r.deploys(way[len(way)-1].dir))] = true
		}
	}
	return only(found)
}

// ownNamespace is the one that all objects of a kustomization name; "" where they do not
// agree.
func (r *repo) ownNamespace(dir string) string {
	found, seen := map[string]bool{}, map[string]bool{}
	var look func(l *layer)
	look = func(l *layer) {
		if seen[l.dir] {
			return
		}
		seen[l.dir] = true
		for _, name := range l.includes {
			if below := r.layers[name]; below != nil {
				look(below)
			}
			for _, namespace := range r.stated[name] {
				found[namespace] = true
			}
		}
	}
	if l := r.layers[dir]; l != nil {
		look(l)
	}
	return only(found)
}

// only is the one namespace of a set; "" for none, for several, and for what is none.
func only(set map[string]bool) string {
	if len(set) != 1 {
		return ""
	}
	for name := range set {
		if stream.IsNamespace(name) {
			return name
		}
	}
	return ""
}
