package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/render"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// resolveFlag adds --resolve.
func (s *speccing) resolveFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.resolve, "resolve", false, "run the pass, too: what the daemon would do next, for those who have none")
}

// apply makes a change and, with --resolve, runs a pass over what it left. The tags are
// those that it is about.
func (s *speccing) apply(ctx context.Context, tags []stream.Ref, compute func(files) (change, error)) error {
	var made change
	if s.resolve {
		s.after = func(c change) { made = c }
	}
	_, err := s.change(ctx, s.app, compute)
	if err != nil || !s.resolve || s.dry {
		return err
	}
	cfg, err := s.load(s.app)
	if err != nil {
		return err
	}
	if s.repo != "" {
		return s.resolveBranch(ctx, cfg, tags)
	}
	return s.resolveWorkTree(ctx, cfg, made, tags)
}

// resolveBranch runs the pass over the branch that the change was pushed to.
func (s *speccing) resolveBranch(ctx context.Context, cfg config.Config, tags []stream.Ref) error {
	store, err := openStore(s.app, cfg.Git, s.repo, s.branch)
	if err != nil {
		return err
	}
	report, err := s.runPass(ctx, cfg, store, tags)
	if err != nil {
		return fmt.Errorf("the change is pushed, but not resolved: %w", err)
	}
	if report.Published != "" {
		fmt.Fprintf(s.stderr, "pushed %s to %s: %s..%s\n", stream.Count(len(report.Changes), "commit"), s.branch, report.Rev.Short(), report.Published.Short())
	}
	return s.failed(report, tags)
}

// resolveWorkTree runs the pass over the work tree. What people did is what differs from
// imgstream's newest commit below HEAD; without one, nothing was done by people.
func (s *speccing) resolveWorkTree(ctx context.Context, cfg config.Config, made change, tags []stream.Ref) error {
	tree, err := gitstore.OpenWorkTree(s.workDir())
	if err != nil {
		return err
	}
	defer func() { _ = tree.Close() }()
	if err := tree.FindBase(ctx, gitstore.Identity{Name: cfg.Git.Committer.Name, Email: cfg.Git.Committer.Email}); err != nil {
		return err
	}
	report, err := s.runPass(ctx, cfg, tree, tags)
	if err != nil {
		err = fmt.Errorf("the change is written, but not resolved: %w", err)
	} else {
		made.add(report.Changes)
	}
	s.sayChanged(tree, made)
	return errors.Join(err, s.failed(report, tags))
}

// add takes in what a pass wrote.
func (c *change) add(more []plan.Change) {
	if c.files == nil {
		c.files = map[string][]byte{}
	}
	for _, m := range more {
		maps.Copy(c.files, m.Files)
	}
}

// runPass asks for the tags, and for those that have no answer yet, and prints what moved.
func (s *speccing) runPass(ctx context.Context, cfg config.Config, repo reconciler.Repo, tags []stream.Ref) (reconciler.Report, error) {
	resolver, err := newRegistries(cfg, nil)
	if err != nil {
		return reconciler.Report{}, err
	}
	p := newProgress(s.stderr)
	r := reconciler.Reconciler{Repo: repo, Resolver: resolver, Copier: resolver, Operator: resolver.operator(), Now: s.now, Progress: p.step, Verifier: render.Verifier{Builds: cfg.Limits.Builds}}
	due := func(a plan.Ask) bool { return a.Pending || slices.Contains(tags, a.Ref) }
	report, err := r.Pass(ctx, reconciler.Request{Due: plan.Ripe(s.now(), due)})
	p.done()
	if err != nil {
		return report, explain(err)
	}
	for _, c := range report.Changes {
		printChange(s.stderr, c)
	}
	printProblems(s.stderr, report.Unbuilt)
	return report, nil
}

// failed prints the problems of the streams that a verb is about, and counts the others;
// it is exit code 3 where one of them is an error. Notices are for validate to tell.
func (s *speccing) failed(r reconciler.Report, tags []stream.Ref) error {
	var own []stream.Problem
	failed, others := false, 0
	for _, p := range r.Problems {
		about := slices.ContainsFunc(tags, func(tag stream.Ref) bool { return tag.Stream() == p.Ref.Stream() })
		switch {
		case p.Severity == stream.Notice:
		case about:
			own = append(own, p)
			failed = failed || p.Severity == stream.Error
		case p.Severity == stream.Error:
			others++
		}
	}
	printProblems(s.stderr, own)
	if others > 0 {
		fmt.Fprintf(s.stderr, "%s elsewhere: imgstream validate tells where\n", stream.Count(others, "error"))
	}
	if failed {
		return &codeError{code: exitPartly}
	}
	return nil
}

func exists(fsys fs.FS, path string) bool {
	_, err := fs.Stat(fsys, path)
	return err == nil
}

// completeTags offers the tags of the work tree that do not stand on the command line.
func (s *speccing) completeTags(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return without(s.browse().tagNames(cmd.Context(), toComplete, true), args), cobra.ShellCompDirectiveNoFileComp
}

// completeOneTag offers them as the only argument.
func (s *speccing) completeOneTag(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.completeTags(cmd, args, toComplete)
}
