package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxLabel is how many characters of a label a commit shows (product.md 3).
const maxLabel = 256

// text are the labels as a commit's body carries them below a move, a line each. They
// are other people's: no line begins with what they say.
func (l Labels) text() string {
	var b strings.Builder
	for _, label := range [...]struct{ name, value string }{{"source", withoutUser(l.Source)}, {"revision", l.Revision}, {"version", l.Version}} {
		if shown := printable(label.value); shown != "" {
			fmt.Fprintf(&b, "    %-8s  %s\n", label.name, shown)
		}
	}
	return b.String()
}

// withoutUser is a URL without user and password: builds label images with the URL that
// they cloned from, token and all.
func withoutUser(source string) string {
	scheme, rest, ok := strings.Cut(source, "://")
	if !ok {
		return source
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndex(host, "@")+1:]
}

// printable is a label as one word without anything that git, a forge, CI or Markdown
// act on: a mention, a reference to an issue, [skip ci], a link, a tag. What is not
// printable goes, what is active is written as in a URL (%40), the end is cut.
func printable(label string) string {
	var b strings.Builder
	length, last := 0, ' '
	for _, r := range strings.TrimSpace(label) { // a byte that is not UTF-8 comes as U+FFFD
		if !unicode.IsPrint(r) {
			continue
		}
		shown := string(r)
		if active(last, r) {
			shown = fmt.Sprintf("%%%02X", r)
		}
		if length += len([]rune(shown)); length >= maxLabel {
			b.WriteString("…")
			break
		}
		b.WriteString(shown)
		last = r
	}
	return b.String()
}

// active reports whether a character that follows another can begin something. In a
// word, @ and _ are the name of a user in a URL and a part of a version.
func active(last, r rune) bool {
	if r == '@' || r == '_' {
		return last > unicode.MaxASCII || !unicode.IsLetter(last) && !unicode.IsDigit(last)
	}
	return strings.ContainsRune(" !#$&*<>[\\]^`{|}~", r)
}

// Revisions are the commits that images say they were built from, if those would move
// a due tag: lower-case names of commits, sorted. Which of them are imgstream's own is
// for Next.
func (p *Present) Revisions(due Due, got Answers) []string {
	var all []string
	p = p.listed(due, got)
	for _, t := range p.order {
		if _, paused := t.paused(); paused {
			continue
		}
		if revision := t.revision(got[p.choice(t, due, got).image]); revision != "" {
			all = append(all, revision)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// revision is the commit that an image says it was built from; "" for one that is no
// commit's name, and for an image that the tag has had already.
func (t *tag) revision(a Answer) string {
	revision := strings.ToLower(a.Labels.Revision)
	if len(revision) != 40 && len(revision) != 64 || strings.Trim(revision, "0123456789abcdef") != "" {
		return ""
	}
	if slices.Contains(digestsOf(t.cur), a.Digest) {
		return ""
	}
	return revision
}

// looped keeps a tag from an image that was built from a commit of imgstream: the
// commit that would record it would be built again (product.md 3).
func (n *Next) looped(t *tag, st *stream.Status, im Import, a Answer) *stream.Status {
	n.report(t, stream.Error,
		fmt.Sprintf("%s is a build loop: %s was built from %s, a commit of imgstream itself", im.Reference, a.Digest, short(t.revision(a))),
		"keep imgstream's commits from starting builds (commit.ciSkip in .imgstream.yaml, or the paths that the build watches); an image built from another commit is imported")
	return n.fail(t, st, stream.ReasonBuildLoop, importMessage(stream.ReasonBuildLoop, im.Reference))
}
