// Package reconciler runs a pass: it reads the branch, asks the registries what the
// tree raises, has the next state computed, and publishes it on exactly the commit it
// read. It puts the steps in order and decides nothing; decisions are package plan's.
package reconciler

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/render"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// Repo is where a pass reads and writes: a branch of a remote repository.
type Repo interface {
	Snapshot(ctx context.Context) (gitstore.Snapshot, error)
	ChangedAt(ctx context.Context, snap gitstore.Snapshot, paths []string) (map[string]gitstore.Rev, error)
	Own(ctx context.Context, snap gitstore.Snapshot, revs []gitstore.Rev) (map[gitstore.Rev]bool, error)
	Commit(ctx context.Context, base gitstore.Rev, chain []gitstore.Commit) (gitstore.Published, error)
}

// Resolver answers questions to registries. A failed lookup is an answer.
type Resolver interface {
	Resolve(ctx context.Context, q plan.Question) plan.Answer
}

// Reconciler runs the passes of one branch, one at a time. What it remembers between
// them costs only time when it is lost.
type Reconciler struct {
	Repo     Repo
	Resolver Resolver
	Copier   Copier // of an Operator with a LocalRegistry; else it is not asked
	Now      func() time.Time

	Operator plan.Operator // zero: no operator's settings
	Verifier render.Verifier

	// Progress, where set, is told what a pass is doing, in words.
	Progress func(step string)

	// Observe, where set, is told how long each step of a pass took.
	Observe func(step Step, took time.Duration)

	tip, base *survey.Survey
	looked    map[string]bool // the revisions of the last pass, and whether they are imgstream's own
	settled   *settled
	waiting   *waiting
	answered  *plan.View // the tip that the answers at hand were asked for
	computed  *computed  // by the attempt before, in the same pass
}

// Step is a part of a pass, as Observe names it.
type Step string

// The steps of a pass, in order.
const (
	StepFetch   Step = "fetch"   // look at the branch, and fetch what moved
	StepRead    Step = "read"    // read and parse what changed
	StepResolve Step = "resolve" // ask registries
	StepPlan    Step = "plan"    // compute the next state and its bytes
	StepCopy    Step = "copy"    // bring images into the local registry
	StepBuild   Step = "build"   // build what changes, before and after
	StepPush    Step = "push"
)

// Request says what a pass is to do.
type Request struct {
	Due    plan.Due // which tags are asked for; nil: the pending ones
	DryRun bool     // stop before publishing

	// Hints are references that somebody pushed to, in full and with a tag; those into the
	// operator's local registry may be of tags that nobody knows yet.
	Hints []string

	// IfMoved says that nothing is due: a branch that is where the last pass left it
	// costs one look, and gives that pass's Report.
	IfMoved bool
	// Batch lets a pass wait for more changes before it publishes, as the settings'
	// batching says; Report.WaitUntil tells until when.
	Batch bool
}

// Report is what a pass came to.
type Report struct {
	Rev       gitstore.Rev // the commit that was read
	Tree      fs.FS        // its files
	Published gitstore.Rev // the last commit that was pushed; "" when nothing was
	Streams   int          // image streams at Rev
	Asked     int          // questions to registries
	Asks      []plan.Ask   // the tags that are pending or scheduled
	View      *plan.View   // what Rev says
	Attempts  int          // how often the branch was read; more than one after conflicts
	Changes   []plan.Change
	Listed    []plan.Listing   // the repositories that were listed
	Problems  []stream.Problem // sorted by position
	Unbuilt   []stream.Problem // what Changes change without having been built, and what no build of those that are deployed shows
	Notice    string           // of the server, such as a refused refs/imgstream/…
	WaitUntil time.Time        // Changes wait for more until then, or copies to be tried again; zero: nothing waits
	Ripe      time.Time        // when the next candidate is old enough to be taken; zero: there is none
	Uncopied  int              // images that could not be copied into the local registry

	// Includes says which kustomizations of Tree include which. It may read the tree, and is
	// for one caller at a time, and not while another pass runs.
	Includes render.Includes
}

// Failed reports whether a problem needs somebody to mend something.
func (r Report) Failed() bool {
	for _, p := range r.Problems {
		if p.Severity == stream.Error {
			return true
		}
	}
	return false
}

// maxAttempts bounds how often a pass starts again because the branch moved or the
// push could not be proved to have landed.
const maxAttempts = 8

// Pass runs one pass. It fails only when the branch cannot be read, the settings are
// not valid (*survey.SettingsError), the commits cannot be published, or ctx ends.
// Answers are kept when the branch moves meanwhile, and nothing is asked twice but what
// somebody else moved: an answer must not be older than the branch that it changes.
func (r *Reconciler) Pass(ctx context.Context, req Request) (Report, error) {
	got, made := plan.Answers{}, plan.Copies{}
	r.computed = nil
	if r.waiting.holds(r.Now()) {
		maps.Copy(got, r.waiting.got)
		maps.Copy(made, r.waiting.made)
		req.Due = r.waiting.due(req.Due)
	} else {
		r.answered = nil
	}
	for attempt := 1; ; attempt++ {
		report, err := r.attempt(ctx, req, got, made)
		report.Attempts, report.Asked = attempt, len(got)
		if err == nil || attempt == maxAttempts || !again(err) {
			return report, err
		}
		if err := pause(ctx, attempt, report.Rev); err != nil {
			return report, err
		}
	}
}

// again reports whether reading the branch anew can help.
func again(err error) bool {
	_, unpublished := errors.AsType[*unpublishedError](err)
	return unpublished || errors.Is(err, gitstore.ErrConflict)
}

// unpublishedError is a push whose outcome no server reported; the branch did not move.
type unpublishedError struct{ error }

func (e *unpublishedError) Unwrap() error { return e.error }

// pause waits a little longer after each attempt; the jitter is a hash, so that two
// writers on one branch do not keep step.
func pause(ctx context.Context, attempt int, rev gitstore.Rev) error {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", rev, attempt)
	wait := time.Duration(attempt)*10*time.Millisecond + time.Duration(h.Sum32()%30)*time.Millisecond
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt is a pass over one commit.
func (r *Reconciler) attempt(ctx context.Context, req Request, got plan.Answers, made plan.Copies) (Report, error) {
	r.progress("reading the branch")
	done := r.observe(StepFetch)
	snap, err := r.Repo.Snapshot(ctx)
	done()
	if err != nil {
		return Report{}, err
	}
	if s := r.settled; s != nil && s.rev == snap.Rev && s.base == snap.Base && (req.IfMoved || req.Due == nil && !s.pending) {
		return s.report, nil
	}
	if unmoved, err := r.unmoved(ctx, req, snap, got); unmoved || err != nil {
		return r.settled.report, err
	}
	r.settled = nil
	report, err := r.compute(ctx, req, snap, got, made)
	switch {
	case err != nil, req.DryRun:
		return report, err
	case len(report.Changes) == 0:
		r.waiting = nil
	case req.Batch && r.wait(&report, got, made):
		return report, nil
	default:
		if report, err = r.publish(ctx, report, got, made); err != nil {
			return report, err
		}
	}
	if report.Uncopied > 0 {
		r.keep(got, made)
		report.WaitUntil = r.Now().Add(retryCopies)
	}
	return report, nil
}

// compute finds what is to change on a commit, and asks registries what that needs.
func (r *Reconciler) compute(ctx context.Context, req Request, snap gitstore.Snapshot, got plan.Answers, made plan.Copies) (Report, error) {
	report := Report{Rev: snap.Rev, Tree: snap.FS}
	done := r.observe(StepRead)
	tip, base, err := r.survey(snap)
	done()
	if err != nil {
		return report, err
	}
	if again, ok := r.computed.on(snap, tip, base); ok {
		r.answered = again.View
		return again, nil
	}
	r.computed = nil
	report.View, report.Streams = &tip.View, len(tip.View.Tree.Streams)
	report.Includes = tip.Includes(snap.FS)
	present := plan.Look(&tip.View, view(base), r.Operator, req.Hints...)
	report.Asks = present.Asks()
	if r.answered != nil && r.answered != &tip.View {
		for _, im := range present.Outdated(r.answered, req.Due, got) {
			delete(got, im)
		}
	}
	r.answered = &tip.View
	if err := r.askAll(ctx, present, req.Due, got); err != nil {
		return report, err
	}
	blame, err := r.blame(ctx, snap, present.Reverted())
	if err != nil {
		return report, err
	}
	own, err := r.own(ctx, snap, present.Revisions(req.Due, got))
	if err != nil {
		return report, err
	}
	var copying, building time.Duration
	defer r.observe(StepPlan, &copying, &building)()
	next, err := r.copied(ctx, req, func(made plan.Copies) *plan.Next {
		return present.Copied(made).Next(req.Due, got, blame, own, r.Now())
	}, made, &copying)
	if err != nil {
		return report, err
	}
	out, err := r.verified(&report, next, &building)
	if err != nil {
		return report, err
	}
	report.Changes, report.Listed, report.Ripe, report.Uncopied = out.Changes, out.Listed, out.Ripe, uncopied(made)
	if report.Problems, err = r.problems(ctx, snap, tip, base, out, next.Unused()); err != nil {
		return report, err
	}
	if len(present.Reverted())+len(out.Held)+report.Uncopied == 0 { // else the commits in between have a say, or a copy is tried again
		r.computed = &computed{baseRev: snap.Base, tip: tip, base: base, report: report}
	}
	if len(out.Changes) == 0 && report.Uncopied == 0 {
		r.settled = &settled{rev: snap.Rev, base: snap.Base, pending: len(present.Imports(nil, nil)) > 0, report: report}
		if present.Unmoved(req.Due, got) {
			r.settled.quiet = present
		}
	}
	return report, nil
}

// computed is what an attempt came to, and all that this rests on but the answers and
// the time, which are the pass's.
type computed struct {
	baseRev   gitstore.Rev
	tip, base *survey.Survey
	report    Report
}

// on is the report for another commit that says the same: nothing but files that
// imgstream neither reads nor writes was changed in between. The commits are made anew,
// on top of that commit; computing them again would give the same ones.
func (c *computed) on(snap gitstore.Snapshot, tip, base *survey.Survey) (Report, bool) {
	if c == nil || c.baseRev != snap.Base || !c.tip.Same(tip) || !c.base.Same(base) {
		return Report{}, false
	}
	report := c.report
	report.Rev, report.Tree, report.View = snap.Rev, snap.FS, &tip.View
	return report, true
}

// observe starts the clock of a step; what it returns stops it, and leaves out what
// other steps took meanwhile.
func (r *Reconciler) observe(step Step, others ...*time.Duration) (done func()) {
	if r.Observe == nil {
		return func() {}
	}
	start := time.Now()
	return func() {
		took := time.Since(start)
		for _, other := range others {
			took -= *other
		}
		r.Observe(step, took)
	}
}

// survey reads the tip and imgstream's last push, each at the cost of what changed.
func (r *Reconciler) survey(snap gitstore.Snapshot) (tip, base *survey.Survey, err error) {
	r.progress("reading the tree")
	if tip, err = survey.Read(snap.FS, r.tip, r.base); err != nil {
		return nil, nil, err
	}
	if snap.Base != "" {
		base, err = survey.Read(snap.BaseFS, tip, r.base)
		if _, invalid := errors.AsType[*survey.SettingsError](err); invalid {
			base, err = survey.ReadWith(snap.BaseFS, tip.View.Tree.Settings, tip, r.base)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read imgstream's last push %s: %w", snap.Base.Short(), err)
		}
	}
	r.tip, r.base = tip, base
	return tip, base, nil
}

func view(s *survey.Survey) *plan.View {
	if s == nil {
		return nil
	}
	return &s.View
}

// blame asks which commits changed the files; none are asked for when there are no files.
func (r *Reconciler) blame(ctx context.Context, snap gitstore.Snapshot, paths []string) (map[string]string, error) {
	blame := map[string]string{}
	if len(paths) == 0 {
		return blame, nil
	}
	revs, err := r.Repo.ChangedAt(ctx, snap, paths)
	if err != nil {
		return nil, fmt.Errorf("look for the commits since imgstream's last push %s: %w", snap.Base.Short(), err)
	}
	for path, rev := range revs {
		blame[path] = string(rev)
	}
	return blame, nil
}

func (r *Reconciler) publish(ctx context.Context, report Report, got plan.Answers, made plan.Copies) (Report, error) {
	r.progress("pushing")
	defer r.observe(StepPush)()
	settings := report.View.Tree.Settings
	chain := make([]gitstore.Commit, len(report.Changes))
	for i, c := range report.Changes {
		chain[i] = gitstore.Commit{
			Message: c.Message, Files: c.Files,
			Author: gitstore.Identity{Name: settings.Commit.AuthorName, Email: settings.Commit.AuthorEmail},
		}
	}
	published, err := r.Repo.Commit(ctx, report.Rev, chain)
	if err != nil {
		r.keep(got, made)
		_, rejected := errors.AsType[*gitstore.RejectedError](err)
		if rejected || errors.Is(err, gitstore.ErrConflict) || ctx.Err() != nil {
			return report, err
		}
		return report, &unpublishedError{err}
	}
	r.waiting = nil
	report.Published, report.Notice = published.Rev, published.Notice
	return report, nil
}

func (r *Reconciler) progress(step string) {
	if r.Progress != nil {
		r.Progress(step)
	}
}
