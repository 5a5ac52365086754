package describe

import (
	"fmt"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Explanation is why a tag is where it is, and what would move it.
type Explanation struct {
	Tag       string    `json:"tag"` // namespace/stream:tag
	At        string    `json:"at,omitempty"`
	Image     *Standing `json:"image,omitempty"`     // left out: the tag has none
	Moves     []string  `json:"moves"`               // what would move it, in words
	Next      string    `json:"next,omitempty"`      // what the next pass would do, as far as is known
	Stopped   []string  `json:"stopped,omitempty"`   // what keeps it where it is
	Policy    *Ranking  `json:"policy,omitempty"`    // of a tag with one
	Consumers []ShownAt `json:"consumers"`           // where it is used
	Followers []string  `json:"followers,omitempty"` // the tags that follow it
	Problems  []Problem `json:"problems,omitempty"`
	found     *plan.Explained
}

// Standing is the image that a tag has, and how it came to it.
type Standing struct {
	Digest  string `json:"digest"`
	Pull    string `json:"pull"`
	From    string `json:"from,omitempty"`
	Cause   string `json:"cause"`
	Created string `json:"created"`
	Commit  string `json:"commit,omitempty"` // that brought it; "" where the log is not at hand
}

// Ranking is the order that a policy gives the tags of a repository.
type Ranking struct {
	Policy  string   `json:"policy"`
	Why     string   `json:"why"` // the first wins, or why nothing is chosen
	Ranked  []Ranked `json:"ranked"`
	LeftOut []Ranked `json:"leftOut"`
}

// Ranked is one tag of a repository.
type Ranked struct {
	Tag string `json:"tag"`
	Why string `json:"why"` // what it is ordered by, or why it is left out
}

// ShownAt is a consumer of a tag.
type ShownAt struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Label string `json:"label"`
	State string `json:"state"`
}

// Explain puts what is known of a tag into words. commit is the one that brought its
// image, "" where that is not known; next is when it is asked for again, zero for never.
func Explain(e *plan.Explained, commit string, next time.Time) Explanation {
	x := Explanation{Tag: e.Ref.String(), Moves: moves(e, next), Stopped: stopped(e), Consumers: []ShownAt{}, Problems: NewProblems(e.Problems).Problems, found: e}
	if e.Spec != nil {
		x.At = e.Spec.Pos.String()
	}
	if head := e.Status.Head(); head != nil {
		x.Image = &Standing{Digest: head.Image, Pull: head.DockerImageReference, From: head.From, Cause: head.Cause, Created: head.Created, Commit: commit}
	}
	if e.Move != nil {
		x.Next = fmt.Sprintf("moves it to %s, %s", e.Move.New, e.Move.From)
	}
	if e.Spec != nil && e.Spec.Policy != nil {
		x.Policy = newRanking(e)
	}
	for _, c := range e.Consumers {
		x.Consumers = append(x.Consumers, ShownAt{File: c.File, Line: c.Line, Label: c.Label, State: stateText(c)})
	}
	for _, f := range e.Followers {
		x.Followers = append(x.Followers, f.String())
	}
	return x
}

// moves says what would move the tag.
func moves(e *plan.Explained, next time.Time) []string {
	switch {
	case e.Spec == nil:
		return []string{"nothing: no spec has this tag"}
	case e.Spec.Blocked:
		return []string{"nothing before its errors are mended"}
	case e.Broken:
		return []string{"nothing before its status file is restored"}
	case e.Spec.From == nil:
		return []string{"a push: its spec has no source"}
	case e.Follows != (stream.Ref{}):
		return []string{"a move of " + e.Follows.String() + ", which it follows"}
	case e.Spec.From.Kind != stream.KindDockerImage:
		return []string{"nothing but another from.name: it is pinned to " + e.Spec.From.Name}
	}
	from, last := source(e)
	if last {
		return []string{from}
	}
	return append([]string{from}, schedule(e, next)...)
}

// source is where an imported tag gets its image; last says that it never changes.
func source(e *plan.Explained) (from string, last bool) {
	image, err := stream.ParseImage(e.Spec.From.Name)
	switch {
	case err != nil:
		return "nothing: from.name cannot be read", true
	case e.Spec.Policy != nil:
		return fmt.Sprintf("another tag of %s that wins by its policy (%s), or another image behind the one that does", image.Name(), e.Spec.Policy), false
	case image.Digest != "":
		return "nothing but another from.name: a digest never changes", true
	case e.Listed:
		return "another image behind " + image.String() + ", which is one of the tags of spec.dockerImageRepository", false
	}
	return "another image behind " + image.String(), false
}

// schedule is when that is looked at.
func schedule(e *plan.Explained, next time.Time) []string {
	var all []string
	if e.Ask.Pending {
		all = append(all, "asked for in the next pass: what its spec says has no answer yet")
	}
	switch {
	case e.Ask.Interval > 0 && !next.IsZero():
		all = append(all, fmt.Sprintf("asked for every %s, next at %s", e.Ask.Interval, next.UTC().Format(time.RFC3339)))
	case e.Ask.Interval > 0:
		all = append(all, fmt.Sprintf("asked for every %s", e.Ask.Interval))
	default:
		all = append(all, "not scheduled: asked for only when its source, its policy or "+stream.AnnotationReimport+" changes")
	}
	return all
}

// stopped says what of its status keeps a tag where it is; pauses are problems.
func stopped(e *plan.Explained) []string {
	if e.Status == nil {
		return nil
	}
	var all []string
	for _, r := range e.Status.Rejected {
		by := ""
		if r.Commit != "" {
			by = " by " + abbreviated(r.Commit)
		}
		all = append(all, fmt.Sprintf("%s is rejected, taken back%s at %s", r.Image, by, r.At))
	}
	if c := e.Status.Candidate; c != nil {
		all = append(all, fmt.Sprintf("%s waits as candidate, seen first at %s", c.Image, c.FirstSeen))
	}
	for _, c := range e.Status.Conditions {
		all = append(all, fmt.Sprintf("%s: %s, since %s", c.Reason, c.Message, c.LastTransitionTime))
	}
	return all
}

func newRanking(e *plan.Explained) *Ranking {
	r := &Ranking{Policy: e.Spec.Policy.String(), Ranked: []Ranked{}, LeftOut: []Ranked{}}
	if e.Ranking != nil {
		r.Why = e.Ranking.Why
		r.Ranked = ranked(e.Ranking.Ranked, func(c policy.Candidate) string { return c.By })
		r.LeftOut = ranked(e.Ranking.Out, func(c policy.Candidate) string { return c.Out })
	} else if e.Failure != nil {
		r.Why = "not known: " + e.Failure.Message
	}
	return r
}

func ranked(list []policy.Candidate, why func(policy.Candidate) string) []Ranked {
	all := []Ranked{}
	for _, c := range list {
		all = append(all, Ranked{Tag: c.Tag, Why: why(c)})
	}
	return all
}

// Text is the explanation for people.
func (x Explanation) Text(now time.Time) string {
	var b strings.Builder
	x.standing(&b, now)
	section(&b, "What would move it", x.Moves)
	if x.Next != "" {
		fmt.Fprintf(&b, "  the next pass %s\n", plain(x.Next))
	}
	section(&b, "What keeps it", x.Stopped)
	x.ranking(&b)
	section(&b, "Problems", problemLines(x.found.Problems))
	x.consumers(&b)
	section(&b, "Followed by", x.Followers)
	return b.String()
}

func (x Explanation) standing(b *strings.Builder, now time.Time) {
	switch {
	case x.found.Broken:
		fmt.Fprintf(b, "%s has a status file that cannot be used\n", x.Tag)
	case x.Image == nil:
		fmt.Fprintf(b, "%s has no image\n", x.Tag)
	default:
		fmt.Fprintf(b, "%s is at %s\n", x.Tag, x.Image.Digest)
		fmt.Fprintf(b, "  pull      %s\n", x.Image.Pull)
		fmt.Fprintf(b, "  because   %s, %s\n", because(x.Image), Ago(now, x.Image.Created))
		if x.Image.Commit != "" {
			fmt.Fprintf(b, "  commit    %s\n", abbreviated(x.Image.Commit))
		}
	}
	if x.At != "" {
		fmt.Fprintf(b, "  spec      %s\n", x.At)
	}
}

// because says how the image came to be the tag's.
func because(s *Standing) string {
	words := map[string]string{
		stream.CauseImport: "imported from ", stream.CauseFollow: "followed from ", stream.CauseTag: "tagged from ",
		stream.CauseRollback: "rolled back, once from ", stream.CausePromotion: "promoted from ", stream.CausePush: "pushed to ",
	}
	if s.Cause == stream.CauseAdopt { // of an export, or what init found
		return strings.TrimSuffix("adopted as it was deployed, from "+s.From, ", from ")
	}
	if word, ok := words[s.Cause]; ok && s.From != "" {
		return word + s.From
	}
	return s.Cause
}

func (x Explanation) ranking(b *strings.Builder) {
	if x.Policy == nil {
		return
	}
	fmt.Fprintf(b, "\nPolicy: %s\n  %s\n", plain(x.Policy.Policy), plain(x.Policy.Why))
	var rows [][]string
	for i, r := range x.Policy.Ranked[:min(len(x.Policy.Ranked), mostRanked)] {
		rows = append(rows, []string{fmt.Sprint(i + 1), r.Tag, "by " + r.Why})
	}
	for _, r := range x.Policy.LeftOut[:min(len(x.Policy.LeftOut), mostRanked)] {
		rows = append(rows, []string{"-", r.Tag, r.Why})
	}
	indent(b, rows)
	if more := len(x.Policy.Ranked) + len(x.Policy.LeftOut) - len(rows); more > 0 {
		fmt.Fprintf(b, "  and %d more, which -o json has\n", more)
	}
}

// mostRanked is how many tags people are shown of those that are ranked, and of those
// that are left out.
const mostRanked = 20

func (x Explanation) consumers(b *strings.Builder) {
	if len(x.Consumers) == 0 {
		section(b, "Consumers", []string{"none"})
		return
	}
	b.WriteString("\nConsumers\n")
	var rows [][]string
	for _, c := range x.Consumers {
		rows = append(rows, []string{fmt.Sprintf("%s:%d", c.File, c.Line), c.Label, c.State})
	}
	indent(b, rows)
}

// section writes lines below a title; nothing where there are none.
func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s%s\n", line[:len(line)-len(strings.TrimLeft(line, " "))], plain(line))
	}
}

// indent writes rows as columns.
func indent(b *strings.Builder, rows [][]string) {
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = cell(rows[i][j])
		}
	}
	for line := range strings.Lines(table(rows)) {
		b.WriteString("  " + line)
	}
}
