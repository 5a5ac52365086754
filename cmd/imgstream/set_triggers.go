package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newSetTriggers(a *app) *cobra.Command {
	t := &setTriggers{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "triggers FILE[:LINE]…",
		Short: "Bind the images of a file to tags of image streams",
		Long: `Binds what a file shows to a tag of an image stream, so that it follows the tag: an
entry of a kustomization's images:, of Flux's spec.images or Argo CD's kustomize.images,
the image of a container, an image of Helm values (repository, tag and digest in one
mapping, or one text), the FROM of a Dockerfile, a line of other text (env files, shell,
Makefiles, Terraform, TOML, ini, units) that can show nothing else: with an image's key, a
digest, or a registry and a tag. The next pass writes the tag's image there.

On a Deployment, StatefulSet, DaemonSet or CronJob it writes OpenShift's annotation
image.openshift.io/triggers, as oc does, and with --marker a marker comment, which no
cluster sees; on all else the comment. Not another byte changes. Where that cannot be
proved, nothing is written, and the reason is told.

-c names entries, containers, values and stages as the listing does; FILE:LINE is the
image at that line. Without a namespace a tag is of the namespace of what is bound: that
of the kustomization, of the manifest, of the settings for the path, or default.

Without flags it lists what is bound.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.`,
		Example: `  imgstream set triggers apps/prod/kustomization.yaml
  imgstream set triggers apps/prod/kustomization.yaml --from-image keycloak:25.0 -c keycloak
  imgstream set triggers apps/web.yaml --from-image build/web:prod -c web
  imgstream set triggers Dockerfile --from-image python:3.11 -c build
  imgstream set triggers apps/web.yaml:11 --manual
  imgstream set triggers apps/web.yaml -c proxy --remove
  imgstream set triggers apps/web.yaml --remove-all`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name a file: imgstream set triggers FILE")
			}
			return nil
		},
		RunE: t.run,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.from, "from-image", "", "the `[NAMESPACE/]STREAM:TAG` to follow; with --remove the one to follow no longer")
	f.StringSliceVarP(&t.containers, "containers", "c", nil, "`names` of what is bound: entries, containers, values, stages (default: the only one)")
	f.BoolVar(&t.auto, "auto", false, "let it follow its tag again")
	f.BoolVar(&t.manual, "manual", false, "pause it: it is reported, and not written")
	f.BoolVar(&t.marker, "marker", false, "bind containers by marker comments, not by the annotation")
	f.BoolVar(&t.remove, "remove", false, "remove what -c, --from-image or the line names")
	f.BoolVar(&t.removeAll, "remove-all", false, "remove all of the file")
	t.objectFlags(cmd)
	t.specFlags(cmd)
	f.Lookup("namespace").Usage = "the `namespace` of a stream that names none"
	f.Lookup("namespace").DefValue = "that of what is bound"
	t.resolveFlag(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from-image", t.completeFrom)
	_ = cmd.RegisterFlagCompletionFunc("containers", t.completeContainers)
	return cmd
}

// setTriggers is one run of the verb.
type setTriggers struct {
	speccing
	from              string
	containers        []string
	auto, manual      bool
	marker            bool
	remove, removeAll bool
	inNamespace       bool // a namespace was given
}

func (t *setTriggers) run(cmd *cobra.Command, args []string) error {
	t.inNamespace = cmd.Flags().Changed("namespace")
	if err := t.checkObject(); err != nil {
		return err
	}
	if err := t.checkFlags(args); err != nil {
		return err
	}
	if t.lists() {
		if t.output != "" {
			return usagef("-o is for what is changed: the listing is a table")
		}
		t.dry = true
		_, err := t.change(cmd.Context(), t.app, func(f files) (change, error) { return t.listing(f, args) })
		return err
	}
	var bound []stream.Ref
	if t.from != "" && !t.remove {
		if ref, err := t.ref(t.namespace); err == nil {
			bound = append(bound, ref)
		}
	}
	return t.apply(cmd.Context(), bound, func(f files) (change, error) { return t.compute(f, args) })
}

// lists reports whether nothing is asked for but to see.
func (t *setTriggers) lists() bool {
	return t.from == "" && !t.auto && !t.manual && !t.remove && !t.removeAll
}

func (t *setTriggers) checkFlags(args []string) error {
	line := slices.ContainsFunc(args, func(arg string) bool { _, _, ok := consumer(arg); return ok })
	switch {
	case t.auto && t.manual:
		return usagef("you must specify at most one of --auto and --manual")
	case t.remove && t.removeAll:
		return usagef("you must specify at most one of --remove and --remove-all")
	case (t.remove || t.removeAll) && (t.auto || t.manual):
		return usagef("--auto and --manual are for triggers that stay: drop --remove")
	case t.removeAll && (t.from != "" || len(t.containers) > 0):
		return usagef("--remove-all removes all of the file: write --remove with --from-image or --containers")
	case t.marker && (t.from == "" || t.remove):
		return usagef("--marker says how --from-image is written: write both")
	case t.remove && t.from == "" && len(t.containers) == 0 && !line:
		return usagef("--remove needs --from-image or --containers, or FILE:LINE; --remove-all removes all of the file")
	case line && len(t.containers) > 0:
		return usagef("FILE:LINE names what is meant: drop --containers")
	case len(t.containers) > 0 && len(args) > 1:
		return usagef("--containers names what stands in one file: name one")
	}
	if t.from == "" {
		return nil
	}
	_, err := t.ref(stream.DefaultNamespace)
	return err
}

// ref is the tag of --from-image, for a consumer in a namespace.
func (t *setTriggers) ref(namespace string) (stream.Ref, error) {
	if t.inNamespace {
		namespace = t.namespace
	}
	ref, err := stream.ParseTagRef(t.from, namespace)
	if err != nil {
		return ref, usagef("--from-image: %v", err)
	}
	return ref, nil
}

// opened is a file of the command line.
type opened struct {
	*edit.Consumers
	line int // 0: all of it
}

// open reads the file of an argument, which may end with a line.
func (t *setTriggers) open(f files, settings stream.Settings, arg string) (opened, error) {
	file, line, ok := consumer(arg)
	if !ok {
		file, line = arg, 0
	}
	name, err := f.find(t.app, file)
	if err != nil {
		return opened{}, err
	}
	if info, err := fs.Stat(f, name); err == nil && info.IsDir() {
		return opened{}, fmt.Errorf("%s is a directory: name a file", file)
	}
	src, err := fs.ReadFile(f, name)
	if err != nil {
		return opened{}, err
	}
	return opened{edit.ConsumersOf(settings, name, src), line}, nil
}

// chosen are the consumers of a file that the command line means.
func (t *setTriggers) chosen(o opened) ([]edit.Consumer, error) {
	all, err := o.All()
	switch {
	case err != nil:
		return nil, err
	case o.line > 0:
		return edit.AtLine(o.File, all, o.line)
	case len(t.containers) > 0:
		all, err = edit.Named(o.File, all, t.containers)
	}
	if err != nil {
		return nil, err
	}
	binds := t.from != "" && !t.remove
	switch {
	case !binds:
		return slices.DeleteFunc(all, func(c edit.Consumer) bool { return !t.concerns(c) }), nil
	case len(all) == 0:
		return nil, edit.NoImage(o.File)
	case len(all) > 1 && len(t.containers) == 0:
		return nil, fmt.Errorf("you must specify --containers when setting --from-image: %s shows %s", o.File, edit.Labels(all))
	}
	return all, nil
}

// concerns reports whether a consumer is bound, and to the tag that is named, if one is.
func (t *setTriggers) concerns(c edit.Consumer) bool {
	if c.Bound == "" || t.from == "" {
		return c.Bound != ""
	}
	ref, err := t.ref(c.Namespace)
	return err == nil && ref == c.Ref
}

func (t *setTriggers) listing(f files, args []string) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTYPE\tVALUE\tAUTO")
	for _, arg := range args {
		o, err := t.open(f, tree.Settings, arg)
		if err != nil {
			return change{}, err
		}
		found, err := t.chosen(o)
		if err != nil {
			return change{}, err
		}
		for _, c := range found {
			fmt.Fprintf(w, "%s\timage\t%s (%s)\t%t\n", nameOf(c, "s"), c.Bound, c.Label, c.Paused() == "")
		}
		if len(found) == 0 {
			if err := t.sayUnbound(o); err != nil {
				return change{}, err
			}
		}
	}
	_ = w.Flush()
	return change{out: out.String()}, nil
}

// sayUnbound tells what a file in which nothing is bound could bind.
func (t *setTriggers) sayUnbound(o opened) error {
	all, err := o.All()
	switch {
	case err != nil:
		return err
	case len(all) == 0:
		fmt.Fprintln(t.stderr, edit.NoImage(o.File))
		return nil
	}
	fmt.Fprintf(t.stderr, "nothing is bound in %s, which shows:\n", o.File)
	for _, c := range all {
		fmt.Fprintf(t.stderr, "  line %d  %s  %s%s\n", c.Line, c.Label, cmp.Or(strings.TrimSpace(c.Image), "-"), after("  not to be bound: ", c.Unbindable()))
	}
	if i := slices.IndexFunc(all, func(c edit.Consumer) bool { return c.Unbindable() == "" }); i >= 0 {
		fmt.Fprintf(t.stderr, "to bind one: imgstream set triggers %s -c %s --from-image STREAM:TAG\n", o.File, all[i].Label)
	}
	return nil
}

// nameOf is what oc would call the object of a consumer, else its file; plural is added to
// the kind.
func nameOf(c edit.Consumer, plural string) string {
	switch {
	case c.Object.Name == "":
		return c.File
	case plural != "":
		return c.Object.Kind + plural + "/" + c.Object.Name
	}
	return c.Object.String()
}

func (t *setTriggers) compute(f files, args []string) (change, error) {
	view, err := readView(f)
	if err != nil {
		return change{}, err
	}
	made := change{files: map[string][]byte{}}
	var touched []edit.Consumer
	for _, arg := range args {
		o, err := t.open(f, view.Tree.Settings, arg)
		if err != nil {
			return change{}, err
		}
		if src, again := made.files[o.File]; again {
			o.Src = src
		}
		found, err := t.chosen(o)
		if err != nil {
			return change{}, err
		}
		if len(found) == 0 {
			return change{}, fmt.Errorf("%s binds nothing that is meant: imgstream set triggers %s lists what it binds", o.File, o.File)
		}
		if found, err = t.edit(o, found); err != nil {
			return change{}, err
		}
		made.files[o.File] = o.Src
		touched = append(touched, found...)
	}
	made.message = t.message(touched)
	if made.out, err = t.report(made, touched); err != nil {
		return change{}, err
	}
	return made, t.warn(f, made, view.Tree, touched)
}

// edit does to the consumers of a file what the flags say, and gives them as they are
// then: those before it that lose their binding as they were.
func (t *setTriggers) edit(o opened, found []edit.Consumer) ([]edit.Consumer, error) {
	for i, c := range found {
		if t.remove || t.removeAll {
			if err := o.Unbind(c); err != nil {
				return nil, err
			}
			continue
		}
		if t.from != "" {
			ref, err := t.ref(c.Namespace)
			if err != nil {
				return nil, err
			}
			if err := o.Bind(c, ref, t.marker); err != nil {
				return nil, err
			}
			if found[i], err = o.Again(c); err != nil {
				return nil, err
			}
		}
		if err := t.pause(o, found[i]); err != nil {
			return nil, err
		}
	}
	for i := range found {
		now, err := o.Again(found[i])
		if err != nil {
			return nil, err
		}
		found[i].Line = now.Line
		if !t.remove && !t.removeAll {
			found[i] = now
		}
	}
	return found, nil
}

// manualReason stands in the marker of what --manual paused.
const manualReason = "manual"

func (t *setTriggers) pause(o opened, c edit.Consumer) error {
	switch {
	case t.manual:
		return o.SetPaused(c, manualReason)
	case t.auto:
		return o.SetPaused(c, "")
	}
	return nil
}

// message is that of the commit.
func (t *setTriggers) message(touched []edit.Consumer) string {
	var names []string
	for _, c := range touched {
		names = append(names, c.File+" ("+c.Label+")")
	}
	what := "set triggers of "
	if t.remove || t.removeAll {
		what = "remove triggers of "
	}
	text := what + stream.Few(names)
	if t.from != "" {
		text += ": " + t.from
	}
	return text
}

// report is what the verb prints: the objects, or the files as they are then.
func (t *setTriggers) report(made change, touched []edit.Consumer) (string, error) {
	what := "triggers updated"
	if t.dry {
		what += " (dry run)"
	}
	var b strings.Builder
	var told []string
	for _, c := range touched {
		key := c.File
		line := string(made.files[c.File])
		if t.output != "yaml" {
			key = nameOf(c, "")
			line = key + " " + what + "\n"
		}
		if t.output == "name" {
			line = key + "\n"
		}
		if !slices.Contains(told, key) {
			told = append(told, key)
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

// warn tells what validate would say of what is bound now.
func (t *setTriggers) warn(f files, made change, tree *stream.Tree, touched []edit.Consumer) error {
	cfg, err := t.load(t.app)
	if err != nil {
		return err
	}
	found, err := check(files{FS: overlay{under: f, files: made.files}}, cfg)
	if err != nil {
		return err
	}
	for _, c := range touched {
		if c.Bound == "" || t.remove || t.removeAll {
			continue
		}
		if !tree.Settings.Scans(c.File) {
			fmt.Fprintf(t.stderr, "%s: warning: the settings do not scan this file: nothing will be written here\n", c.File)
			continue
		}
		problems := slices.DeleteFunc(slices.Clone(found.problems), func(p stream.Problem) bool { return p.Pos != c.Pos() })
		printProblems(t.stderr, problems)
	}
	return nil
}

// completeFrom offers the tags of the work tree.
func (t *setTriggers) completeFrom(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return t.browse().tagNames(cmd.Context(), toComplete, true), cobra.ShellCompDirectiveNoFileComp
}

// completeContainers offers what the files of the command line show.
func (t *setTriggers) completeContainers(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	f, closeFiles, err := openWorkTree(cmd.Context(), t.workDir())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer closeFiles()
	for _, arg := range args {
		o, err := t.open(f, stream.Settings{}, arg)
		if err != nil {
			continue
		}
		all, err := o.All()
		if err != nil {
			continue
		}
		for _, c := range all {
			names = append(names, cobra.CompletionWithDesc(c.Label, c.Image))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
