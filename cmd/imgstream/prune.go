package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

func newPrune(a *app) *cobra.Command {
	p := prune{app: a}
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Trim histories, and remove status and image files that nobody needs",
		Long: `Removes from the status files the items beyond what is kept, the status files of tags
that no spec has, and the metadata of images that no status names. Without --confirm it
only says what it would remove. git log keeps all of it: imgstream history tells it.

It never removes the newest item of a tag that a spec has, an item that a spec names, or
one whose digest a consumer of the stream shows; nor anything of a stream whose spec has
errors, because that may name what seems to be needed by nobody. Nothing is ever
removed from a registry.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some is kept that errors may hide.`,
		Example: `  imgstream prune
  imgstream prune --keep-tag-revisions=3 --keep-younger-than=720h --confirm
  imgstream prune --confirm --repo https://git.example.com/apps.git --branch main`,
		Args: noArgs,
		RunE: p.run,
	}
	f := cmd.Flags()
	f.BoolVar(&p.confirm, "confirm", false, "remove what is listed; without it nothing is changed")
	f.IntVar(&p.keep.Revisions, "keep-tag-revisions", -1, "keep this `number` of the newest items of each tag (default: history.limit of the settings)")
	f.DurationVar(&p.keep.YoungerThan, "keep-younger-than", time.Hour, "keep items younger than this `duration`")
	f.StringVarP(&p.keep.Namespace, "namespace", "n", "", "prune the streams of this `namespace` alone, and no metadata of images")
	f.Lookup("keep-tag-revisions").DefValue = ""
	for _, name := range []string{"keep-tag-revisions", "keep-younger-than"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	b := browse{app: a}
	_ = cmd.RegisterFlagCompletionFunc("namespace", b.completeNamespace)
	p.flags(cmd)
	return cmd
}

// prune is one run of the verb.
type prune struct {
	*app
	workplace
	confirm  bool
	keep     plan.Keep
	problems []stream.Problem // of the last compute: what is kept, and why
	errors   int              // that the repository has
}

func (p *prune) run(cmd *cobra.Command, _ []string) error {
	switch {
	case cmd.Flags().Changed("keep-tag-revisions") && p.keep.Revisions < 0:
		return usagef("--keep-tag-revisions must be 0 or more")
	case p.keep.YoungerThan < 0:
		return usagef("--keep-younger-than must be 0 or more")
	case p.keep.Namespace != "" && !stream.IsNamespace(p.keep.Namespace):
		return usagef("%q is not a namespace", p.keep.Namespace)
	}
	p.dry = !p.confirm
	if p.dry {
		fmt.Fprintln(p.stderr, "Dry run enabled - no modifications will be made. Add --confirm to remove what is listed.")
	}
	if _, err := p.change(cmd.Context(), p.app, p.compute); err != nil {
		return err
	}
	printProblems(p.stderr, p.problems)
	if p.errors > 0 {
		fmt.Fprintf(p.stderr, "%s in the repository: what they may hide is kept; imgstream validate tells where\n", stream.Count(p.errors, "error"))
		return &codeError{code: exitPartly}
	}
	return nil
}

func (p *prune) compute(f files) (change, error) {
	s, err := survey.Read(f)
	if err != nil {
		return change{}, explain(err)
	}
	settings := s.View.Tree.Settings
	images, err := filesBelow(f, stream.ImagesDirectory(settings.Streams.StatusDirectory))
	if err != nil {
		return change{}, err
	}
	p.keep.Now = p.now()
	pruning := plan.Prune(&s.View, images, p.keep)
	p.problems, p.errors = pruning.Problems, 0
	for _, problem := range slices.Concat(pruning.Problems, s.View.Tree.Problems) {
		if problem.Severity == stream.Error {
			p.errors++
		}
	}
	pruned := describe.Pruned{Items: pruning.Items, Statuses: pruning.Statuses, Images: pruning.Images}
	return change{
		files: pruning.Files, message: "prune " + pruned.Summary(), out: pruned.Text(p.dry, p.now()),
	}, nil
}

// filesBelow lists all files of a directory; none where there is no directory.
func filesBelow(fsys fs.FS, dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return files, err
}
