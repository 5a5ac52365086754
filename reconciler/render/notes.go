package render

import (
	"fmt"
	"maps"
	"slices"

	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// notes are the kustomizations that were changed without a build, by reason.
type notes map[string][]unbuilt

type unbuilt struct {
	file string // that was changed
	why  *build.Error
}

func (n *notes) add(file string, why *build.Error) {
	if *n == nil {
		*n = notes{}
	}
	(*n)[why.Reason] = append((*n)[why.Reason], unbuilt{file, why})
}

// problems are one notice for each reason.
func (n notes) problems() []stream.Problem {
	var all []stream.Problem
	for _, reason := range slices.Sorted(maps.Keys(n)) {
		first, others := n[reason][0], len(n[reason])-1
		text := "changed without building it before and after: "
		if others > 0 {
			text = fmt.Sprintf("changed without building it before and after, like %s: ", stream.Count(others, "other kustomization"))
		}
		if at := first.why; at.File != first.file || at.Line != 0 {
			text += at.Error()
		} else {
			text += reason
		}
		all = append(all, stream.Problem{Severity: stream.Notice, Pos: stream.Pos{File: first.file}, Message: text})
	}
	stream.SortProblems(all)
	return all
}
