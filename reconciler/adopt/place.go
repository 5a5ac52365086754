package adopt

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// place is where a file shows an image that is to be bound.
type place struct {
	file *file
	line int

	// One of these says where its marker goes.
	spot    *kustomize.Spot
	setters []fluxMark // in the place of these: of one value, or of one images: entry
	value   *yaml.Node // behind this single value

	image   string       // as it is shown, for people
	shown   stream.Image // the repository; its tag and digest as far as they are shown
	part    kustomize.Part
	rule    *rule  // how another tool chooses it; nil: a person does
	policy  string // of setters
	stated  string // the namespace that the file itself states; "" = none
	ref     stream.Ref
	dropped bool // it cannot be bound; why is listed
}

// fluxMark is a marker of Flux behind a value.
type fluxMark struct {
	setter
	line int
}

func (p *place) pos() stream.Pos { return stream.Pos{File: p.file.path, Line: p.line} }

// base is the name that package kustomize goes by.
func (f *file) base() string { return path.Base(f.path) }

// places are those of all files within a scope, by position. What shows an image and
// cannot be bound is listed.
func (a *Adoption) places() {
	var builds []stream.Pos // of Dockerfiles that are not named
	for _, f := range a.repo.files {
		if !a.within(f.path) {
			continue
		}
		taken := a.addSetters(f)
		for i := range f.spots {
			s := &f.spots[i]
			switch {
			case s.Bound != "" || taken.has(s) || s.Object.Group == fluxImages || s.Object.Group == updates:
			case s.Kind == kustomize.SpotFrom && !slices.Contains(a.options.Paths, f.path):
				builds = append(builds, stream.Pos{File: f.path, Line: s.Line})
			default:
				a.addSpot(f, s)
			}
		}
		a.addLoose(f, taken)
	}
	a.leaveBuilds(builds)
}

// leaveBuilds lists the base images of Dockerfiles, once: most repositories leave them to
// those who build.
func (a *Adoption) leaveBuilds(of []stream.Pos) {
	if len(of) == 0 {
		return
	}
	files := slices.CompactFunc(slices.Clone(of), func(a, b stream.Pos) bool { return a.File == b.File })
	a.left = append(a.left, stream.Problem{
		Severity: stream.Notice, Pos: of[0],
		Message: fmt.Sprintf("not bound: %s in %s: name the file to have them bound", stream.Count(len(of), "base image"), stream.Count(len(files), "Dockerfile")),
		Hint:    "imgstream init " + of[0].File,
	})
}

// setLines are the lines of values with markers of Flux, and of the keys around them.
type setLines struct{ own, around map[int]bool }

func (l setLines) has(s *kustomize.Spot) bool {
	return l.own[s.Line] || s.Kind == kustomize.SpotGroup && l.around[s.Line]
}

// within reports whether a file lies in what is looked at.
func (a *Adoption) within(file string) bool {
	return len(a.options.Paths) == 0 || slices.ContainsFunc(a.options.Paths, func(dir string) bool { return below(file, dir) })
}

func (a *Adoption) addSpot(f *file, s *kustomize.Spot) {
	p := &place{file: f, line: s.Line, spot: s, image: s.Image, stated: s.Namespace}
	if s.Looks {
		a.looks = append(a.looks, p)
		return
	}
	if a.repo.overridden(f.path, s.Image) || a.lookedUp(s) {
		return
	}
	tag := s.Tag
	if s.Kind == kustomize.SpotGroup && tag == "" && s.Digest == "" && s.Refused == "" {
		a.leave(stream.Notice, p, "the tag is empty: what runs is the chart's own default", "write the tag, and run init again")
		return
	}
	if key := f.tagBeside(s); key != "" {
		a.leave(stream.Notice, p, "it shows no tag, and "+key+" stands beside it", "bind each part by hand: "+fmt.Sprintf(byHand, ":name")+", and with :tag behind the other")
		return
	}
	if s.Kind == kustomize.SpotEntry && tag == "" && s.Digest == "" {
		if tag = a.repo.tagBelow(f.path, s.Label); tag == "" {
			a.leave(stream.Notice, p, "the entry shows no tag and no digest", "write newTag, or bind what shows the tag")
			return
		}
	}
	a.addShown(p, s.Repository, tag, s.Digest, s.Refused)
}

// lookedUp reports whether local lookup is for an image, which then is no registry's: its
// name is that of a stream.
func (a *Adoption) lookedUp(s *kustomize.Spot) bool {
	return slices.ContainsFunc(a.view.Tree.Streams, func(of *stream.Stream) bool { return of.LookupLocal && of.Name == s.Repository })
}

// addShown adds a place that shows a whole image, unless that is none or is refused.
func (a *Adoption) addShown(p *place, repository, tag, digest, refused string) {
	image, err := stream.ParseImage(repository)
	switch {
	case refused != "":
		a.leave(stream.Warning, p, refused, "")
		return
	case strings.Contains(p.image, "$("):
		a.leave(stream.Warning, p, "the value has a variable", "")
		return
	case err != nil:
		a.leave(stream.Warning, p, err.Error(), "")
		return
	case tag != "" && !stream.IsTag(tag), digest != "" && !stream.IsDigest(digest):
		a.leave(stream.Warning, p, fmt.Sprintf("%q is no image", p.image), "")
		return
	}
	if tag != "" || digest != "" || p.part == kustomize.PartName {
		image.Tag = tag
	}
	image.Digest = digest
	p.shown = image
	if dir := a.repo.missed(p.file.path, p.image, image.Name()); dir != "" {
		a.leave(stream.Warning, p, "bound, it gets its full name "+image.Name()+", which the images: of "+dir+" would not find", "write the full name there and here")
		return
	}
	a.all = append(a.all, p)
}

// tagBelow is the tag that the manifests below a kustomization show for the images that an
// entry of it renames; "" where they do not agree.
func (r *repo) tagBelow(file, entry string) string {
	l := r.layers[path.Dir(file)]
	if l == nil {
		return ""
	}
	tags, seen := map[string]bool{}, map[*layer]bool{}
	var look func(l *layer)
	look = func(l *layer) {
		if seen[l] {
			return
		}
		seen[l] = true
		for _, name := range l.includes {
			if below := r.layers[name]; below != nil {
				look(below)
			}
			if f := r.byPath[name]; f != nil {
				for _, s := range f.spots {
					if s.Kind == kustomize.SpotContainer && s.Repository == entry {
						tags[s.Tag] = true
					}
				}
			}
		}
	}
	look(l)
	if len(tags) != 1 {
		return ""
	}
	for tag := range tags {
		return tag
	}
	return ""
}

// leave lists a place that is left as it is.
func (a *Adoption) leave(s stream.Severity, p *place, message, hint string) {
	p.dropped = true
	if p.image != "" && !strings.Contains(message, p.image) {
		message = p.image + ": " + message
	}
	const most = 400
	if len(message) > most {
		message = strings.ToValidUTF8(message[:most], "") + "…"
	}
	a.left = append(a.left, stream.Problem{Severity: s, Pos: p.pos(), Message: "not bound: " + message, Hint: hint})
}

// addSetters adds the places that have markers of Flux, and gives the lines of their
// values.
func (a *Adoption) addSetters(f *file) setLines {
	taken := setLines{map[int]bool{}, map[int]bool{}}
	if f.yaml == nil || !strings.Contains(string(f.src), "$imagepolicy") {
		return taken
	}
	entries := map[*yaml.Node]*place{}
	for _, c := range f.yaml.Comments() {
		s, ok := setterIn(c.Text)
		if !ok || strings.Contains(c.Text, "$imagestream") {
			continue
		}
		v := f.valueOn(c.Line)
		taken.own[c.Line] = true
		if c.Own || v == nil {
			a.leave(stream.Warning, &place{file: f, line: c.Line}, "the marker of Flux stands behind no single value", "")
			continue
		}
		mark := fluxMark{s, c.Line}
		for _, line := range v.around {
			taken.around[line] = true
		}
		if v.entry == nil {
			a.addSetter(&place{file: f, line: c.Line, setters: []fluxMark{mark}, value: v.node, part: kustomize.Part(s.part), policy: s.policy})
			continue
		}
		taken.own[v.entry.Line] = true
		if p := entries[v.entry]; p != nil {
			p.setters = append(p.setters, mark)
			continue
		}
		entries[v.entry] = &place{file: f, line: v.entry.Line, setters: []fluxMark{mark}, value: v.entry, policy: s.policy}
	}
	for _, p := range sortedPlaces(entries) {
		a.addSetter(p)
	}
	return taken
}

func sortedPlaces(m map[*yaml.Node]*place) []*place {
	var all []*place
	for _, p := range m {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *place) int { return a.line - b.line })
	return all
}

// addSetter adds a place that Flux writes, if its policy is known.
func (a *Adoption) addSetter(p *place) {
	rule := a.flux.rules[p.policy]
	other := slices.IndexFunc(p.setters, func(m fluxMark) bool { return m.policy != p.policy })
	switch _, untranslated := a.flux.left[p.policy]; {
	case untranslated:
		a.leave(stream.Warning, p, "its ImagePolicy "+p.policy+" is not translated", "")
		return
	case rule == nil:
		a.leave(stream.Warning, p, "no ImagePolicy "+p.policy+" is in this repository", "run init where it is, or bind the image by hand")
		return
	case other >= 0:
		a.leave(stream.Warning, p, "the entry has markers of two policies: "+p.policy+" and "+p.setters[other].policy, "")
		return
	case !a.flux.writes(p.file.path):
		a.leave(stream.Warning, p, "no ImageUpdateAutomation of Flux writes here: its update.path is another directory", "bind it by hand where the image is to move")
		return
	}
	p.rule = rule
	name, tag, digest := p.entryShows()
	if p.value.Kind == yaml.ScalarNode {
		name, tag, digest = splitPart(p.value.Value, p.part, rule.image.Name())
	}
	p.image = strings.Trim(name+":"+tag, ":")
	image, err := stream.ParseImage(name)
	if err == nil && image.Name() != rule.image.Name() {
		err = fmt.Errorf("its ImagePolicy is for %s", rule.image.Name())
	}
	if err != nil {
		a.leave(stream.Warning, p, err.Error(), "")
		return
	}
	p.stated = a.statedBy(p)
	if !p.dropped {
		a.addShown(p, name, tag, digest, "")
	}
}

// entryShows is what an images: entry shows.
func (p *place) entryShows() (name, tag, digest string) {
	text := func(key string) string {
		if v := valueOf(p.value, key); v != nil {
			return v.Value
		}
		return ""
	}
	name, digest = text("newName"), text("digest")
	if name == "" {
		name = text("name")
	}
	tag, both, ok := strings.Cut(text("newTag"), "@")
	if ok {
		digest = both
	}
	return name, tag, digest
}

// splitPart takes a value apart that shows an image or a part of one.
func splitPart(text string, part kustomize.Part, repository string) (name, tag, digest string) {
	switch part {
	case kustomize.PartName:
		return text, "", ""
	case kustomize.PartTag:
		tag, digest, _ = strings.Cut(text, "@")
		return repository, tag, digest
	case kustomize.PartDigest:
		return repository, "", text
	}
	name, digest, _ = strings.Cut(text, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	return name, tag, digest
}

// lineValue is the single value on a line, and the images: entry that it is of, if any.
type lineValue struct {
	node, entry *yaml.Node
	around      []int // the lines of the keys beside it, and of the key above
}

// valueOn is the only single value that ends on a line; nil where there is none or more.
func (f *file) valueOn(line int) *lineValue {
	var found []lineValue
	var walk func(n *yaml.Node, keys []string, entry *yaml.Node, around []int)
	walk = func(n *yaml.Node, keys []string, entry *yaml.Node, around []int) {
		switch n.Kind {
		case yaml.MappingNode:
			above := around[:min(1, len(around))]
			around = slices.Clone(above)
			for i := 0; i+1 < len(n.Content); i += 2 {
				around = append(around, n.Content[i].Line)
			}
			for i := 0; i+1 < len(n.Content); i += 2 {
				inner := around
				if n.Content[i+1].Kind != yaml.ScalarNode {
					inner = []int{n.Content[i].Line}
				}
				walk(n.Content[i+1], append(slices.Clip(keys), n.Content[i].Value), entry, inner)
			}
		case yaml.SequenceNode:
			isImages := slices.Equal(keys, []string{"images"}) && kustomize.IsKustomization(f.path) || slices.Equal(keys, []string{"spec", "images"})
			for _, c := range n.Content {
				of := entry
				if isImages && c.Kind == yaml.MappingNode {
					of = c
				}
				walk(c, append(slices.Clip(keys), "[]"), of, nil)
			}
		case yaml.ScalarNode:
			if _, last := f.yaml.Lines(n); last == line {
				found = append(found, lineValue{n, entry, around})
			}
		}
	}
	for _, doc := range f.yaml.Documents() {
		walk(doc, nil, nil, nil)
	}
	if len(found) != 1 {
		return nil
	}
	return &found[0]
}
