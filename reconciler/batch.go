package reconciler

import (
	"maps"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// waiting are changes that were found and wait for more (settings: batching).
type waiting struct {
	since, last time.Time     // when the first was found, and when they last grew
	limit       time.Duration // after since, what waits is given up and asked for anew
	changes     string
	got         plan.Answers // what the changes rest on; asked for once
	made        plan.Copies  // likewise; none that failed
}

// keepAnswers is how long answers are kept for changes that could not be published.
const keepAnswers = 10 * time.Minute

// holds reports whether there are answers to go on with at now.
func (w *waiting) holds(now time.Time) bool {
	return w != nil && now.Sub(w.since) < w.limit
}

// keep holds on to the answers of changes that could not be published, so that trying
// again asks nothing.
func (r *Reconciler) keep(got plan.Answers, made plan.Copies) {
	if !r.waiting.holds(r.Now()) {
		r.waiting = &waiting{since: r.Now(), limit: keepAnswers}
	}
	r.waiting.hold(got, made)
}

// hold takes answers and the copies that were made; those that failed are tried again.
func (w *waiting) hold(got plan.Answers, made plan.Copies) {
	w.got = got
	w.made = maps.Clone(made)
	maps.DeleteFunc(w.made, func(_ plan.Copy, f *plan.Failure) bool { return f != nil })
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
func (r *Reconciler) wait(report *Report, got plan.Answers, made plan.Copies) bool {
	batching := report.View.Tree.Settings.Batching
	if batching.Quiet <= 0 {
		return false
	}
	now := r.Now()
	var changes strings.Builder
	for _, c := range report.Changes {
		changes.WriteString(c.Message)
	}
	if !r.waiting.holds(now) {
		r.waiting = &waiting{since: now, limit: batching.Max + keepAnswers}
	}
	w := r.waiting
	w.hold(got, made)
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
