package yamledit

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// Within says for each byte of the text of a scalar which bytes of the file stand for it,
// in any style; every byte of white space has all of the white space around it. It is nil
// where that cannot be told.
func (f *File) Within(n *yaml.Node) []Span {
	span, known := f.spans[n]
	if !known || n.Kind != yaml.ScalarNode {
		return nil
	}
	a := aligner{src: f.src[:span.End], at: span.Start}
	switch {
	case n.Style&blockStyle != 0:
		a.at = f.lineEnd(span.Start)
		a.space() // the indentation of the first line; blank lines above it belong to them
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		a.quote = f.src[span.Start]
		a.at, a.src = span.Start+1, f.src[:span.End-1]
	}
	return a.align(n.Value)
}

// aligner follows the text of a scalar through the bytes that stand for it.
type aligner struct {
	src   []byte
	at    int
	quote byte // 0 for none
}

func (a *aligner) align(value string) []Span {
	all := make([]Span, 0, len(value))
	for value != "" {
		r, n := utf8.DecodeRuneInString(value)
		from, ok := a.at, true
		if isSpace(r) {
			n = len(value) - len(strings.TrimLeftFunc(value, isSpace))
			a.space()
		} else if from, ok = a.char(value[:n]); !ok {
			return nil
		}
		all = append(all, slices.Repeat([]Span{{from, a.at}}, n)...)
		value = value[n:]
	}
	if a.space(); a.at != len(a.src) {
		return nil
	}
	return all
}

// space steps over white space, written as such or as an escape.
func (a *aligner) space() {
	for a.at < len(a.src) {
		r, n := utf8.DecodeRune(a.src[a.at:])
		switch {
		case isSpace(r):
		case a.quote == '"' && r == '\\' && a.at+1 < len(a.src) && bytes.IndexByte([]byte("ntrNLP \t\r\n"), a.src[a.at+1]) >= 0:
			n = 2
		default:
			return
		}
		a.at += n
	}
}

// char steps over one character, and gives where what stands for it begins.
func (a *aligner) char(text string) (from int, ok bool) {
	for a.quote == '"' && a.at+1 < len(a.src) && a.src[a.at] == '\\' && breakLen(a.src, a.at+1) > 0 {
		a.at += 1 + breakLen(a.src, a.at+1)
		a.space()
	}
	from, rest := a.at, a.src[a.at:]
	n := len(text)
	switch {
	case a.quote == '\'' && text == "'":
		text, n = "''", 2
	case a.quote == '"' && len(rest) > 1 && rest[0] == '\\':
		said, length := escaped(rest)
		if said != text {
			return from, false
		}
		a.at += length
		return from, true
	}
	if !bytes.HasPrefix(rest, []byte(text)) {
		return from, false
	}
	a.at += n
	return from, true
}

// escaped is what the escape says that s begins with, and its length; "" for one that
// need not be known.
func escaped(s []byte) (said string, length int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	switch {
	case s[1] == '"' || s[1] == '\\':
		return string(s[1]), 2
	case digits == 0 || len(s) < 2+digits:
		return "", 0
	}
	code, err := strconv.ParseUint(string(s[2:2+digits]), 16, 32)
	if err != nil {
		return "", 0
	}
	return string(rune(code)), 2 + digits //nolint:gosec // of at most 8 digits; what is no character is another text
}

// At is the value at path. It refuses what an edit refuses: what stands twice or is
// repeated by an alias.
func (f *File) At(doc int, path Path) (*yaml.Node, error) {
	_, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Splice puts text in the place of some bytes within the scalar at path. It proves that
// the scalar then says value and that nothing else differs, or returns an *Error.
func (f *File) Splice(doc int, path Path, at Span, text, value string) (*File, error) {
	_, n, err := f.find(Edit{Doc: doc, Path: path})
	if err != nil {
		return nil, err
	}
	if whole := f.spans[n]; n.Kind != yaml.ScalarNode || at.Start < whole.Start || at.End > whole.End {
		return nil, refuse(n.Line, "%s: no text to change there", path)
	}
	c := newChange()
	c.set[n], c.bytes = value, []replacement{{Span: at, text: text}}
	return f.finish(c)
}
