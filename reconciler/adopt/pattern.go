package adopt

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// groupName is that of the group that a translated pattern orders by.
const groupName = "by"

// template is what Flux takes out of a tag: one group of the pattern, by name or number.
var template = regexp.MustCompile(`^\$(?:\{(\w+)\}|(\w+))$`)

// pattern is a pattern of another tool as policies read it: the group that extract names,
// such as $ts or ${1}, is the only named one, since that is what tags are ordered by here.
// Where extract is empty, as with tools that know no such thing, the whole tag is.
func pattern(source, extract string) (string, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return "", fmt.Errorf("the pattern %q is no regular expression: %w", source, err)
	}
	group, err := extracted(re, extract)
	if err != nil {
		return "", err
	}
	out := regroup(source, group)
	now, err := regexp.Compile(out)
	if err != nil || now.NumSubexp() != re.NumSubexp() || named(now) != group {
		return "", fmt.Errorf("the pattern %q cannot be written with one named group", source)
	}
	return out, nil
}

// extracted is the number of the group that a template takes; 0 is the whole tag.
func extracted(re *regexp.Regexp, extract string) (int, error) {
	if extract == "" {
		return 0, nil
	}
	m := template.FindStringSubmatch(extract)
	if m == nil {
		return 0, fmt.Errorf("extract %q is more than one group of the pattern, and tags are ordered by one", extract)
	}
	name := m[1] + m[2]
	if i := re.SubexpIndex(name); i > 0 {
		return i, nil
	}
	number := 0
	for _, r := range name {
		if r < '0' || r > '9' || number > re.NumSubexp() {
			return 0, fmt.Errorf("extract %q names no group of the pattern", extract)
		}
		number = number*10 + int(r-'0')
	}
	if number > re.NumSubexp() {
		return 0, fmt.Errorf("extract %q names no group of the pattern", extract)
	}
	return number, nil
}

// named is the number of the only named group of a pattern: 0 for none, -1 for several.
func named(re *regexp.Regexp) int {
	group := 0
	for i, name := range re.SubexpNames() {
		switch {
		case name == "":
		case group > 0:
			return -1
		default:
			group = i
		}
	}
	return group
}

// regroup takes the names off all groups of a regular expression but for one, which keeps
// its name or gets one.
func regroup(source string, keep int) string {
	var out strings.Builder
	group := 0
	for rest := source; rest != ""; {
		text, isGroup := token(rest)
		rest = rest[len(text):]
		if !isGroup {
			out.WriteString(text)
			continue
		}
		group++
		switch {
		case group != keep:
			out.WriteString("(")
		case text == "(":
			out.WriteString("(?P<" + groupName + ">")
		default:
			out.WriteString(text)
		}
	}
	return out.String()
}

// beginning is that of a named group.
var beginning = regexp.MustCompile(`^\(\?P?<\w+>`)

// token is the next piece of a regular expression that may hold a parenthesis, and
// whether it begins a group that captures.
func token(s string) (text string, isGroup bool) {
	switch {
	case strings.HasPrefix(s, `\Q`):
		if i := strings.Index(s, `\E`); i >= 0 {
			return s[:i+2], false
		}
		return s, false
	case s[0] == '\\':
		return s[:min(2, len(s))], false
	case s[0] == '[':
		return class(s), false
	case s[0] != '(':
		return s[:1], false
	}
	if name := beginning.FindString(s); name != "" {
		return name, true
	}
	return s[:1], !strings.HasPrefix(s, "(?")
}

// class is a whole [character class]: its first member may be a bracket.
func class(s string) string {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == '\\':
			i += 2
		case strings.HasPrefix(s[i:], "[:") && strings.Contains(s[i:], ":]"):
			i += strings.Index(s[i:], ":]") + 2
		case s[i] == ']' && !first:
			return s[:i+1]
		default:
			i++
		}
	}
	return s
}

// errNoTags is a filter that lets no tag pass, so that its tool never updates the image.
var errNoTags = errors.New("it lets no tag pass")

// allowed is the pattern of an allow-tags of Argo CD Image Updater: regexp:… or any.
func allowed(match string) (string, error) {
	function, argument, _ := strings.Cut(match, ":")
	switch {
	case match == "" || function == "any":
		return "", nil
	case function == "regexp":
		return pattern(strings.TrimSpace(argument), "")
	}
	return "", fmt.Errorf("%q is neither regexp:… nor any: %w", match, errNoTags)
}
