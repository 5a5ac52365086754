package reconciler

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// maxQuestions are under way at once. The Resolver has bounds of its own for each host.
const maxQuestions = 32

// ask puts the answers to questions into got. It fails only when ctx ends.
func (r *Reconciler) ask(ctx context.Context, questions []plan.Question, got plan.Answers) error {
	var (
		group errgroup.Group
		mu    sync.Mutex
		done  int
	)
	group.SetLimit(maxQuestions)
	for _, q := range questions {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			answer := r.Resolver.Resolve(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			got[q.Import] = answer
			done++
			r.progress(fmt.Sprintf("asking registries: %d of %d", done, len(questions)))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
