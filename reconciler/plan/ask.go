package plan

import (
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Due says which scheduled tags are to be asked for now. nil: none of them.
type Due func(stream.Ref) bool

// Always makes every scheduled tag due: the caller is the schedule.
func Always(stream.Ref) bool { return true }

// Imports are the questions that the present raises and have does not answer yet, one
// per distinct reference, sorted: for tags without a status, tags whose source
// changed or whose last import failed, and scheduled tags that are due.
func (p *Present) Imports(due Due, have Answers) []Question {
	known := map[Import][]string{}
	for _, t := range p.order {
		im, ok := p.asks(t, due)
		if !ok {
			continue
		}
		if _, answered := have[im]; answered {
			continue
		}
		digests, seen := known[im]
		if !seen {
			digests = digestsOf(t.cur)
		} else {
			digests = slices.DeleteFunc(digests, func(d string) bool { return !slices.Contains(digestsOf(t.cur), d) })
		}
		known[im] = digests
	}
	questions := make([]Question, 0, len(known))
	for im, digests := range known {
		questions = append(questions, Question{Import: im, Known: digests})
	}
	slices.SortFunc(questions, func(a, b Question) int { return strings.Compare(a.Import.Reference, b.Import.Reference) })
	return questions
}

// asks gives the question of one tag, false when the tag asks nothing now.
func (p *Present) asks(t *tag, due Due) (Import, bool) {
	if t.still() || t.spec.From == nil || t.spec.From.Kind != stream.KindDockerImage {
		return Import{}, false
	}
	image, err := stream.ParseImage(t.spec.From.Name)
	if err != nil {
		return Import{}, false
	}
	if t.answered() && !failed(t.cur) && !p.scheduled(t, due) {
		return Import{}, false
	}
	return Import{Reference: image.String()}, true
}

func (p *Present) scheduled(t *tag, due Due) bool {
	return due != nil && t.spec.IsScheduled(p.tip.Tree.Settings) && due(t.ref)
}

// digestsOf are the digests of a status that were verified when they were recorded.
func digestsOf(st *stream.Status) []string {
	if st == nil {
		return nil
	}
	var all []string
	for _, i := range st.Items {
		all = append(all, i.Image)
	}
	for _, r := range st.Rejected {
		all = append(all, r.Image)
	}
	return all
}
