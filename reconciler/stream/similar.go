package stream

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Names are what a repository has: its tags, and its streams, whose Ref has no tag; sorted.
type Names []Ref

// Names are those that the specs and statuses have.
func (t *Tree) Names() Names {
	all := slices.Collect(maps.Keys(t.Status))
	for _, s := range t.Streams {
		all = append(all, s.Ref())
		for i := range s.Tags {
			all = append(all, s.TagRef(s.Tags[i].Name))
		}
	}
	return NewNames(all)
}

// NewNames sorts names.
func NewNames(all []Ref) Names {
	all = slices.Clone(all)
	slices.SortFunc(all, compareNames)
	return slices.Compact(all)
}

func compareNames(a, b Ref) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Tag, b.Tag))
}

// Similar tells what there is where nothing has the missing name: the tags of its stream,
// else the namespaces that have such a stream, else a stream whose name is like it, else
// the streams of its namespace. "" where there is nothing to tell.
func (n Names) Similar(missing Ref) string {
	var tags, namespaces, streams []string
	own := false
	for _, ref := range n {
		switch {
		case ref.Stream() == missing.Stream() && ref.Tag == "":
			own = true
		case ref.Stream() == missing.Stream():
			tags = append(tags, ref.Tag)
		case ref.Name == missing.Name:
			namespaces = append(namespaces, ref.Stream().String())
		case ref.Namespace == missing.Namespace:
			streams = append(streams, ref.Name)
		}
	}
	switch {
	case len(tags) > 0:
		return fmt.Sprintf("the tags of %s: %s", missing.Stream(), Few(tags))
	case own:
		return fmt.Sprintf("%s has no tags", missing.Stream())
	case len(namespaces) > 0:
		return "there is " + Few(namespaces)
	case len(streams) > 0:
		text := fmt.Sprintf("the streams of %s: %s", missing.Namespace, Few(streams))
		if meant := didYouMean(missing.Name, streams); meant != "" {
			text = meant + " " + text
		}
		return text
	}
	return ""
}

// Few lists sorted names, each once, and only counts those beyond ten.
func Few(names []string) string {
	const most = 10
	names = slices.Compact(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
