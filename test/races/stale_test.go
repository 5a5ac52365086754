package main

import (
	"context"
	"testing"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/test/internal/fixture"
)

// meanwhile is a Repo at which something happens before the first push.
type meanwhile struct {
	reconciler.Repo
	happens func()
}

func (m *meanwhile) Commit(ctx context.Context, base gitstore.Rev, chain []gitstore.Commit) (gitstore.Published, error) {
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
	}
	return m.Repo.Commit(ctx, base, chain)
}

// A daemon has its answer, and before it pushes, the tag moves on and another daemon
// pushes that. The answer is older than what the branch says then: it must not be put in
// front of it, which would roll the tag back until it is asked for again.
func TestAnswerOlderThanBranch(t *testing.T) {
	r, err := newRig(t.Context(), t.TempDir(), fixture.Shape{Streams: 2, PerUnit: 2, Manifests: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first, err := r.reconciler()
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.reconciler()
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []*reconciler.Reconciler{first, second} {
		if err := r.rest(t.Context(), by); err != nil {
			t.Fatal(err)
		}
	}
	move := func() {
		if err := r.move(t.Context(), r.streams[0]); err != nil {
			t.Error(err)
		}
	}
	move()
	first.Repo = &meanwhile{first.Repo, func() {
		move()
		if err := r.rest(t.Context(), second); err != nil {
			t.Error(err)
		}
	}}
	if _, err := first.Pass(t.Context(), reconciler.Request{Due: plan.Always}); err != nil {
		t.Fatal(err)
	}
	if err := r.books.AtRest(t.Context()); err != nil {
		t.Error(err)
	}
}
