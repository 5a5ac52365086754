package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/render"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

func newSync(a *app) *cobra.Command {
	var t target
	var exitCode bool
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Run one pass: resolve the tags, commit what moved, push",
		Long: `Runs one pass over a remote branch: asks the registries what every tag points to,
commits status, history and the consumers of every tag that moved, and pushes. It
asks for every scheduled tag (whoever calls it is the schedule), and for every other
tag that has no status yet or whose source changed. The clone it runs in is never
touched.

Credentials for git come from the files of --config, else from IMGSTREAM_GIT_TOKEN
or IMGSTREAM_GIT_TOKEN_FILE, else from the ssh-agent; those for registries from
--config, else from the docker configuration.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some streams have errors (the rest is
committed), 4 something changed (only with --exit-code).`,
		Example: `  imgstream sync                                   # the upstream of the checked-out branch
  imgstream sync --repo https://git.example.com/apps.git --branch main
  imgstream sync --config imgstream-config.yaml --exit-code`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := t.pass(cmd, a, reconciler.Request{Due: plan.Always})
			if err != nil {
				return err
			}
			for _, c := range report.Changes {
				printChange(a.stdout, c)
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprintln(a.stdout, t.summary(report))
			return outcome(report, exitCode)
		},
	}
	t.flags(cmd)
	addExitCode(cmd, &exitCode)
	return cmd
}

func addExitCode(cmd *cobra.Command, exitCode *bool) {
	cmd.Flags().BoolVar(exitCode, "exit-code", false, "exit with 4 when something changed")
}

// pass runs one pass on the branch and prints what it found.
func (t *target) pass(cmd *cobra.Command, a *app, req reconciler.Request) (reconciler.Report, error) {
	cfg, err := t.load(a)
	if err != nil {
		return reconciler.Report{}, err
	}
	store, err := t.open(a, cfg)
	if err != nil {
		return reconciler.Report{}, err
	}
	resolver, err := newRegistries(cfg, nil)
	if err != nil {
		return reconciler.Report{}, err
	}
	p := newProgress(a.stderr)
	r := reconciler.Reconciler{Repo: store, Resolver: resolver, Copier: resolver, Operator: resolver.operator(), Now: a.now, Progress: p.step, Verifier: render.Verifier{Builds: cfg.Limits.Builds}}
	req.Due = plan.Ripe(a.now(), req.Due)
	report, err := r.Pass(cmd.Context(), req)
	p.done()
	if err != nil {
		return report, explain(err)
	}
	printProblems(a.stderr, report.Problems)
	printProblems(a.stderr, report.Unbuilt)
	if report.Notice != "" {
		fmt.Fprintf(a.stderr, "notice: %s\n", report.Notice)
	}
	return report, nil
}

// explain adds what to do next to the errors that end a pass.
func explain(err error) error {
	if _, invalid := errors.AsType[*survey.SettingsError](err); invalid {
		return fmt.Errorf("nothing was written, because the settings are not valid:\n%w", err)
	}
	switch {
	case errors.Is(err, gitstore.ErrConflict):
		return fmt.Errorf("%w; other writers were faster each time: run it again", err)
	case errors.Is(err, gitstore.ErrUnauthorized):
		return fmt.Errorf("%w\nthey come from the git section of --config, else from IMGSTREAM_GIT_TOKEN or IMGSTREAM_GIT_TOKEN_FILE", err)
	}
	return err
}

// summary is the last line that sync prints.
func (t *target) summary(r reconciler.Report) string {
	read := fmt.Sprintf("%s, %s asked", stream.Count(r.Streams, "image stream"), stream.Count(r.Asked, "reference"))
	if r.Published == "" {
		return fmt.Sprintf("%s at %s: nothing to do (%s)", t.branch, r.Rev.Short(), read)
	}
	return fmt.Sprintf("pushed %s to %s: %s..%s (%s)", stream.Count(len(r.Changes), "commit"), t.branch, r.Rev.Short(), r.Published.Short(), read)
}

// outcome is the exit code of a pass that ran: errors go before changes.
func outcome(r reconciler.Report, exitCode bool) error {
	switch {
	case r.Failed():
		return &codeError{code: exitPartly}
	case exitCode && len(r.Changes) > 0:
		return &codeError{code: exitChanges}
	}
	return nil
}
