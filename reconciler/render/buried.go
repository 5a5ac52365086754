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
		then, err := j.becomes(root)
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

// becomes is what a kustomization is after the changes; nil where it cannot be built.
func (c *call) becomes(root string) (*build.Source, error) {
	then, known := c.then[root]
	if known {
		return then, nil
	}
	then, err := build.Collect(c.after, path.Dir(root))
	if _, refused := errors.AsType[*build.Error](err); refused {
		then = nil
	} else if err != nil {
		return nil, err
	}
	if c.then == nil {
		c.then = map[string]*build.Source{}
	}
	c.then[root] = then
	return then, nil
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

// shows looks for the digest of a consumer anywhere in a build; then may be nil.
func (c *call) shows(then *build.Source, w plan.Written) standing {
	if then == nil {
		return standing{shown: true}
	}
	h := sha256.New()
	k := then.Key()
	h.Write(k[:])
	fmt.Fprintf(h, "%q %q %q", w.Want.Image.Digest, w.Want.Use.Document, w.Want.Use.Path)
	remembered := key(h.Sum(nil))
	if known, ok := c.standings.of(remembered); ok {
		return known
	}
	if c.last != then {
		if !c.affords(then) {
			return standing{shown: true}
		}
		c.last = then
		c.lastOut, _ = c.run(then)
	}
	s := standing{shown: true}
	if c.lastOut != nil {
		s = standing{instead: instead(c.lastOut, w), shown: slices.ContainsFunc(texts(c.lastOut), func(text string) bool { return showsDigest(text, w.Want.Image.Digest) })}
	}
	c.standings.keep(remembered, s, 1)
	return s
}
