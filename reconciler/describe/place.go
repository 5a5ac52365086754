package describe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Place is what explain FILE:LINE tells.
type Place struct {
	Place    string        `json:"place"`            // file:line
	Images   []PlacedImage `json:"images"`           // none: the line shows no image
	Others   []OtherImage  `json:"others,omitempty"` // of the file, where the line shows none
	Problems []Problem     `json:"problems,omitempty"`
	Tags     []Explanation `json:"tags,omitempty"` // that the images follow

	problems []stream.Problem
}

// PlacedImage is an image of a file, and what it follows.
type PlacedImage struct {
	At            string      `json:"at"` // file:line
	Label         string      `json:"label"`
	Kind          string      `json:"kind"` // in words
	Path          string      `json:"path"`
	Image         string      `json:"image,omitempty"` // what it shows
	Namespace     string      `json:"namespace"`       // its own, and of the tags that are named without one
	NamespaceFrom string      `json:"namespaceFrom"`
	Bound         []Following `json:"bound"`             // none: nothing binds it
	Carried       []Carrying  `json:"carried,omitempty"` // of a short name
	CouldBe       []string    `json:"couldBe,omitempty"` // what could be written, in words
	Problems      []Problem   `json:"problems,omitempty"`

	problems []stream.Problem
}

// Following is one binding of an image.
type Following struct {
	Tag     string   `json:"tag"`
	Says    string   `json:"says"`    // as the marker or the trigger has it
	Binding string   `json:"binding"` // as in Consumer
	By      string   `json:"by"`      // marker, trigger or local lookup
	Wants   string   `json:"wants,omitempty"`
	State   string   `json:"state"`
	Changes []string `json:"changes"` // what would change it, in words
}

// Carrying is what one kustomization that deploys a short name does about it.
type Carrying struct {
	Root  string `json:"root"`
	Tag   string `json:"tag,omitempty"`
	Entry string `json:"entry,omitempty"` // file:line
	State string `json:"state"`
}

// OtherImage is another image of the file.
type OtherImage struct {
	At    string `json:"at"`
	Label string `json:"label"`
	Image string `json:"image"`
	Bound string `json:"bound,omitempty"`
}

// NewPlace puts what is known of a line into words.
func NewPlace(p *plan.Place) Place {
	x := Place{Place: p.Pos.String(), Images: []PlacedImage{}, problems: p.Problems}
	if !p.Scanned {
		x.problems = append(x.problems, stream.Problem{
			Severity: stream.Warning, Pos: stream.Pos{File: p.Pos.File}, Message: "the settings do not scan this file: nothing is written here", Hint: "see scan in " + stream.SettingsPath,
		})
	}
	x.Problems = NewProblems(x.problems).Problems
	for _, i := range p.Images {
		x.Images = append(x.Images, newPlacedImage(i))
	}
	for _, c := range p.Others {
		x.Others = append(x.Others, OtherImage{At: c.Pos().String(), Label: c.Label, Image: c.Image, Bound: c.Bound})
	}
	return x
}

func newPlacedImage(i plan.Placed) PlacedImage {
	x := PlacedImage{
		At: i.Pos().String(), Label: i.Label, Kind: i.Words(), Path: i.Path, Image: i.Image, Namespace: i.Namespace, NamespaceFrom: i.NamespaceFrom,
		Bound: []Following{}, Problems: NewProblems(i.Problems).Problems, problems: i.Problems,
	}
	for _, c := range i.Bound {
		d := NewConsumer(c)
		says := c.Use.Use.Ref
		if c.Part != "" {
			says += ":" + string(c.Part)
		}
		x.Bound = append(x.Bound, Following{Tag: d.Tag, Says: says, Binding: d.Binding, By: boundBy(c), Wants: d.Wants, State: stateText(c), Changes: changes(c, d)})
	}
	for _, c := range i.Carried {
		x.Carried = append(x.Carried, newCarrying(c))
	}
	if len(i.Bound) == 0 {
		x.CouldBe = couldBe(i)
	}
	return x
}

func boundBy(c plan.Consumer) string {
	if c.Lookup {
		return "local lookup"
	}
	return c.BoundBy()
}

// changes says what would change what a consumer shows.
func changes(c plan.Consumer, d Consumer) []string {
	at := d.Metadata.Name
	var all []string
	switch {
	case d.State == "held":
		all = append(all, "imgstream resume "+at+", which ends the hold")
	case d.State == "paused":
		return []string{"nothing before imgstream resume " + at}
	case c.Writes:
		all = append(all, "the next pass")
	case c.Err != nil || c.Unknown || d.State == "refused":
		return []string{"nothing before what is wrong is mended"}
	}
	all = append(all, "a move of "+d.Tag)
	if c.Lookup {
		return append(all, "no manifest that says its name any more: then the entry goes")
	}
	return all
}

func newCarrying(c plan.Carried) Carrying {
	x := Carrying{Root: c.Root}
	if c.Ref != (stream.Ref{}) {
		x.Tag = c.Ref.String()
	}
	switch {
	case c.Changed != stream.Pos{}:
		x.Entry, x.State = c.Changed.String(), "an entry of people changes it: local lookup leaves it to them"
	case c.Entry != nil:
		x.Entry, x.State = c.Entry.Pos().String(), stateText(*c.Entry)
	case x.Tag == "":
		x.State = "no stream with local lookup has the name there"
	default:
		x.State = "no entry yet: the next pass makes it when the tag has an image, or says why not"
	}
	return x
}

// couldBe says what could be written to bind an image.
func couldBe(i plan.Placed) []string {
	if i.Unbindable != "" {
		return []string{"nothing as the file is: " + i.Unbindable}
	}
	command := func(tag string) string { return fmt.Sprintf("imgstream set triggers %s --from-image %s", i.Pos(), tag) }
	var all []string
	for _, ref := range i.Has {
		all = append(all, command(ref.String())+", which has images of the same repository")
	}
	if i.NoLookup != (stream.Ref{}) {
		all = append(all, fmt.Sprintf("imgstream set image-lookup %s -n %s, after which the short name gets its digest where it is deployed", i.NoLookup.Name, i.NoLookup.Namespace))
	}
	if len(all) == 0 && len(i.Carried) == 0 {
		all = []string{command("STREAM:TAG")}
	}
	return all
}

// Text is the explanation for people.
func (x Place) Text() string {
	var b strings.Builder
	for n, i := range x.Images {
		if n > 0 {
			b.WriteByte('\n')
		}
		i.text(&b)
	}
	if len(x.Images) == 0 {
		fmt.Fprintf(&b, "%s shows no image\n", x.Place)
		x.others(&b)
	}
	section(&b, "Problems", problemLines(x.problems))
	return b.String()
}

func (x Place) others(b *strings.Builder) {
	if len(x.Others) == 0 {
		b.WriteString("nor does any other line of the file\n")
		return
	}
	var rows [][]string
	for _, o := range x.Others {
		bound := "binds nothing"
		if o.Bound != "" {
			bound = "follows " + o.Bound
		}
		rows = append(rows, []string{o.At, o.Label, o.Image, bound})
	}
	b.WriteString("\nWhat the file shows\n")
	indent(b, rows)
}

func (i PlacedImage) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s  %s, %s\n", plain(i.At), plain(i.Label), i.Kind)
	field := func(label, value string) { fmt.Fprintf(b, "  %-10s %s\n", label, plain(value)) }
	field("shows", i.Image)
	if len(i.Bound) == 0 {
		follows := "nothing: no marker and no trigger binds it"
		if len(i.Carried) > 0 {
			follows = "what its short name means where it is deployed"
		}
		field("follows", follows)
	}
	for _, f := range i.Bound {
		field("follows", f.Tag)
		field("bound by", fmt.Sprintf("%s: %s", f.By, f.Says))
		if f.Wants != "" && f.Wants != i.Image {
			field("wants", f.Wants)
		}
		field("state", f.State)
	}
	field("namespace", i.Namespace+", "+i.NamespaceFrom)
	var changes []string
	for _, f := range i.Bound {
		for _, c := range f.Changes {
			if !slices.Contains(changes, c) {
				changes = append(changes, c)
			}
		}
	}
	section(b, "What would change it", changes)
	if len(i.Carried) > 0 {
		b.WriteString("\nWhere the short name is deployed\n")
		var rows [][]string
		for _, c := range i.Carried {
			rows = append(rows, []string{c.Root, c.Tag, c.Entry, c.State})
		}
		indent(b, rows)
	}
	section(b, "What could be written", i.CouldBe)
	section(b, "Problems", problemLines(i.problems))
}

// problemLines are problems with their hints.
func problemLines(problems []stream.Problem) []string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
		if p.Hint != "" {
			lines = append(lines, "  "+p.Hint)
		}
	}
	return lines
}

// Brief is the explanation of a tag without its consumers and its ranking.
func (x Explanation) Brief(now time.Time) string {
	var b strings.Builder
	x.standing(&b, now)
	section(&b, "What would move it", x.Moves)
	section(&b, "What keeps it", x.Stopped)
	section(&b, "Problems", problemLines(x.found.Problems))
	return b.String()
}
