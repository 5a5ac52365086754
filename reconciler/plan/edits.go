package plan

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Change is one commit to be made.
type Change struct {
	Message string
	Files   map[string][]byte // whole new bytes, by path; nil removes the file
	Moves   []Move
	Written []Written
	Created []string // spec files of streams that were not there
	Waits   []Wait
}

// Move is what became of one tag.
type Move struct {
	Ref      stream.Ref
	Old, New string // digests; "" for none
	Cause    string // of the new head; revert for a rejection
	From     string // where the image came from, in words
	Labels   Labels // of an image that was imported; empty else

	Reference string // what New is where it has no digest (reference: true); "" else
}

// CauseRevert stands in the commit of a rejection, never in an item.
const CauseRevert = "revert"

// Written is one consumer that shows another image after a Change.
type Written struct {
	File  string
	Line  int // in the new file; 0: an entry that is not there any more
	Label string
	Ref   stream.Ref
	Want  kustomize.Want // what was asked for, of the file at the tip
}

// Equal reports whether two consumers are the same one and show the same image.
func (w Written) Equal(o Written) bool {
	return w.File == o.File && w.Line == o.Line && w.Label == o.Label && w.binding() == o.binding() && w.Want.Do == o.Want.Do && w.Want.Image == o.Want.Image
}

func (w Written) binding() binding {
	return binding{file: w.File, document: w.Want.Use.Document, path: w.Want.Use.Path, ref: w.Ref}
}

// Outcome is what a pass comes to.
type Outcome struct {
	Changes  []Change
	Problems []stream.Problem // of the plan alone; those of the Tree are in the Tree
	Held     []int            // of Problems: consumers that people changed
	TookBack []int            // of Problems: tags whose head people took back since the last push
	Ripe     time.Time        // when the next candidate is old enough to be taken; zero: none waits
	Listed   []Listing        // the repositories that were listed
}

// batchLimit is how many streams get a commit of their own in one pass (product.md 3).
const batchLimit = 20

// Edits computes the commits that bring the next status about: one for each stream
// that changed, sources before followers; one for all of them above batchLimit; one for
// conditions alone; and one for the metadata of images alone. fsys is the tip, and only
// files to be changed are read; an error is one of reading them.
func (n *Next) Edits(fsys fs.FS) (*Outcome, error) {
	e := &editor{Next: n, consumers: n.consumers(), metadata: n.metadata(), fsys: fsys, files: map[string][]byte{}, compared: map[*tag]compared{}, specs: edit.Of(fsys, n.tip.Tree)}
	streams := e.changed()
	e.leave(streams)
	groups := make([][]stream.Ref, 0, len(streams))
	if len(streams) > batchLimit {
		groups = append(groups, streams)
	} else {
		for _, s := range streams {
			groups = append(groups, []stream.Ref{s})
		}
	}
	for _, g := range groups {
		if err := e.commit(g); err != nil {
			return nil, err
		}
	}
	e.commitConditions()
	e.commitImages()
	return &Outcome{Changes: e.changes, Problems: n.problems, Held: n.held, TookBack: n.tookBack, Ripe: n.nextRipe(), Listed: n.ofRepositories()}, nil
}

// editor turns decisions into bytes; it lives for one Edits.
type editor struct {
	*Next
	*consumers
	*metadata
	fsys    fs.FS
	files   map[string][]byte // consumers as the commits so far leave them
	changes []Change
	specs   *edit.Specs // to which pushes add streams

	committed []stream.Ref // the streams that have a commit
	compared  map[*tag]compared
}

// compared is how a status differs from the file at the tip.
type compared struct {
	next   *stream.Status
	change int
}

// changed are the streams that may need a commit of their own, sources before
// followers where that order exists, else by name.
func (e *editor) changed() []stream.Ref {
	set := map[stream.Ref]bool{}
	for _, t := range e.order {
		if e.statusChange(t) == changedMore {
			set[t.ref.Stream()] = true
		}
	}
	for s := range e.writes {
		set[s] = true
	}
	var out []stream.Ref
	var visit func(stream.Ref)
	visit = func(s stream.Ref) {
		if !set[s] {
			return
		}
		delete(set, s)
		for _, t := range e.streams[s] {
			if src, ok := e.follows(t.ref); ok {
				visit(src.Stream())
			}
		}
		out = append(out, s)
	}
	for _, s := range sortedRefs(set) {
		visit(s)
	}
	return out
}

// How a status file differs from the one at the tip.
const (
	unchanged = iota
	changedConditions
	changedMore
)

// statusChange is asked for several times; what was compared is not compared again.
func (e *editor) statusChange(t *tag) int {
	st := e.next(t)
	known, ok := e.compared[t]
	if !ok || known.next != st {
		known = compared{next: st, change: t.change(st)}
		e.compared[t] = known
	}
	return known.change
}

func (t *tag) change(st *stream.Status) int {
	if t.broken || st == nil {
		return unchanged
	}
	if t.old == nil {
		if len(st.Items) == 0 && len(st.Rejected) == 0 && st.Source == nil && len(st.Pending) == 0 {
			return changedConditions
		}
		return changedMore
	}
	if st == t.old || st.Equal(t.old) {
		return unchanged
	}
	same := *st
	same.Conditions = t.old.Conditions
	if same.Equal(t.old) {
		return changedConditions
	}
	return changedMore
}

// next is the status of a tag with the consumers that wait for it.
func (e *editor) next(t *tag) *stream.Status {
	st := e.status(t.ref)
	if st == nil || slices.Equal(st.Pending, e.pending[t.ref]) {
		return st
	}
	st = clone(st, t.ref)
	st.Pending = e.pending[t.ref]
	return st
}

// commit makes the change of some streams: consumers first, so that what could not
// be written stands in the status of the same commit.
func (e *editor) commit(streams []stream.Ref) error {
	c := Change{Files: map[string][]byte{}}
	streams = slices.DeleteFunc(slices.Clone(streams), func(s stream.Ref) bool { return !e.create(&c, s) })
	var waits int // consumers
	byFile := e.byFile(streams)
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		refused, err := e.edit(&c, file, byFile[file])
		if err != nil {
			return err
		}
		waits += refused
	}
	for _, s := range streams {
		for _, t := range e.streams[s] {
			if e.statusChange(t) != unchanged {
				c.Files[e.statusPath(t.ref)] = e.next(t).Encode()
				c.Moves = append(c.Moves, e.moves(t)...)
				c.Waits = append(c.Waits, e.candidate(t)...)
				e.describe(&c, t)
			}
		}
	}
	if len(c.Files) == 0 {
		return nil
	}
	c.Message = message(e.settings().Commit, streams, &c, waits)
	e.changes = append(e.changes, c)
	e.committed = append(e.committed, streams...)
	return nil
}

// create adds the file of a stream that a push creates; false where it cannot.
func (e *editor) create(c *Change, s stream.Ref) bool {
	if !slices.ContainsFunc(e.streams[s], func(t *tag) bool { return t.creates }) {
		return true
	}
	file, err := e.specs.Create(s, false)
	if err != nil {
		e.problems = append(e.problems, stream.Problem{Ref: s, Message: "not created by a push: " + err.Error()})
		return false
	}
	c.Files[file] = e.specs.Files()[file]
	c.Created = append(c.Created, file)
	return true
}

// byFile are the consumers of some streams that are to be written, by file.
func (e *editor) byFile(streams []stream.Ref) map[string][]write {
	files := map[string][]write{}
	for _, s := range streams {
		for _, w := range e.writes[s] {
			files[w.use.File] = append(files[w.use.File], w)
		}
	}
	return files
}

// edit writes consumers in one file; the ones that cannot be written are counted,
// reported and wait.
func (e *editor) edit(c *Change, file string, writes []write) (refused int, err error) {
	src, ok := e.files[file]
	if !ok {
		if src, err = fs.ReadFile(e.fsys, file); err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
	}
	writes, refused = e.withoutRefused(writes)
	failed := 0
	wants := make([]kustomize.Want, len(writes))
	for i, w := range writes {
		wants[i] = kustomize.Want{Use: w.use.Use, Image: w.image, Do: w.do}
	}
	result := kustomize.Apply(path.Base(file), src, wants)
	for i, err := range result.Errs {
		u := writes[i].use
		if err != nil {
			e.refuseEdit(writes[i], err)
			failed++
			continue
		}
		if writes[i].do == kustomize.Remove {
			c.Written = append(c.Written, Written{File: file, Label: u.Label + " (removed)", Ref: u.Ref, Want: wants[i]})
			continue
		}
		if now, ok := result.File.Find(u.Use); ok {
			u.Line = now.Line
		}
		c.Written = append(c.Written, Written{File: file, Line: u.Line, Label: u.Label, Ref: u.Ref, Want: wants[i]})
	}
	if failed < len(writes) {
		e.files[file] = result.Src
		c.Files[file] = result.Src
	}
	return refused + failed, nil
}

// moves tells what a commit does to a tag, in words for people and trailers.
func (e *editor) moves(t *tag) []Move {
	var all []Move
	before, after := t.cur.Head(), e.status(t.ref).Head()
	if commit := e.blame[e.statusPath(t.ref)]; t.rejected != "" || commit != "" && t.unrecorded() {
		for _, r := range t.cur.Rejected {
			if r.Commit == "" {
				all = append(all, Move{Ref: t.ref, Old: r.Image, New: imageOf(before), Cause: CauseRevert, From: "taken back by " + short(commit)})
			}
		}
	}
	if t.adopted {
		all = append(all, Move{Ref: t.ref, New: imageOf(before), Cause: stream.CauseAdopt, From: before.DockerImageReference})
	}
	if after != nil && !sameHead(before, after) {
		m := Move{Ref: t.ref, Old: imageOf(before), New: after.Image, Cause: after.Cause, From: e.origin(t, after)}
		if m.New == "" {
			m.Reference = after.DockerImageReference
		}
		if (m.Cause == stream.CauseImport || m.Cause == stream.CausePush) && m.Old != m.New {
			m.Labels = e.labels(t, m.New)
		}
		all = append(all, m)
	}
	return all
}

// labels are what the answer to a tag says of the image it moved to.
func (e *editor) labels(t *tag, digest string) Labels {
	if answer := e.got[e.choice(t, e.due, e.got).image]; answer.Digest == digest {
		return answer.Labels
	}
	return Labels{}
}

func imageOf(i *stream.Item) string {
	if i == nil {
		return ""
	}
	return i.Image
}

// origin says where the image of an item came from: a pull spec, or the tag it follows.
func (e *editor) origin(t *tag, item *stream.Item) string {
	switch item.Cause {
	case stream.CauseFollow:
		src, err := stream.ParseRef(item.From)
		if err == nil && src.Stream() == t.ref.Stream() {
			return "follows " + src.Tag
		}
		return "follows " + item.From
	case stream.CauseTag:
		return "tagged from " + item.From
	default:
		return item.From
	}
}

// commitConditions makes the one commit for tags of which nothing but conditions changed.
func (e *editor) commitConditions() {
	c := Change{Files: map[string][]byte{}}
	committed := map[stream.Ref]bool{} // whose commit carries the conditions too
	for _, s := range e.committed {
		committed[s] = true
	}
	var changed []*stream.Status
	for _, t := range e.order {
		if e.statusChange(t) != changedConditions || committed[t.ref.Stream()] {
			continue
		}
		st := e.next(t)
		c.Files[e.statusPath(t.ref)] = st.Encode()
		changed = append(changed, st)
	}
	if len(changed) == 0 {
		return
	}
	c.Message = conditionsMessage(e.settings().Commit, changed)
	e.changes = append(e.changes, c)
}
