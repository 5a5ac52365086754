package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes (product.md 4).
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitPartly  = 3
	exitChanges = 4
)

// codeError ends the process with a code of its own; err may be nil when everything is said.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codeError) Unwrap() error { return e.err }

// usagef is a mistake on the command line.
func usagef(format string, args ...any) error {
	return &codeError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// run executes one command line and gives the exit code.
func run(ctx context.Context, a *app, args []string) int {
	out := &checked{Writer: a.stdout}
	root := newRoot(&app{stdout: out, stderr: a.stderr, now: a.now})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case out.err != nil:
		err = out.err
	case err == nil:
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	}
	var coded *codeError
	switch {
	case !errors.As(err, &coded):
		coded = &codeError{code: exitFailed, err: err}
		if strings.HasPrefix(err.Error(), "unknown command") {
			coded.code = exitUsage
		}
	case coded.err == nil:
		return coded.code
	}
	fmt.Fprintf(a.stderr, "error: %s\n", strings.TrimSuffix(coded.Error(), "\n"))
	if coded.code == exitUsage {
		fmt.Fprintf(a.stderr, "See '%s --help'.\n", cmd.CommandPath())
	}
	return coded.code
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "imgstream",
		Short: "Image streams that live in git",
		Long: `imgstream gives every image a stable name in git (sso/keycloak:25.0), resolves it
to a digest, commits status and history, and rewrites the kustomizations and
manifests that use it. Its push is what triggers the deployment; a pull request is
a promotion, git revert a rollback, git log the history of a tag.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", "", "work as if started in this directory")
	_ = root.MarkPersistentFlagDirname("directory")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &codeError{code: exitUsage, err: err}
	})
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(
		newRun(a), newSync(a), newPlan(a), newValidate(a),
		newGet(a), newDescribe(a), newHistory(a), newExplain(a),
		newInit(a), newCreate(a), newTag(a), newImportImage(a), newSet(a), newRollback(a), newPause(a), newResume(a), newPrune(a),
		newConfig(a), newVersion(a),
	)
	return root
}

// noArgs is a verb without arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}
