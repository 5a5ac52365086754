package daemon

import (
	"maps"
	"slices"
	"sync"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// maxHints are kept for the next pass; a flood beyond that is left to the schedule.
const maxHints = 10_000

// hints are references, in full and with a tag, that somebody pushed to: each one once,
// however often it was said.
type hints struct {
	mu   sync.Mutex
	refs map[string]bool
}

// add keeps references for the next pass.
func (h *hints) add(references []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refs == nil {
		h.refs = map[string]bool{}
	}
	for _, r := range references {
		if len(h.refs) < maxHints {
			h.refs[r] = true
		}
	}
}

// take gives all of them, sorted, and keeps none.
func (h *hints) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Sorted(maps.Keys(h.refs))
	h.refs = nil
	return all
}

// Hint tells the Loop of references that somebody pushed to: the tags that they concern
// are asked for now, if they are scheduled or were pushed to. What concerns none of the
// Loop's tags wakes nobody. It never blocks; hints coalesce.
func (l *Loop) Hint(references ...string) {
	state := l.State()
	concern := slices.DeleteFunc(slices.Clone(references), func(r string) bool { return !l.concerns(state, r) })
	if len(concern) > 0 {
		l.hints.add(concern)
		l.Poke()
	}
}

// concerns reports whether a reference is one that a tag of the last good pass asks for,
// or is a push to a stream. Before the first pass everything may be.
func (l *Loop) concerns(state *State, reference string) bool {
	if state.View == nil {
		return true
	}
	if ref, ok := l.Operator.Pushed(reference); ok && state.View.Hears(ref) {
		return true
	}
	repository := repositoryOf(reference)
	return slices.ContainsFunc(state.Report.Asks, func(a plan.Ask) bool { return a.Import.Reference == reference || a.Import.Reference == repository })
}
