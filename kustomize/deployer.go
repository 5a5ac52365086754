package kustomize

import (
	"path"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// deployer is which object of Flux or Argo CD a document is: one that says images of what
// it deploys, not of itself.
type deployer int

const (
	noDeployer      deployer = iota
	fluxKustomize            // Kustomization of kustomize.toolkit.fluxcd.io
	fluxHelm                 // HelmRelease
	argoApplication          // Application
	argoSet                  // ApplicationSet
	argoOverride             // what stands over the source of an Application, in its directory
)

// IsOverride reports whether Argo CD takes a file of that name for what stands over the
// source of an Application: .argocd-source.yaml, .argocd-source-NAME.yaml.
func IsOverride(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".argocd-source") && strings.HasSuffix(base, ".yaml")
}

func (k deployer) isArgoCD() bool { return k == argoApplication || k == argoSet }

// deployerOf goes by the group and the kind, whatever the version; one has only a name.
func deployerOf(name string, root *yaml.Node) deployer {
	if IsOverride(name) {
		return argoOverride
	}
	group, _, _ := strings.Cut(text(root, "apiVersion"), "/")
	switch group + " " + text(root, "kind") {
	case "kustomize.toolkit.fluxcd.io Kustomization":
		return fluxKustomize
	case "helm.toolkit.fluxcd.io HelmRelease":
		return fluxHelm
	case "argoproj.io Application":
		return argoApplication
	case "argoproj.io ApplicationSet":
		return argoSet
	}
	return noDeployer
}

// namespace is where the object deploys to; "" where that is not stated. Flux applies to
// spec.targetNamespace, else to the object's own namespace. An Argo CD Application lives
// beside Argo CD, whatever it deploys: only its destination says where that goes.
func (k deployer) namespace(root *yaml.Node) string {
	spec, own := get(root, "spec"), text(get(root, "metadata"), "namespace")
	if k == argoSet {
		spec = get(get(spec, "template"), "spec")
	}
	var to string
	switch k {
	case fluxKustomize, fluxHelm:
		to = firstOf(text(spec, "targetNamespace"), own)
	case argoApplication, argoSet:
		to = text(get(spec, "destination"), "namespace")
	default:
		return own
	}
	if isTemplate(to) {
		return ""
	}
	return to
}

// holder is a mapping that may have images: as kustomize knows them.
type holder struct {
	node  *yaml.Node
	trail trail
	// strings says that the elements are texts, [name=]repository[:tag][@digest], as
	// Argo CD hands them to kustomize edit set image.
	strings bool
	path    string // see Use.Deploys
}

// holders are the mappings of a document that may have images: the root of a
// kustomization, the spec of Flux's Kustomization, each source of Argo CD, and what stands
// over one.
func (d *document) holders() []holder {
	switch {
	case d.kustomization:
		return []holder{{node: d.root}}
	case d.deployer == fluxKustomize:
		spec := get(d.root, "spec")
		return []holder{{node: spec, trail: trail{}.down(d.root, "spec"), path: fluxPath(spec)}}
	case d.deployer == argoOverride:
		return []holder{{node: get(d.root, "kustomize"), trail: trail{}.down(d.root, "kustomize"), strings: true, path: "."}}
	case d.deployer == fluxHelm:
		return postRenderers(d.root)
	case d.deployer.isArgoCD():
		var all []holder
		findHolders(d.root, trail{}, &all)
		return all
	}
	return nil
}

// fluxPath is what a Kustomization of Flux deploys: the root of its source, unless it says a path.
func fluxPath(spec *yaml.Node) string {
	if kind := text(get(spec, "sourceRef"), "kind"); kind != "GitRepository" {
		return ""
	}
	return deployedPath(firstOf(text(spec, "path"), "."))
}

// deployedPath is a path from the root of a repository; "" for one that is not stated, is
// filled in by a tool, or leads out.
func deployedPath(written string) string {
	clean := strings.TrimPrefix(path.Clean("/"+written), "/")
	switch {
	case written == "" || isTemplate(written) || written == ".." || strings.HasPrefix(path.Clean(written), "../"):
		return ""
	case clean == "":
		return "."
	}
	return clean
}

// postRenderers are spec.postRenderers[].kustomize.
func postRenderers(root *yaml.Node) []holder {
	var all []holder
	spec := get(root, "spec")
	list := get(spec, "postRenderers")
	for i, c := range elements(list) {
		t := trail{}.down(root, "spec").down(spec, "postRenderers").down(list, i).down(c, "kustomize")
		all = append(all, holder{node: get(c, "kustomize"), trail: t.clone()})
	}
	return all
}

// findHolders finds kustomize: in every source, those of templates and generators too.
func findHolders(n *yaml.Node, t trail, all *[]holder) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := keyName(n.Content[i]), n.Content[i+1]
			next := t.down(n, key)
			if key == "kustomize" && value.Kind == yaml.MappingNode && inSource(t) {
				*all = append(*all, holder{value, next.clone(), true, deployedPath(text(n, "path"))})
				continue
			}
			findHolders(value, next, all)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			findHolders(c, t.down(n, i), all)
		}
	}
}

// inSource: spec.source, or an element of spec.sources.
func inSource(t trail) bool {
	n := len(t.steps)
	return n > 0 && t.steps[n-1] == "source" || n > 1 && t.steps[n-2] == "sources"
}
