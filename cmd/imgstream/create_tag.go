package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newCreateTag(a *app) *cobra.Command {
	c := &createTag{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:     "imagestreamtag STREAM:TAG",
		Aliases: []string{"istag", "imagestreamtags"},
		Short:   "Create a tag of an image stream",
		Long: `Adds a tag to the spec of an image stream, which is created where it is not there. It
points to an image in a registry (--from-image), or follows a tag or names an image of a
stream (--from). With neither it is a tag that is only pushed to.

It changes the work tree and says how to commit that; --resolve resolves the tag at once.
With --repo it pushes a commit of the git user's to a remote branch.`,
		Example: `  imgstream create istag keycloak:25.0 --from-image quay.io/keycloak/keycloak:25.0.3 --scheduled
  imgstream create istag keycloak:latest --from keycloak:25.0
  imgstream create istag ruby:3.3 --from-image docker.io/library/ruby:3.3 -A description="Ruby 3.3"`,
		Args:              oneName,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
		ValidArgsFunction: c.completeStream,
	}
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", "a tag or image of a stream: [NAMESPACE/]`NAME[:TAG]`, NAME@ID or :TAG")
	f.StringVar(&c.fromImage, "from-image", "", "an image in a registry, as a pull `spec`")
	f.StringArrayVarP(&c.annotations, "annotation", "A", nil, "an annotation of the tag, `KEY=VALUE`; can be repeated")
	f.BoolVar(&c.scheduled, "scheduled", false, "ask the registry again as time passes")
	f.BoolVar(&c.insecure, "insecure", false, "the registry may be reached without TLS (without effect: the operator decides)")
	f.BoolVar(&c.reference, "reference", false, "hand out the source as it is written, without importing it")
	f.StringVar(&c.referencePolicy, "reference-policy", "source", "what consumers get: `source` or local")
	f.StringVar(&c.importMode, "import-mode", "", "Legacy takes one image of an index, PreserveOriginal the `index`")
	c.objectFlags(cmd)
	c.specFlags(cmd)
	c.resolveFlag(cmd)
	completeImportFlags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return c.completeTags(cmd, nil, toComplete)
	})
	_ = cmd.RegisterFlagCompletionFunc("from-image", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("annotation", cobra.NoFileCompletions)
	return cmd
}

// completeStream offers the streams that get a tag, up to its colon.
func (c *createTag) completeStream(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if len(args) > 0 || strings.Contains(toComplete, ":") {
		return nil, directive
	}
	names, _ := c.completeStreams(cmd, nil, toComplete)
	for i := range names {
		names[i] += ":"
	}
	return names, directive
}

// createTag is one run of the verb.
type createTag struct {
	speccing
	importFlags
	from, fromImage string
	annotations     []string
}

func (c *createTag) run(cmd *cobra.Command, name string) error {
	dest, err := parseDestination(name, c.namespace)
	if err == nil {
		err = checkTag(dest.Tag)
	}
	if err != nil {
		return err
	}
	if err := c.checkObject(); err != nil {
		return err
	}
	want, src, err := c.tag(dest)
	if err != nil {
		return err
	}
	if c.insecure {
		c.noticeInsecure()
	}
	return c.apply(cmd.Context(), []stream.Ref{dest}, func(f files) (change, error) { return c.compute(f, dest, want, src) })
}

// tag is what the flags say of the tag, and the tag of a stream that it takes its image from.
func (c *createTag) tag(dest stream.Ref) (stream.Tag, stream.Ref, error) {
	want := stream.Tag{Name: dest.Tag}
	if err := c.valid(); err != nil {
		return want, stream.Ref{}, err
	}
	want.Reference, want.Insecure, want.ImportMode, want.ReferencePolicy = c.reference, c.insecure, c.importMode, c.referencePolicy
	if c.scheduled {
		want.Scheduled = &c.scheduled
	}
	for _, a := range c.annotations {
		key, value, ok := strings.Cut(a, "=")
		if !ok || key == "" {
			return want, stream.Ref{}, usagef("--annotation %q: write KEY=VALUE", a)
		}
		if want.Annotations == nil {
			want.Annotations = map[string]string{}
		}
		want.Annotations[key] = value
	}
	var err error
	src := stream.Ref{}
	want.From, src, err = c.source(dest)
	return want, src, err
}

func (c *createTag) source(dest stream.Ref) (*stream.From, stream.Ref, error) {
	switch {
	case c.from != "" && c.fromImage != "":
		return nil, stream.Ref{}, usagef("%v", errTwoSources)
	case c.fromImage != "":
		if _, err := stream.ParseImage(c.fromImage); err != nil {
			return nil, stream.Ref{}, usagef("--from-image: %v", err)
		}
		return &stream.From{Kind: stream.KindDockerImage, Name: c.fromImage}, stream.Ref{}, nil
	case c.from == "":
		return nil, stream.Ref{}, nil
	}
	parts := splitImage(strings.TrimPrefix(c.from, ":"))
	if strings.HasPrefix(c.from, ":") { // a tag of the same stream
		parts = imageParts{name: dest.Name, tag: c.from[1:]}
	}
	if parts.registry != "" {
		return nil, stream.Ref{}, usagef("--from %q names a registry: write --from-image", c.from)
	}
	ref := stream.Ref{Namespace: cmp.Or(parts.namespace, dest.Namespace), Name: parts.name}
	from := &stream.From{Kind: stream.KindImageStreamImage, Name: parts.name + "@" + parts.digest}
	if parts.digest == "" {
		ref.Tag = cmp.Or(parts.tag, defaultTag)
		from = &stream.From{Kind: stream.KindImageStreamTag, Name: parts.name + ":" + ref.Tag}
	}
	if ref.Namespace != dest.Namespace {
		from.Namespace = ref.Namespace
	}
	if _, err := stream.ParseSource(dest, *from); err != nil {
		return nil, ref, usagef("--from: %v", err)
	}
	return from, ref, nil
}

// defaultTag is the tag where none is named (openshift.md 2.12).
const defaultTag = "latest"

func (c *createTag) compute(f files, dest stream.Ref, want stream.Tag, src stream.Ref) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	if s := tree.Stream(dest.Namespace, dest.Name); s != nil && s.Tag(dest.Tag) != nil {
		return change{}, fmt.Errorf("imagestreamtags%s %q already exists in namespace %s: %s", imageGroup, dest.Name+":"+dest.Tag, dest.Namespace, s.Tag(dest.Tag).Pos)
	}
	if src.Name != "" {
		if err := granted(tree, src, dest); err != nil {
			return change{}, err
		}
	}
	specs := edit.Of(f, tree)
	if err := ensure(specs, dest); err != nil {
		return change{}, err
	}
	if err := specs.SetTag(dest, want); err != nil {
		return change{}, err
	}
	out, err := c.done(imageStreamTag, dest.Name+":"+dest.Tag, describe.NewTag(specs.Document(dest.Stream()), dest.Tag), "created")
	return change{files: specs.Files(), message: "create imagestreamtag " + dest.String(), out: out}, err
}

// granted refuses a source of another namespace that does not grant it (semantics.md 7).
func granted(tree *stream.Tree, src, dest stream.Ref) error {
	if tree.Settings.Granted(src.Namespace, src.Name, dest.Namespace) {
		return nil
	}
	return fmt.Errorf("namespace %s does not grant stream %s to namespace %s: add to grants in %s: {namespace: %s, streams: [%s], to: [%s]}",
		src.Namespace, src.Name, dest.Namespace, stream.SettingsPath, src.Namespace, src.Name, dest.Namespace)
}
