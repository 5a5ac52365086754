package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// browse is what the verbs that show streams and tags share: which repository and
// namespace they look in, what they can show there, and how they say what is missing.
type browse struct {
	*app
	source
	kinds     []kind // that can be shown
	namespace string
	all       bool // in all namespaces
}

// namespaceFlags adds what says where to look.
func (b *browse) namespaceFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&b.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` to look in")
	f.BoolVarP(&b.all, "all-namespaces", "A", false, "look in all namespaces")
	_ = cmd.RegisterFlagCompletionFunc("namespace", b.completeNamespace)
}

// look parses the arguments and reads the repository. Close the scene when it is shown.
func (b *browse) look(cmd *cobra.Command, args []string) (*scene, error) {
	asked, err := parseResources(cmd.Name(), b.kinds, args)
	switch {
	case err != nil:
		return nil, err
	case b.all && len(asked.names) > 0:
		return nil, usagef("nothing can be named in all namespaces: write -n NAMESPACE, or no names")
	}
	if asked.kind == consumerKind { // where people changed one is told by the last push
		b.past, b.reads = true, true
	}
	f, closeFiles, err := b.open(cmd.Context(), b.app)
	if err != nil {
		return nil, err
	}
	view, err := readView(f)
	if err != nil {
		closeFiles()
		return nil, err
	}
	at := &scene{browse: b, asked: asked, view: view, tree: view.Tree, files: f, close: closeFiles}
	at.printErrors()
	return at, nil
}

func (b *browse) within(namespace string) bool { return b.all || namespace == b.namespace }

// scene is a repository that was read, and what of it is to be shown.
type scene struct {
	*browse
	asked resources
	view  *plan.View
	tree  *stream.Tree // of view
	files files
	close func()
}

// printErrors tells the errors that keep something of what was asked for out of sight,
// and counts the others; all of them are for validate to tell.
func (s *scene) printErrors() {
	var hiding []stream.Problem
	others := 0
	for _, p := range problemsOf(s.tree) {
		_, broken := s.tree.Broken[p.Ref]
		switch {
		case p.Severity != stream.Error || !s.concerns(p.Ref):
		case broken || s.tree.Stream(p.Ref.Namespace, p.Ref.Name) == nil:
			hiding = append(hiding, p)
		default:
			others++
		}
	}
	printProblems(s.stderr, hiding)
	if others > 0 {
		fmt.Fprintf(s.stderr, "%s in what is shown: imgstream validate tells where\n", stream.Count(others, "error"))
	}
}

// concerns says whether what ref names was asked for; where it names no stream, it may be.
func (s *scene) concerns(ref stream.Ref) bool {
	return ref.Name == "" || s.within(ref.Namespace) && (len(s.asked.names) == 0 || slices.ContainsFunc(s.asked.names, func(name string) bool {
		of, _, _ := cutName(name)
		return of == ref.Name
	}))
}

// broken says that what is named cannot be shown whole, because of a status file.
func (s *scene) broken(name string) bool {
	of, tag, _ := cutName(name)
	for ref := range s.tree.Broken {
		if ref.Namespace == s.namespace && ref.Name == of && (tag == "" || tag == ref.Tag) {
			return true
		}
	}
	return false
}

// cutName splits stream, stream:tag or stream@digest.
func cutName(name string) (of, tag, digest string) {
	of, digest, _ = strings.Cut(name, "@")
	of, tag, _ = strings.Cut(of, ":")
	return of, tag, digest
}

// pick gives the named items in the order of the names, or all where none is named.
// What is missing or means several is told.
func pick[T any](s *scene, l listing[T]) (found []T, complete bool) {
	if len(s.asked.names) == 0 {
		return l.items, true
	}
	complete = true
	for _, name := range s.asked.names {
		items := l.matching(name)
		if len(items) == 1 {
			found = append(found, items[0])
			complete = complete && !s.broken(name)
			continue
		}
		complete = false
		switch {
		case len(items) > 1:
			fmt.Fprintf(s.stderr, "error: %ss%s %q: %d images match the prefix, write more of it\n", l.kind, imageGroup, name, len(items))
		case !s.broken(name): // else said already
			fmt.Fprintf(s.stderr, "error: %ss%s %q not found in namespace %s of %s%s\n", l.kind, imageGroup, name, s.namespace, s.files.name, l.why(name))
		}
	}
	return found, complete
}

// outcome is the exit code after everything was shown that there is.
func (s *scene) outcome(complete bool) error {
	if complete {
		return nil
	}
	return &codeError{code: exitFailed}
}

// nothing says that there is nothing to list, and where to look.
func (s *scene) nothing() {
	in := fmt.Sprintf(" in %s namespace.", s.namespace)
	if s.all {
		in = ""
	}
	fmt.Fprintf(s.stderr, "No resources found%s\n", in)
	switch others := namespaces(s.tree); {
	case len(others) == 0:
		fmt.Fprintf(s.stderr, "There are no image streams in %s.\n", s.files.name)
	case !s.all && !slices.Contains(others, s.namespace):
		fmt.Fprintf(s.stderr, "There are image streams with -n %s.\n", strings.Join(others, ", -n "))
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
