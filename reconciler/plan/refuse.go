package plan

import (
	"slices"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Refusals are consumers that are not to be written, each with the reason in words.
type Refusals map[binding]string

// Add refuses a consumer that was written.
func (r Refusals) Add(w Written, reason string) {
	r[w.binding()] = reason
}

// Has reports whether a consumer is among them.
func (r Refusals) Has(w Written) bool {
	_, refused := r[w.binding()]
	return refused
}

// Without is n but for some consumers, which wait in the statuses of their tags like all
// that cannot be written. Its Edits can be asked for beside those of n.
func (n *Next) Without(refused Refusals) *Next {
	c := *n.consumers()
	c.pending = make(map[stream.Ref][]stream.Pending, len(n.bindings.pending))
	for ref, list := range n.bindings.pending {
		c.pending[ref] = slices.Clip(list)
	}
	with := *n
	with.refused, with.bindings, with.problems = refused, &c, slices.Clip(n.problems)
	return &with
}

// withoutRefused are the writes that may be made; the others are counted and reported.
func (e *editor) withoutRefused(writes []write) (left []write, refused int) {
	if len(e.refused) == 0 {
		return writes, 0
	}
	for _, w := range writes {
		if reason, ok := e.refused[w.use.binding()]; ok {
			e.refuse(w, reason)
			refused++
			continue
		}
		left = append(left, w)
	}
	return left, refused
}

// refuseEdit refuses a write that cannot be proved. An entry that is not there yet has no
// line of its own: what is in its way has one.
func (e *editor) refuseEdit(w write, err error) {
	reason := err.Error()
	if line, why := kustomize.RefusedAt(err); w.use.Line == 0 {
		w.use.Line, reason = line, why
	}
	e.refuse(w, reason)
}

// refuse reports a consumer that cannot be written, and has it wait.
func (e *editor) refuse(w write, reason string) {
	hint := w.use.mendHint()
	if w.do == kustomize.Add {
		hint = addHint
	}
	if !w.told {
		e.reportUse(w.use, stream.Error, "not changed: "+reason, hint)
	}
	if w.do != kustomize.Remove {
		e.wait(w.use)
	}
}
