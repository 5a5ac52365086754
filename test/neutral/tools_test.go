package neutral_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is what a deploy tool would apply.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Namespace string `yaml:"namespace"`
		Name      string `yaml:"name"`
	} `yaml:"metadata"`
}

func (o object) String() string {
	return fmt.Sprintf("%s %s %s/%s", o.APIVersion, o.Kind, o.Metadata.Namespace, o.Metadata.Name)
}

// ours reports whether imgstream wrote an object, or reads it as a stream.
func (o object) ours() bool {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return group == "imgstream.dev" || slices.Contains([]string{"ImageStream", "ImageStreamTagStatus", "ImageMetadata", "Repository"}, o.Kind)
}

func oursOf(objects []object) []string {
	var found []string
	for _, o := range objects {
		if o.ours() {
			found = append(found, o.String())
		}
	}
	return found
}

// repository is a whole repository, files by path.
type repository map[string]string

// kustomized are the directories with a kustomization.
func (r repository) kustomized() map[string]string {
	dirs := map[string]string{}
	for file := range r {
		if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(file)) {
			dirs[path.Dir(file)] = file
		}
	}
	return dirs
}

// flux builds a repository from its root as Flux's kustomize-controller does. Where the
// root has no kustomization, one is generated: a directory that has its own is one
// resource and is not looked into; every other .yaml or .yml file is a resource.
func flux(r repository) ([]object, error) {
	r = maps.Clone(r)
	dirs := r.kustomized()
	if _, has := dirs["."]; !has {
		text, err := yaml.Marshal(types.Kustomization{Resources: r.resources(dirs)})
		if err != nil {
			return nil, err
		}
		r["kustomization.yaml"] = string(text)
	}
	return r.build(".", types.LoadRestrictionsNone)
}

func (r repository) resources(dirs map[string]string) []string {
	found := map[string]bool{}
	for file := range r {
		if dir := enclosing(file, dirs); dir != "" {
			found["./"+dir] = true
		} else if ext := path.Ext(file); ext == ".yaml" || ext == ".yml" {
			found["./"+file] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// enclosing is the uppermost directory above a file that has a kustomization.
func enclosing(file string, dirs map[string]string) string {
	for i, c := range file {
		if c == '/' && dirs[file[:i]] != "" {
			return file[:i]
		}
	}
	return ""
}

// build runs kustomize on a copy in memory.
func (r repository) build(dir string, restrictions types.LoadRestrictions) ([]object, error) {
	disk := filesys.MakeFsInMemory()
	for file, text := range r {
		if err := disk.WriteFile(path.Join("/repository", file), []byte(text)); err != nil {
			return nil, err
		}
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = restrictions
	resources, err := krusty.MakeKustomizer(options).Run(disk, path.Join("/repository", dir))
	if err != nil {
		return nil, err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, err
	}
	return objectsIn(text)
}

// kubectl builds every directory with a kustomization as kubectl kustomize does.
// Components are built where they are used.
func kubectl(r repository) ([]object, error) {
	var all []object
	dirs := r.kustomized()
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if r.isComponent(dirs[dir]) {
			continue
		}
		objects, err := r.build(dir, types.LoadRestrictionsRootOnly)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

func (r repository) isComponent(file string) bool {
	objects, err := objectsIn([]byte(r[file]))
	return err == nil && len(objects) == 1 && objects[0].Kind == types.ComponentKind
}

// argoCD walks a repository as Argo CD's directory mode does with recurse: every YAML
// and JSON file holds manifests, but for those that ask to be skipped. Kustomizations
// are left out: nobody points directory mode at them.
func argoCD(r repository) ([]object, error) {
	var all []object
	for _, file := range slices.Sorted(maps.Keys(r)) {
		switch {
		case !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(file)),
			strings.Contains(r[file], "+argocd:skip-file-rendering"),
			slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(file)):
			continue
		}
		objects, err := objectsIn([]byte(r[file]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			if o.APIVersion == "" || o.Kind == "" {
				return nil, fmt.Errorf("%s: no manifest: it has no apiVersion or no kind", file)
			}
		}
		all = append(all, objects...)
	}
	return all, nil
}

// objectsIn are the documents of a text, empty ones left out.
func objectsIn(text []byte) ([]object, error) {
	var objects []object
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var node yaml.Node
		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var o object
		if node.IsZero() || node.Content[0].Tag == "!!null" {
			continue
		}
		if err := node.Decode(&o); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
}

// load reads a repository from a directory.
func load(fsys fs.FS) (repository, error) {
	r := repository{}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		r[file] = string(text)
		return err
	})
	return r, err
}
