package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
)

var (
	errorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	conflict  = regexp.MustCompile(`(?m)^<{7} `)

	// plainReasons says in plain words what the parser's usual reasons mean.
	plainReasons = []struct{ reason, hint string }{
		{"mapping values are not allowed", `a value holds ": ", or the indentation does not fit: put the value in quotes or mend the indentation`},
		{"did not find expected key", "the indentation of this line does not fit those above"},
		{"did not find expected '-' indicator", "the dashes of a list do not stand at one column"},
		{"cannot start any token", "indent with spaces, not tabs, and put values that begin with @, ` or % in quotes"},
		{"did not find expected ',' or ']'", "a list [...] is not closed, or lacks a comma"},
		{"did not find expected ',' or '}'", "a mapping {...} is not closed, or lacks a comma"},
		{"could not find expected ':'", "a key has no colon, or a text of several lines is not indented"},
		{"unexpected end of stream", "a quote is not closed"},
	}

	// prefixReasons are those that a file has from the faulty line on, and not when it
	// ends above that line.
	prefixReasons = regexp.MustCompile("^(?:did not find expected key|did not find expected '-'|unknown anchor|invalid |control characters)")
)

// syntax reports why the parser could not read the file.
func (r *reader) syntax(src []byte, err error) {
	if at := conflict.FindIndex(src); at != nil {
		r.errorf(lineAt(src, at[0]), "finish the merge", "the file holds an unresolved merge conflict")
		return
	}
	if bad := (*json.SyntaxError)(nil); looksLikeJSON(src) && errors.As(json.Unmarshal(src, new(any)), &bad) {
		r.errorf(lineAt(src, int(bad.Offset)-1), "", "the file is not valid JSON: %v", bad)
		return
	}
	line, reason := parserReason(err)
	switch {
	case prefixReasons.MatchString(reason):
		line = firstFaulty(src, reason)
	case strings.HasPrefix(reason, "did not find"):
		line++ // the parser counts from 0, the scanner below it from 1
	}
	hint := ""
	for _, p := range plainReasons {
		if strings.Contains(reason, p.reason) {
			hint = p.hint
		}
	}
	r.errorf(line, hint, "the file is not valid YAML: %s", reason)
}

func lineAt(src []byte, offset int) int {
	return 1 + bytes.Count(src[:max(0, min(offset, len(src)))], []byte("\n"))
}

func looksLikeJSON(src []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) }

// parserReason takes the parser's error apart.
func parserReason(err error) (line int, reason string) {
	reason = err.Error()
	if m := errorLine.FindStringSubmatch(reason); m != nil {
		line, _ = strconv.Atoi(m[1]) // none: 0, the file as a whole
		reason = reason[len(m[0]):]
	}
	return line, reason
}

// firstFaulty finds the first line with which the file fails for the reason: the
// parser names the block around it, or nothing.
func firstFaulty(src []byte, reason string) int {
	lines := bytes.SplitAfter(src, []byte("\n"))
	ends := make([]int, len(lines))
	end := 0
	for i, l := range lines {
		end += len(l)
		ends[i] = end
	}
	return 1 + sort.Search(len(ends)-1, func(i int) bool {
		_, err := decodeAll(src[:ends[i]])
		if err == nil {
			return false
		}
		_, why := parserReason(err)
		return why == reason
	})
}

// joinSurrogates writes the surrogate pairs that JSON has and YAML has not
// (\ud83d\ude00) as the characters they mean; no line moves.
func joinSurrogates(src []byte) []byte {
	if !bytes.Contains(src, []byte(`\u`)) || !looksLikeJSON(src) {
		return src
	}
	out := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		if src[i] != '\\' || i+1 == len(src) {
			out = append(out, src[i])
			continue
		}
		if c := utf16.DecodeRune(escaped(src[i:]), escaped(src[min(i+6, len(src)):])); c != '\uFFFD' {
			out = append(out, string(c)...)
			i += 11
			continue
		}
		out = append(out, src[i], src[i+1])
		i++
	}
	return out
}

// escaped is the code unit of the escape \uXXXX that src begins with, or 0.
func escaped(src []byte) rune {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(src[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}
