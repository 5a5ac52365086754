package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// printProblems writes one line for each finding, file:line first as compilers do, and
// below it what to do.
func printProblems(w io.Writer, problems []stream.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w, p)
		if p.Hint != "" {
			fmt.Fprintf(w, "    %s\n", p.Hint)
		}
	}
}

// printChange writes what a commit says, without its trailers.
func printChange(w io.Writer, c plan.Change) {
	body, _, _ := strings.Cut(c.Message, "\nImage-Stream:")
	fmt.Fprintln(w, strings.TrimRight(body, "\n"))
}

// checked remembers the first error of writing, so that output is not lost unseen.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}
