package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// message is the commit message of product.md 3: a subject, what moved and what was
// written, as the settings' template puts them, and the trailers that history reads.
func message(set stream.CommitSettings, streams []stream.Ref, c *Change, pending int) string {
	var body strings.Builder
	writeMoves(&body, streams, c.Moves)
	for _, file := range c.Created {
		fmt.Fprintf(&body, "  %s   created\n", file)
	}
	for _, w := range c.Waits {
		fmt.Fprintf(&body, "  %s  %s\n", name(streams, w.Ref), w.text())
	}
	for _, w := range c.Written {
		fmt.Fprintf(&body, "  %s   %s\n", stream.Pos{File: w.File, Line: w.Line}, w.Label)
	}
	var b strings.Builder
	b.WriteString(render(set, subject(streams, c, pending), body.String(), streams))
	for _, s := range streams {
		fmt.Fprintf(&b, "Image-Stream: %s\n", s)
		for _, m := range c.Moves {
			if m.Ref.Stream() == s {
				fmt.Fprintf(&b, "Image-Stream-Tag: %s %s %s\n", m.Ref.Tag, orDash(m.Old), orDash(m.New))
				fmt.Fprintf(&b, "Image-Stream-Cause: %s\n", m.Cause)
			}
		}
	}
	return b.String()
}

// render gives everything before the trailers, the blank line included. The settings
// were checked; a template that fails all the same gives way to the default.
func render(set stream.CommitSettings, subject, body string, streams []stream.Ref) string {
	m := stream.Message{Subject: subject, Body: body}
	for _, s := range streams {
		m.Streams = append(m.Streams, s.String())
	}
	text, err := stream.RenderMessage(set.Message, m)
	if err != nil {
		text, _ = stream.RenderMessage("", m)
	}
	if set.CISkip {
		first, rest, _ := strings.Cut(text, "\n")
		text = strings.TrimRight(first+" [skip ci]\n"+rest, "\n")
	}
	return text + "\n\n"
}

// subject names the first moved tag in the spec's order; without one the first
// rejection, then the first adoption, then what else changed.
func subject(streams []stream.Ref, c *Change, pending int) string {
	if len(streams) > 1 {
		return fmt.Sprintf("%s, %s", stream.Count(len(streams), "stream"), stream.Count(countTags(c), "tag"))
	}
	moved := slices.DeleteFunc(slices.Clone(c.Moves), func(m Move) bool {
		return m.Cause == CauseRevert || m.Cause == stream.CauseAdopt
	})
	if len(moved) > 0 && len(c.Created) > 0 {
		return fmt.Sprintf("%s created, %s -> %s", streams[0], moved[0].Ref.Tag, abbreviate(moved[0].New))
	}
	if len(moved) > 0 {
		s := fmt.Sprintf("%s -> %s", moved[0].Ref, cmp.Or(abbreviate(moved[0].New), moved[0].Reference))
		if len(moved) > 1 {
			s += fmt.Sprintf(" (+%d)", len(moved)-1)
		}
		return s
	}
	for _, kind := range []string{CauseRevert, stream.CauseAdopt} {
		if i := slices.IndexFunc(c.Moves, func(m Move) bool { return m.Cause == kind }); i >= 0 {
			return quietSubject(c.Moves[i])
		}
	}
	switch {
	case len(c.Waits) > 0 && c.Waits[0].Until != "":
		return fmt.Sprintf("%s candidate %s", c.Waits[0].Ref, abbreviate(c.Waits[0].Image))
	case len(c.Written) > 0:
		return fmt.Sprintf("%s: %s", streams[0], stream.Count(len(c.Written), "consumer"))
	case pending > 0:
		return fmt.Sprintf("%s: %s pending", streams[0], stream.Count(pending, "consumer"))
	default:
		return fmt.Sprintf("%s: status", streams[0])
	}
}

func quietSubject(m Move) string {
	if m.Cause == CauseRevert {
		return fmt.Sprintf("%s rejected %s", m.Ref, abbreviate(m.Old))
	}
	return fmt.Sprintf("%s adopted %s", m.Ref, abbreviate(m.New))
}

func countTags(c *Change) int {
	tags := map[stream.Ref]bool{}
	for _, m := range c.Moves {
		tags[m.Ref] = true
	}
	for _, w := range c.Waits {
		tags[w.Ref] = true
	}
	return len(tags)
}

// writeMoves writes a line for each move, in columns, below its stream where there are
// several, and the labels of what was imported below it.
func writeMoves(b *strings.Builder, streams []stream.Ref, moves []Move) {
	width, old := 0, 1
	for _, m := range moves {
		width = max(width, len(name(streams, m.Ref)))
		old = max(old, len([]rune(ellipsis(m.Old))))
	}
	for _, m := range moves {
		from := m.From
		if m.Cause == CauseRevert {
			from = "rejected, " + from
		}
		fmt.Fprintf(b, "  %-*s  %-*s -> %s   %s\n", width, name(streams, m.Ref), old, ellipsis(m.Old), cmp.Or(m.Reference, ellipsis(m.New)), from)
		b.WriteString(m.Labels.text())
	}
}

// name is what the line about a tag begins with.
func name(streams []stream.Ref, ref stream.Ref) string {
	if len(streams) > 1 {
		return ref.String()
	}
	return ref.Tag
}

// conditionsMessage is the message of the commit for conditions alone.
func conditionsMessage(set stream.CommitSettings, changed []*stream.Status) string {
	var body strings.Builder
	var streams []stream.Ref
	for _, st := range changed {
		if len(st.Conditions) == 0 {
			fmt.Fprintf(&body, "  %s   cleared\n", st.Ref)
		}
		for _, c := range st.Conditions {
			fmt.Fprintf(&body, "  %s   %s: %s\n", st.Ref, c.Reason, c.Message)
		}
		streams = append(streams, st.Ref.Stream())
	}
	slices.SortFunc(streams, compareRefs)
	streams = slices.Compact(streams)
	var b strings.Builder
	b.WriteString(render(set, stream.Count(len(changed), "condition"), body.String(), streams))
	for _, s := range streams {
		fmt.Fprintf(&b, "Image-Stream: %s\n", s)
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// abbreviate cuts a digest to twelve digits, for subjects.
func abbreviate(digest string) string { return cut(digest, 12) }

// ellipsis cuts a digest to four digits, for columns.
func ellipsis(digest string) string {
	short := cut(digest, 4)
	if short != digest {
		short += "…"
	}
	return orDash(short)
}

func cut(digest string, digits int) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) <= digits {
		return digest
	}
	return algorithm + ":" + hex[:digits]
}
