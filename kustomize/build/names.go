package build

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// programs refuses what kustomize would run, but for plugins.
func programs(at place, k *types.Kustomization) error {
	if len(k.HelmCharts) > 0 || k.HelmGlobals != nil || len(k.HelmChartInflationGenerator) > 0 {
		return helm(at)
	}
	return nil
}

func helm(at place) error { return at.refuse("it inflates a Helm chart") }

// changing are the files that a kustomization changes objects by.
//
//nolint:staticcheck // people still write what kustomize deprecates
func changing(k *types.Kustomization) []string {
	all := slices.Clone(k.Configurations)
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		all = append(all, p.Path)
	}
	for _, p := range k.PatchesStrategicMerge {
		if !isPatch(string(p)) {
			all = append(all, string(p))
		}
	}
	for _, r := range k.Replacements {
		all = append(all, r.Path)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// operations is how often a kustomization, which was read, changes objects by patches and
// replacements.
//
//nolint:staticcheck // likewise
func (c *collector) operations(file string, k *types.Kustomization) int {
	n := len(k.Patches) + len(k.PatchesJson6902) + len(k.PatchesStrategicMerge)
	for _, r := range k.Replacements {
		list, err := c.replacementsOf(file, r)
		if err != nil {
			continue // it will not be built
		}
		for _, r := range list {
			n += 1 + len(r.Targets)
		}
	}
	return n
}

// isPatch reports whether an element of patchesStrategicMerge is the patch itself.
func isPatch(s string) bool { return strings.Contains(s, "\n") || strings.HasPrefix(s, "{") }

// inline are the patches in a kustomization itself.
//
//nolint:staticcheck // likewise
func inline(k *types.Kustomization) []string {
	var all []string
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		all = append(all, p.Patch)
	}
	for _, p := range k.PatchesStrategicMerge {
		if isPatch(string(p)) {
			all = append(all, string(p))
		}
	}
	return all
}

// generating are the files that a kustomization makes objects of.
func generating(k *types.Kustomization) []string {
	var all []string
	add := func(pairs types.KvPairSources) {
		for _, f := range pairs.FileSources {
			if _, value, named := strings.Cut(f, "="); named {
				f = value
			}
			all = append(all, f)
		}
		all = append(all, pairs.EnvSources...)
		all = append(all, pairs.EnvSource)
	}
	for _, g := range k.ConfigMapGenerator {
		add(g.KvPairSources)
	}
	for _, g := range k.SecretGenerator {
		add(g.KvPairSources)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

//nolint:staticcheck // likewise
func hasVars(k *types.Kustomization) bool { return len(k.Vars) > 0 }
