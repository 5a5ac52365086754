package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newPlan(a *app) *cobra.Command {
	var t target
	var exitCode, rendered bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what sync would commit, and change nothing",
		Long: `Runs the same pass as sync and stops before it commits: prints the commit that was
read and, for each commit that sync would make, its message and diff.

--rendered also builds the kustomizations of the files that would change, as sync does before it
pushes, and prints the images of their workloads before and after.

Exit codes are those of sync; 4 means that sync would change something.`,
		Example: `  imgstream plan
  imgstream plan --rendered                        # what the workloads' images become
  imgstream plan --exit-code --repo https://git.example.com/apps.git --branch main`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := t.pass(cmd, a, reconciler.Request{Due: plan.Always, DryRun: true})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s at %s\n", t.branch, report.Rev)
			if err := printDiffs(a.stdout, report); err != nil {
				return err
			}
			if rendered {
				if err := printRendered(a.stdout, report); err != nil {
					return err
				}
			}
			fmt.Fprintln(a.stdout, t.planned(report))
			return outcome(report, exitCode)
		},
	}
	t.flags(cmd)
	addExitCode(cmd, &exitCode)
	cmd.Flags().BoolVar(&rendered, "rendered", false, "show the images of the workloads before and after, as kustomize builds them")
	return cmd
}

// planned is the last line that plan prints.
func (t *target) planned(r reconciler.Report) string {
	if len(r.Changes) == 0 {
		return t.summary(r)
	}
	return fmt.Sprintf("sync would push %s to %s (%s, %s asked)", stream.Count(len(r.Changes), "commit"), t.branch,
		stream.Count(r.Streams, "image stream"), stream.Count(r.Asked, "reference"))
}

// printDiffs writes each planned commit as git show would.
func printDiffs(w io.Writer, r reconciler.Report) error {
	colour := colours(w)
	now := map[string][]byte{} // files as the commits so far leave them
	for _, c := range r.Changes {
		fmt.Fprintln(w)
		printChange(w, c)
		fmt.Fprintln(w)
		for _, path := range slices.Sorted(maps.Keys(c.Files)) {
			old, known := now[path]
			if !known {
				var err error
				if old, err = fs.ReadFile(r.Tree, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("read %s: %w", path, err)
				}
			}
			now[path] = c.Files[path]
			printDiff(w, path, old, c.Files[path], colour)
		}
	}
	if len(r.Changes) > 0 {
		fmt.Fprintln(w)
	}
	return nil
}

// printDiff writes one file's diff; a nil side is a file that is not there.
func printDiff(w io.Writer, path string, old, fresh []byte, colour bool) {
	oldName, newName := "a/"+path, "b/"+path
	if old == nil {
		oldName = "/dev/null"
	}
	if fresh == nil {
		newName = "/dev/null"
	}
	text := diff.Diff(oldName, old, newName, fresh)
	_, text, _ = bytes.Cut(text, []byte("\n")) // the library's own first line
	for line := range bytes.Lines(text) {
		fmt.Fprintf(w, "%s", paint(line, colour))
	}
}

// paint colours a line of a diff as git does.
func paint(line []byte, colour bool) []byte {
	if !colour {
		return line
	}
	code := ""
	switch {
	case bytes.HasPrefix(line, []byte("---")), bytes.HasPrefix(line, []byte("+++")):
		code = "1"
	case bytes.HasPrefix(line, []byte("@@")):
		code = "36"
	case bytes.HasPrefix(line, []byte("-")):
		code = "31"
	case bytes.HasPrefix(line, []byte("+")):
		code = "32"
	default:
		return line
	}
	return fmt.Appendf(nil, "\x1b[%sm%s\x1b[m\n", code, bytes.TrimRight(line, "\n"))
}
