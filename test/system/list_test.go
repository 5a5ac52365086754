package system_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
)

// Distribution gives a thousand tags at once: what is beyond comes with the next page.
func TestListFollowsPages(t *testing.T) {
	r := newRegistry(t)
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	repository := r.Host + "/many"
	pusher, err := remote.NewPusher()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 1100 {
		tag, err := name.NewTag(fmt.Sprintf("%s:build-%d", repository, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := pusher.Push(t.Context(), tag, img); err != nil {
			t.Fatal(err)
		}
		want = append(want, tag.TagStr())
	}
	c, err := registry.New(registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	answer := c.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: repository, Tags: true}})
	if answer.Failure != nil {
		t.Fatal(answer.Failure.Message)
	}
	slices.Sort(want)
	if !slices.Equal(want, answer.Tags) {
		t.Errorf("%d tags of %d are listed", len(answer.Tags), len(want))
	}
	if answer := c.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: r.Host + "/none", Tags: true}}); answer.Failure == nil || answer.Failure.Reason == "" {
		t.Errorf("a repository that does not exist is answered with %+v", answer)
	}
}
