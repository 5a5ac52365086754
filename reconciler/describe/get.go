package describe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Columns says which columns a table has beside its own.
type Columns struct {
	Namespace bool // get -A
	Wide      bool // get -o wide
}

// Streams is the table of get is: a row for each stream, in the order given.
func Streams(streams []stream.Document, cols Columns, now time.Time) string {
	rows := [][]string{cols.row("NAMESPACE", "NAME", "IMAGE REPOSITORY", "TAGS", "UPDATED")}
	for _, s := range streams {
		tags := newestFirst(s.Status.Tags)
		updated := ""
		if len(tags) > 0 {
			updated = Ago(now, created(tags[0]))
		}
		rows = append(rows, cols.row(s.Metadata.Namespace, s.Metadata.Name, s.Status.DockerImageRepository, tagsCell(tags), updated))
	}
	return table(rows)
}

// Tags is the table of get istag: a row for each tag that has an image, in the order given.
func Tags(tags []Tag, cols Columns, now time.Time) string {
	header := cols.row("NAMESPACE", "NAME", "IMAGE REFERENCE", "UPDATED")
	if cols.Wide {
		header = append(header, "IMAGE NAME")
	}
	rows := [][]string{header}
	for _, t := range tags {
		row := cols.row(t.Metadata.Namespace, t.Metadata.Name, t.Image.DockerImageReference, Ago(now, t.Metadata.CreationTimestamp))
		if cols.Wide {
			row = append(row, t.Image.Metadata.Name)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// Images is the table of get isimage: a row for each image, in the order given.
func Images(images []StreamImage, cols Columns, now time.Time) string {
	header := cols.row("NAMESPACE", "NAME", "UPDATED")
	if cols.Wide {
		header = append(header, "IMAGE REFERENCE", "IMAGE NAME")
	}
	rows := [][]string{header}
	for _, i := range images {
		row := cols.row(i.Metadata.Namespace, i.Metadata.Name, Ago(now, i.Metadata.CreationTimestamp))
		if cols.Wide {
			row = append(row, i.Image.DockerImageReference, i.Image.Metadata.Name)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// ImageTags is the table of get itag: a row for each tag, in the order given.
func ImageTags(tags []ImageTag, cols Columns, now time.Time) string {
	rows := [][]string{cols.row("NAMESPACE", "NAME", "SPEC", "STATUS", "HISTORY", "UPDATED")}
	for _, t := range tags {
		c := t.cells
		rows = append(rows, cols.row(t.Metadata.Namespace, t.Metadata.Name, c.spec, plain(c.status), c.history, Ago(now, c.updated)))
	}
	return table(rows)
}

func (c Columns) row(namespace string, cells ...string) []string {
	if c.Namespace {
		return append([]string{namespace}, cells...)
	}
	return cells
}

// newestFirst sorts tags by the time of their newest item; those without one are
// last, equal ones keep their order.
func newestFirst(tags []stream.DocumentHistory) []stream.DocumentHistory {
	tags = slices.Clone(tags)
	slices.SortStableFunc(tags, func(a, b stream.DocumentHistory) int {
		return moment(created(b)).Compare(moment(created(a)))
	})
	return tags
}

// created is when the newest item came to be, "" when there is none.
func created(tag stream.DocumentHistory) string {
	if len(tag.Items) == 0 {
		return ""
	}
	return tag.Items[0].Created
}

// moment is the zero time for what is not a time.
func moment(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// The room for tag names in a table: one may stick out by the margin where more than
// that would stay empty without it (what oc does of "about 40").
const (
	tagsWidth  = 40
	tagsMargin = 10
)

// tagsCell joins the names that fit, at least one, and counts the others.
func tagsCell(tags []stream.DocumentHistory) string {
	var shown []string
	room := tagsWidth
	for _, t := range tags {
		left := room - len(t.Tag) - len(",")
		ragged := room-len(",") > tagsMargin && left >= -tagsMargin
		if left < 0 && !ragged && len(shown) > 0 {
			return fmt.Sprintf("%s + %d more...", strings.Join(shown, ","), len(tags)-len(shown))
		}
		shown, room = append(shown, t.Tag), left
	}
	return strings.Join(shown, ",")
}
