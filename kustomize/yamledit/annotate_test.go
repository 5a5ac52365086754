package yamledit

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnnotate(t *testing.T) {
	set := func(line int, text string) []Note { return []Note{{Line: line, Text: text}} }
	above := func(line, column int, text string) []Note { return []Note{{line, column, text}} }
	for _, c := range []struct {
		name, in string
		notes    []Note
		out      string // "" = refused
		refused  string
	}{
		{"behind a value", "a: b  \nc: d\n", set(1, "# x"), "a: b # x  \nc: d\n", ""},
		{"behind the last one", "a: b", set(1, "# x"), "a: b # x", ""},
		{"behind CRLF", "a: b\r\n", set(1, "# x"), "a: b # x\r\n", ""},
		{"instead of another", "a: b   # y  \n", set(1, "# x"), "a: b   # x  \n", ""},
		{"away", "a: b   # y\nc: d\n", set(1, ""), "a: b\nc: d\n", ""},
		{"away with its line", "a: b\n  # y\nc: d\n", set(2, ""), "a: b\nc: d\n", ""},
		{"away with the last line", "a: b\n# y", set(2, ""), "a: b", ""},
		{"none to take away", "a: b\n", set(1, ""), "", "line 1: no comment stands here"},
		{"on a blank line", "a: b\n\n", set(2, "# x"), "", "line 2: nothing stands on the line for a comment to be behind"},
		{"in a block scalar", "a: |\n  b\n", set(2, "# x"), "", "line 1: this value would change too: \"b\\n\""},
		{"in a quoted value", "a: 'b\n  c'\n", set(1, "# x"), "", "line 1: this value would change too: \"b c\""},
		{"no comment", "a: b\n", set(1, "x"), "", "line 1: no comment that fits on one line: \"x\""},
		{"two lines", "a: b\n", set(1, "# x\ny: z"), "", "line 1: no comment that fits on one line: \"# x\\ny: z\""},
		{"no such line", "a: b\n", set(3, "# x"), "", "no line 3"},
		{"above", "a:\r\n  - b\r\n", above(2, 3, "# x"), "a:\r\n  # x\r\n  - b\r\n", ""},
		{"above, of two kinds of line breaks", "a:\n  - b\r\n", above(2, 3, "# x"), "a:\n  # x\r\n  - b\r\n", ""},
		{"above the first", "\ufeffa: b", above(1, 1, "# x"), "\ufeff# x\na: b", ""},
		{"above in a block scalar", "a: |\n  b\n  c\n", above(3, 3, "# x"), "", "line 1: this value would change too: \"b\\nc\\n\""},
		{"several", "a: b # y\nc: d\n# z\ne: f", []Note{{4, 0, "# 4"}, {1, 0, ""}, {2, 1, "# 2"}, {2, 0, "# 3"}, {3, 0, ""}}, "a: b\n# 2\nc: d # 3\ne: f # 4", ""},
		{"the last lines away", "a: b\n# y\n# z", []Note{{2, 0, ""}, {3, 0, ""}}, "a: b\n", ""},
		{"two on one line", "a: b\n", []Note{{1, 0, "# x"}, {1, 0, "# y"}}, "", "with the new value the file has 1 comments instead of 2"},
		{"two instead of one", "a: b # z\n", []Note{{1, 0, "# x"}, {1, 0, "# y"}}, "", "line 1: two edits of the same bytes"},
		{"none", "a: b # z\n", nil, "a: b # z\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			g, err := f.Annotate(c.notes...)
			out, refused := "", ""
			if err != nil {
				if refused = err.Error(); !errors.Is(err, ErrUnproven) {
					t.Fatal(err)
				}
			} else {
				out = string(g.Bytes())
			}
			if diff := cmp.Diff(c.out+"|"+c.refused, out+"|"+refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}
