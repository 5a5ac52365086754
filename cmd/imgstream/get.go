package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/describe"
)

func newGet(a *app) *cobra.Command {
	g := get{browse: browse{app: a, kinds: allKinds}}
	cmd := &cobra.Command{
		Use:   "get (is | istag | isimage | itag | consumers) [NAME…]",
		Short: "List image streams, their tags and images, and what follows them",
		Long: `Lists image streams (is), the tags that have an image (istag), the images of all
histories (isimage) or all tags with what their spec wants and where they stand (itag),
or prints those named, as oc get does. An image is named STREAM@DIGEST; the beginning of
the digest is enough. It reads the work tree, or with --repo a remote branch.

consumers lists the places in files that follow a tag, all of a namespace's or those of
a stream or tag: where each stands, by what it is bound, what it shows, and whether that
is what its tag has (up to date, outdated, held, paused, waits, refused). -o name prints
FILE:LINE, as pause, resume and explain take it.

-o yaml and json print OpenShift's documents, put together from specs and status. What
git does not hold is left out: uid, resourceVersion and managedFields, the creation time
but that of an export, and generations but those that say which tags wait for an import.`,
		Example: `  imgstream get is -A
  imgstream get is keycloak -n sso -o yaml
  imgstream get istag keycloak:25.0 -n sso
  imgstream get istag/keycloak:25.0 -n sso -o json
  imgstream get isimage keycloak@sha256:1f0c -n sso -o wide
  imgstream get itag -A
  imgstream get consumers keycloak:25.0 -n sso
  imgstream get consumers -A -o wide`,
		RunE:              g.run,
		ValidArgsFunction: g.completeResources,
	}
	g.namespaceFlags(cmd)
	cmd.Flags().StringVarP(&g.output, "output", "o", "", "output `format`: "+strings.Join(getFormats, ", ")+" (default: a table)")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(getFormats, cobra.ShellCompDirectiveNoFileComp))
	g.flags(cmd)
	return cmd
}

var getFormats = []string{"yaml", "json", "name", "wide"}

// get is one run of the verb.
type get struct {
	browse
	output string
}

func (g *get) run(cmd *cobra.Command, args []string) error {
	if g.output != "" && !slices.Contains(getFormats, g.output) {
		return usagef("unknown output format %q: write one of %s", g.output, strings.Join(getFormats, ", "))
	}
	s, err := g.look(cmd, args)
	if err != nil {
		return err
	}
	defer s.close()
	switch s.asked.kind {
	case imageStreamTag:
		return list(g, s, s.tags())
	case imageStreamImage:
		return list(g, s, s.images())
	case imageTag:
		return list(g, s, s.imageTags())
	case consumerKind:
		return g.consumers(s)
	}
	return list(g, s, s.streams())
}

// list prints what was asked for.
func list[T any](g *get, s *scene, l listing[T]) error {
	found, complete := pick(s, l)
	if len(found) == 0 && len(s.asked.names) == 0 && g.output != "yaml" && g.output != "json" { // documents say so themselves
		s.nothing()
	}
	text, err := encode(g, l, found, len(s.asked.names) == 1)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(g.stdout, text); err != nil {
		return err
	}
	return s.outcome(complete)
}

// encode gives the items in the format that was asked for; single: as one document, not a list.
func encode[T any](g *get, l listing[T], items []T, single bool) (string, error) {
	switch {
	case len(items) == 0 && (single || g.output == "" || g.output == "wide"):
		return "", nil
	case g.output == "yaml":
		return describe.YAML(l.asDocument(items, single))
	case g.output == "json":
		return describe.JSON(l.asDocument(items, single))
	case g.output == "name":
		var b strings.Builder
		for _, item := range items {
			fmt.Fprintf(&b, "%s%s/%s\n", l.kind, imageGroup, l.name(item))
		}
		return b.String(), nil
	}
	return l.table(items, describe.Columns{Namespace: g.all, Wide: g.output == "wide"}), nil
}

// asDocument is one document, or a list of them.
func (l listing[T]) asDocument(items []T, single bool) any {
	documents := make([]any, len(items))
	for i, item := range items {
		documents[i] = l.document(item)
	}
	if single {
		return documents[0]
	}
	return describe.NewList(documents)
}
