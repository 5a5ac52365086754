// Package policy decides which tag of a repository wins. It is given names of tags and
// gives them back in a total order, each with its reason; it asks nobody, and the same
// names give the same order, however they come.
package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Kinds of policies: what tags are ordered by.
const (
	Semver       = "semver"       // semantic versions, of one to three numbers, with or without "v"
	Alphabetical = "alphabetical" // bytes
	Numerical    = "numerical"    // whole numbers of any length
	Newest       = "newest"       // the time at which the image was made
)

// Orders of a policy: which end of the ascending order wins.
const (
	Ascending  = "asc"  // the last one: the highest version, the newest image; the default
	Descending = "desc" // the first one
)

// Kinds are all kinds of policies.
var Kinds = []string{Semver, Alphabetical, Numerical, Newest}

// MaxNewest is how many tags a policy Newest may take: each of them costs questions.
const MaxNewest = 50

// maxPattern is the length in bytes of the longest pattern that is read.
const maxPattern = 1000

// Rule is a policy as people write it; "" where they write nothing.
type Rule struct {
	Kind    string
	Range   string // of versions, for Semver; "": every version that is no prerelease
	Pattern string // RE2; tags that it does not match are left out. A named group is what tags are ordered by
	Order   string
}

// Parts of a Rule, as Fault names them.
const (
	PartKind    = "kind"
	PartRange   = "range"
	PartPattern = "pattern"
	PartOrder   = "order"
)

// Fault is what is wrong with one part of a Rule.
type Fault struct {
	Part    string
	Message string // follows the name of the part
	Hint    string // what to write instead
}

// Policy is a Rule that was read.
type Policy struct {
	rule    Rule
	allowed *semver.Constraints // of Semver
	pattern *regexp.Regexp      // nil: every tag
	group   int                 // of pattern, what is ordered by; 0: the whole tag
}

// Parse reads a rule. The Policy is nil where there are faults.
func Parse(r Rule) (*Policy, []Fault) {
	p := &Policy{rule: r}
	var faults []Fault
	add := func(part, hint string, err error) {
		if err != nil {
			faults = append(faults, Fault{Part: part, Message: err.Error(), Hint: hint})
		}
	}
	add(PartKind, "write "+strings.Join(Kinds, ", "), checkKind(r.Kind))
	add(PartRange, `write a range like ">=1.25 <2" or "25.x", and policy semver`, p.parseRange())
	add(PartPattern, `write a regular expression (RE2), with a named group for what is ordered by: ^main-(?P<build>[0-9]+)$`, p.parsePattern())
	add(PartOrder, "write asc, so that the highest or newest wins, or desc", checkOrder(r.Order))
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

func checkKind(kind string) error {
	switch {
	case kind == "":
		return errors.New("is missing")
	case !slices.Contains(Kinds, kind):
		return fmt.Errorf("%q is not known", kind)
	}
	return nil
}

func checkOrder(order string) error {
	if order == "" || order == Ascending || order == Descending {
		return nil
	}
	return fmt.Errorf("%q is not known", order)
}

func (p *Policy) parseRange() (err error) {
	switch {
	case p.rule.Kind != Semver && p.rule.Range == "":
		return nil
	case p.rule.Kind != Semver && slices.Contains(Kinds, p.rule.Kind):
		return fmt.Errorf("is for policy %s alone, not for %s", Semver, p.rule.Kind)
	case p.rule.Range == "":
		p.allowed, err = semver.NewConstraint("*")
		return err
	}
	if p.allowed, err = semver.NewConstraint(p.rule.Range); err != nil {
		return fmt.Errorf("%q is not a range of versions", p.rule.Range)
	}
	return nil
}

func (p *Policy) parsePattern() (err error) {
	switch {
	case p.rule.Pattern == "":
		return nil
	case len(p.rule.Pattern) > maxPattern:
		return fmt.Errorf("is longer than %d characters", maxPattern)
	}
	if p.pattern, err = regexp.Compile(p.rule.Pattern); err != nil {
		return fmt.Errorf("%q is not a regular expression: %s", p.rule.Pattern, reason(err))
	}
	for i, name := range p.pattern.SubexpNames() {
		switch {
		case name == "":
		case p.group > 0:
			return fmt.Errorf("%q has more than one named group", p.rule.Pattern)
		default:
			p.group = i
		}
	}
	return nil
}

// reason is what the parser of regular expressions says, without its own prefix.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// NeedsTimes says that the policy orders by the time at which images were made.
func (p *Policy) NeedsTimes() bool { return p.rule.Kind == Newest }

// String gives the rule in words, for people.
func (p *Policy) String() string {
	words := []string{p.rule.Kind}
	for _, part := range [...]struct{ name, value string }{{PartRange, p.rule.Range}, {PartPattern, p.rule.Pattern}, {PartOrder, p.rule.Order}} {
		if part.value != "" {
			words = append(words, part.name+" "+part.value)
		}
	}
	return strings.Join(words, ", ")
}

// Equal says that both are of the same rule. Two nil policies are equal.
func (p *Policy) Equal(other *Policy) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p.rule == other.rule
}
