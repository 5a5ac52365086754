package describe

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Problems is findings as validate -o json prints them. Keys are only ever added.
type Problems struct {
	Problems []Problem `json:"problems"`
}

// Problem is one finding; parts that are not known are left out.
type Problem struct {
	Severity string `json:"severity"` // error, warning or notice
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"` // from 1
	Ref      string `json:"ref,omitempty"`  // namespace/stream or namespace/stream:tag
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// NewProblems gives the document of -o json.
func NewProblems(problems []stream.Problem) Problems {
	all := Problems{Problems: make([]Problem, len(problems))}
	for i, p := range problems {
		all.Problems[i] = Problem{
			Severity: p.Severity.String(), File: p.Pos.File, Line: p.Pos.Line,
			Ref: p.Ref.String(), Message: p.Message, Hint: p.Hint,
		}
	}
	return all
}

// Summary is one line: how many findings there are in what was looked at, such as
// "12 image streams, 4 consumers".
func Summary(problems []stream.Problem, looked string) string {
	var counts [3]int
	for _, p := range problems {
		counts[p.Severity]++
	}
	var found []string
	for severity, n := range counts {
		if n > 0 {
			found = append(found, stream.Count(n, stream.Severity(severity).String()))
		}
	}
	if len(found) == 0 {
		return looked + ": no problems"
	}
	return strings.Join(found, ", ") + " in " + looked
}

// GitHub gives a workflow command for each finding, so that GitHub Actions shows it at
// its line.
func GitHub(problems []stream.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		var properties []string
		if p.Pos.File != "" {
			properties = append(properties, "file="+escapeProperty(p.Pos.File))
		}
		if p.Pos.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", p.Pos.Line))
		}
		command := strings.TrimSpace(p.Severity.String() + " " + strings.Join(properties, ","))
		fmt.Fprintf(&b, "::%s::%s\n", command, escapeData(text(p)))
	}
	return b.String()
}

// text is what is wrong with what, and below it what to do.
func text(p stream.Problem) string {
	s := p.Message
	if p.Ref != (stream.Ref{}) {
		s = p.Ref.String() + ": " + s
	}
	if p.Hint != "" {
		s += "\n" + p.Hint
	}
	return s
}

// The escapes of workflow commands, as GitHub's toolkit writes them
// (actions/toolkit, packages/core/src/command.ts).
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscapes.Replace(s) }
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }

// uri is a path of the repository as a relative reference (RFC 3986).
func uri(path string) string { return (&url.URL{Path: path}).String() }
