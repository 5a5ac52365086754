package adopt

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// aim gives the places that Argo CD Image Updater writes their rules, and adds those that
// only its settings tell.
func (a *Adoption) aim() {
	for _, t := range a.updater.left {
		a.spare(t)
	}
	for _, t := range a.updater.targets {
		if !slices.ContainsFunc(a.repo.files, func(f *file) bool { return a.within(f.path) && below(f.path, t.dir) }) {
			continue
		}
		before := len(a.all)
		if !a.aimed(t) && len(a.all) == before {
			a.left = append(a.left, stream.Problem{
				Severity: stream.Warning, Pos: t.rule.pos,
				Message: fmt.Sprintf("%s is not translated: nothing in %s shows %s", t.rule.name, t.dir, t.rule.image.Name()),
				Hint:    "let Argo CD Image Updater write it once, or bind the image by hand",
			})
		}
	}
}

// spare leaves what the tool chooses and what is not translated: what runs is not what git
// says.
func (a *Adoption) spare(t target) {
	reached := a.repo.reached(t.dir)
	a.all = slices.DeleteFunc(a.all, func(p *place) bool {
		spared := p.rule == nil && p.shown.Name() == t.rule.image.Name() && (reached(p.file.path) || below(p.file.path, t.dir))
		if spared {
			a.leave(stream.Warning, p, "Argo CD Image Updater chooses it, which is not translated: see "+t.rule.pos.String(), "")
		}
		return spared
	})
}

// aimed reports whether a place was found.
func (a *Adoption) aimed(t target) bool {
	kind, name, _ := strings.Cut(t.write.target, ":")
	switch kind {
	case "kustomization":
		dir, ok := inTree(t.dir, name)
		return ok && a.aimAt(t, func(p *place) bool { return kustomize.IsKustomization(p.file.path) && path.Dir(p.file.path) == dir }) || a.aimBelow(t)
	case "helmvalues":
		file, ok := inTree(t.dir, cmp.Or(name, "values.yaml"))
		return ok && a.aimValues(t, a.repo.byPath[file])
	}
	f := a.repo.byPath[path.Join(t.dir, ".argocd-source-"+t.app.head.Metadata.Name+".yaml")]
	return a.aimOverrides(t, f) || a.aimBelow(t)
}

// aimAt gives the rule to the places that show its image and are accepted.
func (a *Adoption) aimAt(t target, accepts func(*place) bool) bool {
	found := false
	for _, p := range a.all {
		if p.rule == nil && p.shown.Name() == t.rule.image.Name() && accepts(p) {
			p.rule, found = t.rule, true
		}
	}
	return found
}

// aimBelow takes what the application is made of: the target does not have the image yet.
func (a *Adoption) aimBelow(t target) bool {
	reached := a.repo.reached(t.dir)
	return a.aimAt(t, func(p *place) bool { return reached(p.file.path) })
}

// reached says which files a kustomization is made of, its own included.
func (r *repo) reached(dir string) func(file string) bool {
	seen := map[string]bool{}
	var look func(l *layer)
	look = func(l *layer) {
		for _, name := range append(slices.Clip(l.includes), l.dir) {
			if seen[name] {
				continue
			}
			seen[name] = true
			if of := r.layers[name]; of != nil && of != l {
				look(of)
			}
		}
	}
	if l := r.layers[dir]; l != nil {
		look(l)
	}
	return func(file string) bool { return seen[file] || kustomize.IsKustomization(file) && seen[path.Dir(file)] }
}

// aimValues finds the image in Helm values, by the keys that the tool writes.
func (a *Adoption) aimValues(t target, f *file) bool {
	if f == nil || !a.within(f.path) {
		return false
	}
	if t.helmSpec != "" {
		return a.aimValue(t, f, f.valueAt(strings.Split(t.helmSpec, ".")...), kustomize.Whole)
	}
	tag := strings.Split(cmp.Or(t.helmTag, "image.tag"), ".")
	name := strings.Split(cmp.Or(t.helmName, "image.name"), ".")
	group := strings.Join(tag[:len(tag)-1], ".")
	if a.aimAt(t, func(p *place) bool {
		return p.file == f && p.spot != nil && p.spot.Kind == kustomize.SpotGroup && p.spot.Path == group
	}) {
		return true
	}
	found := a.aimValue(t, f, f.valueAt(tag...), kustomize.PartTag)
	if v := f.valueAt(name...); found && v != nil {
		a.aimValue(t, f, v, kustomize.PartName)
	}
	return found
}

// aimOverrides finds the image in what overrides an Application: images of kustomize, and
// parameters of Helm.
func (a *Adoption) aimOverrides(t target, f *file) bool {
	if f == nil || !a.within(f.path) {
		return false
	}
	if a.aimAt(t, func(p *place) bool { return p.file == f }) {
		return true
	}
	parameters := map[string]*yaml.Node{}
	if list := f.valueAt("helm", "parameters"); list != nil {
		for _, p := range list.Content {
			if n := valueOf(p, "name"); n != nil {
				parameters[n.Value] = valueOf(p, "value")
			}
		}
	}
	if t.helmSpec != "" {
		return a.aimValue(t, f, parameters[t.helmSpec], kustomize.Whole)
	}
	found := a.aimValue(t, f, parameters[cmp.Or(t.helmTag, "image.tag")], kustomize.PartTag)
	if found {
		a.aimValue(t, f, parameters[cmp.Or(t.helmName, "image.name")], kustomize.PartName)
	}
	return found
}

// aimValue adds one value that shows the rule's image, or a part of it.
func (a *Adoption) aimValue(t target, f *file, v *yaml.Node, part kustomize.Part) bool {
	if v == nil || v.Kind != yaml.ScalarNode || v.Value == "" {
		return false
	}
	_, line := f.yaml.Lines(v)
	if strings.Contains(commentOn(f.yaml, line), "$imagestream") {
		return true // bound already
	}
	name, tag, digest := splitPart(v.Value, part, t.rule.image.Name())
	if image, err := stream.ParseImage(name); err != nil || image.Name() != t.rule.image.Name() {
		return false
	}
	a.all = slices.DeleteFunc(a.all, func(p *place) bool { return p.file == f && p.rule == nil && p.line == line })
	p := &place{file: f, line: line, value: v, part: part, image: name + ":" + tag, rule: t.rule}
	p.stated = a.statedBy(p)
	if p.dropped {
		return true // and listed
	}
	a.addShown(p, name, tag, digest, "")
	return true
}
