package main

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// verdict is how an edit came out.
type verdict string

const (
	minimal    verdict = "minimal"
	overEdited verdict = "over-edited"
	refused    verdict = "refused"
	silent     verdict = "silent"
)

// judge compares the bytes before and after an edit of the i-th entry. It uses nothing
// of the editor.
func judge(before, after []byte, err error, i int, wanted map[string]string) trial {
	same := bytes.Equal(before, after)
	switch {
	case err != nil && same:
		return trial{verdict: refused, reason: err.Error()}
	case err != nil:
		return trial{verdict: overEdited, reason: "refused, and changed all the same: " + err.Error()}
	}
	if reason := values(before, after, i, wanted); reason != "" {
		if same {
			return trial{verdict: silent, reason: reason}
		}
		return trial{verdict: overEdited, reason: reason}
	}
	first, last := entryLines(before, i)
	if reason := lines(before, after, first, last, wanted); reason != "" {
		return trial{verdict: overEdited, reason: reason}
	}
	return trial{verdict: minimal}
}

// values requires that the document differs in the one entry only, which says what is
// wanted; "" when that holds.
func values(before, after []byte, i int, wanted map[string]string) string {
	var was, is map[string]any
	if err := yaml.Unmarshal(before, &was); err != nil {
		return err.Error()
	}
	if err := yaml.Unmarshal(after, &is); err != nil {
		return "the result is not YAML: " + err.Error()
	}
	entry := map[string]any{}
	for key, value := range wanted {
		entry[key] = value
	}
	images, _ := was["images"].([]any)
	images[i] = entry
	if !reflect.DeepEqual(was, is) {
		return fmt.Sprintf("the document says something else than images[%d] = %v", i, wanted)
	}
	return ""
}

// entryLines are the first and last line, from 0, of an entry in block style: from its
// dash to its last line that is neither empty nor a comment.
func entryLines(src []byte, i int) (first, last int) {
	dashes := dashesOf(src)
	all := strings.Split(string(src), "\n")
	first = dashes[i]
	last = first
	indent := strings.IndexByte(all[first], '-')
	for n := first + 1; n < len(all); n++ {
		line := strings.TrimRight(all[n], "\r")
		if aside.MatchString(line) {
			continue
		}
		if len(line)-len(strings.TrimLeft(line, " ")) <= indent {
			break
		}
		last = n
	}
	return first, last
}

// keyLine is a line of an entry with one of the keys that may change: what stands before
// the value, the key, the value as written, and what stands behind it.
var keyLine = regexp.MustCompile(`(?s)^(\s*(?:-\s+)?(newName|newTag|digest)\s*:\s*)("[^"]*"|'[^']*'|[^\s#"']\S*)(\s.*)?$`)

// lines requires that the bytes differ only in values of the entry that had to change,
// and in at most one new line each for digest and newName; "" when that holds.
func lines(before, after []byte, first, last int, wanted map[string]string) string {
	was, is := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	inserted := map[string]bool{}
	i := 0
	for _, line := range is {
		if i < len(was) && was[i] == line {
			i++
			continue
		}
		fresh := keyLine.FindStringSubmatch(line)
		if fresh == nil || i < first || i > last+1 {
			return fmt.Sprintf("line %d of the marked file differs: %q", i+1, line)
		}
		if plain(fresh[3]) != wanted[fresh[2]] {
			return fmt.Sprintf("%s is %s", fresh[2], fresh[3])
		}
		if i < len(was) && sameButValue(was[i], fresh) {
			i++
			continue
		}
		if inserted[fresh[2]] || fresh[2] == "newTag" {
			return fmt.Sprintf("a line for %s is inserted", fresh[2])
		}
		inserted[fresh[2]] = true
	}
	if i != len(was) {
		return fmt.Sprintf("line %d of the marked file is gone: %q", i+1, was[i])
	}
	return ""
}

// sameButValue reports whether a line differs from a new one in the value alone, and in
// its quotes only where there were none.
func sameButValue(line string, fresh []string) bool {
	old := keyLine.FindStringSubmatch(line)
	if old == nil || old[1] != fresh[1] || old[4] != fresh[4] {
		return false
	}
	quoted := strings.ContainsAny(old[3][:1], `"'`)
	return !quoted || old[3][0] == fresh[3][0]
}

func plain(value string) string { return strings.Trim(value, `"'`) }
