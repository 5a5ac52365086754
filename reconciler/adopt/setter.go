package adopt

import (
	"regexp"
	"strings"
)

// setterText is a marker of Flux in a comment.
var setterText = regexp.MustCompile(`\{\s*"\$imagepolicy"\s*:\s*"([^"\\]*)"\s*\}`)

// setter is a marker of Flux: {"$imagepolicy": "namespace:name[:part]"}.
type setter struct {
	policy string // namespace/name
	part   string // "", name, tag or digest
}

// setterIn reads the marker in a comment; ok is false where there is none.
func setterIn(comment string) (s setter, ok bool) {
	m := setterText.FindStringSubmatch(comment)
	if m == nil {
		return setter{}, false
	}
	parts := strings.Split(m[1], ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return setter{}, false
	}
	s.policy = parts[0] + "/" + parts[1]
	if len(parts) == 3 {
		s.part = parts[2]
	}
	return s, s.part == "" || s.part == "name" || s.part == "tag" || s.part == "digest"
}

// replaceSetter is the comment with another marker in the place of Flux's.
func replaceSetter(comment, marker string) string {
	at := setterText.FindStringIndex(comment)
	return comment[:at[0]] + marker + comment[at[1]:]
}

// withoutSetter is what is left of the comment without it; "" when nothing of people is.
func withoutSetter(comment string) string {
	left := strings.TrimRight(replaceSetter(comment, ""), " \t")
	if strings.Trim(left, "# \t") == "" {
		return ""
	}
	return left
}
