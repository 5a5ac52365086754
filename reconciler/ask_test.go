package reconciler_test

import (
	"context"
	"slices"
	"testing"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
)

type answers func(plan.Question) plan.Answer

func (a answers) Resolve(_ context.Context, q plan.Question) plan.Answer { return a(q) }

// What is being done is told before the first answer: that one may take long.
func TestAskTellsBeforeItWaits(t *testing.T) {
	told := make(chan string, 10)
	var first string
	resolver := answers(func(plan.Question) plan.Answer {
		first = <-told
		return plan.Answer{}
	})
	questions := []plan.Question{{Import: plan.Import{Reference: "quay.io/a/b:1"}}}
	if err := reconciler.Ask(t.Context(), resolver, questions, plan.Answers{}, func(step string) { told <- step }); err != nil {
		t.Fatal(err)
	}
	got := []string{first, <-told}
	if want := []string{"asking registries: 0 of 1", "asking registries: 1 of 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
