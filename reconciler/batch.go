package reconciler

import (
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// waiting are changes that were found and wait for more (settings: batching).
type waiting struct {
	since, last time.Time // when the first was found, and when they last grew
	changes     string
	got         plan.Answers // what the changes rest on; asked for once
}

// due makes the tags whose answers wait due again, so that they raise the same changes.
func (w *waiting) due(due plan.Due) plan.Due {
	return func(a plan.Ask) bool {
		if _, kept := w.got[a.Import]; kept {
			return true
		}
		if due == nil {
			return a.Pending
		}
		return due(a)
	}
}

// wait reports whether the changes of a pass are to wait: until nothing was added for
// batching.quiet, and at the most for batching.max.
func (r *Reconciler) wait(report *Report, got plan.Answers) bool {
	batching := report.View.Tree.Settings.Batching
	if batching.Quiet <= 0 {
		return false
	}
	now := r.Now()
	var changes strings.Builder
	for _, c := range report.Changes {
		changes.WriteString(c.Message)
	}
	if r.waiting == nil {
		r.waiting = &waiting{since: now}
	}
	w := r.waiting
	w.got = got
	if w.changes != changes.String() {
		w.changes, w.last = changes.String(), now
	}
	until := w.last.Add(batching.Quiet)
	if latest := w.since.Add(batching.Max); latest.Before(until) {
		until = latest
	}
	if !now.Before(until) {
		return false
	}
	report.WaitUntil = until
	return true
}
