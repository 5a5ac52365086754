package build

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
)

// plugins reads what configures the generators, transformers and validators of a
// kustomization, and adds it to k as if its other fields said it: paths in it are relative to
// the same directory. Whatever is not built into kustomize would be run, and is refused. n is
// how many there are.
func (c *collector) plugins(file, dir string, k *types.Kustomization) (n int, err error) {
	for _, entry := range slices.Concat(k.Generators, k.Transformers, k.Validators) {
		all, err := c.configs(file, dir, entry)
		if err != nil {
			return 0, err
		}
		for _, config := range all {
			if err := addPlugin(place{file, 0}, k, config); err != nil {
				return 0, err
			}
		}
		n += len(all)
	}
	return n, nil
}

// configs are the objects of an entry: it is one itself, or names a file with some, or a
// directory.
func (c *collector) configs(file, dir, entry string) ([]*resource.Resource, error) {
	if err := safe(file, []byte(entry)); err != nil {
		return nil, err
	}
	if err := shallow(file, []byte(entry)); err != nil {
		return nil, err
	}
	at := c.at(file, entry)
	switch all, err := objects([]byte(entry)); { // as kustomize looks first
	case err == nil:
		return all, nil
	case strings.Contains(entry, "\n"): // no name of a file
		return nil, at.fails("%s", words(err))
	}
	where, err := c.local(dir, entry, at)
	if err != nil {
		return nil, err
	}
	kind, err := c.kind(where, at)
	switch {
	case err != nil:
		return nil, err
	case kind != isDir:
		return c.configFile(where, at)
	}
	if err := c.kustomization(where, at); err != nil {
		return nil, err
	}
	return c.configDir(where, at)
}

// configFile are the objects of a file.
func (c *collector) configFile(file string, at place) ([]*resource.Resource, error) {
	src, err := c.load(file, at)
	if err != nil {
		return nil, err
	}
	if err := shallow(file, src); err != nil {
		return nil, err
	}
	c.changes += len(src)
	all, err := objects(src)
	if err != nil {
		return nil, place{file, 0}.fails("%s", words(err))
	}
	return all, nil
}

// configDir are the objects that the kustomization of a directory, which was read, lists. One
// that does more could make others of them.
func (c *collector) configDir(dir string, at place) ([]*resource.Resource, error) {
	file, err := c.only(dir, at)
	if err != nil {
		return nil, err
	}
	lists := *c.parsed[file]
	resources := lists.Resources
	lists.TypeMeta, lists.MetaData, lists.Resources = types.TypeMeta{}, nil, nil
	if !reflect.DeepEqual(lists, types.Kustomization{}) {
		return nil, place{file, 0}.refuse("it makes transformers or generators of others")
	}
	var all []*resource.Resource
	for _, entry := range resources {
		where := path.Join(dir, entry)
		read := c.configFile
		if _, isFile := c.files[where]; !isFile {
			read = c.configDir
		}
		more, err := read(where, c.at(file, entry))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// objects are those that kustomize reads in src.
func objects(src []byte) ([]*resource.Resource, error) {
	running.Lock()
	defer running.Unlock()
	defer quiet()()
	m, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(src)
	if err != nil {
		return nil, err
	}
	return m.Resources(), nil
}

// plugin is what the builtin plugins that read files, or copy values, say of it.
type plugin struct {
	types.GeneratorArgs // of ConfigMapGenerator, SecretGenerator

	Path           string                      `json:"path"`           // of PatchTransformer, PatchJson6902Transformer
	Patch          string                      `json:"patch"`          // of PatchTransformer
	JSONOp         string                      `json:"jsonOp"`         // of PatchJson6902Transformer
	Paths          []types.PatchStrategicMerge `json:"paths"`          // of PatchStrategicMergeTransformer
	Patches        string                      `json:"patches"`        // likewise
	Replacements   []types.ReplacementField    `json:"replacements"`   // of ReplacementTransformer
	ImageTag       types.Image                 `json:"imageTag"`       // of ImageTagTransformer
	TargetFilePath string                      `json:"targetFilePath"` // of ValueAddTransformer
}

// builtin are the plugins that are part of kustomize, and need nothing besides the tree
// (api/internal/plugins/builtinhelpers), each with what it adds to a kustomization.
//
//nolint:staticcheck // patchesStrategicMerge is what kustomize deprecates
var builtin = map[string]func(*types.Kustomization, plugin){
	"AnnotationsTransformer":  nil,
	"HashTransformer":         nil,
	"IAMPolicyGenerator":      nil,
	"LabelTransformer":        nil,
	"NamespaceTransformer":    nil,
	"PrefixSuffixTransformer": nil,
	"PrefixTransformer":       nil,
	"SuffixTransformer":       nil,
	"ReplicaCountTransformer": nil,
	"ConfigMapGenerator": func(k *types.Kustomization, p plugin) {
		k.ConfigMapGenerator = append(k.ConfigMapGenerator, types.ConfigMapArgs{GeneratorArgs: p.GeneratorArgs})
	},
	"SecretGenerator": func(k *types.Kustomization, p plugin) {
		k.SecretGenerator = append(k.SecretGenerator, types.SecretArgs{GeneratorArgs: p.GeneratorArgs})
	},
	"PatchTransformer": func(k *types.Kustomization, p plugin) {
		k.Patches = append(k.Patches, types.Patch{Path: p.Path, Patch: p.Patch})
	},
	"PatchJson6902Transformer": func(k *types.Kustomization, p plugin) {
		k.Patches = append(k.Patches, types.Patch{Path: p.Path, Patch: p.JSONOp})
	},
	"PatchStrategicMergeTransformer": func(k *types.Kustomization, p plugin) {
		k.PatchesStrategicMerge = append(k.PatchesStrategicMerge, p.Paths...)
		k.Patches = append(k.Patches, types.Patch{Patch: p.Patches})
	},
	"ReplacementTransformer": func(k *types.Kustomization, p plugin) { k.Replacements = append(k.Replacements, p.Replacements...) },
	"ImageTagTransformer":    func(k *types.Kustomization, p plugin) { k.Images = append(k.Images, p.ImageTag) },
	"ValueAddTransformer":    func(k *types.Kustomization, p plugin) { k.Configurations = append(k.Configurations, p.TargetFilePath) },
}

// addPlugin adds to k what one configuration says.
func addPlugin(at place, k *types.Kustomization, config *resource.Resource) error {
	gvk := config.GetGvk()
	add, known := builtin[gvk.Kind]
	switch {
	case gvk.Group != "" || gvk.Version != konfig.BuiltinPluginApiVersion:
		return at.refuse("%s", oneLine("it runs the plugin "+gvk.Kind+" ("+gvk.ApiVersion()+"), which is not a part of kustomize"))
	case gvk.Kind == "HelmChartInflationGenerator":
		return helm(at)
	case !known:
		return at.fails("%s", oneLine("kustomize has no builtin plugin "+gvk.Kind))
	case add == nil:
		return nil
	}
	src, err := config.MarshalJSON()
	var all any
	var p plugin
	if err == nil {
		err = json.Unmarshal(src, &all)
	}
	if err == nil {
		err = json.Unmarshal(src, &p)
	}
	switch {
	case err != nil:
		return at.refuse("%s", oneLine("the configuration of "+gvk.Kind+" is not understood: "+err.Error()))
	case twins(all):
		return at.refuse("a configuration of %s has a key twice, in other capitals", gvk.Kind)
	}
	add(k, p)
	return nil
}

// twins reports whether keys of a mapping differ in nothing but capitals: which of them
// counts for kustomize is not certain.
func twins(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, twins)
	case map[string]any:
		folded := map[string]bool{}
		for key, value := range v {
			fold := strings.Map(least, key)
			if folded[fold] || twins(value) {
				return true
			}
			folded[fold] = true
		}
	}
	return false
}

// least is the one of the letters that differ in nothing but capitals by which encoding/json
// finds a field.
func least(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
