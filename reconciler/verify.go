package reconciler

import (
	"fmt"
	"maps"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// verified gives the commits that next wants, without the consumers that do harm where they
// are deployed: what is left is looked at again, until all of it is well. took is how long
// the builds took.
func (r *Reconciler) verified(report *Report, next *plan.Next, took *time.Duration) (*plan.Outcome, error) {
	refused := plan.Refusals{}
	for {
		out, err := next.Without(refused).Edits(report.Tree)
		if err != nil {
			return nil, err
		}
		r.progress("building what changes")
		start, done := time.Now(), r.observe(StepBuild)
		more, notes, err := r.Verifier.Verify(report.Tree, report.Includes, out.Changes)
		done()
		*took += time.Since(start)
		if err != nil {
			return nil, fmt.Errorf("build what changes: %w", err)
		}
		known := len(refused)
		maps.Copy(refused, more)
		if report.Unbuilt = notes; len(refused) == known {
			return out, nil
		}
	}
}
