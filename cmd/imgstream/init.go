package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/adopt"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newInit(a *app) *cobra.Command {
	i := &initialize{app: a}
	cmd := &cobra.Command{
		Use:   "init [PATH…]",
		Short: "Propose image streams and markers for what the repository uses today",
		Long: `Reads the work tree and proposes, as a diff, what makes it use imgstream: an image
stream for each repository of images and namespace, a marker where an image is shown,
and the status of each tag with the image that is deployed now, so that the first pass
moves nothing. It changes nothing without --write. With PATHs, only what these files
and directories show is bound. What is bound already is left alone.

A digest that is shown is adopted. Where a tag stands alone, its registry is asked and
the digest proposed, to be reviewed once; an image whose registry does not answer is
left as it is and listed, with all else that is not bound and why.

Flux's image policies become tags that choose by the same rules, and its markers those
of imgstream. So do the annotations of Argo CD Image Updater and its ImageUpdater
resources. Where a registry has moved on since, it says what the first pass will do.
The base images of a Dockerfile, and what lies in hidden directories (.github), are bound
where they are named as a PATH.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some images could not be looked up; with
--exit-code 4 where something is proposed.`,
		Example: `  imgstream init
  imgstream init apps/prod --write
  imgstream init --offline -n shop
  imgstream init --config operator.yaml --scheduled`,
		RunE: i.run,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	f := cmd.Flags()
	f.BoolVar(&i.write, "write", false, "write what is proposed into the work tree, and say how to commit it")
	f.BoolVar(&i.offline, "offline", false, "ask no registry: bind what shows a digest, and list the rest")
	f.BoolVar(&i.scheduled, "scheduled", false, "have every tag asked for again as time passes (importPolicy.scheduled)")
	f.BoolVar(&i.cluster, "cluster", false, "write specs that deploy tools apply to a cluster, too: without the marks that keep them out")
	f.StringVarP(&i.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` of what states none")
	f.StringVar(&i.configFile, "config", "", "the operator's configuration `file` (kind: Config): credentials, mirrors")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.RegisterFlagCompletionFunc("namespace", (&browse{app: a}).completeNamespace)
	addExitCode(cmd, &i.exitCode)
	cmd.Flags().Lookup("exit-code").Usage = "exit with 4 when something is proposed"
	return cmd
}

// initialize is one run of the verb.
type initialize struct {
	*app
	workplace
	namespace string
	write     bool
	offline   bool
	scheduled bool
	cluster   bool
	exitCode  bool

	found adopt.Proposal
}

func (i *initialize) run(cmd *cobra.Command, paths []string) error {
	if !stream.IsNamespace(i.namespace) {
		return notNamespace(i.namespace)
	}
	i.dry = !i.write
	if _, err := i.change(cmd.Context(), i.app, func(f files) (change, error) { return i.compute(cmd.Context(), f, paths) }); err != nil {
		return err
	}
	if !i.write { // else it is said before how to commit
		i.report()
	}
	failed := slices.ContainsFunc(i.found.Left, func(p stream.Problem) bool { return p.Severity == stream.Error })
	switch {
	case failed:
		return &codeError{code: exitPartly}
	case i.exitCode && len(i.found.Files) > 0:
		return &codeError{code: exitChanges}
	}
	return nil
}

// report tells what is left as it is, and how much is proposed.
func (i *initialize) report() {
	printProblems(i.stderr, i.found.Left)
	fmt.Fprintln(i.stderr, i.summary())
}

// summary is one line about what is proposed.
func (i *initialize) summary() string {
	p := i.found
	if len(p.Files) == 0 {
		return "nothing to propose"
	}
	what := fmt.Sprintf("%s on %s of %s", stream.Count(p.Places, "marker"), stream.Count(p.Tags, "tag"), stream.Count(p.Streams, "image stream"))
	if i.write {
		return what
	}
	return "proposed: " + what + "; --write writes it"
}

func (i *initialize) compute(ctx context.Context, f files, paths []string) (change, error) {
	view, err := readView(f)
	if err != nil {
		return change{}, err
	}
	cfg, err := i.load(i.app)
	if err != nil {
		return change{}, err
	}
	resolver, err := newRegistries(cfg, nil)
	if err != nil {
		return change{}, err
	}
	o := adopt.Options{
		Namespace: i.namespace, Scheduled: i.scheduled, Cluster: i.cluster, Operator: resolver.operator(),
		Over: func(files map[string][]byte) fs.FS { return overlay{under: f.FS, files: files} },
	}
	o.Operator.LocalRegistry = "" // nothing is copied by a proposal
	for _, arg := range paths {
		name, err := f.find(i.app, arg)
		if err != nil {
			return change{}, err
		}
		o.Paths = append(o.Paths, name)
	}
	adoption, err := adopt.Look(f.FS, view, o)
	if err != nil {
		return change{}, err
	}
	got := plan.Answers{}
	if !i.offline {
		if got, err = i.ask(ctx, adoption, resolver); err != nil {
			return change{}, err
		}
	}
	if i.found, err = adoption.Propose(got, i.now()); err != nil {
		return change{}, err
	}
	if !i.offline {
		if err := i.ahead(ctx, f, resolver, o.Operator); err != nil {
			return change{}, err
		}
	}
	c := change{files: maps.Clone(i.found.Files), message: "adopt " + stream.Count(i.found.Places, "image")}
	if i.write {
		i.report()
		return c, nil
	}
	c.out, err = i.diff(f)
	return c, err
}

// ask puts the questions to registries, which bound how many are under way.
func (i *initialize) ask(ctx context.Context, adoption *adopt.Adoption, resolver *registries) (plan.Answers, error) {
	questions, err := adoption.Questions()
	if err != nil {
		return nil, err
	}
	got, p := plan.Answers{}, newProgress(i.stderr)
	p.step("asking registries")
	err = reconciler.Ask(ctx, resolver, questions, got, p.step)
	p.done()
	return got, err
}

// ahead tells what the first pass will do to the tags that are proposed: a registry may
// have moved on since what is deployed was, and it may not answer what a policy asks.
func (i *initialize) ahead(ctx context.Context, f files, resolver *registries, operator plan.Operator) error {
	after := overlay{under: f.FS, files: i.found.Files}
	view, err := readView(files{FS: after})
	if err != nil {
		return err
	}
	ours := func(ref stream.Ref) bool {
		_, ok := i.found.Files[stream.StatusPath(view.Tree.Settings.Streams.StatusDirectory, ref)]
		return ok
	}
	p := newProgress(i.stderr)
	r := reconciler.Reconciler{Repo: preview{after}, Resolver: resolver, Operator: operator, Now: i.now, Progress: p.step}
	report, err := r.Pass(ctx, reconciler.Request{DryRun: true, Due: func(a plan.Ask) bool { return a.Interval > 0 && ours(a.Ref) }})
	p.done()
	if err != nil {
		return explain(err)
	}
	for _, problem := range report.Problems {
		if problem.Severity == stream.Error && ours(problem.Ref) {
			problem.Message = "the first pass will say: " + problem.Message
			i.found.Left = append(i.found.Left, problem)
		}
	}
	for _, c := range report.Changes {
		for _, m := range c.Moves {
			if of := view.Tree.Stream(m.Ref.Namespace, m.Ref.Name); ours(m.Ref) && of != nil && of.Tag(m.Ref.Tag) != nil {
				i.found.Left = append(i.found.Left, stream.Problem{
					Severity: stream.Warning, Pos: of.Tag(m.Ref.Tag).Pos, Ref: m.Ref,
					Message: fmt.Sprintf("what is deployed is not the newest: the first pass moves it to %s@%s", m.From, m.New),
					Hint:    "that is what the schedule is for; annotate it with " + stream.AnnotationPaused + " to decide when",
				})
			}
		}
	}
	stream.SortProblems(i.found.Left)
	return nil
}

// diff is what is proposed as git would show it: what people are to review first.
func (i *initialize) diff(f files) (string, error) {
	var out strings.Builder
	colour := colours(i.stdout)
	names := slices.SortedFunc(maps.Keys(i.found.Files), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		old, err := fs.ReadFile(f.FS, name)
		if err != nil {
			old = nil
		}
		printDiff(&out, name, old, i.found.Files[name], colour)
	}
	return out.String(), nil
}

// rank orders what is proposed: settings, specs, what is bound, status, and metadata.
func rank(name string) int {
	s := stream.DefaultSettings()
	switch {
	case name == stream.SettingsPath:
		return 0
	case s.IsStatusPath(name):
		return 3
	case s.IsImagePath(name):
		return 4
	case s.IsSpecPath(name), path.Base(path.Dir(name)) == "imagestreams":
		return 1
	}
	return 2
}
