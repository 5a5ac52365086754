package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newImportImage(a *app) *cobra.Command {
	i := &importImage{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "import-image NAME[:TAG]",
		Short: "Import a tag of an image stream, or all of them, from its registry",
		Long: `Asks the registry for the image of a tag (latest, where none is named), prints what it
found, and asks for one import: in the spec where that changes, else by the annotation
imgstream.dev/reimport of the tag. What the registry does not have is an error, and
nothing is written. With --confirm a stream that is not there is created. A flag that is
not given resets nothing.

It changes the work tree and says how to commit that; --resolve also records what was
found. With --repo it pushes a commit of the git user's to a remote branch and records
what was found there.`,
		Example: `  imgstream import-image keycloak:25.0 -n sso
  imgstream import-image python:3.5 --from=docker.io/centos/python-35-centos7 --confirm
  imgstream import-image keycloak --all -n sso --repo https://git.example.com/apps.git --branch main`,
		Args:              oneName,
		RunE:              func(cmd *cobra.Command, args []string) error { return i.run(cmd, args[0]) },
		ValidArgsFunction: i.completeName,
	}
	f := cmd.Flags()
	f.StringVar(&i.from, "from", "", "the registry's `image` or repository (default: what the spec says)")
	f.BoolVar(&i.confirm, "confirm", false, "create the stream, or take another repository")
	f.BoolVar(&i.all, "all", false, "all tags of the repository, or all that the stream imports")
	f.BoolVar(&i.scheduled, "scheduled", false, "ask the registry again as time passes")
	f.BoolVar(&i.insecure, "insecure", false, "the registry may be reached without TLS (without effect: the operator decides)")
	f.StringVar(&i.referencePolicy, "reference-policy", "source", "what consumers of a new tag get: `source` or local")
	f.StringVar(&i.importMode, "import-mode", "", "Legacy takes one image of an index, PreserveOriginal the `index`")
	i.objectFlags(cmd)
	i.specFlags(cmd)
	i.resolveFlag(cmd)
	completeImportFlags(cmd)
	return cmd
}

// completeName offers the tags; with --all the streams.
func (i *importImage) completeName(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if i.all && len(args) == 0 {
		return i.completeStreams(cmd, args, toComplete)
	}
	return i.completeOneTag(cmd, args, toComplete)
}

// importImage is one run of the verb.
type importImage struct {
	speccing
	importFlags
	from         string
	confirm, all bool

	resolver *registries
	found    describe.Imported // what the registry said last
	warnings []stream.Problem  // of the tags, that keep nothing from being imported: pauses, candidates
}

func (i *importImage) run(cmd *cobra.Command, arg string) error {
	im, err := i.parse(arg)
	if err != nil {
		return err
	}
	if i.insecure {
		i.noticeInsecure()
	}
	cfg, err := i.load(i.app)
	if err != nil {
		return err
	}
	if i.resolver, err = newRegistries(cfg, nil); err != nil {
		return err
	}
	i.resolve = i.resolve || i.repo != ""
	tags := []stream.Ref{im.Stream}
	err = i.apply(cmd.Context(), tags, func(f files) (change, error) { return i.compute(cmd.Context(), f, im) })
	if !i.resolve || i.dry { // else the pass tells them
		printProblems(i.stderr, i.warnings)
	}
	for _, line := range i.found.Failures() {
		fmt.Fprintln(i.stderr, line)
	}
	var coded *codeError
	if said := errors.As(err, &coded) && coded.err == nil; i.found.Failed() > 0 && (err == nil || said) {
		return &codeError{code: exitPartly, err: errors.New("imported completed with errors")}
	}
	return err
}

func (i *importImage) parse(arg string) (edit.Import, error) {
	parts := splitImage(arg)
	name := parts.name[strings.LastIndex(parts.name, "/")+1:]
	switch {
	case parts.digest != "":
		return edit.Import{}, usagef("to import images by ID, use the 'tag' command")
	case i.all && parts.tag != "":
		return edit.Import{}, usagef("cannot specify a tag %q as well as --all", parts.tag)
	case parts.tag != "" && !stream.IsTag(parts.tag):
		return edit.Import{}, usagef("%q is not a tag", parts.tag)
	}
	ref, err := i.streamRef(name)
	if err != nil {
		return edit.Import{}, err
	}
	if err := i.checkObject(); err != nil {
		return edit.Import{}, err
	}
	if err := i.valid(); err != nil {
		return edit.Import{}, err
	}
	if i.from != "" {
		if _, err := stream.ParseImage(i.from); err != nil {
			return edit.Import{}, usagef("--from: %v", err)
		}
	}
	return edit.Import{
		Stream: ref, Tag: parts.tag, From: i.from, Target: arg, Confirm: i.confirm, All: i.all,
		Scheduled: i.scheduled, Insecure: i.insecure, ReferencePolicy: i.referencePolicy, ImportMode: i.importMode,
	}, nil
}

func (i *importImage) compute(ctx context.Context, f files, im edit.Import) (change, error) {
	i.found = describe.Imported{}
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	specs := edit.Of(f, tree)
	refs, err := specs.Import(im, i.now().UTC().Format(time.RFC3339))
	if errors.Is(err, edit.ErrAbsent) {
		missing := im.Stream
		missing.Tag = im.Tag
		return change{}, fmt.Errorf("%w%s", err, after("\n", tree.Names().Similar(missing)))
	}
	if err != nil {
		return change{}, err
	}
	if i.found, err = i.look(ctx, overlay{under: f, files: specs.Files()}, im.Stream, refs); err != nil {
		return change{}, err
	}
	what := "imported"
	switch i.found.Failed() {
	case 0:
	case len(i.found.Tags):
		return change{}, fmt.Errorf("nothing was imported into %s, and nothing is written", im.Stream)
	default:
		what = "imported with errors"
	}
	var document any
	if i.output != "" {
		document = i.found.Document(i.dry)
	}
	out, err := i.done(imageStream, im.Stream.Name, document, what)
	if i.output == "" {
		out += "\n" + i.found.Text(i.now())
	}
	subject := "import-image " + im.Stream.String()
	if len(refs) == 1 {
		subject = "import-image " + refs[0].String()
	}
	return change{files: specs.Files(), message: subject, out: out}, err
}
