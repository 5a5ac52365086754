package reconciler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// Copier brings images into the operator's local registry; one that is there costs one
// request. A copy that fails is a value; nil: the image is there. told hears of bytes.
type Copier interface {
	Copy(ctx context.Context, c plan.Copy, told func(done, total int64)) *plan.Failure
}

// copiesAtOnce bounds the images that are copied at the same time.
const copiesAtOnce = 4

// retryCopies is how long after copies that failed a pass wants to be run again. A host
// that is down is left alone by the Copier.
const retryCopies = 30 * time.Second

// copied gives the next state once what it names in the local registry is there: images
// that could not be copied keep their tags and consumers where they are. made holds
// what this pass knows of copies, and took how long they took. A dry run counts all of them as made.
func (r *Reconciler) copied(ctx context.Context, req Request, next func(plan.Copies) *plan.Next, made plan.Copies, took *time.Duration) (*plan.Next, error) {
	for {
		n := next(made)
		wanted := n.Copies()
		if len(wanted) == 0 || req.DryRun {
			return n, nil
		}
		start := time.Now()
		err := r.copy(ctx, wanted, made)
		*took += time.Since(start)
		if err != nil {
			return nil, err
		}
	}
}

// copy puts what becomes of copies into made. Those of one image are made one after
// another, so that the later ones find its blobs in the registry. It fails only when
// ctx ends.
func (r *Reconciler) copy(ctx context.Context, wanted []plan.Copy, made plan.Copies) error {
	defer r.observe(StepCopy)()
	byImage := map[string][]plan.Copy{}
	var images []string
	for _, c := range wanted {
		if byImage[c.From] == nil {
			images = append(images, c.From)
		}
		byImage[c.From] = append(byImage[c.From], c)
	}
	var group errgroup.Group
	group.SetLimit(copiesAtOnce)
	sum := tally{bytes: map[plan.Copy][2]int64{}, images: len(wanted), tell: r.progress}
	var mu sync.Mutex
	for _, image := range images {
		group.Go(func() error {
			for _, c := range byImage[image] {
				failure := r.Copier.Copy(ctx, c, func(done, total int64) { sum.at(c, done, total) })
				mu.Lock()
				made[c] = failure
				mu.Unlock()
				sum.end()
			}
			return nil
		})
	}
	_ = group.Wait() // failures are values
	return ctx.Err()
}

// uncopied counts the copies that failed.
func uncopied(made plan.Copies) int {
	n := 0
	for _, f := range made {
		if f != nil {
			n++
		}
	}
	return n
}

// tally is how far the copies of a pass have come.
type tally struct {
	mu           sync.Mutex
	bytes        map[plan.Copy][2]int64 // done, total
	images, done int
	tell         func(string)
}

func (t *tally) at(c plan.Copy, done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes[c] = [2]int64{done, total}
	t.say()
}

func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.say()
}

func (t *tally) say() {
	var done, total int64
	for _, b := range t.bytes {
		done, total = done+b[0], total+b[1]
	}
	t.tell(fmt.Sprintf("copying images: %d of %d, %d of %d MB", t.done, t.images, done/1e6, total/1e6))
}
