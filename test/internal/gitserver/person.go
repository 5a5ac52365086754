package gitserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrConflict is a revert that does not apply to what is there now.
var ErrConflict = errors.New("the revert does not apply")

// Tip is the commit that the branch is at.
func (r *Repository) Tip(ctx context.Context) (string, error) {
	out, err := r.Git(ctx, "rev-parse", "refs/heads/"+Branch)
	return strings.TrimSpace(out), err
}

// File reads a file of a commit.
func (r *Repository) File(ctx context.Context, rev, path string) (string, error) {
	return r.Git(ctx, "show", rev+":"+path)
}

// Push is a person's push while others push too: edit makes files of what the tip holds,
// again each time that another push was faster. Push gives the commit that landed.
func (r *Repository) Push(ctx context.Context, message string, edit func(tip string) (map[string]string, error)) (string, error) {
	return r.race(ctx, func(tip string) (string, error) {
		files, err := edit(tip)
		if err != nil {
			return "", err
		}
		return r.commitOn(ctx, tip, message, files)
	})
}

// Revert does what git revert does to a commit (one line of context has to be the same), and pushes it. It gives the commit that
// landed, or ErrConflict.
func (r *Repository) Revert(ctx context.Context, commit string) (string, error) {
	patch, err := r.Git(ctx, "diff-tree", "-p", "-U1", "--binary", "--full-index", commit, commit+"^")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(r.home, "index-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env := append(Env(r.home), "GIT_INDEX_FILE="+filepath.Join(dir, "index"))
	return r.race(ctx, func(tip string) (string, error) {
		if _, err := runIn(ctx, r.Dir, env, nil, "read-tree", tip); err != nil {
			return "", err
		}
		if _, err := runIn(ctx, r.Dir, env, strings.NewReader(patch), "apply", "--cached", "-"); err != nil {
			return "", fmt.Errorf("%w: %w", ErrConflict, err)
		}
		tree, err := runIn(ctx, r.Dir, env, nil, "write-tree")
		if err != nil {
			return "", err
		}
		made, err := r.Git(ctx, "commit-tree", "-p", tip, "-m", "Revert "+commit, strings.TrimSpace(tree))
		if err != nil {
			return "", err
		}
		made = strings.TrimSpace(made)
		_, err = r.Git(ctx, "update-ref", "refs/heads/"+Branch, made, tip)
		return made, err
	})
}

// race tries a push until it lands, or fails although nobody else was faster.
func (r *Repository) race(ctx context.Context, push func(tip string) (string, error)) (string, error) {
	for {
		tip, err := r.Tip(ctx)
		if err != nil {
			return "", err
		}
		made, err := push(tip)
		if err == nil {
			return made, nil
		}
		if now, lookErr := r.Tip(ctx); lookErr != nil || now == tip {
			return "", err
		}
	}
}
