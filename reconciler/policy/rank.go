package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// Candidate is one tag, as a policy sees it.
type Candidate struct {
	Tag string
	By  string // what it is ordered by: a part of the tag, or a time; "" when it is left out
	Out string // why it is left out; "" when it is ranked
}

// Ranking is the order of all tags.
type Ranking struct {
	Ranked []Candidate // the first wins
	Out    []Candidate // those left out, by name
	Why    string      // why the first wins, or why none does
}

// Winner is the tag that wins; ok is false when none does.
func (r Ranking) Winner() (tag string, ok bool) {
	if len(r.Ranked) == 0 {
		return "", false
	}
	return r.Ranked[0].Tag, true
}

// entry is a tag with what it is compared by.
type entry struct {
	tag, text string
	version   *semver.Version
	time      time.Time
}

// Rank orders tags: by the policy, and of equal precedence the present tag ("" for
// none) first, then the longest, then the greatest by bytes. created gives the time at
// which the image of a tag was made, for a policy that NeedsTimes; a tag that it does
// not have is left out.
func (p *Policy) Rank(tags []string, present string, created map[string]time.Time) Ranking {
	var r Ranking
	var in []entry
	for _, tag := range distinct(tags) {
		e, out := p.entry(tag, created)
		if out != "" {
			r.Out = append(r.Out, Candidate{Tag: tag, Out: out})
			continue
		}
		in = append(in, e)
	}
	slices.SortFunc(in, func(a, b entry) int {
		return cmp.Or(p.precedence(a, b), compareTies(a.tag, b.tag, present))
	})
	for _, e := range in {
		r.Ranked = append(r.Ranked, Candidate{Tag: e.tag, By: e.text})
	}
	r.Why = p.why(in, present)
	return r
}

// Matches are the tags that the pattern matches, sorted and each once: those whose
// times a policy that NeedsTimes is to be told.
func (p *Policy) Matches(tags []string) []string {
	return slices.DeleteFunc(distinct(tags), func(tag string) bool {
		_, out := p.part(tag)
		return out != ""
	})
}

func distinct(tags []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(tags)))
}

// part is what of a tag is ordered by, or why the tag is left out.
func (p *Policy) part(tag string) (text, out string) {
	if p.pattern == nil {
		return tag, ""
	}
	m := p.pattern.FindStringSubmatch(tag)
	switch {
	case m == nil:
		return "", "the pattern does not match"
	case m[p.group] == "" && p.group > 0:
		return "", "the named group of the pattern is empty"
	case p.group > 0:
		return m[p.group], ""
	}
	return tag, ""
}

// entry reads one tag, or says why it is left out.
func (p *Policy) entry(tag string, created map[string]time.Time) (e entry, out string) {
	e.tag = tag
	if e.text, out = p.part(tag); out != "" {
		return e, out
	}
	switch p.rule.Kind {
	case Semver:
		e.version, out = p.version(e.text)
	case Numerical:
		if !isNumber(e.text) {
			out = fmt.Sprintf("%q is not a whole number", e.text)
		}
	case Newest:
		var known bool
		if e.time, known = created[tag]; !known {
			out = "its image does not say when it was made"
		}
		e.text = e.time.UTC().Format(time.RFC3339)
	}
	return e, out
}

// version reads a semantic version that the range takes.
func (p *Policy) version(text string) (*semver.Version, string) {
	v, err := semver.NewVersion(text)
	switch {
	case err != nil, tooLong(v):
		return nil, fmt.Sprintf("%q is not a version", text)
	case p.allowed.Check(v):
		return v, ""
	case v.Prerelease() == "":
		return nil, fmt.Sprintf("%s is not in the range", text)
	}
	return nil, fmt.Sprintf("%s is a prerelease that the range does not take", text)
}

// tooLong finds a number in a prerelease that is compared exactly nowhere: the library
// takes one beyond 64 bits for a word.
func tooLong(v *semver.Version) bool {
	return slices.ContainsFunc(strings.Split(v.Prerelease(), "."), func(s string) bool {
		return len(s) > len("9999999999999999999") && isNumber(s)
	})
}

func isNumber(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// precedence is negative when a goes before b, by what they are ordered by alone.
func (p *Policy) precedence(a, b entry) int {
	var c int
	switch p.rule.Kind {
	case Semver:
		c = a.version.Compare(b.version)
	case Numerical:
		c = compareNumbers(a.text, b.text)
	case Newest:
		c = a.time.Compare(b.time)
	default:
		c = strings.Compare(a.text, b.text)
	}
	if p.rule.Order == Descending {
		return c
	}
	return -c
}

// compareNumbers compares digits as numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// compareTies orders tags of equal precedence.
func compareTies(a, b, present string) int {
	switch present {
	case a:
		return -1
	case b:
		return 1
	}
	return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(b, a))
}

// why says why the first of the ranked wins.
func (p *Policy) why(ranked []entry, present string) string {
	if len(ranked) == 0 {
		return "no tag is one that the policy takes"
	}
	best := ranked[0]
	why := fmt.Sprintf("%s is %s", best.text, p.superlative())
	ties := 1
	for ties < len(ranked) && p.precedence(best, ranked[ties]) == 0 {
		ties++
	}
	switch {
	case ties == 1:
		return why
	case best.tag == present:
		return fmt.Sprintf("%s, and of the %d tags of equal precedence the present one stays", why, ties)
	}
	return fmt.Sprintf("%s, and of the %d tags of equal precedence the longest wins, then the last by bytes", why, ties)
}

func (p *Policy) superlative() string {
	words := map[string][2]string{
		Semver:       {"the highest version", "the lowest version"},
		Alphabetical: {"the last by bytes", "the first by bytes"},
		Numerical:    {"the highest number", "the lowest number"},
		Newest:       {"the newest time", "the oldest time"},
	}[p.rule.Kind]
	if p.rule.Order == Descending {
		return words[1]
	}
	return words[0]
}
