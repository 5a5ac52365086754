package reconciler

import (
	"context"
	"fmt"
	"sync"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/plan"
)

// Ask puts the answers to questions into got. The Resolver bounds how many are under way,
// for each host, so that a slow one keeps none of the others waiting. progress, where set,
// is told how far it is. It fails only when ctx ends.
func Ask(ctx context.Context, resolver Resolver, questions []plan.Question, got plan.Answers, progress func(step string)) error {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		done int
	)
	tell := func() {
		if progress != nil && len(questions) > 0 {
			progress(fmt.Sprintf("asking registries: %d of %d", done, len(questions)))
		}
	}
	tell()
	for _, q := range questions {
		all.Go(func() {
			answer := resolver.Resolve(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			got[q.Import] = answer
			done++
			tell()
		})
	}
	all.Wait()
	return ctx.Err()
}

// own asks which revisions are commits of imgstream itself. What the pass before
// asked is not asked again: an image names a commit that was there before it.
func (r *Reconciler) own(ctx context.Context, snap gitstore.Snapshot, revisions []string) (map[string]bool, error) {
	looked := make(map[string]bool, len(revisions))
	var ask []gitstore.Rev
	for _, revision := range revisions {
		if own, known := r.looked[revision]; known {
			looked[revision] = own
		} else {
			ask = append(ask, gitstore.Rev(revision))
		}
	}
	if len(ask) > 0 {
		found, err := r.Repo.Own(ctx, snap, ask)
		if err != nil {
			return nil, err
		}
		for _, rev := range ask {
			looked[string(rev)] = found[rev]
		}
	}
	r.looked = looked
	return looked, nil
}
