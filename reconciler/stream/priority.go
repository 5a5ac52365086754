package stream

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// SortTags sorts names of tags as OpenShift does (openshift.md 2.8): latest, minor
// versions (3.1, v3.1, 3.1-word) from the newest, full versions (3.1.4) from the newest,
// then all others by name. The order is total: equal versions without "v" come first,
// then the name decides.
func SortTags(tags []string) {
	slices.SortFunc(tags, compareTags)
}

// IsVersion reports whether the name of a tag is a minor or a full version.
func IsVersion(tag string) bool {
	class, _ := classify(tag)
	return class == classMinor || class == classFull
}

// Classes of tags, in their order.
const (
	classLatest = iota
	classMinor
	classFull
	classOther
)

func compareTags(a, b string) int {
	classA, versionA := classify(a)
	classB, versionB := classify(b)
	if c := cmp.Compare(classA, classB); c != 0 {
		return c
	}
	if c := versionB.compare(versionA); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(prefixed(a), prefixed(b)), strings.Compare(a, b))
}

// prefixed is 1 for a version that is written with "v".
func prefixed(tag string) int {
	if class, _ := classify(tag); class != classOther && tag[0] == 'v' {
		return 1
	}
	return 0
}

var versionSyntax = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$`)

// version is a semantic version; that of a tag without one is empty.
type version struct {
	numbers [3]string // without leading zeros
	pre     []string  // the identifiers of what follows "-"; none is above any
}

func classify(tag string) (int, version) {
	if tag == defaultTag {
		return classLatest, version{}
	}
	m := versionSyntax.FindStringSubmatch(tag)
	if m == nil {
		return classOther, version{}
	}
	v := version{numbers: [3]string{number(m[1]), number(m[2]), number(m[3])}}
	if m[4] != "" {
		v.pre = strings.Split(m[4], ".")
	}
	if m[3] == "" {
		return classMinor, v
	}
	return classFull, v
}

func number(digits string) string { return strings.TrimLeft(digits, "0") }

// compare is the precedence of semver.org 2.0.0, section 11.
func (v version) compare(w version) int {
	for i := range v.numbers {
		if c := compareNumbers(v.numbers[i], w.numbers[i]); c != 0 {
			return c
		}
	}
	if len(v.pre) == 0 || len(w.pre) == 0 {
		return cmp.Compare(len(w.pre), len(v.pre)) // only one has any: the other is above it
	}
	return slices.CompareFunc(v.pre, w.pre, compareIdentifiers)
}

// compareNumbers compares numbers of any length.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// compareIdentifiers puts numbers below words.
func compareIdentifiers(a, b string) int {
	switch numA, numB := isNumber(a), isNumber(b); {
	case numA && numB:
		return compareNumbers(number(a), number(b))
	case numA:
		return -1
	case numB:
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
