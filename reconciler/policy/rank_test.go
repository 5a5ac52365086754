package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/policy"
)

func parse(t interface{ Fatal(args ...any) }, r policy.Rule) *policy.Policy {
	p, faults := policy.Parse(r)
	if p == nil {
		t.Fatal(faults)
	}
	return p
}

func names(list []policy.Candidate) []string {
	var all []string
	for _, c := range list {
		all = append(all, c.Tag)
	}
	return all
}

func TestRank(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }
	tests := []struct {
		name    string
		rule    policy.Rule
		tags    []string
		present string
		created map[string]time.Time
		want    policy.Ranking
	}{
		{
			name: "versions of one to three numbers, no prereleases",
			rule: policy.Rule{Kind: policy.Semver},
			tags: []string{"1.10.0", "1.9", "v2", "2.1.0-rc.1", "latest", "1.2.3.4"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "v2", By: "v2"}, {Tag: "1.10.0", By: "1.10.0"}, {Tag: "1.9", By: "1.9"}},
				Out: []policy.Candidate{
					{Tag: "1.2.3.4", Out: `"1.2.3.4" is not a version`},
					{Tag: "2.1.0-rc.1", Out: "2.1.0-rc.1 is a prerelease that the range does not take"},
					{Tag: "latest", Out: `"latest" is not a version`},
				},
				Why: "v2 is the highest version",
			},
		},
		{
			name: "a range that names a prerelease",
			rule: policy.Rule{Kind: policy.Semver, Range: ">=2.0.0-rc <3"},
			tags: []string{"1.9.0", "2.0.0-beta.1", "2.0.0-rc.2", "2.0.0-rc.10"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "2.0.0-rc.10", By: "2.0.0-rc.10"}, {Tag: "2.0.0-rc.2", By: "2.0.0-rc.2"}},
				Out: []policy.Candidate{
					{Tag: "1.9.0", Out: "1.9.0 is not in the range"},
					{Tag: "2.0.0-beta.1", Out: "2.0.0-beta.1 is a prerelease that the range does not take"},
				},
				Why: "2.0.0-rc.10 is the highest version",
			},
		},
		{
			name: "equal precedence: the longest, then bytes",
			rule: policy.Rule{Kind: policy.Semver},
			tags: []string{"1", "1.0", "v1.0", "1.0.0"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "1.0.0", By: "1.0.0"}, {Tag: "v1.0", By: "v1.0"}, {Tag: "1.0", By: "1.0"}, {Tag: "1", By: "1"}},
				Why:    "1.0.0 is the highest version, and of the 4 tags of equal precedence the longest wins, then the last by bytes",
			},
		},
		{
			name: "equal precedence: the present tag stays",
			rule: policy.Rule{Kind: policy.Semver}, present: "1.0",
			tags: []string{"1.0.0", "1.0"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "1.0", By: "1.0"}, {Tag: "1.0.0", By: "1.0.0"}},
				Why:    "1.0 is the highest version, and of the 2 tags of equal precedence the present one stays",
			},
		},
		{
			name: "numbers of any length, by a named group",
			rule: policy.Rule{Kind: policy.Numerical, Pattern: `^main-(?P<build>\d*)`},
			tags: []string{"main-9", "main-0010", "main-123456789012345678901234567890", "main-", "dev-99"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{
					{Tag: "main-123456789012345678901234567890", By: "123456789012345678901234567890"}, {Tag: "main-0010", By: "0010"}, {Tag: "main-9", By: "9"},
				},
				Out: []policy.Candidate{{Tag: "dev-99", Out: "the pattern does not match"}, {Tag: "main-", Out: "the named group of the pattern is empty"}},
				Why: "123456789012345678901234567890 is the highest number",
			},
		},
		{
			name: "whole tags that are no numbers",
			rule: policy.Rule{Kind: policy.Numerical, Order: policy.Descending},
			tags: []string{"7", "1.5", "12"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "7", By: "7"}, {Tag: "12", By: "12"}},
				Out:    []policy.Candidate{{Tag: "1.5", Out: `"1.5" is not a whole number`}},
				Why:    "7 is the lowest number",
			},
		},
		{
			name: "bytes",
			rule: policy.Rule{Kind: policy.Alphabetical, Pattern: "^RELEASE"},
			tags: []string{"RELEASE.2024-05-10", "RELEASE.2024-05-01", "latest"},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "RELEASE.2024-05-10", By: "RELEASE.2024-05-10"}, {Tag: "RELEASE.2024-05-01", By: "RELEASE.2024-05-01"}},
				Out:    []policy.Candidate{{Tag: "latest", Out: "the pattern does not match"}},
				Why:    "RELEASE.2024-05-10 is the last by bytes",
			},
		},
		{
			name: "the newest image", rule: policy.Rule{Kind: policy.Newest},
			tags:    []string{"a", "b", "c"},
			created: map[string]time.Time{"a": at(3), "b": at(9)},
			want: policy.Ranking{
				Ranked: []policy.Candidate{{Tag: "b", By: "2026-11-09T12:00:00Z"}, {Tag: "a", By: "2026-11-03T12:00:00Z"}},
				Out:    []policy.Candidate{{Tag: "c", Out: "its image does not say when it was made"}},
				Why:    "2026-11-09T12:00:00Z is the newest time",
			},
		},
		{
			name: "none", rule: policy.Rule{Kind: policy.Semver, Range: "9.x"}, tags: []string{"1.0"},
			want: policy.Ranking{Out: []policy.Candidate{{Tag: "1.0", Out: "1.0 is not in the range"}}, Why: "no tag is one that the policy takes"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(t, tt.rule)
			if diff := cmp.Diff(tt.want, p.Rank(tt.tags, tt.present, tt.created)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	p := parse(t, policy.Rule{Kind: policy.Newest, Pattern: "^main-"})
	if !p.NeedsTimes() {
		t.Error("newest needs no times")
	}
	if diff := cmp.Diff([]string{"main-1", "main-2"}, p.Matches([]string{"main-2", "dev", "main-1", "main-2"})); diff != "" {
		t.Error(diff)
	}
}

// rules and tags of a property: few parts, so that ties and near misses are common.
var (
	anyRule = rapid.Custom(func(t *rapid.T) policy.Rule {
		r := policy.Rule{
			Kind:    rapid.SampledFrom(policy.Kinds).Draw(t, "kind"),
			Pattern: rapid.SampledFrom([]string{"", `^v?(?P<n>\d+)`, `^[^-]*$`, `(?P<n>\d*)$`}).Draw(t, "pattern"),
			Order:   rapid.SampledFrom([]string{"", policy.Ascending, policy.Descending}).Draw(t, "order"),
		}
		if r.Kind == policy.Semver {
			r.Range = rapid.SampledFrom([]string{"", "*", ">=1", ">=1.0.0-0", "1.x || ~2.1-0"}).Draw(t, "range")
		}
		return r
	})
	anyTag  = rapid.StringMatching(`v?0{0,2}[0-3](\.[0-2]){0,3}(-(rc|[0-2]|99999999999999999998|99999999999999999999)(\.[0-2])?)?|[a-c]{1,2}`)
	anyTags = rapid.SliceOfN(anyTag, 0, 12)
)

func anyTimes(t *rapid.T, tags []string) map[string]time.Time {
	times := map[string]time.Time{}
	for _, tag := range tags {
		if n := rapid.IntRange(0, 3).Draw(t, "time"); n > 0 {
			times[tag] = time.Unix(int64(n), 0)
		}
	}
	return times
}

// The order does not depend on how the tags come, and every tag is in it once.
func TestRankIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, tags := parse(t, anyRule.Draw(t, "rule")), anyTags.Draw(t, "tags")
		times := anyTimes(t, tags)
		present := rapid.SampledFrom(append(slices.Clone(tags), "", "gone")).Draw(t, "present")
		r := p.Rank(tags, present, times)
		shuffled := rapid.Permutation(append(slices.Clone(tags), tags...)).Draw(t, "shuffled")
		if diff := cmp.Diff(r, p.Rank(shuffled, present, times)); diff != "" {
			t.Errorf("another order of the tags gives another ranking:\n%s", diff)
		}
		all := append(names(r.Ranked), names(r.Out)...)
		slices.Sort(all)
		want := slices.Compact(slices.Sorted(slices.Values(tags)))
		if !slices.Equal(want, all) {
			t.Errorf("ranked and left out: %q, of %q", all, want)
		}
	})
}

// Leaving tags away does not change the order of the others.
func TestRankIsConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, tags := parse(t, anyRule.Draw(t, "rule")), anyTags.Draw(t, "tags")
		times := anyTimes(t, tags)
		some := rapid.SliceOfDistinct(rapid.SampledFrom(append(tags, "a")), rapid.ID).Draw(t, "some")
		whole, part := names(p.Rank(tags, "", times).Ranked), names(p.Rank(some, "", times).Ranked)
		kept := slices.DeleteFunc(slices.Clone(whole), func(tag string) bool { return !slices.Contains(part, tag) })
		part = slices.DeleteFunc(part, func(tag string) bool { return !slices.Contains(tags, tag) })
		if !slices.Equal(kept, part) {
			t.Errorf("the order of %q is %q, within all of them %q", some, part, kept)
		}
	})
}

// A winner that is present stays the winner when others of equal precedence come, and
// a present tag of lower precedence changes nothing.
func TestPresentTagWinsTies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, tags := parse(t, anyRule.Draw(t, "rule")), anyTags.Draw(t, "tags")
		times := anyTimes(t, tags)
		free := p.Rank(tags, "", times)
		best, ok := free.Winner()
		if !ok {
			return
		}
		for _, c := range free.Ranked {
			won, _ := p.Rank(tags, c.Tag, times).Winner()
			// Alone with the winner, c ties exactly when it wins in both orders.
			pair, _ := p.Rank([]string{best, c.Tag}, c.Tag, times).Winner()
			if won != pair {
				t.Errorf("present %s: %s wins, and beside %s alone %s does", c.Tag, won, best, pair)
			}
			if won != best && won != c.Tag {
				t.Errorf("present %s: %s wins, which is neither it nor %s", c.Tag, won, best)
			}
		}
	})
}
