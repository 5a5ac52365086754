package reconciler

import (
	"context"
	"fmt"
	"sync"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// ask puts the answers to questions into got. The Resolver bounds how many are under
// way, for each host, so that a slow one keeps none of the others waiting. It fails
// only when ctx ends.
func (r *Reconciler) ask(ctx context.Context, questions []plan.Question, got plan.Answers) error {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		done int
	)
	for _, q := range questions {
		all.Go(func() {
			answer := r.Resolver.Resolve(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			got[q.Import] = answer
			done++
			r.progress(fmt.Sprintf("asking registries: %d of %d", done, len(questions)))
		})
	}
	all.Wait()
	return ctx.Err()
}
