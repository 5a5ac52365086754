// Package describe writes what people and programs read about image streams: the
// tables and documents that oc prints, and findings in the formats of those who show
// them. Values go in and text comes out; it never reads a file, a clock or a registry.
package describe

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Ago gives the age at now of a moment in RFC 3339, as oc words it: "2 hours ago". It
// is "" where there is no moment, "<unknown>" for what is no time or the zero one, and a
// moment to come counts as now.
func Ago(now time.Time, moment string) string {
	if moment == "" {
		return ""
	}
	then, err := time.Parse(time.RFC3339, moment)
	if err != nil || then.IsZero() {
		return unknownAge
	}
	return age(now.Sub(then)) + " ago"
}

// unknownAge stands for the age of a moment that nobody recorded.
const unknownAge = "<unknown>"

// age is a duration in the words of openshift.md 4.6.
func age(d time.Duration) string {
	hours := int(math.Round(d.Hours()))
	switch {
	case d < time.Second:
		return "Less than a second"
	case d < 2*time.Second:
		return "1 second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Minute:
		return "About a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case hours == 1:
		return "About an hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	case hours < 14*24:
		return fmt.Sprintf("%d days", hours/24)
	case hours < 60*24:
		return fmt.Sprintf("%d weeks", hours/24/7)
	case hours < 2*365*24:
		return fmt.Sprintf("%d months", hours/24/30)
	}
	return fmt.Sprintf("%d years", hours/24/365)
}

// table lays out rows of cells, the first of which is the header, as oc does: columns
// are at least six wide and three apart. No line ends in blanks.
func table(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 6, 4, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	lines := strings.SplitAfter(b.String(), "\n")
	for i, line := range lines {
		if text, ok := strings.CutSuffix(line, "\n"); ok {
			lines[i] = strings.TrimRight(text, " ") + "\n"
		}
	}
	return strings.Join(lines, "")
}
