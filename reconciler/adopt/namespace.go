package adopt

import (
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// destination is where something deploys a directory to.
type destination struct{ dir, namespace string }

// destinations are those of Applications and of Flux's Kustomizations, the deepest first.
func destinations(all []object, apps []application) []destination {
	found := map[string]map[string]bool{}
	add := func(dir, namespace string) {
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		found[dir][namespace] = true
	}
	for _, app := range apps {
		for _, dir := range app.dirs {
			add(dir, app.namespace)
		}
	}
	for _, o := range all {
		var k fluxKustomization
		if o.is(fluxKustomize, "Kustomization") && o.spec(&k) == nil && k.TargetNamespace != "" {
			if dir, ok := inTree("", k.Path); ok {
				add(dir, k.TargetNamespace)
			}
		}
	}
	var dests []destination
	for dir, namespaces := range found {
		if namespace := only(namespaces); namespace != "" {
			dests = append(dests, destination{dir, namespace})
		}
	}
	slices.SortFunc(dests, func(a, b destination) int {
		if d := strings.Count(b.dir, "/") - strings.Count(a.dir, "/"); d != 0 && a.dir != "." && b.dir != "." {
			return d
		}
		return compareBools(a.dir == ".", b.dir == ".")*4 + strings.Compare(a.dir, b.dir)
	})
	return dests
}

// destination is the deepest one that a file or directory lies in; zero for none.
func (a *Adoption) destination(name string) destination {
	for _, d := range a.dests {
		if below(name, d.dir) {
			return d
		}
	}
	return destination{}
}

// namespace is that of the stream for a place: what the file says, else the settings, else
// where it is deployed to, else that of all the objects around it.
func (a *Adoption) namespace(p *place) string {
	file := p.file.path
	candidates := []string{p.stated, a.view.Tree.Settings.NamespaceFor(file), a.destination(file).namespace, a.repo.deployedTo(file)}
	if kustomize.IsKustomization(file) {
		candidates = append(candidates, a.repo.ownNamespace(path.Dir(file)))
	}
	for _, namespace := range append(candidates, a.options.Namespace) {
		if stream.IsNamespace(namespace) {
			return namespace
		}
	}
	return stream.DefaultNamespace
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
