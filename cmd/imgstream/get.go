package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newGet(a *app) *cobra.Command {
	g := get{app: a}
	cmd := &cobra.Command{
		Use:   "get (is | istag) [NAME…]",
		Short: "List image streams and their tags",
		Long: `Lists image streams (is) or the tags that have an image (istag), or prints those named,
as oc get does. It reads the work tree, or with --repo a remote branch.`,
		Example: `  imgstream get is -A
  imgstream get is keycloak -n sso -o yaml
  imgstream get istag keycloak:25.0 -n sso
  imgstream get istag/keycloak:25.0 -n sso -o json`,
		RunE:              g.run,
		ValidArgsFunction: g.completeArgs,
	}
	f := cmd.Flags()
	f.StringVarP(&g.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` to look in")
	f.BoolVarP(&g.all, "all-namespaces", "A", false, "look in all namespaces")
	f.StringVarP(&g.output, "output", "o", "", "output `format`: "+strings.Join(getFormats, ", ")+" (default: a table)")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(getFormats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("namespace", g.completeNamespace)
	g.flags(cmd)
	return cmd
}

var getFormats = []string{"yaml", "json", "name", "wide"}

// get is one run of the verb.
type get struct {
	*app
	source
	namespace string
	all       bool
	output    string
}

func (g *get) run(cmd *cobra.Command, args []string) error {
	kind, names, err := parseResources(args)
	switch {
	case err != nil:
		return err
	case g.output != "" && !slices.Contains(getFormats, g.output):
		return usagef("unknown output format %q: write one of %s", g.output, strings.Join(getFormats, ", "))
	case g.all && len(names) > 0:
		return usagef("nothing can be got by name in all namespaces: write -n NAMESPACE, or no names")
	}
	f, closeFiles, err := g.open(cmd.Context(), g.app)
	if err != nil {
		return err
	}
	defer closeFiles()
	tree, err := readTree(f)
	if err != nil {
		return err
	}
	g.printErrors(tree, names)
	if kind == imageStream {
		return show(g, tree, f.name, g.streams(tree), names)
	}
	return show(g, tree, f.name, g.tags(tree), names)
}

// printErrors tells the errors that keep something of what was asked for out of sight,
// and counts the others; all of them are for validate to tell.
func (g *get) printErrors(tree *stream.Tree, names []string) {
	var hiding []stream.Problem
	others := 0
	for _, p := range problemsOf(tree) {
		_, broken := tree.Broken[p.Ref]
		switch {
		case p.Severity != stream.Error || !g.asked(p.Ref, names):
		case broken || tree.Stream(p.Ref.Namespace, p.Ref.Name) == nil:
			hiding = append(hiding, p)
		default:
			others++
		}
	}
	printProblems(g.stderr, hiding)
	if others > 0 {
		fmt.Fprintf(g.stderr, "%s in what is shown: imgstream validate tells where\n", count(others, "error"))
	}
}

// asked says whether what ref names was asked for; where it names no stream, it may be.
func (g *get) asked(ref stream.Ref, names []string) bool {
	return ref.Name == "" || g.within(ref.Namespace) && (len(names) == 0 || slices.ContainsFunc(names, func(name string) bool {
		of, _, _ := strings.Cut(name, ":")
		return of == ref.Name
	}))
}

func (g *get) within(namespace string) bool { return g.all || namespace == g.namespace }

// listing is the things of one kind that a repository has, and how they are shown.
type listing[T any] struct {
	kind  string
	items []T
	name  func(T) string
	table func([]T, describe.Columns) string
	why   func(name string) string // the end of a message that there is none
}

func (g *get) streams(tree *stream.Tree) listing[stream.Document] {
	l := listing[stream.Document]{
		kind: imageStream,
		name: func(d stream.Document) string { return d.Metadata.Name },
		table: func(items []stream.Document, cols describe.Columns) string {
			return describe.Streams(items, cols, g.now())
		},
		why: func(name string) string { return elsewhere(tree, name) },
	}
	for _, s := range tree.Streams {
		if g.within(s.Namespace) {
			l.items = append(l.items, tree.Document(s))
		}
	}
	return l
}

func (g *get) tags(tree *stream.Tree) listing[describe.Tag] {
	l := listing[describe.Tag]{
		kind: imageStreamTag,
		name: func(t describe.Tag) string { return t.Metadata.Name },
		table: func(items []describe.Tag, cols describe.Columns) string {
			return describe.Tags(items, cols, g.now())
		},
		why: func(name string) string {
			of, tag, _ := strings.Cut(name, ":")
			s := tree.Stream(g.namespace, of)
			switch {
			case s == nil:
				return elsewhere(tree, of)
			case s.Tag(tag) != nil:
				return ": the tag has no image yet"
			}
			return ""
		},
	}
	for _, s := range g.streams(tree).items {
		l.items = append(l.items, describe.TagsOf(s)...)
	}
	return l
}

// elsewhere says which other namespaces have a stream of that name.
func elsewhere(tree *stream.Tree, name string) string {
	var found []string
	for _, s := range tree.Streams {
		if s.Name == name {
			found = append(found, "-n "+s.Namespace)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return ": there is one with " + strings.Join(found, ", ")
}

// show prints what was asked for; where says what was read.
func show[T any](g *get, tree *stream.Tree, where string, l listing[T], names []string) error {
	found, missing := l.pick(names)
	if len(found)+len(names) == 0 {
		g.nothing(tree, where)
	}
	text, err := l.text(g, found, len(names) == 1)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(g.stdout, text); err != nil {
		return err
	}
	broken := slices.ContainsFunc(names, func(name string) bool { return g.broken(tree, name) })
	for _, name := range missing {
		if !g.broken(tree, name) { // else said already
			fmt.Fprintf(g.stderr, "error: %ss%s %q not found in namespace %s of %s%s\n", l.kind, imageGroup, name, g.namespace, where, l.why(name))
		}
	}
	if broken || len(missing) > 0 {
		return &codeError{code: exitFailed}
	}
	return nil
}

// broken says that a named stream or tag cannot be shown whole, because of a status file.
func (g *get) broken(tree *stream.Tree, name string) bool {
	of, tag, _ := strings.Cut(name, ":")
	for ref := range tree.Broken {
		if ref.Namespace == g.namespace && ref.Name == of && (tag == "" || tag == ref.Tag) {
			return true
		}
	}
	return false
}

// pick gives the named items in the order of the names, or all where none is named.
func (l listing[T]) pick(names []string) (found []T, missing []string) {
	if len(names) == 0 {
		return l.items, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(l.items, func(item T) bool { return l.name(item) == name })
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		found = append(found, l.items[i])
	}
	return found, missing
}

// text is the items in the format that was asked for; single: as one document, not a list.
func (l listing[T]) text(g *get, items []T, single bool) (string, error) {
	var document any = describe.NewList(items)
	if single && len(items) == 1 {
		document = items[0]
	}
	switch {
	case len(items) == 0 && (single || g.output == "" || g.output == "wide"):
		return "", nil
	case g.output == "yaml":
		return describe.YAML(document)
	case g.output == "json":
		return describe.JSON(document)
	case g.output == "name":
		var b strings.Builder
		for _, item := range items {
			fmt.Fprintf(&b, "%s%s/%s\n", l.kind, imageGroup, l.name(item))
		}
		return b.String(), nil
	}
	return l.table(items, describe.Columns{Namespace: g.all, Wide: g.output == "wide"}), nil
}

// nothing says that there is nothing to list, and where to look. Documents say so themselves.
func (g *get) nothing(tree *stream.Tree, where string) {
	if g.output == "yaml" || g.output == "json" {
		return
	}
	in := fmt.Sprintf(" in %s namespace.", g.namespace)
	if g.all {
		in = ""
	}
	fmt.Fprintf(g.stderr, "No resources found%s\n", in)
	switch others := namespaces(tree); {
	case len(others) == 0:
		fmt.Fprintf(g.stderr, "There are no image streams in %s.\n", where)
	case !g.all && !slices.Contains(others, g.namespace):
		fmt.Fprintf(g.stderr, "There are image streams with -n %s.\n", strings.Join(others, ", -n "))
	}
}

// namespaces are those that have streams, sorted.
func namespaces(tree *stream.Tree) []string {
	var all []string
	for _, s := range tree.Streams {
		all = append(all, s.Namespace)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
