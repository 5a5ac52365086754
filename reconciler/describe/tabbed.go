package describe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// tabbed lays out a description as oc does: "Label:", tabs up to the column of the values.
type tabbed struct {
	b strings.Builder
	w *tabwriter.Writer
}

func newTabbed() *tabbed {
	t := &tabbed{}
	t.w = tabwriter.NewWriter(&t.b, 0, 8, 1, '\t', 0)
	return t
}

func (t *tabbed) String() string {
	t.w.Flush()
	return t.b.String()
}

// linef writes one line. Texts that are not imgstream's own are to go through plain.
func (t *tabbed) linef(format string, args ...any) {
	fmt.Fprintf(t.w, format+"\n", args...)
}

// field writes a label and its values, each on a line; "<none>" where there are none.
func (t *tabbed) field(label string, values ...string) {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		values = []string{"<none>"}
	}
	for i, value := range values {
		if i > 0 {
			label = ""
		} else {
			label += ":"
		}
		t.linef("%s\t%s", label, plain(value))
	}
}

// rows writes a label and pairs of values in columns of their own.
func (t *tabbed) rows(label string, rows [][2]string) {
	label += ":"
	for _, row := range rows {
		t.linef("%s\t%s\t%s", label, plain(row[0]), plain(row[1]))
		label = ""
	}
}

// pairs writes a map as key=value, sorted.
func (t *tabbed) pairs(label string, m map[string]string) {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, key+"="+m[key])
	}
	t.field(label, values...)
}

// annotations writes them as oc does: the description on a line of its own.
func (t *tabbed) annotations(all map[string]string) {
	rest := maps.Clone(all)
	if description, ok := all["description"]; ok {
		t.field("Description", description)
		delete(rest, "description")
	}
	t.pairs("Annotations", rest)
}

// plain is other people's text on one line that cannot steer a terminal or the layout.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}
