package describe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Version is what a commit of the first-parent line made of the status file of a tag.
type Version struct {
	Commit  string // its full name
	When    time.Time
	Author  Author
	Message string
	Status  []byte // the whole file; nil: the commit removed it
}

// Author is who wrote a commit.
type Author struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// History is every digest that a tag ever had.
type History struct {
	Tag   string `json:"tag"`     // namespace/stream:tag
	Moves []Move `json:"history"` // newest first
}

// Move is a digest that became the tag's, or came with one that did.
type Move struct {
	Digest string `json:"digest,omitempty"` // "": from here on the tag had none
	When   string `json:"when"`             // of the commit, in RFC 3339
	Cause  string `json:"cause"`            // of the item; revert or delete where a commit took it back
	From   string `json:"from,omitempty"`   // of the item; an adopted one's repository
	Commit string `json:"commit"`
	Author Author `json:"author"`
}

// Causes that no item has (product.md 2): they say what became of one.
const (
	causeRevert = "revert" // an older digest is current again, or none
	causeDelete = "delete" // the status file is gone
)

// HistoryOf reads the history of a tag from all versions of its status file, newest
// first. A version that cannot be read does not count; each is told in a notice.
func HistoryOf(tag stream.Ref, versions []Version) (h History, notices []string) {
	h = History{Tag: tag.String(), Moves: []Move{}}
	p := past{tag: tag, seen: map[stream.Item]bool{}}
	for _, v := range slices.Backward(versions) {
		var items []stream.Item
		if v.Status != nil {
			st, err := stream.ParseStatus(v.Status)
			if err != nil {
				notices = append(notices, fmt.Sprintf("the status file of %s at commit %s does not count: %v", tag, abbreviated(v.Commit), err))
				continue
			}
			items = st.Items
		}
		h.Moves = append(h.Moves, p.next(v, items)...)
	}
	slices.Reverse(h.Moves)
	return h, notices
}

// past is what is known of a tag up to some commit.
type past struct {
	tag   stream.Ref
	items []stream.Item // now
	seen  map[stream.Item]bool
}

// id is what makes two items the same: the reference may be replaced in place.
func id(i stream.Item) stream.Item {
	return stream.Item{Image: i.Image, Created: i.Created, Cause: i.Cause}
}

// next gives the moves that a version makes, oldest first.
func (p *past) next(v Version, items []stream.Item) []Move {
	before := p.items
	p.items = items
	defer func() {
		for _, i := range items {
			p.seen[id(i)] = true
		}
	}()
	switch {
	case len(items) == 0 && len(before) == 0:
		return nil
	case v.Status == nil:
		return []Move{move(v, stream.Item{}, causeDelete)}
	case len(items) == 0:
		return []Move{move(v, stream.Item{}, causeRevert)}
	case len(before) > 0 && items[0].Image == before[0].Image:
		return nil
	}
	moves := []Move{p.move(v, items[0])}
	for _, i := range items[1:] {
		// What came along: the items of an export, or several moves that were merged as one.
		if slices.ContainsFunc(before, func(b stream.Item) bool { return id(b) == id(i) }) {
			break
		}
		if !p.seen[id(i)] {
			moves = append(moves, move(v, i, i.Cause))
		}
	}
	slices.Reverse(moves)
	return moves
}

// move is the move to a new head. One that was there before did not come the way its
// item says: a person, or imgstream on a person's behalf, went back to it.
func (p *past) move(v Version, head stream.Item) Move {
	cause := head.Cause
	if p.seen[id(head)] {
		cause = cmp.Or(causeIn(v.Message, p.tag, head.Image), causeRevert)
	}
	return move(v, head, cause)
}

func move(v Version, i stream.Item, cause string) Move {
	m := Move{
		Digest: i.Image, When: v.When.UTC().Format(time.RFC3339), Cause: cause,
		From: i.From, Commit: v.Commit, Author: v.Author,
	}
	if m.From == "" {
		m.From, _, _ = strings.Cut(i.DockerImageReference, "@")
	}
	return m
}

// causeIn is the cause that the trailers of a commit of imgstream (product.md 3) give
// for the move of a tag to a digest; "" if they give none.
func causeIn(message string, tag stream.Ref, digest string) string {
	ours, moved := false, false
	for line := range strings.Lines(message) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Image-Stream":
			ours, moved = value == tag.Stream().String(), false
		case "Image-Stream-Tag":
			f := strings.Fields(value)
			moved = ours && len(f) == 3 && f[0] == tag.Tag && f[2] == digest
		case "Image-Stream-Cause":
			if moved && slices.Contains(causes, value) {
				return value
			}
			moved = false
		}
	}
	return ""
}

var causes = []string{
	stream.CauseImport, stream.CauseFollow, stream.CauseTag, stream.CauseRollback,
	stream.CausePromotion, stream.CauseAdopt, stream.CausePush, causeRevert,
}

// Table is the history for people: a row for each move, newest first. What names the
// tag's own namespace leaves it out.
func (h History) Table(now time.Time) string {
	rows := [][]string{{"DIGEST", "WHEN", "CAUSE", "FROM", "COMMIT", "AUTHOR"}}
	namespace, _, _ := strings.Cut(h.Tag, "/")
	for _, m := range h.Moves {
		rows = append(rows, []string{
			cell(m.Digest), Ago(now, m.When), m.Cause, cell(seenFrom(namespace, m.From)), abbreviated(m.Commit), cell(m.Author.Name),
		})
	}
	return table(rows)
}

// seenFrom shortens a stream's tag or image of the same namespace.
func seenFrom(namespace, from string) string {
	ref, err := stream.ParseRef(from)
	if err != nil || ref.Namespace != namespace {
		return from
	}
	ref.Namespace = ""
	return ref.String()
}

// abbreviated is a commit as git log --oneline shows it.
func abbreviated(commit string) string { return commit[:min(7, len(commit))] }

// cell makes other people's text fit for one cell of a table on a terminal.
func cell(s string) string { return cmp.Or(plain(s), "-") }
