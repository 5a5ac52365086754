package yamledit

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetComment(t *testing.T) {
	set := func(line int, text string) func(*File) (*File, error) {
		return func(f *File) (*File, error) { return f.SetComment(line, text) }
	}
	above := func(line, column int, text string) func(*File) (*File, error) {
		return func(f *File) (*File, error) { return f.CommentAbove(line, column, text) }
	}
	for _, c := range []struct {
		name, in string
		edit     func(*File) (*File, error)
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
		{"above the first", "\ufeffa: b", above(1, 1, "# x"), "\ufeff# x\na: b", ""},
		{"above in a block scalar", "a: |\n  b\n  c\n", above(3, 3, "# x"), "", "line 1: this value would change too: \"b\\nc\\n\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			g, err := c.edit(f)
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
