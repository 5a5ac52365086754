// Package adopt proposes what makes a repository use imgstream: image streams for the
// images that it shows today, markers where it shows them, and the status of each tag
// with the image that is deployed now, so that a first pass has nothing to write. It reads
// what Flux and Argo CD Image Updater are told to do, and makes tags of streams of that.
//
// It is given a tree, and then what registries answered; it asks nobody and writes nothing.
// What it leaves as it is, it lists with the reason.
package adopt

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/yamledit"
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
	r, err := read(fsys, view.Tree.Settings)
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

// layMarkers binds the places. Those that go by lines come first, since other markers may
// add lines.
func (a *Adoption) layMarkers() error {
	var order []*place
	for _, w := range a.wanted {
		order = append(order, w.places...)
	}
	slices.SortStableFunc(order, func(x, y *place) int {
		return strings.Compare(x.file.path, y.file.path)*4 + compareBools(x.spot != nil, y.spot != nil)
	})
	settings, err := a.newSettings()
	if err != nil {
		return err
	}
	marked := map[string]*marking{}
	for _, p := range order {
		if p.dropped { // since its spec cannot be written
			continue
		}
		effective := p.stated
		if effective == "" {
			effective = settings.NamespaceFor(p.file.path)
		}
		if effective == "" {
			effective = stream.DefaultNamespace
		}
		ref := p.ref.String()
		if effective == p.ref.Namespace {
			ref = p.ref.Name + ":" + p.ref.Tag
		}
		m := marked[p.file.path]
		if m == nil {
			m = newMarking(p.file)
			marked[p.file.path] = m
		}
		if err := m.mark(p, ref); err != nil {
			a.leave(stream.Warning, p, reasonOf(err), "")
			continue
		}
		a.touched[p.file.path] = true
	}
	for name := range a.touched {
		a.files[name] = marked[name].bytes()
	}
	return nil
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
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

// settle gives each tag its status, and each place the image of it, as a pass would.
func (a *Adoption) settle(got plan.Answers, now time.Time) error {
	before := len(a.left)
	a.notes = nil
	_, view, err := a.over()
	if err != nil {
		return err
	}
	present := plan.Look(view, nil, a.options.Operator)
	digests := map[string]bool{}
	for _, w := range a.wanted {
		im, asks := a.question(present, w)
		if !asks {
			continue
		}
		st := a.status(view, w, got[im], now)
		if st == nil {
			continue
		}
		digests[st.Head().Image] = true
		a.files[stream.StatusPath(view.Tree.Settings.Streams.StatusDirectory, w.ref)] = st.Encode()
	}
	if len(a.left) > before {
		return nil
	}
	return a.show(got, now, digests)
}

// note tells something of the first place of a tag, which is bound.
func (a *Adoption) note(w *wanted, message, hint string) {
	p := w.places[0]
	a.notes = append(a.notes, stream.Problem{Severity: stream.Warning, Pos: p.pos(), Message: p.image + ": " + message, Hint: hint})
}

// status is that of a tag with the image that is deployed; nil where nobody knows it, which
// is listed.
func (a *Adoption) status(view *plan.View, w *wanted, answer plan.Answer, now time.Time) *stream.Status {
	digest, index := w.head.Digest, ""
	switch {
	case digest != "":
		if f := answer.Failure; f != nil {
			a.note(w, "adopted as it is shown, but it could not be looked at: "+f.Message, f.Hint)
		}
	case answer.Failure != nil:
		a.drop(w, stream.Error, answer.Failure.Message, answer.Failure.Hint)
		return nil
	case answer.Digest == "":
		a.drop(w, stream.Warning, "no registry was asked which image it is", "run it without --offline")
		return nil
	default:
		digest, index = answer.Digest, answer.Index
	}
	of := view.Tree.Stream(w.ref.Namespace, w.ref.Name)
	if of == nil || of.Tag(w.ref.Tag) == nil {
		a.drop(w, stream.Warning, "its image stream "+w.ref.String()+" could not be read", "imgstream validate says why")
		return nil
	}
	item := stream.Item{
		Image: digest, DockerImageReference: w.head.Pull(digest), Index: index,
		Created: now.UTC().Format(time.RFC3339), Cause: stream.CauseAdopt,
	}
	if w.head.Tag != "" {
		item.From = w.head.Name() + ":" + w.head.Tag
	}
	return &stream.Status{Ref: w.ref, Source: of.Tag(w.ref.Tag).Source(w.ref.Namespace), Items: []stream.Item{item}}
}

// show has a pass write the places, and the metadata of the images, and keeps what is of
// this proposal. What is there already was not touched since imgstream's last push, as far
// as this pass knows.
func (a *Adoption) show(got plan.Answers, now time.Time, digests map[string]bool) error {
	fsys, view, err := a.over()
	if err != nil {
		return err
	}
	never := func(plan.Ask) bool { return false }
	out, err := plan.Look(view, a.view, a.options.Operator).Next(never, got, nil, nil, now).Edits(fsys)
	if err != nil {
		return err
	}
	for _, p := range out.Problems {
		if p.Severity == stream.Error && a.touched[p.Pos.File] {
			a.refuse(p)
		}
	}
	for _, c := range out.Changes {
		for name, data := range c.Files {
			digest, isImage := stream.ParseImagePath(view.Tree.Settings.Streams.StatusDirectory, name)
			if data != nil && (a.touched[name] || isImage && digests[digest]) {
				a.files[name] = data
			}
		}
	}
	return nil
}

// refuse leaves the places of a file that follow a tag, as a pass could not write them.
func (a *Adoption) refuse(problem stream.Problem) {
	for _, w := range a.wanted {
		for _, p := range w.places {
			if w.ref == problem.Ref && p.file.path == problem.Pos.File && !p.dropped {
				a.leave(stream.Warning, p, problem.Message, problem.Hint)
			}
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

// destination is where something deploys a directory to.
type destination struct{ dir, namespace string }

// destinations are those of Applications and of Flux's Kustomizations, the deepest first.
func destinations(all []object, apps []application) []destination {
	found := map[string]map[string]bool{}
	add := func(dir, namespace string) {
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		found[dir][namespace] = true
	}
	for _, app := range apps {
		for _, dir := range app.dirs {
			add(dir, app.namespace)
		}
	}
	for _, o := range all {
		var k fluxKustomization
		if o.is(fluxKustomize, "Kustomization") && o.spec(&k) == nil && k.TargetNamespace != "" {
			if dir, ok := inTree("", k.Path); ok {
				add(dir, k.TargetNamespace)
			}
		}
	}
	var dests []destination
	for dir, namespaces := range found {
		if namespace := only(namespaces); namespace != "" {
			dests = append(dests, destination{dir, namespace})
		}
	}
	slices.SortFunc(dests, func(a, b destination) int {
		if d := strings.Count(b.dir, "/") - strings.Count(a.dir, "/"); d != 0 && a.dir != "." && b.dir != "." {
			return d
		}
		return compareBools(a.dir == ".", b.dir == ".")*4 + strings.Compare(a.dir, b.dir)
	})
	return dests
}

// destination is the deepest one that a file or directory lies in; zero for none.
func (a *Adoption) destination(name string) destination {
	for _, d := range a.dests {
		if below(name, d.dir) {
			return d
		}
	}
	return destination{}
}

// namespace is that of the stream for a place: what the file says, else the settings, else
// where it is deployed to, else that of all the objects around it.
func (a *Adoption) namespace(p *place) string {
	file := p.file.path
	candidates := []string{p.stated, a.view.Tree.Settings.NamespaceFor(file), a.destination(file).namespace, a.repo.deployedTo(file)}
	if kustomize.IsKustomization(file) {
		candidates = append(candidates, a.repo.ownNamespace(path.Dir(file)))
	}
	for _, namespace := range append(candidates, a.options.Namespace) {
		if stream.IsNamespace(namespace) {
			return namespace
		}
	}
	return stream.DefaultNamespace
}

// laySettings writes the settings that are needed, where there are none yet: namespaces by
// path, and the author of the commits.
func (a *Adoption) laySettings() error {
	a.settings = nil
	if _, err := fs.Stat(a.fsys, stream.SettingsPath); err == nil {
		return nil
	}
	needed := map[destination]bool{}
	for _, w := range a.wanted {
		for _, p := range w.places {
			if d := a.destination(p.file.path); p.stated == "" && d.namespace != "" && d.namespace != stream.DefaultNamespace {
				needed[d] = true
			}
		}
	}
	var b strings.Builder
	for _, d := range a.dests {
		if needed[d] {
			glob := path.Join(d.dir, "**")
			fmt.Fprintf(&b, "- path: %s\n  namespace: %s\n", yamledit.Text(glob), yamledit.Text(d.namespace))
		}
	}
	text := ""
	if b.Len() > 0 {
		text = "namespaces:\n" + b.String()
	}
	if author := a.flux.author; a.follows(a.flux.rules) && (author.Name != "" && author.Email != "") {
		text += fmt.Sprintf("commit:\n  author:\n    name: %s\n    email: %s\n", yamledit.Text(author.Name), yamledit.Text(author.Email))
	}
	if text == "" {
		return nil
	}
	a.settings = fmt.Appendf(nil, `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata:
  name: imgstream
  annotations:
    config.kubernetes.io/local-config: "true"
%s`, text)
	a.files[stream.SettingsPath] = a.settings
	_, err := a.newSettings()
	return err
}

// follows reports whether some place follows one of the rules.
func (a *Adoption) follows(rules map[string]*rule) bool {
	return slices.ContainsFunc(a.wanted, func(w *wanted) bool {
		return slices.ContainsFunc(w.places, func(p *place) bool { return p.rule != nil && rules[p.policy] == p.rule })
	})
}

// newSettings are those that hold with the proposal.
func (a *Adoption) newSettings() (stream.Settings, error) {
	if a.settings == nil {
		return a.view.Tree.Settings, nil
	}
	settings, problems := stream.ParseSettings(a.settings)
	for _, p := range problems {
		if p.Severity == stream.Error {
			return settings, fmt.Errorf("the settings that would be proposed are not valid: %s", p.Message)
		}
	}
	return settings, nil
}
