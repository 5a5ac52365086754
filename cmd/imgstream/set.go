package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newSet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set (image-lookup | triggers)",
		Short: "Change how image streams are used",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q: write image-lookup or triggers", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newSetLookup(a), newSetTriggers(a))
	return cmd
}

func newSetLookup(a *app) *cobra.Command {
	l := &setLookup{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "image-lookup [STREAM…]",
		Short: "Let manifests name the images of a stream by NAME:TAG",
		Long: `Turns the local lookup of image streams on (spec.lookupPolicy.local), or off with
--enabled=false. Without names, and with --list, it shows what is on.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.`,
		Example: `  imgstream set image-lookup keycloak -n sso
  imgstream set image-lookup keycloak -n sso --enabled=false
  imgstream set image-lookup --all --list`,
		RunE:              l.run,
		ValidArgsFunction: l.completeStreams,
	}
	f := cmd.Flags()
	f.BoolVar(&l.enabled, "enabled", true, "turn it on; --enabled=false turns it off")
	f.BoolVar(&l.list, "list", false, "show what is on, and change nothing")
	f.BoolVar(&l.all, "all", false, "all image streams of the namespace")
	l.objectFlags(cmd)
	l.specFlags(cmd)
	l.resolveFlag(cmd)
	return cmd
}

// setLookup is one run of the verb.
type setLookup struct {
	speccing
	enabled, list, all bool
}

func (l *setLookup) run(cmd *cobra.Command, args []string) error {
	if err := l.checkObject(); err != nil {
		return err
	}
	if l.all && len(args) > 0 {
		return usagef("--all and names may not be used together")
	}
	refs, err := l.streams(args)
	if err != nil {
		return err
	}
	if l.list || len(refs) == 0 && !l.all {
		l.dry = true
		_, err := l.change(cmd.Context(), l.app, func(f files) (change, error) { return l.listing(f, refs) })
		return err
	}
	return l.apply(cmd.Context(), refs, func(f files) (change, error) { return l.compute(f, refs) })
}

// streams reads the names, which may be TYPE/NAME.
func (l *setLookup) streams(args []string) ([]stream.Ref, error) {
	var refs []stream.Ref
	for _, arg := range args {
		kind, name, typed := strings.Cut(arg, "/")
		if !typed {
			name = arg
		} else if _, err := parseKind(allKinds[:1], kind); err != nil {
			return nil, usagef("%s: only image streams have a lookup here: write STREAM or is/STREAM", arg)
		}
		ref, err := l.streamRef(name)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// chosen are the streams with these names, or all of the namespace where there are none.
func (l *setLookup) chosen(f files, tree *stream.Tree, refs []stream.Ref) ([]*stream.Stream, error) {
	var found []*stream.Stream
	for _, ref := range refs {
		s := tree.Stream(ref.Namespace, ref.Name)
		if s == nil {
			return nil, fmt.Errorf("imagestreams%s %q not found in namespace %s of %s%s", imageGroup, ref.Name, ref.Namespace, f.name, after("\n", tree.Names().Similar(ref)))
		}
		found = append(found, s)
	}
	for _, s := range tree.Streams {
		if len(refs) == 0 && s.Namespace == l.namespace {
			found = append(found, s)
		}
	}
	return found, nil
}

func (l *setLookup) listing(f files, refs []stream.Ref) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	found, err := l.chosen(f, tree, refs)
	if err != nil {
		return change{}, err
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tLOCAL")
	for _, s := range found {
		fmt.Fprintf(w, "%s\t%t\n", s.Name, s.LookupLocal)
	}
	_ = w.Flush()
	return change{out: out.String()}, nil
}

func (l *setLookup) compute(f files, refs []stream.Ref) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	found, err := l.chosen(f, tree, refs)
	if err != nil {
		return change{}, err
	}
	specs := edit.Of(f, tree)
	var out strings.Builder
	var names []stream.Ref
	for _, s := range found {
		what := "image lookup updated"
		changed, err := specs.SetLookup(s.Ref(), l.enabled)
		if err != nil {
			return change{}, err
		}
		if !changed {
			what = "was not changed"
		}
		text, err := l.done(imageStream, s.Name, specs.Document(s.Ref()), what)
		if err != nil {
			return change{}, err
		}
		out.WriteString(text)
		names = append(names, s.Ref())
	}
	return change{files: specs.Files(), message: fmt.Sprintf("set image-lookup of %s to %t", joinRefs(names), l.enabled), out: out.String()}, nil
}

// completeStreams offers the streams of the work tree.
func (s *speccing) completeStreams(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	b := s.browse()
	b.kinds = allKinds[:1]
	return without(b.names(cmd.Context(), imageStream), args), cobra.ShellCompDirectiveNoFileComp
}

// without are the names that do not stand on the command line already.
func without(names, args []string) []string {
	var rest []string
	for _, name := range names {
		if !slices.Contains(args, name) {
			rest = append(rest, name)
		}
	}
	return rest
}
