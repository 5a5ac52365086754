package reconciler

import (
	"context"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// settled is a pass that left nothing to do on a commit.
type settled struct {
	rev, base gitstore.Rev
	pending   bool // some tags are pending still, and were not due
	report    Report
	quiet     *plan.Present // where no answer had a part in the report; else nil
}

// unmoved asks what is due on a commit that the last pass settled, and reports whether the
// answers are what the tags have: then there is nothing to compute. What was asked is among
// got if they are not.
func (r *Reconciler) unmoved(ctx context.Context, req Request, snap gitstore.Snapshot, got plan.Answers) (bool, error) {
	s := r.settled
	if s == nil || s.quiet == nil || s.rev != snap.Rev || s.base != snap.Base || len(req.Hints)+len(got) > 0 || req.DryRun {
		return false, nil
	}
	r.answered = s.report.View
	if err := r.askAll(ctx, s.quiet, req.Due, got); err != nil {
		return false, err
	}
	return s.quiet.Unmoved(req.Due, got), nil
}

// askAll asks until the answers raise no further questions.
func (r *Reconciler) askAll(ctx context.Context, present *plan.Present, due plan.Due, got plan.Answers) error {
	defer r.observe(StepResolve)()
	for questions := present.Imports(due, got); len(questions) > 0; questions = present.Imports(due, got) {
		if err := Ask(ctx, r.Resolver, questions, got, r.Progress); err != nil {
			return err
		}
	}
	return nil
}
