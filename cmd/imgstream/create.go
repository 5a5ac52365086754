package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newCreate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create (is | istag) NAME",
		Short: "Create an image stream or a tag of one",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown resource %q: write is or istag", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newCreateStream(a), newCreateTag(a))
	return cmd
}

// speccing is what the verbs that change specs have in common.
type speccing struct {
	*app
	workplace
	namespace string
	dryRun    string
	output    string
	resolve   bool
}

// specFlags adds the namespace, and what names a remote branch.
func (s *speccing) specFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` of names that have none")
	_ = cmd.RegisterFlagCompletionFunc("namespace", s.completeNamespace)
	s.flags(cmd)
}

// objectFlags adds --dry-run and -o, as the verbs have them that print an object.
func (s *speccing) objectFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.dryRun, "dry-run", "none", "none, client or server: the last two print what would be, and change nothing")
	f.Lookup("dry-run").NoOptDefVal = "client"
	f.StringVarP(&s.output, "output", "o", "", "print the object in this `format`, not a message: "+strings.Join(objectFormats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions(dryRuns, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(objectFormats, cobra.ShellCompDirectiveNoFileComp))
}

var (
	objectFormats = []string{"yaml", "json", "name"}
	dryRuns       = []string{"none", "client", "server"}
)

// checkObject refuses flags that say nothing.
func (s *speccing) checkObject() error {
	switch {
	case !slices.Contains(dryRuns, s.dryRun):
		return usagef("--dry-run=%s: write none, client or server", s.dryRun)
	case s.output != "" && !slices.Contains(objectFormats, s.output):
		return usagef("unknown output format %q: write one of %s", s.output, strings.Join(objectFormats, ", "))
	}
	s.dry = s.dryRun != "none"
	return nil
}

// done is what a verb prints of an object: the object where -o asks for it, else that
// something was done to it.
func (s *speccing) done(kind, name string, object any, what string) (string, error) {
	switch s.output {
	case "yaml":
		return describe.YAML(object)
	case "json":
		return describe.JSON(object)
	case "name":
		return fmt.Sprintf("%s%s/%s\n", kind, imageGroup, name), nil
	}
	if s.dry {
		what += " (dry run)"
	}
	return fmt.Sprintf("%s%s/%s %s\n", kind, imageGroup, name, what), nil
}

func (s *speccing) completeNamespace(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return s.browse().completeNamespace(cmd, args, toComplete)
}

// browse is where what is completed comes from.
func (s *speccing) browse() *browse {
	b := &browse{app: s.app, namespace: s.namespace}
	b.repo = s.repo
	return b
}

func newCreateStream(a *app) *cobra.Command {
	c := &createStream{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:     "imagestream NAME",
		Aliases: []string{"is", "imagestreams"},
		Short:   "Create an image stream without tags",
		Long: `Writes the spec file of a new image stream: NAME.yaml in the first stream directory of
the settings, else in imagestreams. The file carries the marks that keep deploy tools
from applying it to a cluster.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.`,
		Example: `  imgstream create imagestream keycloak -n sso
  imgstream create is keycloak --lookup-local --dry-run -o yaml`,
		Args:              oneName,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&c.lookupLocal, "lookup-local", false, "let manifests name the stream's images by NAME:TAG")
	c.objectFlags(cmd)
	c.specFlags(cmd)
	return cmd
}

// oneName is the argument of the verbs that create.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("exactly one NAME is required, got %d", len(args))
	}
	return nil
}

// createStream is one run of the verb.
type createStream struct {
	speccing
	lookupLocal bool
}

func (c *createStream) run(cmd *cobra.Command, name string) error {
	ref, err := c.streamRef(name)
	if err != nil {
		return err
	}
	if err := c.checkObject(); err != nil {
		return err
	}
	_, err = c.change(cmd.Context(), c.app, func(f files) (change, error) { return c.compute(f, ref) })
	return err
}

// streamRef reads the name of a stream, which may begin with its namespace.
func (s *speccing) streamRef(name string) (stream.Ref, error) {
	ref := stream.Ref{Namespace: s.namespace, Name: name}
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		ref.Namespace, ref.Name = namespace, rest
	}
	switch {
	case !stream.IsNamespace(ref.Namespace):
		return ref, notNamespace(ref.Namespace)
	case !stream.IsName(ref.Name):
		return ref, usagef("%q is not the name of an image stream: write lower-case letters and digits, with single \".\", \"_\" or \"-\" between them", ref.Name)
	}
	return ref, nil
}

func (c *createStream) compute(f files, ref stream.Ref) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	if old := tree.Stream(ref.Namespace, ref.Name); old != nil {
		return change{}, fmt.Errorf("imagestreams%s %q already exists in namespace %s: %s", imageGroup, ref.Name, ref.Namespace, old.Pos)
	}
	specs := edit.Of(f, tree)
	if _, err := specs.Create(ref, c.lookupLocal); err != nil {
		return change{}, err
	}
	out, err := c.done(imageStream, ref.Name, specs.Document(ref), "created")
	return change{files: specs.Files(), message: "create imagestream " + ref.String(), out: out}, err
}
