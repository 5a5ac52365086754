package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/render"
)

// printRendered writes, for each kustomization that the planned commits change, what the images of
// its workloads become, or why that cannot be told.
func printRendered(w io.Writer, r reconciler.Report) error {
	all, err := render.Images(r.Tree, r.Includes, r.Changes)
	if err != nil {
		return fmt.Errorf("build what would change: %w", err)
	}
	for _, k := range all {
		switch {
		case k.Unbuilt != "":
			fmt.Fprintf(w, "%s: not built: %s\n\n", k.Kustomization, k.Unbuilt)
		case len(k.Images) == 0:
			fmt.Fprintf(w, "%s: no image changes\n\n", k.Kustomization)
		default:
			fmt.Fprintln(w, k.Kustomization)
			printImages(w, k.Images)
			fmt.Fprintln(w)
		}
	}
	return nil
}

// printImages writes one line for each image: namespace, object, container, before and after.
func printImages(w io.Writer, images []render.Image) {
	colour := colours(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range images {
		old, fresh := cmp.Or(i.Old, `""`), i.New
		if colour {
			old, fresh = "\x1b[31m"+old+"\x1b[m", "\x1b[32m"+fresh+"\x1b[m"
		}
		fmt.Fprintf(table, "  %s\t%s/%s\t%s\t%s -> %s\n", cmp.Or(i.Namespace, "-"), i.Kind, i.Name, i.At, old, fresh)
	}
	table.Flush()
}
