package yamledit

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Comment is one comment, found by reading the file and not by the parser,
// which moves comments between nodes.
type Comment struct {
	Line   int    // from 1
	Column int    // of the #, from 1, in runes
	Start  int    // offset of the #
	Text   string // from the # on, without trailing blanks
	Own    bool   // nothing but blanks stands before it on its line
}

// findComments reads the file once. A # begins a comment when it stands at the
// beginning of a line, behind a blank, or right behind a quoted scalar, and
// outside the opaque spans.
func findComments(f *File, opaque []Span) []Comment {
	slices.SortFunc(opaque, func(a, b Span) int { return a.Start - b.Start })
	var found []Comment
	start := true
	for i := f.lines[0]; i < len(f.src); {
		if len(opaque) > 0 && i >= opaque[0].Start {
			i, opaque, start = max(i, opaque[0].End), opaque[1:], true
			continue
		}
		if n := breakLen(f.src, i); n > 0 {
			i, start = i+n, true
			continue
		}
		if start && f.src[i] == '#' {
			found = append(found, f.comment(i))
			i = f.lineEnd(i)
			continue
		}
		start = isBlank(f.src[i])
		i++
	}
	return found
}

func (f *File) comment(off int) Comment {
	lead := string(f.lead(off))
	return Comment{
		Line:   f.line(off),
		Column: utf8.RuneCountInString(lead) + 1,
		Start:  off,
		Text:   strings.TrimRight(string(f.src[off:f.lineEnd(off)]), " \t"),
		Own:    strings.Trim(lead, " \t") == "",
	}
}
