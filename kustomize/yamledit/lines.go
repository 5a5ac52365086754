package yamledit

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

var bom = []byte("\ufeff")

// breakLen is the length of the line break at src[i], or 0. The YAML 1.1 breaks
// count, because the parser counts them (YAML 1.1, section 4.1.4).
func breakLen(src []byte, i int) int {
	if i >= len(src) {
		return 0
	}
	switch {
	case src[i] == '\n':
		return 1
	case src[i] == '\r':
		if i+1 < len(src) && src[i+1] == '\n' {
			return 2
		}
		return 1
	case src[i] == 0xC2 && i+1 < len(src) && src[i+1] == 0x85:
		return 2
	case src[i] == 0xE2 && i+2 < len(src) && src[i+1] == 0x80 && (src[i+2] == 0xA8 || src[i+2] == 0xA9):
		return 3
	}
	return 0
}

// lineStarts are the offsets at which lines begin. The byte order mark belongs
// to no line.
func lineStarts(src []byte) []int {
	i := 0
	if bytes.HasPrefix(src, bom) {
		i = len(bom)
	}
	starts := []int{i}
	for i < len(src) {
		n := breakLen(src, i)
		if n == 0 {
			i++
			continue
		}
		i += n
		starts = append(starts, i)
	}
	return starts
}

// line is the number, from 1, of the line that holds the byte at off.
func (f *File) line(off int) int {
	return max(1, sort.SearchInts(f.lines, off+1))
}

// LineAt is the number, from 1, of the line that holds the byte at off.
func (f *File) LineAt(off int) int { return f.line(off) }

// LineCount is the number of lines, an empty one behind the last break included.
func (f *File) LineCount() int { return len(f.lines) }

// Line is the text of a line, from 1, without its break.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	from := f.lines[n-1]
	return string(f.src[from:f.lineEnd(from)])
}

// lineEnd is the end of the line's text, without its break, from off on.
func (f *File) lineEnd(off int) int {
	for off < len(f.src) && breakLen(f.src, off) == 0 {
		off++
	}
	return off
}

// lead is the text between the beginning of off's line and off.
func (f *File) lead(off int) []byte {
	return f.src[min(off, f.lines[f.line(off)-1]):off]
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || isBreak(r) }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skipBlank is the first offset from off on that is no space and no tab.
func (f *File) skipBlank(off int) int {
	for off < len(f.src) && isBlank(f.src[off]) {
		off++
	}
	return off
}

// skipSpace is the first offset from off on that is no blank, line break or comment.
func (f *File) skipSpace(off int) int {
	for {
		off = f.skipBlank(off)
		if off < len(f.src) && f.src[off] == '#' {
			off = f.lineEnd(off)
		}
		n := breakLen(f.src, off)
		if n == 0 {
			return off
		}
		off += n
	}
}

// cursor turns the parser's lines and columns into offsets. Columns count runes,
// so it walks from where it was last: nodes in order cost one pass over the file.
type cursor struct{ line, column, off int }

// seek is the offset of a position, or -1 when the file has no such place.
func (c *cursor) seek(f *File, line, column int) int {
	if line < 1 || line > len(f.lines) || column < 1 {
		return -1
	}
	if c.line != line {
		*c = cursor{line: line, column: 1, off: f.lines[line-1]}
	}
	for c.column < column && c.off < len(f.src) {
		_, n := utf8.DecodeRune(f.src[c.off:])
		c.off, c.column = c.off+n, c.column+1
	}
	for c.column > column {
		_, n := utf8.DecodeLastRune(f.src[:c.off])
		c.off, c.column = c.off-n, c.column-1
	}
	if c.column != column {
		return -1
	}
	return c.off
}
