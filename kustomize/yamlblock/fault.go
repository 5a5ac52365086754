package yamlblock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Fault is where and why the YAML parser cannot read a file.
type Fault struct {
	Line   int    // 0: the file as a whole
	Reason string // the parser's words, or Conflict
	Hint   string // what is to be mended; "" where nothing usual is known
}

// Conflict is the reason of a file that a merge left unfinished.
const Conflict = "an unresolved merge conflict"

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

// FaultOf finds the fault of a file that the parser cannot read, the zero value where it can.
func FaultOf(src []byte) Fault {
	err := parse(src)
	if err == nil {
		return Fault{}
	}
	if at := conflict.FindIndex(src); at != nil {
		return Fault{Line: 1 + bytes.Count(src[:at[0]], []byte("\n")), Reason: Conflict, Hint: "finish the merge"}
	}
	line, reason := parserReason(err)
	switch {
	case prefixReasons.MatchString(reason):
		line = firstFaulty(src, reason)
	case strings.HasPrefix(reason, "did not find"):
		line++ // the parser counts from 0, the scanner below it from 1
	}
	fault := Fault{Line: min(line, lastLine(src)), Reason: reason}
	for _, p := range plainReasons {
		if strings.Contains(reason, p.reason) {
			fault.Hint = p.hint
		}
	}
	return fault
}

// lastLine is the number of the last line that holds anything, by the parser's line breaks.
func lastLine(src []byte) int {
	src = bytes.TrimRight(src, "\r\n")
	return 1 + bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")) - bytes.Count(src, []byte("\r\n"))
}

// parse reads all documents. A panic of the parser is one bad file too.
func parse(src []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(src))
	for err == nil {
		err = dec.Decode(new(yaml.Node))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

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
		err := parse(src[:ends[i]])
		if err == nil {
			return false
		}
		_, why := parserReason(err)
		return why == reason
	})
}
