package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"

	"github.com/imgstream/imgstream/kustomize/yamlblock"
)

// syntax reports why the parser could not read the file.
func (r *reader) syntax(src []byte) {
	fault := yamlblock.FaultOf(joinSurrogates(src))
	if fault.Reason == yamlblock.Conflict {
		r.errorf(fault.Line, fault.Hint, "the file holds %s", fault.Reason)
		return
	}
	if bad := (*json.SyntaxError)(nil); looksLikeJSON(src) && errors.As(json.Unmarshal(src, new(any)), &bad) {
		r.errorf(lineAt(src, int(bad.Offset)-1), "", "the file is not valid JSON: %v", bad)
		return
	}
	r.errorf(fault.Line, fault.Hint, "the file is not valid YAML: %s", fault.Reason)
}

func lineAt(src []byte, offset int) int {
	return 1 + bytes.Count(src[:max(0, min(offset, len(src)))], []byte("\n"))
}

func looksLikeJSON(src []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) }

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
