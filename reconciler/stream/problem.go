package stream

import (
	"cmp"
	"slices"
	"strings"
)

// String gives one line as compilers write it: file:line: severity: ref: message.
// Parts that are not known are left out; the hint is not in it.
func (p Problem) String() string {
	var b strings.Builder
	if p.Pos != (Pos{}) {
		b.WriteString(p.Pos.String() + ": ")
	}
	b.WriteString(p.Severity.String() + ": ")
	if p.Ref != (Ref{}) {
		b.WriteString(p.Ref.String() + ": ")
	}
	return b.String() + p.Message
}

// SortProblems sorts by position; findings about one place keep their order.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
}
