// Package adopt proposes what makes a repository use imgstream: image streams for the
// images that it shows today, markers where it shows them, and the status of each tag
// with the image that is deployed now, so that a first pass has nothing to write. It reads
// what Flux and Argo CD Image Updater are told to do, and makes tags of streams of that.
//
// It is given a tree, and then what registries answered; it asks nobody and writes nothing.
// What it leaves as it is, it lists with the reason.
package adopt

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// Options say what is proposed.
type Options struct {
	Paths     []string // files and directories to look at; none: all
	Namespace string   // of what states none; "": the default
	Scheduled bool     // tags are asked for again as time passes, whoever chooses them now
	Cluster   bool     // specs are for a cluster, too: without the marks that keep them out

	Operator plan.Operator
	// Over gives the tree with some files changed.
	Over func(files map[string][]byte) fs.FS
}

// Adoption is one repository that is looked at.
type Adoption struct {
	options Options
	fsys    fs.FS
	view    *plan.View
	repo    *repo
	flux    *flux
	updater *updater
	dests   []destination

	all    []*place
	looks  []*place // what may be an image
	left   []stream.Problem
	notes  []stream.Problem // of what is bound
	wanted []*wanted
	names  map[key]string        // of new streams, by namespace and repository
	used   map[stream.Ref]string // names that are taken by what is proposed

	settings []byte // new ones; nil: none are needed
	files    map[string][]byte
	touched  map[string]bool // files with new markers
}

// Proposal is what is to be different, and what is not.
type Proposal struct {
	Files map[string][]byte // whole new bytes, by path
	// Left is what is not translated or not bound, and why, by position: an error for what
	// could be once a registry answers, a warning for what needs a person, else a notice.
	Left    []stream.Problem
	Places  int // that are bound by it
	Tags    int // that they follow
	Streams int // that these are of
}

// Look finds what could be adopted in a tree. An error is one of reading it.
func Look(fsys fs.FS, view *plan.View, o Options) (*Adoption, error) {
	r, err := read(fsys, view.Tree.Settings, o.Paths)
	if err != nil {
		return nil, err
	}
	a := &Adoption{options: o, fsys: fsys, view: view, repo: r}
	apps := applications(r.objects, func(dir string) bool { return r.dirs[dir] })
	a.flux = readFlux(r.objects, view.Tree.Settings)
	a.updater = readUpdater(r.objects, apps)
	a.dests = destinations(r.objects, apps)
	r.addDeployers(apps)
	r.deploys = func(dir string) string { return a.destination(dir).namespace }
	a.places()
	a.aim()
	a.leaveLooks()
	return a, a.lay()
}

// lay puts settings, specs and markers over the tree. What cannot be marked is left, and
// then the rest is laid anew.
func (a *Adoption) lay() error {
	for {
		a.group()
		a.files, a.touched = map[string][]byte{}, map[string]bool{}
		before := len(a.left)
		if err := a.laySettings(); err != nil {
			return err
		}
		a.laySpecs()
		if err := a.layMarkers(); err != nil {
			return err
		}
		if len(a.left) == before {
			return nil
		}
	}
}

// drop leaves all places of a tag.
func (a *Adoption) drop(w *wanted, s stream.Severity, message, hint string) {
	for _, p := range w.places {
		a.leave(s, p, message, hint)
	}
}

// laySpecs adds the streams and tags that are not there yet.
func (a *Adoption) laySpecs() {
	specs := edit.Of(a.fsys, a.view.Tree)
	fresh := map[stream.Ref][]stream.Tag{}
	for _, w := range a.wanted {
		if of := w.ref.Stream(); !w.there && len(w.places) > 0 && !specs.Has(of) {
			fresh[of] = append(fresh[of], w.tag)
		}
	}
	failed := map[stream.Ref]error{}
	for _, w := range a.wanted {
		of := w.ref.Stream()
		tags, isNew := fresh[of]
		var err error
		switch {
		case w.there || len(w.places) == 0:
			continue
		case failed[of] != nil:
			err = failed[of]
		case !isNew:
			err = specs.SetTag(of, w.tag)
		case len(tags) > 0:
			_, err = specs.Add(edit.NewStream{Ref: of, Tags: tags, Cluster: a.options.Cluster})
			fresh[of], failed[of] = []stream.Tag{}, err
		}
		if err != nil {
			a.drop(w, stream.Warning, err.Error(), "")
		}
	}
	maps.Copy(a.files, specs.Files())
}

// layMarkers binds the places.
func (a *Adoption) layMarkers() error {
	settings, err := a.newSettings()
	if err != nil {
		return err
	}
	marked := map[string]*marking{}
	for _, w := range a.wanted {
		for _, p := range w.places {
			if p.dropped { // since its spec cannot be written
				continue
			}
			effective := cmp.Or(p.stated, settings.NamespaceFor(p.file.path), stream.DefaultNamespace)
			ref := p.ref.String()
			if effective == p.ref.Namespace {
				ref = p.ref.Name + ":" + p.ref.Tag
			}
			m := marked[p.file.path]
			if m == nil {
				m = newMarking(p.file)
				marked[p.file.path] = m
			}
			m.places = append(m.places, bound{p, ref})
		}
	}
	for name, m := range marked {
		a.touched[name] = m.write(func(p *place, err error) {
			a.leave(stream.Warning, p, reasonOf(err), "change that and run init again, or bind it by hand")
		})
		if a.touched[name] {
			a.files[name] = m.src
		}
	}
	return nil
}

// read gives the tree with what is laid over it.
func (a *Adoption) over() (fs.FS, *plan.View, error) {
	fsys := a.options.Over(a.files)
	s, err := survey.Read(fsys)
	if err != nil {
		return nil, nil, fmt.Errorf("what would be proposed cannot be read: %w", err)
	}
	return fsys, &s.View, nil
}

// Questions are what registries are to be asked: which image the tags that are shown are,
// and what is known of the digests that are.
func (a *Adoption) Questions() ([]plan.Question, error) {
	_, view, err := a.over()
	if err != nil {
		return nil, err
	}
	present := plan.Look(view, nil, a.options.Operator)
	asked := map[plan.Import]bool{}
	var all []plan.Question
	for _, w := range a.wanted {
		im, ok := a.question(present, w)
		if ok && !asked[im] {
			asked[im] = true
			all = append(all, plan.Question{Import: im})
		}
	}
	return all, nil
}

// question is the one for the image that a tag begins with; false where it has one.
func (a *Adoption) question(present *plan.Present, w *wanted) (plan.Import, bool) {
	if len(w.places) == 0 || a.view.Tree.Status[w.ref].Head() != nil {
		return plan.Import{}, false
	}
	return present.Question(w.ref, w.head)
}

// Propose computes the proposal from what registries answered; questions without an
// answer leave what needs one.
func (a *Adoption) Propose(got plan.Answers, now time.Time) (Proposal, error) {
	for {
		before := len(a.left)
		if err := a.settle(got, now); err != nil {
			return Proposal{}, err
		}
		if len(a.left) == before {
			return a.proposal(), nil
		}
		if err := a.lay(); err != nil {
			return Proposal{}, err
		}
	}
}

// proposal is what stands over the tree now.
func (a *Adoption) proposal() Proposal {
	p := Proposal{Files: a.files}
	streams := map[stream.Ref]bool{}
	for _, w := range a.wanted {
		if len(w.places) > 0 {
			p.Places += len(w.places)
			p.Tags++
			streams[w.ref.Stream()] = true
		}
	}
	p.Streams = len(streams)
	for _, list := range [][]stream.Problem{a.left, a.notes, a.repo.problems, a.flux.problems, a.updater.problems, a.obsolete()} {
		for _, problem := range list {
			if a.within(problem.Pos.File) {
				p.Left = append(p.Left, problem)
			}
		}
	}
	stream.SortProblems(p.Left)
	p.Left = slices.Compact(p.Left)
	return p
}

// obsolete are the objects of other tools that are of no use when this is merged, by file.
func (a *Adoption) obsolete() []stream.Problem {
	var all []stream.Problem
	tell := func(objects []object, what, hint string) {
		for len(objects) > 0 {
			n := 1
			names := []string{objects[0].String()}
			for ; n < len(objects) && objects[n].pos.File == objects[0].pos.File; n++ {
				names = append(names, objects[n].String())
			}
			all = append(all, stream.Problem{Severity: stream.Notice, Pos: objects[0].pos, Message: what + strings.Join(names, ", "), Hint: hint})
			objects = objects[n:]
		}
	}
	tell(a.flux.replaced(), "imgstream takes the place of ", "delete what nothing has a marker of any more, once this is merged")
	var apps, resources []object
	for _, o := range a.updater.objects {
		if o.is(argo, "Application") {
			apps = append(apps, o)
		} else {
			resources = append(resources, o)
		}
	}
	tell(apps, "imgstream takes the place of Argo CD Image Updater for ", "delete the annotations "+updates+"/* once this is merged: two tools must not write the same values")
	tell(resources, "imgstream takes the place of ", "delete it once this is merged: two tools must not write the same values")
	return all
}
