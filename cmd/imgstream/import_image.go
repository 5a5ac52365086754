package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/plan"
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
		ValidArgsFunction: i.completeTags,
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

// importImage is one run of the verb.
type importImage struct {
	speccing
	importFlags
	from         string
	confirm, all bool

	resolver *registries
	found    []describe.Imported // what the registry said last
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
	failed := 0
	for _, one := range i.found {
		if one.Failure != "" {
			failed++
		}
	}
	if err == nil && failed > 0 {
		return errors.New("import completed with errors")
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
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	specs := edit.Of(f, tree)
	refs, err := specs.Import(im, i.now().UTC().Format(time.RFC3339))
	if err != nil {
		return change{}, err
	}
	if i.found, err = i.look(ctx, overlay{under: f, files: specs.Files()}, im.Stream, refs); err != nil {
		return change{}, err
	}
	what, good := "imported", 0
	for _, one := range i.found {
		if one.Failure == "" {
			good++
			continue
		}
		what = "imported with errors"
		fmt.Fprintf(i.stderr, "error: tag %s failed: %s\n", one.Tag, one.Failure)
	}
	if good == 0 {
		return change{}, fmt.Errorf("nothing was imported into %s, and nothing is written", im.Stream)
	}
	var document any
	if i.output != "" {
		document = describe.NewImport(im.Stream, i.dry, i.found)
	}
	out, err := i.done(imageStream, im.Stream.Name, document, what)
	if i.output == "" {
		out += i.said()
	}
	subject := "import-image " + im.Stream.String()
	if len(refs) == 1 {
		subject = "import-image " + refs[0].String()
	}
	return change{files: specs.Files(), message: subject, out: out}, err
}

// said lists what was found.
func (i *importImage) said() string {
	var b strings.Builder
	for _, one := range i.found {
		if one.Head != nil && one.Failure == "" {
			fmt.Fprintf(&b, "\n%s\n  %s\n", one.Tag, one.Head.DockerImageReference)
		}
	}
	return b.String()
}

// look asks the registry what the pass after the change would, and gives what becomes of
// the tags; without tags, of all those of the stream's repository.
func (i *importImage) look(ctx context.Context, after overlay, of stream.Ref, refs []stream.Ref) ([]describe.Imported, error) {
	operator := i.resolver.operator()
	operator.LocalRegistry = "" // nothing is copied for a look
	p := newProgress(i.stderr)
	r := reconciler.Reconciler{Repo: preview{after}, Resolver: i.resolver, Operator: operator, Now: i.now, Progress: p.step}
	report, err := r.Pass(ctx, reconciler.Request{DryRun: true, Due: func(a plan.Ask) bool {
		return slices.Contains(refs, a.Ref) || len(refs) == 0 && a.Pending && a.Ref.Stream() == of
	}})
	p.done()
	if err != nil {
		return nil, explain(err)
	}
	statuses := statusesAfter(report, of)
	if len(refs) == 0 {
		for ref := range statuses {
			refs = append(refs, ref)
		}
		slices.SortFunc(refs, func(a, b stream.Ref) int { return strings.Compare(a.Tag, b.Tag) })
	}
	var found []describe.Imported
	for _, ref := range refs {
		one := describe.Imported{Tag: ref.Tag, Failure: failureOf(report, ref)}
		if st := statuses[ref]; st != nil {
			one.Head = st.Head()
			if st.Source != nil {
				one.From = st.Source.Name
			}
		}
		found = append(found, one)
	}
	return found, nil
}

// statusesAfter are the statuses of a stream as the pass leaves them.
func statusesAfter(report reconciler.Report, of stream.Ref) map[stream.Ref]*stream.Status {
	tree := report.View.Tree
	all := map[stream.Ref]*stream.Status{}
	for ref, st := range tree.Status {
		if ref.Stream() == of {
			all[ref] = st
		}
	}
	for _, c := range report.Changes {
		for path, data := range c.Files {
			ref, ok := stream.ParseStatusPath(tree.Settings.Streams.StatusDirectory, path)
			if !ok || ref.Stream() != of {
				continue
			}
			if st, err := stream.ParseStatus(data); err == nil && data != nil {
				all[ref] = st
			}
		}
	}
	return all
}

// failureOf is the error about a tag, or about its whole stream; "" for none.
func failureOf(report reconciler.Report, ref stream.Ref) string {
	for _, p := range report.Problems {
		if p.Severity == stream.Error && (p.Ref == ref || p.Ref == ref.Stream()) {
			return strings.TrimSuffix(p.Message+"; "+p.Hint, "; ")
		}
	}
	return ""
}

// preview is a tree that a pass reads and never writes.
type preview struct{ files overlay }

func (p preview) Snapshot(context.Context) (gitstore.Snapshot, error) {
	return gitstore.Snapshot{FS: p.files}, nil
}

func (preview) ChangedAt(context.Context, gitstore.Snapshot, []string) (map[string]gitstore.Rev, error) {
	return nil, nil
}

func (preview) Own(context.Context, gitstore.Snapshot, []gitstore.Rev) (map[gitstore.Rev]bool, error) {
	return nil, nil
}

func (preview) Commit(context.Context, gitstore.Rev, []gitstore.Commit) (gitstore.Published, error) {
	return gitstore.Published{}, errors.New("a preview is not written")
}
