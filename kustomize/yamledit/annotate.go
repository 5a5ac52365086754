package yamledit

import (
	"slices"
	"strings"
)

// SetComment puts a comment behind what stands on a line, or in place of the comment
// that is there. text begins with #; "" takes the comment away, with the blanks before
// it, and with its line where nothing else stands on that. It proves that nothing else
// differs, or returns an *Error.
func (f *File) SetComment(line int, text string) (*File, error) {
	if err := f.fitsComment(line, text); err != nil {
		return nil, err
	}
	from := f.lines[line-1]
	end := f.lineEnd(from)
	r := replacement{Span: Span{end, end}, text: " " + text, comments: []string{text}}
	switch i := slices.IndexFunc(f.comments, func(c Comment) bool { return c.Line == line }); {
	case i < 0 && text == "":
		return nil, refuse(line, "no comment stands here")
	case i < 0:
		r.Start = from + len(strings.TrimRight(string(f.src[from:end]), " \t"))
		r.End = r.Start
		if r.Start == from {
			return nil, refuse(line, "nothing stands on the line for a comment to be behind")
		}
	default:
		r = f.recomment(f.comments[i], text)
	}
	c := newChange()
	c.bytes = []replacement{r}
	return f.finish(c)
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

// CommentAbove puts a comment on a line of its own above the given one, its # in this
// column, from 1. It proves that nothing else differs, or returns an *Error.
func (f *File) CommentAbove(line, column int, text string) (*File, error) {
	if err := f.fitsComment(line, text); err != nil {
		return nil, err
	}
	at := f.lines[line-1]
	c := newChange()
	c.bytes = []replacement{{Span: Span{at, at}, text: strings.Repeat(" ", column-1) + text + f.lineBreak(), comments: []string{text}}}
	return f.finish(c)
}

func (f *File) fitsComment(line int, text string) error {
	switch {
	case line < 1 || line > len(f.lines):
		return refuse(0, "no line %d", line)
	case text != "" && !strings.HasPrefix(text, "#") || !writable(text) || strings.TrimRight(text, " \t") != text:
		return refuse(line, "no comment that fits on one line: %q", text)
	}
	return nil
}
