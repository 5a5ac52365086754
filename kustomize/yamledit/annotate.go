package yamledit

import (
	"cmp"
	"slices"
	"strings"
)

// Note is a comment that is to stand in a file.
type Note struct {
	Line   int    // where it belongs, from 1
	Column int    // of its #, from 1, on a line of its own above; 0: behind what stands on the line, or in place of the comment there
	Text   string // begins with #; "" takes the comment of the line away, with the blanks before it, and with the line where nothing else stands on it
}

// Annotate writes comments, all at once. It proves that nothing else differs, or returns an
// *Error.
func (f *File) Annotate(notes ...Note) (*File, error) {
	on := map[int]Comment{}
	for _, c := range f.comments {
		on[c.Line] = c
	}
	c := newChange()
	for _, n := range notes {
		r, err := f.annotation(n, on)
		if err != nil {
			return nil, err
		}
		c.bytes = append(c.bytes, r)
	}
	slices.SortStableFunc(c.bytes, func(a, b replacement) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(c.bytes); i++ {
		if was, is := c.bytes[i-1], &c.bytes[i]; was.text+is.text == "" {
			is.Start = max(is.Start, was.End) // both lines go, and the break between them
		}
	}
	if err := f.inOrder(c); err != nil {
		return nil, err
	}
	return f.finish(c)
}

// annotation is the change that a note makes; on are the comments by line.
func (f *File) annotation(n Note, on map[int]Comment) (replacement, error) {
	switch {
	case n.Line < 1 || n.Line > len(f.lines):
		return replacement{}, refuse(0, "no line %d", n.Line)
	case n.Text != "" && !strings.HasPrefix(n.Text, "#") || !writable(n.Text) || strings.TrimRight(n.Text, " \t") != n.Text:
		return replacement{}, refuse(n.Line, "no comment that fits on one line: %q", n.Text)
	}
	from := f.lines[n.Line-1]
	end := f.lineEnd(from)
	old, there := on[n.Line]
	switch behind := from + len(strings.TrimRight(string(f.src[from:end]), " \t")); {
	case n.Column > 0:
		return replacement{Span: Span{from, from}, text: strings.Repeat(" ", n.Column-1) + n.Text + f.breakAt(end), comments: []string{n.Text}}, nil
	case there:
		return f.recomment(old, n.Text), nil
	case n.Text == "":
		return replacement{}, refuse(n.Line, "no comment stands here")
	case behind == from:
		return replacement{}, refuse(n.Line, "nothing stands on the line for a comment to be behind")
	default:
		return replacement{Span: Span{behind, behind}, text: " " + n.Text, comments: []string{n.Text}}, nil
	}
}

// breakAt is the line break at the end of a line, else the file's: one that every reader of
// YAML takes for one.
func (f *File) breakAt(end int) string {
	if brk := string(f.src[end : end+breakLen(f.src, end)]); strings.Trim(brk, "\r\n") == "" && brk != "" {
		return brk
	}
	return f.lineBreak()
}

// recomment replaces a comment, or takes it away.
func (f *File) recomment(old Comment, text string) replacement {
	at := Span{old.Start, old.Start + len(old.Text)}
	switch {
	case text != "":
		return replacement{Span: at, text: text, comments: []string{text}, drop: true}
	case old.Own:
		return replacement{Span: f.wholeLines(at.Start, at.End), drop: true}
	}
	at.Start = f.lines[old.Line-1] + len(strings.TrimRight(string(f.lead(old.Start)), " \t"))
	return replacement{Span: at, drop: true}
}
