package reconciler

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// problems are all findings of a pass, with the commits that people look for: the one
// to restore a broken status file from, and the one that changed a held consumer; more are
// those that no commit explains.
func (r *Reconciler) problems(ctx context.Context, snap gitstore.Snapshot, tip, base *survey.Survey, out *plan.Outcome, more []stream.Problem) ([]stream.Problem, error) {
	found := slices.Clone(out.Problems)
	if err := r.blameHeld(ctx, snap, found, out.Held); err != nil {
		return nil, err
	}
	for _, i := range out.TookBack {
		p := &found[i]
		p.Hint = fmt.Sprintf("if that was no revert (a merge that kept the old side looks like one), undo it: git checkout %s -- %s, commit and push",
			snap.Base.Short(), stream.StatusPath(tip.View.Tree.Settings.Streams.StatusDirectory, p.Ref))
	}
	found = append(found, more...)
	for _, p := range tip.View.Tree.Problems {
		if broken, ok := tip.View.Tree.Broken[p.Ref]; ok && broken == p && p.Hint == "" {
			p.Hint = restoreHint(snap, base, p)
		}
		found = append(found, p)
	}
	stream.SortProblems(found)
	return found, nil
}

// restoreHint says how to get a status file back.
func restoreHint(snap gitstore.Snapshot, base *survey.Survey, p stream.Problem) string {
	if base != nil && base.View.Tree.Status[p.Ref] != nil {
		return fmt.Sprintf("restore it: git checkout %s -- %s", snap.Base.Short(), p.Pos.File)
	}
	return fmt.Sprintf("restore it from the newest good commit that git log -- %s shows", p.Pos.File)
}

// blameHeld names the commit since imgstream's last push that changed a held consumer.
func (r *Reconciler) blameHeld(ctx context.Context, snap gitstore.Snapshot, found []stream.Problem, held []int) error {
	var paths []string
	for _, i := range held {
		if path := found[i].Pos.File; !sameBytes(snap, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	revs, err := r.blame(ctx, snap, slices.Compact(paths))
	if err != nil {
		return err
	}
	for _, i := range held {
		if rev := gitstore.Rev(revs[found[i].Pos.File]); rev != "" {
			found[i].Message += " in " + rev.Short()
		}
	}
	return nil
}

// sameBytes reports whether the last push and the tip have the same file at path.
func sameBytes(snap gitstore.Snapshot, path string) bool {
	if snap.BaseFS == nil {
		return true
	}
	return hashAt(snap.BaseFS, path) == hashAt(snap.FS, path)
}

func hashAt(fsys fs.FS, path string) string {
	info, err := fs.Stat(fsys, path)
	if err != nil {
		return ""
	}
	if h, ok := info.(interface{ Hash() string }); ok {
		return h.Hash()
	}
	return ""
}
