package plan

import (
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Place is a line of a file, and what shows an image there.
type Place struct {
	Pos      stream.Pos
	Images   []Placed         // that begin at the line, else those that the line belongs to
	Others   []edit.Consumer  // of the file, where the line shows no image
	Scanned  bool             // the settings let the file have consumers
	Problems []stream.Problem // of the line, and of the file as a whole
}

// Placed is one image of a file.
type Placed struct {
	edit.Consumer
	NamespaceFrom string       // what says its namespace, in words
	Bound         []Consumer   // what it follows: one tag, of parts each of them; none where it is not bound
	Carried       []Carried    // of a short name: the kustomizations that deploy it
	Unbindable    string       // why nothing can bind it; "" = a verb can, or something does
	Has           []stream.Ref // of an image that nothing binds: the tags that are of the same repository
	NoLookup      stream.Ref   // of a short name: the stream that could be looked up, and is not
	Problems      []stream.Problem
}

// Carried is what local lookup does about a short name in one deployable kustomization.
type Carried struct {
	Root    string     // the kustomization
	Text    string     // the short name
	Ref     stream.Ref // the tag that it means there; zero: none
	Entry   *Consumer  // the entry that imgstream made; nil: there is none
	Changed stream.Pos // an entry of people that changes the image; zero: none does
}

// Follows are the tags that the images of the line follow, or that their short names mean,
// each once.
func (p *Place) Follows() []stream.Ref {
	var all []stream.Ref
	add := func(ref stream.Ref) {
		if ref != (stream.Ref{}) && !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	for _, i := range p.Images {
		for _, c := range i.Bound {
			if c.Err == nil {
				add(c.Ref)
			}
		}
		for _, c := range i.Carried {
			add(c.Ref)
		}
	}
	return all
}

// Place tells what stands at a line of a file of the tip, as a pass that asks for nothing
// finds it. fsys is the tip. An error says that the file cannot be read.
func (p *Present) Place(fsys fs.FS, at stream.Pos, now time.Time) (*Place, error) {
	src, err := fs.ReadFile(fsys, at.File)
	if err != nil {
		return nil, err
	}
	file := edit.ConsumersOf(p.tip.Tree.Settings, at.File, src)
	all, err := file.All()
	if err != nil {
		return nil, err
	}
	n := p.Next(nil, nil, nil, nil, now)
	out, err := n.Edits(fsys)
	if err != nil {
		return nil, err
	}
	place := &Place{Pos: at, Scanned: p.tip.Tree.Settings.Scans(at.File)}
	problems := slices.Concat(out.Problems, p.tip.Tree.Problems)
	place.Problems = problemsAt(problems, at, stream.Pos{File: at.File})
	here, _ := edit.AtLine(at.File, all, at.Line) // none is no error here
	if len(here) == 0 {
		place.Others = all
		return place, nil
	}
	consumers := n.described()
	for _, c := range here {
		placed := Placed{Consumer: c, NamespaceFrom: p.namespaceFrom(c), Problems: problemsAt(problems, c.Pos())}
		placed.Bound = boundBy(consumers, c)
		if len(placed.Bound) == 0 {
			placed.Carried = n.carried(consumers, c.Pos())
			placed.Unbindable, placed.Has = file.Bindable(c), n.having(c.Image)
			placed.NoLookup = p.notLookedUp(c)
		}
		place.Images = append(place.Images, placed)
	}
	place.Problems = slices.DeleteFunc(place.Problems, func(p stream.Problem) bool { return p.Pos.Line != 0 })
	return place, nil
}

func problemsAt(all []stream.Problem, at ...stream.Pos) []stream.Problem {
	return slices.DeleteFunc(slices.Clone(all), func(p stream.Problem) bool { return !slices.Contains(at, p.Pos) })
}

// boundBy are the consumers that bind an image, among all.
func boundBy(all []Consumer, c edit.Consumer) []Consumer {
	var found []Consumer
	for _, u := range c.Uses {
		for _, of := range all {
			if of.File == c.File && of.Document == u.Document && of.Path == u.Path {
				found = append(found, of)
			}
		}
	}
	return found
}

// namespaceFrom says in words where the namespace of a consumer comes from.
func (p *Present) namespaceFrom(c edit.Consumer) string {
	key := c.NamespaceKey()
	switch {
	case key != "":
		return key + " of the file"
	case p.tip.Tree.Settings.NamespaceFor(c.File) != "":
		return "namespaces in " + stream.SettingsPath
	}
	return "the default: nothing says another"
}

// carried are the deployable kustomizations that reach a short name.
func (n *Next) carried(all []Consumer, at stream.Pos) []Carried {
	if n.tip.Graph == nil {
		return nil
	}
	l := &lookup{Next: n}
	var found []Carried
	for _, root := range n.tip.Graph.Roots() {
		for _, r := range root.Images {
			if pos(r.Place()) != at || !n.settings().Scans(root.Path) {
				continue
			}
			c := Carried{Root: root.Path, Ref: l.lookedUp(root.Path, r), Changed: pos(r.Changed)}
			c.Text, _, _ = strings.Cut(r.Text, "@")
			i := slices.IndexFunc(all, func(o Consumer) bool { return o.Lookup && o.File == root.Path && o.Label == c.Text })
			if i >= 0 {
				c.Entry = &all[i]
			}
			found = append(found, c)
		}
	}
	return found
}

// having are the tags whose image is of the repository of a pull spec, those that it came
// to by the same tag first.
func (n *Next) having(image string) []stream.Ref {
	shown, err := stream.ParseImage(image)
	if err != nil {
		return nil
	}
	var same, others []stream.Ref
	for _, t := range n.order {
		head := n.status(t.ref).Head()
		if head == nil {
			continue
		}
		switch has := n.image(t, *head); {
		case has.Name != shown.Name():
		case has.Tag == shown.Tag:
			same = append(same, t.ref)
		default:
			others = append(others, t.ref)
		}
	}
	return append(same, others...)
}

// notLookedUp is the stream that the name of an image is of, where lookup is off.
func (p *Present) notLookedUp(c edit.Consumer) stream.Ref {
	if strings.Contains(c.Repository, "/") || c.Digest != "" || !c.IsContainer() {
		return stream.Ref{}
	}
	s := p.tip.Tree.Stream(c.Namespace, c.Repository)
	if s == nil || s.LookupLocal {
		return stream.Ref{}
	}
	return s.Ref()
}
