package describe

import (
	"cmp"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Pruned is what prune removes.
type Pruned struct {
	Items    []stream.TagItem // from the history of tags
	Statuses []stream.Ref     // tags whose status goes
	Images   []string         // digests whose metadata goes
}

// Text lists it in the manner of oc adm prune images; dry: nothing is removed yet.
func (p Pruned) Text(dry bool, now time.Time) string {
	var b strings.Builder
	if len(p.Items) > 0 {
		rows := [][]string{{"TAG", "IMAGE", "CREATED"}}
		for _, i := range p.Items {
			rows = append(rows, []string{i.Ref.String(), plain(cmp.Or(i.Item.Image, i.Item.DockerImageReference)), Ago(now, i.Item.Created)})
		}
		b.WriteString("Deleting items from the history of tags ...\n" + table(rows) + "\n")
	}
	if len(p.Statuses) > 0 {
		rows := [][]string{{"TAG"}}
		for _, ref := range p.Statuses {
			rows = append(rows, []string{ref.String()})
		}
		b.WriteString("Deleting the status of tags that no spec has ...\n" + table(rows) + "\n")
	}
	if len(p.Images) > 0 {
		rows := [][]string{{"IMAGE"}}
		for _, digest := range p.Images {
			rows = append(rows, []string{digest})
		}
		b.WriteString("Deleting the metadata of images that no status names ...\n" + table(rows) + "\n")
	}
	deleted := "deleted "
	if dry {
		deleted = "would delete "
	}
	return b.String() + "Summary: " + deleted + cmp.Or(p.Summary(), "nothing") + "\n"
}

// Summary counts what is removed: "2 items, 1 status file, 3 images"; "" for nothing.
func (p Pruned) Summary() string {
	var parts []string
	for _, part := range []struct {
		n    int
		noun string
	}{{len(p.Items), "item"}, {len(p.Statuses), "status file"}, {len(p.Images), "image"}} {
		if part.n > 0 {
			parts = append(parts, stream.Count(part.n, part.noun))
		}
	}
	return strings.Join(parts, ", ")
}
