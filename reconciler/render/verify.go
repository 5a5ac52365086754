package render

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"path"

	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// BytesPerBuild is how much the builds of one call may read, on average.
const BytesPerBuild = 2 << 10

// Verifier remembers builds between passes: the one after a change is the one before the
// next. What it remembers costs only time when it is lost.
type Verifier struct {
	Builds int // at the most, in one pass: two for each kustomization; 0: nothing is built

	verdicts  memory[verdict]
	digests   memory[built]
	standings memory[standing]
	Made      int // builds that were run so far
}

type key [sha256.Size]byte

// built is what is remembered of a build.
type built struct {
	digest build.Digest
	fails  *build.Error
}

// verdict is what the builds of one target came to.
type verdict struct {
	refused plan.Refusals
	unbuilt *build.Error     // why there is no verdict
	buried  []stream.Problem // not remembered: it rests on other builds
}

// Verify builds the kustomizations that changes touch, over the tree that they leave, and
// gives the consumers that must not be written: those with which a kustomization builds no
// more, shows other values than images, or does not show the image (yaml.md 4). What cannot
// be built without asking others, was not building before, or lies beyond the bounds, is not
// refused; notes say so. They tell of what is well but shown by nothing that is deployed, too. An
// error is one of reading the tree.
func (v *Verifier) Verify(tip fs.FS, includes Includes, changes []plan.Change) (plan.Refusals, []stream.Problem, error) {
	if v.Builds == 0 {
		return nil, nil, nil
	}
	c := call{Verifier: v, includes: includes, tip: tip, after: after(tip, changes), written: written(changes), well: map[[2]key]*outcome{}, builds: v.Builds, bytes: v.Builds * BytesPerBuild}
	refused, made := plan.Refusals{}, v.Made
	var notes notes
	var said []stream.Problem
	for _, t := range c.targets() {
		found, err := c.verdict(t)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(refused, found.refused)
		said = append(said, found.buried...)
		if found.unbuilt != nil && t.owns {
			notes.add(t.file, found.unbuilt)
		}
	}
	if v.Made > made {
		build.Release()
	}
	v.digests.forget(maxDigested)
	v.verdicts.forget(maxVerdicts)
	v.standings.forget(maxVerdicts)
	said = append(said, notes.problems()...)
	stream.SortProblems(said)
	return refused, said, nil
}

// call is one call of Verify.
type call struct {
	*Verifier
	includes Includes
	tip      fs.FS
	after    changed
	written  map[string][]plan.Written // by file

	builds, bytes int                 // that are left
	well          map[[2]key]*outcome // of builds before and after that were compared, with nothing wrong

	then    map[string]*build.Source // what becomes gave, by root
	last    *build.Source            // the one that was built last to see what it shows; nil: none yet
	lastOut *build.Output            // what it came to; nil: nothing
}

// verdict is the remembered one where all files are as they were.
func (c *call) verdict(t target) (verdict, error) {
	if c.builds < 2 {
		return verdict{unbuilt: beyond(t.root)}, nil
	}
	c.builds -= 2 // reading is bounded with it
	before, err := t.collect(c.tip, c.includes)
	if err != nil || before == nil {
		return noVerdict(err)
	}
	if c.bytes -= 2 * before.Size(); c.bytes < 0 {
		return verdict{unbuilt: beyond(t.root)}, nil
	}
	then, err := build.Collect(c.after, path.Dir(t.root))
	if why, ok := errors.AsType[*build.Error](err); err != nil && (!ok || !why.Fails) {
		return noVerdict(err)
	}
	j := judge{call: c, target: t, was: before, broken: err}
	j.seen = c.seen(before)
	k := j.key(then)
	found, known := c.verdicts.of(k)
	if !known {
		if found, err = j.compare(then); err != nil {
			return verdict{}, err
		}
		if t.component == "" || len(found.refused) == 0 { // else other builds have a say
			c.verdicts.keep(k, found, 1)
		}
	}
	if !t.owns && found.unbuilt == nil {
		found.buried, err = j.buried(found.refused)
	}
	return found, err
}

// noVerdict is that of a kustomization that is not built.
func noVerdict(err error) (verdict, error) {
	if why, ok := errors.AsType[*build.Error](err); ok {
		return verdict{unbuilt: why}, nil
	}
	return verdict{}, err
}

func beyond(root string) *build.Error {
	return &build.Error{File: root, Reason: "it is more than limits.builds allows in one pass"}
}

// seen are the changes in the files that a build reads, by file.
func (c *call) seen(s *build.Source) []plan.Written {
	var all []plan.Written
	for _, file := range s.Files() {
		all = append(all, c.written[file]...)
	}
	return all
}

// build is the remembered one, or a new one.
func (v *Verifier) build(s *build.Source) built {
	if known, ok := v.digests.of(key(s.Key())); ok {
		return known
	}
	_, b := v.run(s)
	return b
}

func (v *Verifier) run(s *build.Source) (*build.Output, built) {
	v.Made++
	var b built
	out, err := s.Build()
	if err != nil {
		errors.As(err, &b.fails)
	} else {
		b.digest = out.Digest()
	}
	v.digests.keep(key(s.Key()), b, 1+len(b.digest))
	return out, b
}
