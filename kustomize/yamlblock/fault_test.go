package yamlblock

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultOf(t *testing.T) {
	const indent, list = "the indentation of this line does not fit those above", "a list [...] is not closed, or lacks a comma"
	for name, c := range map[string]struct {
		src  string
		want Fault
	}{
		"none":               {"a: 1\n", Fault{}},
		"empty":              {"", Fault{}},
		"deeper than above":  {"a: 1\nspec:\n  containers:\n  - image: x\n   name: a\nb: 2\n", Fault{5, "did not find expected key", indent}},
		"second document":    {"a: 1\n---\nb: 1\n c: 2\n", Fault{4, "mapping values are not allowed in this context", `a value holds ": ", or the indentation does not fit: put the value in quotes or mend the indentation`}},
		"list, one line":     {"a: [", Fault{1, "did not find expected node content", ""}},
		"list, not closed":   {"a: [b\nc: 1\n", Fault{2, "did not find expected ',' or ']'", list}},
		"list, CR":           {"a: 1\rb: [c\rd: 1\r", Fault{2, "did not find expected ',' or ']'", list}},
		"tab":                {"a:\n\tb: 1\n", Fault{2, "found character that cannot start any token", "indent with spaces, not tabs, and put values that begin with @, ` or % in quotes"}},
		"unfinished merge":   {"a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", Fault{2, Conflict, "finish the merge"}},
		"quote":              {"a: \"b\nc: d\n", Fault{2, "found unexpected end of stream", "a quote is not closed"}},
		"alias of no anchor": {"a: 1\nb: *x\n", Fault{2, "unknown anchor 'x' referenced", ""}},
	} {
		if diff := cmp.Diff(c.want, FaultOf([]byte(c.src))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
