package stream

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSortTags(t *testing.T) {
	for _, want := range []string{
		"3.1 3 abc other v1 v2", // openshift.md 2.8
		"latest 10.0 9.0 3.1 v3.1 v3.1-rc1 3.0",
		"25.0 19.0",
		"8.10-ubi9 8.10-ubi8 8.9 1.4.10 1.4.9 v1.4.9 1.4.9-rc.11 1.4.9-rc.2 1.4.9-rc 1.4.9-11 1.4.9-2 1.4.8 1.2.3.4 17",
		"99999999999999999999999.1 99999999999999999999998.2",
		"01.2 1.02 1.2 1.2.0 1.2_x Latest v", // equal versions: the name decides
	} {
		tags := strings.Fields(want)
		slices.Reverse(tags)
		SortTags(tags)
		if diff := cmp.Diff(want, strings.Join(tags, " ")); diff != "" {
			t.Error(diff)
		}
	}
}

// However the tags were ordered before, they are afterwards in the one order.
func TestSortTagsIsTotal(t *testing.T) {
	name := rapid.StringMatching(`v?[0-9]{1,2}(\.[0-9]{1,2}){0,3}(-[a-z0-9.]{1,4})?|latest|[a-z]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.SliceOfNDistinct(name, 1, 12, rapid.ID[string]).Draw(t, "tags")
		want := slices.Clone(tags)
		SortTags(want)
		got := rapid.Permutation(tags).Draw(t, "order")
		SortTags(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
