package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

func newValidate(a *app) *cobra.Command {
	v := validate{app: a, source: source{reads: true}}
	cmd := &cobra.Command{
		Use:   "validate [PATH…]",
		Short: "Say what is wrong in the repository, where, and what to write instead",
		Long: `Reads the work tree, or with --repo a remote branch, and prints every problem of the
settings, image streams, status files and markers. No registry is asked. With PATHs,
only the problems of these files and of those in these directories are printed. With
--config it also says what the operator does not allow.

Formats: text; github, the workflow commands that GitHub Actions shows at their lines;
sarif 2.1.0; json.

Exit codes: 0 no errors (there may be warnings and notices), 1 errors, 2 wrong usage.`,
		Example: `  imgstream validate
  imgstream validate imagestreams apps/prod/kustomization.yaml
  imgstream validate -o github
  imgstream validate --config operator.yaml`,
		RunE: v.run,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	cmd.Flags().StringVarP(&v.output, "output", "o", "text", "output `format`: "+strings.Join(validateFormats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(validateFormats, cobra.ShellCompDirectiveNoFileComp))
	v.flags(cmd)
	cmd.Flags().Lookup("config").Usage = "the operator's configuration `file` (kind: Config)"
	return cmd
}

var validateFormats = []string{"text", "github", "sarif", "json"}

// validate is one run of the verb.
type validate struct {
	*app
	source
	output string
}

func (v *validate) run(cmd *cobra.Command, paths []string) error {
	if !slices.Contains(validateFormats, v.output) {
		return usagef("unknown output format %q: write one of %s", v.output, strings.Join(validateFormats, ", "))
	}
	cfg, err := v.load(v.app)
	if err != nil {
		return err
	}
	f, closeFiles, err := v.open(cmd.Context(), v.app)
	if err != nil {
		return err
	}
	defer closeFiles()
	in, err := v.scope(f, paths)
	if err != nil {
		return err
	}
	found, err := check(f, cfg)
	if err != nil {
		return err
	}
	problems := slices.DeleteFunc(found.problems, func(p stream.Problem) bool { return !in.has(p.Pos.File) })
	if err := v.print(problems, found.looked(in)); err != nil {
		return err
	}
	if slices.ContainsFunc(problems, func(p stream.Problem) bool { return p.Severity == stream.Error }) {
		return &codeError{code: exitFailed}
	}
	return nil
}

// scope is the paths that are validated; none is all.
type scope []string

func (v *validate) scope(f files, args []string) (scope, error) {
	var s scope
	for _, arg := range args {
		name, err := f.find(v.app, arg)
		if err != nil {
			return nil, err
		}
		s = append(s, name)
	}
	return s, nil
}

func (s scope) has(file string) bool {
	return len(s) == 0 || slices.ContainsFunc(s, func(name string) bool {
		return name == "." || name == file || strings.HasPrefix(file, name+"/")
	})
}

// findings is what a repository has wrong.
type findings struct {
	view     *plan.View // nil: the settings are not valid, so that nothing else was read
	problems []stream.Problem
}

func check(f files, cfg config.Config) (findings, error) {
	s, err := survey.Read(f)
	var settings *survey.SettingsError
	switch {
	case errors.As(err, &settings):
		return findings{problems: settings.Problems}, nil
	case err != nil:
		return findings{}, err
	}
	tree := s.View.Tree
	problems := slices.Concat(problemsOf(tree), plan.Check(&s.View, plan.Operator{LocalRegistry: cfg.LocalRegistry}), rendered(tree), forbidden(tree, cfg))
	stream.SortProblems(problems)
	return findings{view: &s.View, problems: problems}, nil
}

// localConfig marks what is for tools and not for a cluster; Flux and kustomize heed it.
const localConfig = "config.kubernetes.io/local-config"

// rendered tells which specs a deploy tool would apply (product.md 2).
func rendered(tree *stream.Tree) []stream.Problem {
	var problems []stream.Problem
	for _, s := range tree.Streams {
		if s.Annotations[localConfig] == "true" && s.SkipMarked {
			continue
		}
		problems = append(problems, stream.Problem{
			Severity: stream.Notice, Pos: s.Pos, Ref: s.Ref(),
			Message: "a deploy tool that reads this directory applies the image stream to its cluster",
			Hint:    "unless that is wanted, add the annotation " + localConfig + `: "true" for Flux and kustomize, and the first line # +argocd:skip-file-rendering for Argo CD`,
		})
	}
	return problems
}

// forbidden tells which sources lie in registries that the operator does not allow
// (openshift.md 1.3 V21).
func forbidden(tree *stream.Tree, cfg config.Config) []stream.Problem {
	var problems []stream.Problem
	check := func(reference string, p stream.Problem) {
		image, err := stream.ParseImage(reference)
		if err != nil || cfg.Allowed(image.Registry) {
			return
		}
		p.Message, p.Hint = cfg.AllowedRegistries.Refusal(image.Registry), "name an image in one of these, or have the operator add the registry to allowedRegistries"
		problems = append(problems, p)
	}
	for _, s := range tree.Streams {
		if s.DockerImageRepository != "" {
			check(s.DockerImageRepository, stream.Problem{Pos: s.Pos, Ref: s.Ref()})
		}
		for _, tag := range s.Tags {
			if tag.From != nil && tag.From.Kind == stream.KindDockerImage {
				check(tag.From.Name, stream.Problem{Pos: tag.Pos, Ref: s.TagRef(tag.Name)})
			}
		}
	}
	return problems
}

// looked says in what the findings are.
func (f findings) looked(in scope) string {
	if f.view == nil {
		return stream.SettingsPath + ", without which nothing else is read"
	}
	streams, consumers := 0, 0
	for _, s := range f.view.Tree.Streams {
		if in.has(s.Pos.File) {
			streams++
		}
	}
	for _, file := range f.view.Files {
		if in.has(file.Path) {
			consumers += len(file.Uses)
		}
	}
	return fmt.Sprintf("%s, %s", stream.Count(streams, "image stream"), stream.Count(consumers, "consumer"))
}

func (v *validate) print(problems []stream.Problem, looked string) error {
	var text string
	var err error
	switch v.output {
	case "text":
		printProblems(v.stdout, problems)
		fmt.Fprintln(v.stderr, describe.Summary(problems, looked))
		return nil
	case "github":
		text = describe.GitHub(problems)
	case "sarif":
		text, err = describe.JSON(describe.NewSarif(problems, buildVersion()))
	case "json":
		text, err = describe.JSON(describe.NewProblems(problems))
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(v.stdout, text)
	return err
}
