package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// The kinds of things that can be shown.
const (
	imageStream      = "imagestream"
	imageStreamTag   = "imagestreamtag"
	imageStreamImage = "imagestreamimage"
	imageTag         = "imagetag"
	consumerKind     = "consumer"

	imageGroup = ".image.openshift.io"
)

// kind is one of them as the command line writes it.
type kind struct{ short, long, is string }

var allKinds = []kind{
	{"is", imageStream, "image streams"},
	{"istag", imageStreamTag, "tags of image streams that have an image"},
	{"isimage", imageStreamImage, "images in the history of image streams"},
	{"itag", imageTag, "tags of image streams, with or without an image"},
	{"consumers", consumerKind, "places in files that follow a tag"},
}

// describedKinds are those that a description is more than a row of a table for.
var describedKinds = allKinds[:3]

// shorts are the short names, for a message.
func shorts(kinds []kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.short
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func parseKind(kinds []kind, s string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(s), imageGroup)
	for _, k := range kinds {
		if name == k.short || name == k.long || name == k.long+"s" {
			return k.long, nil
		}
	}
	return "", usagef("unknown resource %q: write %s", s, shorts(kinds))
}

// resources is what a command line names: all of a kind, or some of them.
type resources struct {
	kind  string
	names []string
}

// parseResources reads TYPE [NAME…] or TYPE/NAME…; verb is what is done with them.
func parseResources(verb string, kinds []kind, args []string) (resources, error) {
	if len(args) == 0 {
		return resources{}, usagef("say what to %s: %s", verb, shorts(kinds))
	}
	if !strings.Contains(args[0], "/") {
		of, err := parseKind(kinds, args[0])
		if err != nil {
			return resources{}, err
		}
		return checkNames(resources{of, args[1:]})
	}
	var r resources
	for _, arg := range args {
		prefix, name, _ := strings.Cut(arg, "/")
		of, err := parseKind(kinds, prefix)
		switch {
		case err != nil:
			return resources{}, err
		case r.kind != "" && of != r.kind:
			return resources{}, usagef("%s is not an %s like those before: %s one kind at a time", arg, r.kind, verb)
		}
		r.kind, r.names = of, append(r.names, name)
	}
	return checkNames(r)
}

func checkNames(r resources) (resources, error) {
	for _, name := range r.names {
		namespace, rest, slash := strings.Cut(name, "/")
		of, tag, digest := cutName(name)
		switch {
		case slash:
			return resources{}, usagef("%q is not a name: write -n %s %s", name, namespace, rest)
		case of == "":
			return resources{}, usagef("%q names no stream", name)
		case r.kind == consumerKind && digest != "":
			return resources{}, usagef("%q names an image: consumers follow tags: write STREAM or STREAM:TAG", name)
		case r.kind == imageStreamImage && digest == "":
			return resources{}, usagef("%q names no image: write STREAM@DIGEST, where the beginning of the digest is enough", name)
		case (r.kind == imageStreamTag || r.kind == imageTag) && tag == "":
			return resources{}, usagef("%q names no tag: write STREAM:TAG", name)
		}
	}
	return r, nil
}

// completeResources offers the kinds, and for a kind the names that the work tree has.
func (b *browse) completeResources(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	of, _, slash := strings.Cut(toComplete, "/")
	prefix := ""
	switch {
	case slash:
		prefix = of + "/"
	case len(args) > 0:
		of = args[0]
	default:
		var offered []cobra.Completion
		for _, k := range b.kinds {
			offered = append(offered, cobra.CompletionWithDesc(k.short, k.is))
		}
		return offered, directive
	}
	var names []cobra.Completion
	for _, name := range b.names(cmd.Context(), of) {
		if !slices.Contains(args, prefix+name) {
			names = append(names, prefix+name)
		}
	}
	return names, directive
}

// names are those of a kind that the work tree has in the namespace of the command line.
func (b *browse) names(ctx context.Context, of string) []string {
	tree := b.workTree(ctx)
	kind, err := parseKind(b.kinds, of)
	if tree == nil || err != nil {
		return nil
	}
	s := &scene{browse: b, tree: tree}
	switch kind {
	case imageStreamTag:
		return namesOf(s.tags())
	case imageStreamImage:
		return namesOf(s.images())
	case imageTag:
		return namesOf(s.imageTags())
	case consumerKind:
		return slices.Concat(namesOf(s.streams()), b.tagNames(ctx, "", true))
	}
	return namesOf(s.streams())
}

func namesOf[T any](l listing[T]) []string {
	var names []string
	for _, item := range l.items {
		names = append(names, l.name(item))
	}
	return names
}

// completeTag offers one tag of those that have a status.
func (b *browse) completeTag(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return b.tagNames(cmd.Context(), toComplete, false), cobra.ShellCompDirectiveNoFileComp
}

// tagNames are the tags of the work tree: those of the namespace of the command line, or
// of all where a namespace is being typed. specs: also those that have no status.
func (b *browse) tagNames(ctx context.Context, toComplete string, specs bool) []string {
	tree := b.workTree(ctx)
	if tree == nil {
		return nil
	}
	refs := slices.Collect(maps.Keys(tree.Status))
	for _, s := range tree.Streams {
		for i := range s.Tags {
			if specs {
				refs = append(refs, s.TagRef(s.Tags[i].Name))
			}
		}
	}
	var names []string
	for _, ref := range refs {
		switch {
		case strings.Contains(toComplete, "/"):
			names = append(names, ref.String())
		case ref.Namespace == b.namespace:
			names = append(names, ref.Name+":"+ref.Tag)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (b *browse) completeNamespace(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	tree := b.workTree(cmd.Context())
	if tree == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return namespaces(tree), cobra.ShellCompDirectiveNoFileComp
}

// workTree reads what is completed from, or gives nil: a shell waits, so no remote
// branch is asked, and there is nobody to tell of an error.
func (b *browse) workTree(ctx context.Context) *stream.Tree {
	if b.repo != "" {
		return nil
	}
	f, closeFiles, err := openWorkTree(ctx, b.workDir())
	if err != nil {
		return nil
	}
	defer closeFiles()
	tree, err := readTree(f)
	if err != nil {
		return nil
	}
	return tree
}
