package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// The ways that are compared.
const (
	ours         = "imgstream"
	barePush     = "bare-push"
	shallowClone = "shallow-clone"
	goGit        = "go-git"
)

// opener readies a way for one repository, in which it changes the file at path.
type opener func(ctx context.Context, over transport, repo *gitserver.Repository, path string) (way, error)

func (b *lab) ways() map[string]opener {
	return map[string]opener{ours: b.keptOpen, barePush: b.barePush, shallowClone: b.shallowClone, goGit: b.goGit}
}

// keptOpen is a gitstore.Store that is kept open.
func (b *lab) keptOpen(ctx context.Context, over transport, repo *gitserver.Repository, path string) (way, error) {
	store, err := gitstore.Open(gitstore.Options{URL: over.url(repo), Branch: gitserver.Branch, Credentials: over.credentials})
	if err != nil {
		return nil, err
	}
	snap, err := store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	tip := snap.Rev
	return func(ctx context.Context, text []byte, timed func(func() error) error) error {
		return timed(func() error {
			done, err := store.Commit(ctx, tip, []gitstore.Commit{{Message: "one value", Files: map[string][]byte{path: text}}})
			if err == nil && done.Notice != "" {
				err = errors.New(done.Notice)
			}
			tip = done.Rev
			return err
		})
	}, nil
}

// barePush is git push of a commit that was made before, from a bare clone.
func (b *lab) barePush(ctx context.Context, over transport, repo *gitserver.Repository, path string) (way, error) {
	dir, _ := b.dir("bare-push-" + over.name)
	if err := b.git(ctx, b.root, "clone", "--quiet", "--bare", over.url(repo), dir); err != nil {
		return nil, err
	}
	return func(ctx context.Context, text []byte, timed func(func() error) error) error {
		commit, err := b.prepareCommit(ctx, dir, path, text)
		if err != nil {
			return err
		}
		if err := timed(func() error {
			return b.git(ctx, dir, "push", "--quiet", "origin", commit+":refs/heads/"+gitserver.Branch)
		}); err != nil {
			return err
		}
		return b.git(ctx, dir, "update-ref", "refs/heads/"+gitserver.Branch, commit)
	}, nil
}

// prepareCommit makes the commit of one changed file in a bare clone, without a work tree.
func (b *lab) prepareCommit(ctx context.Context, dir, path string, text []byte) (string, error) {
	if err := write(dir, "new-content", text); err != nil {
		return "", err
	}
	blob, err := b.gitOut(ctx, dir, "hash-object", "-w", "new-content")
	if err != nil {
		return "", err
	}
	if err := b.git(ctx, dir, "read-tree", gitserver.Branch); err != nil {
		return "", err
	}
	if err := b.git(ctx, dir, "update-index", "--cacheinfo", "100644,"+blob+","+path); err != nil {
		return "", err
	}
	tree, err := b.gitOut(ctx, dir, "write-tree")
	if err != nil {
		return "", err
	}
	return b.gitOut(ctx, dir, "commit-tree", "-p", gitserver.Branch, "-m", "one value", tree)
}

// shallowClone is what a script does: a clone of depth 1, a commit, a push.
func (b *lab) shallowClone(_ context.Context, over transport, repo *gitserver.Repository, path string) (way, error) {
	return func(ctx context.Context, text []byte, timed func(func() error) error) error {
		dir, remove := b.dir("shallow-clone")
		defer remove()
		return timed(func() error {
			if err := b.git(ctx, b.root, "clone", "--quiet", "--depth=1", over.url(repo), dir); err != nil {
				return err
			}
			if err := write(dir, path, text); err != nil {
				return err
			}
			if err := b.git(ctx, dir, "commit", "--quiet", "-m", "one value", "--", path); err != nil {
				return err
			}
			return b.git(ctx, dir, "push", "--quiet")
		})
	}, nil
}

// goGit is what other controllers do for each change: a clone of depth 1 into a
// folder, a work tree, a commit, a push, all by go-git.
func (b *lab) goGit(_ context.Context, over transport, repo *gitserver.Repository, path string) (way, error) {
	return func(ctx context.Context, text []byte, timed func(func() error) error) error {
		dir, remove := b.dir("go-git")
		defer remove()
		return timed(func() error {
			clone, err := git.PlainCloneContext(ctx, dir, false, &git.CloneOptions{
				URL: over.url(repo), Auth: over.auth, Depth: 1, SingleBranch: true,
				ReferenceName: plumbing.NewBranchReferenceName(gitserver.Branch),
			})
			if err != nil {
				return err
			}
			if err := write(dir, path, text); err != nil {
				return err
			}
			tree, err := clone.Worktree()
			if err != nil {
				return err
			}
			if _, err := tree.Add(path); err != nil {
				return err
			}
			who := &object.Signature{Name: "Ada", Email: "ada@example.com", When: time.Now()}
			if _, err := tree.Commit("one value", &git.CommitOptions{Author: who}); err != nil {
				return err
			}
			return clone.PushContext(ctx, &git.PushOptions{Auth: over.auth})
		})
	}, nil
}

func (b *lab) git(ctx context.Context, dir string, args ...string) error {
	_, err := b.gitOut(ctx, dir, args...)
	return err
}

// gitOut runs git without the user's configuration.
func (b *lab) gitOut(ctx context.Context, dir string, args ...string) (string, error) {
	if err := os.MkdirAll(filepath.Join(b.root, "work"), 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, append(gitserver.Env(b.root), "GIT_SSH_COMMAND="+b.ssh.Command())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
