package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/policy"
)

func TestParseFaults(t *testing.T) {
	tests := []struct {
		name string
		rule policy.Rule
		want []string
	}{
		{"good", policy.Rule{Kind: "semver", Range: ">=1.2 <2 || 3.x", Pattern: `^v?(?P<v>[0-9.]+)$`, Order: "desc"}, nil},
		{"no kind", policy.Rule{Order: "asc"}, []string{"kind is missing"}},
		{"unknown kind", policy.Rule{Kind: "Semver"}, []string{`kind "Semver" is not known`}},
		{"bad range", policy.Rule{Kind: "semver", Range: "newest please"}, []string{`range "newest please" is not a range of versions`}},
		{"range of another kind", policy.Rule{Kind: "newest", Range: "1.x"}, []string{"range is for policy semver alone, not for newest"}},
		{"bad pattern", policy.Rule{Kind: "numerical", Pattern: "^(?P<n>"}, []string{"pattern \"^(?P<n>\" is not a regular expression: missing closing ): `^(?P<n>`"}},
		{"two groups", policy.Rule{Kind: "numerical", Pattern: "(?P<a>.)(?P<b>.)"}, []string{`pattern "(?P<a>.)(?P<b>.)" has more than one named group`}},
		{"bad order", policy.Rule{Kind: "numerical", Order: "up"}, []string{`order "up" is not known`}},
		{"all at once", policy.Rule{Kind: "alphabetical", Range: "x", Pattern: "[", Order: "ASC"}, []string{
			"range is for policy semver alone, not for alphabetical", "pattern \"[\" is not a regular expression: missing closing ]: `[`", `order "ASC" is not known`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, faults := policy.Parse(tt.rule)
			var got []string
			for _, f := range faults {
				got = append(got, f.Part+" "+f.Message)
				if f.Hint == "" {
					t.Errorf("%s has no hint", f.Part)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if (p == nil) != (len(faults) > 0) {
				t.Errorf("policy is %v with faults %v", p, faults)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("semver", ">=1.2 <2", `^v(?P<v>.*)$`, "asc", "v1.3.0")
	f.Add("numerical", "", `(?P<n>[0-9]+)`, "desc", "build-0017")
	f.Add("alphabetical", "", "", "", "RELEASE.2024-05-01T01-11-10Z")
	f.Fuzz(func(t *testing.T, kind, versions, pattern, order, tag string) {
		p, faults := policy.Parse(policy.Rule{Kind: kind, Range: versions, Pattern: pattern, Order: order})
		if (p == nil) != (len(faults) > 0) {
			t.Fatalf("policy is %v with faults %v", p, faults)
		}
		if p == nil {
			return
		}
		r := p.Rank([]string{tag, tag}, tag, nil)
		if len(r.Ranked)+len(r.Out) != 1 || r.Why == "" {
			t.Errorf("%q is ranked %+v", tag, r)
		}
	})
}
