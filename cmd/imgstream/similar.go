package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// similar tells what there is where something has no stream or tag of that name: the tags
// of its stream, else the namespaces that have such a stream, else the streams of its
// namespace. "" where there is nothing to tell. Streams without tags have a Ref, too.
func similar(all []stream.Ref, missing stream.Ref) string {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b stream.Ref) int { return strings.Compare(a.String(), b.String()) })
	var tags, namespaces, streams []string
	own := false
	for _, ref := range all {
		switch {
		case ref.Stream() == missing.Stream() && ref.Tag == "":
			own = true
		case ref.Stream() == missing.Stream():
			tags = append(tags, ref.Tag)
		case ref.Name == missing.Name:
			namespaces = append(namespaces, "-n "+ref.Namespace)
		case ref.Namespace == missing.Namespace:
			streams = append(streams, ref.Name)
		}
	}
	switch {
	case len(tags) > 0:
		return fmt.Sprintf("the tags of %s: %s", missing.Stream(), few(tags))
	case own:
		return fmt.Sprintf("%s has no tags", missing.Stream())
	case len(namespaces) > 0:
		return fmt.Sprintf("there is %s with %s", missing.Name, few(namespaces))
	case len(streams) > 0:
		return fmt.Sprintf("the streams of %s: %s", missing.Namespace, few(streams))
	}
	return ""
}

// similarIn is similar of what the specs and statuses of a repository have.
func similarIn(tree *stream.Tree, missing stream.Ref) string {
	all := slices.Collect(maps.Keys(tree.Status))
	for _, s := range tree.Streams {
		all = append(all, s.Ref())
		for i := range s.Tags {
			all = append(all, s.TagRef(s.Tags[i].Name))
		}
	}
	return similar(all, missing)
}

// hasTag reports whether a spec or a status has the tag.
func hasTag(tree *stream.Tree, ref stream.Ref) bool {
	s := tree.Stream(ref.Namespace, ref.Name)
	return tree.Status[ref] != nil || s != nil && s.Tag(ref.Tag) != nil
}

// after puts a separator before a text that is not empty.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// few lists sorted names, each once, and only counts those beyond ten.
func few(names []string) string {
	const most = 10
	names = slices.Compact(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
