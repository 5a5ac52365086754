package render

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/build"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxDeploying is how many kustomizations are built to see what they make of one base.
const maxDeploying = 20

// buried warns of consumers that come out of their own kustomization and of none that is
// deployed, since each of those that include it stands over the value. Nothing is said where
// one of them cannot be built. The consumers are written nevertheless: another repository may
// deploy the base itself.
func (j *judge) buried(refused plan.Refusals) ([]stream.Problem, error) {
	roots, known, err := j.includes.deploying(j.root)
	if err != nil || !known || len(roots) > maxDeploying {
		return nil, err
	}
	var all []stream.Problem
	for _, w := range j.wants {
		if refused.Has(w) || !j.writesDigest(w) {
			continue
		}
		instead, shown, err := j.deployed(roots, w)
		if err != nil {
			return nil, err
		}
		if !shown {
			all = append(all, stream.Problem{
				Severity: stream.Warning, Pos: stream.Pos{File: w.File, Line: w.Line}, Ref: w.Ref,
				Message: "changed, and no kustomization that includes it shows it: " + instead,
				Hint:    "bind what stands over it there, or drop the marker here",
			})
		}
	}
	return all, nil
}

// deployed reports whether a consumer's image may come out of one of the roots, and what comes
// out instead.
func (j *judge) deployed(roots []string, w plan.Written) (instead string, shown bool, err error) {
	var there []string
	for _, root := range roots {
		if root == j.root {
			return "", true, nil // it comes out, or is refused
		}
		then, err := build.Collect(j.after, path.Dir(root))
		if _, refused := errors.AsType[*build.Error](err); refused || err == nil && !j.affords(then) {
			return "", true, nil
		}
		if err != nil {
			return "", false, err
		}
		is := j.shows(then, w)
		if is.shown {
			return "", true, nil
		}
		there = append(there, "in "+strings.TrimSuffix(root+" "+is.instead, " "))
	}
	return stream.Few(there), len(there) == 0, nil
}

// affords takes one build from those that are left.
func (c *call) affords(s *build.Source) bool {
	c.builds--
	c.bytes -= s.Size()
	return c.builds >= 0 && c.bytes >= 0
}

// standing is what becomes of a consumer in a build.
type standing struct {
	instead string // what stands in its place; "" where that is not known
	shown   bool   // the build shows its digest, or cannot be made
}

// shows looks for the digest of a consumer anywhere in a build.
func (j *judge) shows(then *build.Source, w plan.Written) standing {
	h := sha256.New()
	k := then.Key()
	h.Write(k[:])
	fmt.Fprintf(h, "%q %q %q", w.Want.Image.Digest, w.Want.Use.Document, w.Want.Use.Path)
	remembered := key(h.Sum(nil))
	if known, ok := j.standings.of(remembered); ok {
		return known
	}
	s := standing{shown: true}
	if out, _ := j.run(then); out != nil {
		s = standing{instead: instead(out, w), shown: slices.ContainsFunc(texts(out), func(text string) bool { return showsDigest(text, w.Want.Image.Digest) })}
	}
	j.standings.keep(remembered, s, 1)
	return s
}
