package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// The kinds of things that can be got.
const (
	imageStream    = "imagestream"
	imageStreamTag = "imagestreamtag"

	imageGroup = ".image.openshift.io"
)

var kinds = map[string]string{
	"is": imageStream, "imagestream": imageStream, "imagestreams": imageStream,
	"istag": imageStreamTag, "imagestreamtag": imageStreamTag, "imagestreamtags": imageStreamTag,
}

func parseKind(s string) (string, error) {
	if kind, ok := kinds[strings.TrimSuffix(strings.ToLower(s), imageGroup)]; ok {
		return kind, nil
	}
	return "", usagef("unknown resource %q: write is or istag", s)
}

// parseResources reads TYPE [NAME…] or TYPE/NAME….
func parseResources(args []string) (kind string, names []string, err error) {
	if len(args) == 0 {
		return "", nil, usagef("say what to get: is or istag")
	}
	if !strings.Contains(args[0], "/") {
		if kind, err = parseKind(args[0]); err != nil {
			return "", nil, err
		}
		return kind, args[1:], checkNames(kind, args[1:])
	}
	for _, arg := range args {
		prefix, name, _ := strings.Cut(arg, "/")
		of, err := parseKind(prefix)
		switch {
		case err != nil:
			return "", nil, err
		case kind != "" && of != kind:
			return "", nil, usagef("%s is not an %s like those before: get one kind at a time", arg, kind)
		}
		kind, names = of, append(names, name)
	}
	return kind, names, checkNames(kind, names)
}

func checkNames(kind string, names []string) error {
	for _, name := range names {
		if namespace, rest, ok := strings.Cut(name, "/"); ok {
			return usagef("%q is not a name: write -n %s %s", name, namespace, rest)
		}
		if kind == imageStreamTag && !strings.Contains(name, ":") {
			return usagef("%q names no tag: write STREAM:TAG", name)
		}
	}
	return nil
}

// completeArgs offers the kinds, and for a kind the names that the work tree has.
func (g *get) completeArgs(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	kind, _, slash := strings.Cut(toComplete, "/")
	prefix := ""
	switch {
	case slash:
		prefix = kind + "/"
	case len(args) > 0:
		kind = args[0]
	default:
		return []cobra.Completion{
			cobra.CompletionWithDesc("is", "image streams"), cobra.CompletionWithDesc("istag", "tags of image streams"),
		}, directive
	}
	var names []cobra.Completion
	for _, name := range g.names(cmd, kind) {
		if !slices.Contains(args, prefix+name) {
			names = append(names, prefix+name)
		}
	}
	return names, directive
}

// names are those that can be got in the namespace of the command line.
func (g *get) names(cmd *cobra.Command, ofKind string) []string {
	tree := g.workTree(cmd)
	kind, err := parseKind(ofKind)
	switch {
	case tree == nil || err != nil:
		return nil
	case kind == imageStream:
		return namesOf(g.streams(tree))
	}
	return namesOf(g.tags(tree))
}

func namesOf[T any](l listing[T]) []string {
	var names []string
	for _, item := range l.items {
		names = append(names, l.name(item))
	}
	return names
}

func (g *get) completeNamespace(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	tree := g.workTree(cmd)
	if tree == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return namespaces(tree), cobra.ShellCompDirectiveNoFileComp
}

// workTree reads what is completed from, or gives nil: a shell waits, so no remote
// branch is asked, and there is nobody to tell of an error.
func (g *get) workTree(cmd *cobra.Command) *stream.Tree {
	if g.repo != "" {
		return nil
	}
	f, closeFiles, err := openWorkTree(cmd.Context(), g.workDir())
	if err != nil {
		return nil
	}
	defer closeFiles()
	s, err := survey.Read(f)
	if err != nil {
		return nil
	}
	return s.View.Tree
}
