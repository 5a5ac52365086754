package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newTag(a *app) *cobra.Command {
	t := &tagging{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "tag [--source=KIND] SOURCE DEST [DEST…] | tag DEST [DEST…] -d",
		Short: "Let tags of image streams point to an image",
		Long: `Lets each DEST ([NAMESPACE/]STREAM:TAG) point to SOURCE, as oc tag does: an image in a
registry (docker.io/centos/python-36-centos7), an image that a stream has had
(STREAM@sha256:…), or a tag of a stream. A tag is taken as it is at this moment; with
--alias DEST follows it from now on, through any number of hops, streams and namespaces.
Streams that are not there are created. The annotations of a tag that is there stay, the
rest of it is replaced. -d removes tags with their history.

It changes the work tree and says how to commit that, and the daemon resolves the tag
once it is pushed; --resolve does that at once. With --repo it pushes a commit of the git
user's to a remote branch.`,
		Example: `  imgstream tag quay.io/keycloak/keycloak:25.0.3 keycloak:25.0 -n sso --scheduled
  imgstream tag keycloak:25.0 keycloak:prod -n sso             # what 25.0 is now
  imgstream tag --alias keycloak:25.0 keycloak:latest -n sso   # whatever 25.0 will be
  imgstream tag keycloak@sha256:1f0c6a2e9b7d keycloak:prod -n sso
  imgstream tag -d keycloak:19.0 -n sso`,
		RunE:              t.run,
		ValidArgsFunction: t.completeTags,
	}
	f := cmd.Flags()
	f.StringVar(&t.source, "source", "", "`kind` of SOURCE: imagestreamtag, imagestreamimage or docker (default: by its form)")
	f.BoolVarP(&t.del, "delete", "d", false, "delete the tags and their history")
	f.BoolVar(&t.alias, "alias", false, "follow SOURCE, a tag, from now on")
	f.BoolVar(&t.reference, "reference", false, "hand out SOURCE as it is written, without importing it")
	f.BoolVar(&t.scheduled, "scheduled", false, "ask the registry again as time passes")
	f.BoolVar(&t.insecure, "insecure", false, "the registry may be reached without TLS (without effect: the operator decides)")
	f.StringVar(&t.referencePolicy, "reference-policy", "source", "what consumers get: `source` or local")
	f.StringVar(&t.importMode, "import-mode", "", "Legacy takes one image of an index, PreserveOriginal the `index`")
	t.specFlags(cmd)
	t.resolveFlag(cmd)
	_ = cmd.RegisterFlagCompletionFunc("source", cobra.FixedCompletions([]string{"imagestreamtag", "imagestreamimage", "docker"}, cobra.ShellCompDirectiveNoFileComp))
	completeImportFlags(cmd)
	return cmd
}

func completeImportFlags(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("reference-policy", cobra.FixedCompletions([]string{"source", "local"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("import-mode", cobra.FixedCompletions([]string{stream.ModeLegacy, stream.ModePreserveOriginal}, cobra.ShellCompDirectiveNoFileComp))
}

// tagging is one run of the verb.
type tagging struct {
	speccing
	importFlags
	source     string
	del, alias bool
}

func (t *tagging) run(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) < 2 && !t.del {
		return usagef("you must specify a source and at least one destination or one or more tags to delete")
	}
	src, dests, err := t.parse(args)
	if err != nil {
		return err
	}
	if err := t.checkFlags(cmd, src); err != nil {
		return err
	}
	for _, dest := range dests {
		if err := checkTag(dest.Tag); err != nil && !t.del { // what is to go may be called anything
			return err
		}
	}
	if t.insecure {
		t.noticeInsecure()
	}
	return t.apply(cmd.Context(), dests, func(f files) (change, error) {
		tree, err := readTree(f)
		if err != nil {
			return change{}, err
		}
		if t.del {
			return t.remove(f, tree, dests)
		}
		return t.compute(f, tree, src, dests)
	})
}

func (t *tagging) parse(args []string) (src imageSource, dests []stream.Ref, err error) {
	if !t.del {
		if src, err = parseSource(args[0], t.source, t.namespace); err != nil {
			return src, nil, err
		}
		args = args[1:]
	}
	for _, arg := range args {
		dest, err := parseDestination(arg, t.namespace)
		if err != nil {
			return src, nil, err
		}
		dests = append(dests, dest)
	}
	return src, dests, nil
}

// checkFlags refuses flags that do not go together (openshift.md 4.1).
func (t *tagging) checkFlags(cmd *cobra.Command, src imageSource) error {
	if t.alias && t.del {
		return usagef("--alias and --delete may not be both specified")
	}
	if err := t.validPolicy(); err != nil {
		return err
	}
	importing := t.scheduled || t.insecure
	switch {
	case t.del && t.source != "":
		return usagef("cannot specify a source kind when deleting")
	case t.del && (importing || t.reference || t.referencePolicy != ""):
		return usagef("cannot set flags for importing images when deleting a tag")
	case t.del && cmd.Flags().Changed("import-mode"):
		return usagef("cannot specify an import mode when deleting")
	case t.del:
		return nil
	case src.kind != stream.KindDockerImage && importing:
		return usagef("only container images can have importing flags set")
	case t.alias && importing:
		return usagef("cannot set a container image tag as an alias and also set import flags")
	case t.alias && src.kind == stream.KindDockerImage:
		return usagef("--alias follows a tag of a stream, and %s is an image in a registry: write STREAM:TAG", src.spec)
	case t.alias && src.kind != stream.KindImageStreamTag:
		return usagef("--alias follows a tag of a stream, and %s is an image: write STREAM:TAG", src.ref.Digest)
	}
	return t.validMode()
}

func (t *tagging) compute(f files, tree *stream.Tree, src imageSource, dests []stream.Ref) (change, error) {
	specs := edit.Of(f, tree)
	var out strings.Builder
	var said string
	for _, dest := range dests {
		from, err := t.from(tree, src, dest)
		if err != nil {
			return change{}, err
		}
		if err := ensure(specs, dest); err != nil {
			return change{}, err
		}
		want := stream.Tag{
			Name: dest.Tag, From: &from, Reference: t.reference, Insecure: t.insecure,
			ImportMode: t.importMode, ReferencePolicy: t.referencePolicy,
		}
		if t.scheduled {
			want.Scheduled = &t.scheduled
		}
		if err := specs.SetTag(dest, want); err != nil {
			return change{}, err
		}
		said = t.said(src, from, dest)
		fmt.Fprintln(&out, t.message(src, said, dest))
	}
	subject := fmt.Sprintf("tag %s as %s", said, joinRefs(dests))
	return change{files: specs.Files(), message: subject, out: out.String()}, nil
}

// from is what the spec of a destination says of the source. Without --alias a tag stands
// for the image it has now.
func (t *tagging) from(tree *stream.Tree, src imageSource, dest stream.Ref) (stream.From, error) {
	if src.kind == stream.KindDockerImage {
		return stream.From{Kind: src.kind, Name: src.spec}, nil
	}
	if err := granted(tree, src.ref, dest); err != nil {
		return stream.From{}, err
	}
	from := stream.From{Kind: src.kind, Name: src.ref.Name + ":" + src.ref.Tag}
	if src.ref.Namespace != dest.Namespace {
		from.Namespace = src.ref.Namespace
	}
	switch {
	case t.alias:
		return from, nil
	case src.kind == stream.KindImageStreamImage:
		from.Name = src.ref.Name + "@" + src.ref.Digest
		return from, nil
	}
	head := headOf(tree, src.ref)
	switch {
	case head == nil:
		return from, fmt.Errorf("%q is not currently pointing to an image, cannot use it as the source of a tag%s", src.ref.String(), whyNone(tree, src.ref))
	case head.Image == "":
		return stream.From{Kind: stream.KindDockerImage, Name: head.DockerImageReference}, nil
	}
	from.Kind, from.Name = stream.KindImageStreamImage, src.ref.Name+"@"+head.Image
	return from, nil
}

// whyNone is the end of a message that a tag has no image: what to do about it.
func whyNone(tree *stream.Tree, ref stream.Ref) string {
	if !hasTag(tree, ref) {
		return after("\n", tree.Names().Similar(ref))
	}
	return "\nimgstream sync or the daemon gives it one; --alias follows it whatever it has"
}

// headOf is the image that a tag has now, also one that only an export's status tells; nil
// where it has none.
func headOf(tree *stream.Tree, ref stream.Ref) *stream.Item {
	if st := tree.Status[ref]; st != nil {
		return st.Head()
	}
	s := tree.Stream(ref.Namespace, ref.Name)
	if s == nil {
		return nil
	}
	for i := range s.Seed {
		if s.Seed[i].Tag == ref.Tag && len(s.Seed[i].Items) > 0 {
			return &s.Seed[i].Items[0]
		}
	}
	return nil
}

// ensure creates the stream of a tag where it is not there.
func ensure(specs *edit.Specs, tag stream.Ref) error {
	if specs.Has(tag.Stream()) {
		return nil
	}
	_, err := specs.Create(tag.Stream(), false)
	return err
}

// said is how the message calls the source.
func (t *tagging) said(src imageSource, from stream.From, dest stream.Ref) string {
	switch {
	case from.Kind == stream.KindDockerImage:
		return from.Name
	case t.alias:
		return t.named(src.ref)
	}
	return cmp.Or(from.Namespace, dest.Namespace) + "/" + from.Name
}

// named is a reference without the namespace that everything has here.
func (s *speccing) named(ref stream.Ref) string {
	if ref.Namespace == s.namespace {
		ref.Namespace = ""
	}
	return ref.String()
}

// message is oc's: of a tag in another namespace it says less.
func (t *tagging) message(src imageSource, said string, dest stream.Ref) string {
	switch {
	case t.alias:
		return fmt.Sprintf("Tag %s set up to track %s.", t.named(dest), said)
	case t.scheduled && dest.Namespace == t.namespace:
		return fmt.Sprintf("Tag %s set to import %s periodically.", t.named(dest), said)
	case t.scheduled:
		return fmt.Sprintf("Tag %s set to %s periodically.", t.named(dest), said)
	}
	return fmt.Sprintf("Tag %s set to %s.", t.named(dest), said)
}

// remove takes tags away, from their spec and with their history.
func (t *tagging) remove(f files, tree *stream.Tree, dests []stream.Ref) (change, error) {
	specs := edit.Of(f, tree)
	status := map[string][]byte{}
	var out strings.Builder
	for _, dest := range dests {
		removed := false
		if tree.Stream(dest.Namespace, dest.Name) != nil {
			var err error
			if removed, err = specs.RemoveTag(dest); err != nil {
				return change{}, err
			}
		}
		path := stream.StatusPath(tree.Settings.Streams.StatusDirectory, dest)
		if exists(f, path) {
			status[path], removed = nil, true
		}
		if !removed {
			return change{}, fmt.Errorf("imagestreamtags%s %q not found in namespace %s of %s%s",
				imageGroup, dest.Name+":"+dest.Tag, dest.Namespace, f.name, after("\n", tree.Names().Similar(dest)))
		}
		fmt.Fprintf(&out, "Deleted tag %s.\n", dest)
	}
	changed := specs.Files()
	for path := range status {
		changed[path] = nil
	}
	return change{files: changed, message: "delete tag " + joinRefs(dests), out: out.String()}, nil
}

func joinRefs(refs []stream.Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
	}
	return strings.Join(names, ", ")
}

func (s *speccing) noticeInsecure() {
	fmt.Fprintln(s.stderr, "notice: --insecure has no effect here: the operator's plainHTTP or caFile of that host decides")
}
