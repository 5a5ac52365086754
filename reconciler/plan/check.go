package plan

import (
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Check is what a commit has wrong in itself, with no registry asked and no history
// compared: circles, missing sources and grants, markers that name no tag, and what a person
// should know of the specs. The Problems of the Tree are not repeated.
func Check(tip *View, operator Operator) []stream.Problem {
	next := Look(tip, nil, operator).Next(nil, nil, nil, nil, time.Time{})
	next.consumers()
	return slices.Concat(next.problems, legacy(tip), next.Unused())
}
