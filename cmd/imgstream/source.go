package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// source is where the verbs that only read look: the work tree, or with --repo a
// remote branch.
type source struct {
	target
	reads bool // the verb reads --config for more than the way to a remote branch
	past  bool // the verb asks for imgstream's last push, too
}

// flags adds what names a remote branch.
func (s *source) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.repo, "repo", "", "read a branch of the repository at this `URL` or path, not the work tree")
	f.StringVar(&s.branch, "branch", "", "branch of the repository (with --repo)")
	f.StringVar(&s.configFile, "config", "", "the operator's configuration `file` (kind: Config; with --repo)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// files is a repository as it is read.
type files struct {
	fs.FS
	name string // how messages call it
	root string // directory of the work tree; "" for a branch
	base fs.FS  // imgstream's last push; nil where there is none, or nobody asked
}

// open gives the files; close them when they are no longer read.
func (s *source) open(ctx context.Context, a *app) (f files, closeFiles func(), err error) {
	switch {
	case s.repo != "":
		f, err = s.openBranch(ctx, a)
		return f, func() {}, err
	case s.branch != "":
		return files{}, nil, usagef("--branch needs --repo: without it the work tree is read")
	case s.configFile != "" && !s.reads:
		return files{}, nil, usagef("--config needs --repo: without it the work tree is read")
	}
	if !s.past {
		return openWorkTree(ctx, a.workDir())
	}
	cfg, err := s.load(a)
	if err != nil {
		return files{}, nil, err
	}
	return openWorkTreeSince(ctx, a.workDir(), gitstore.Identity{Name: cfg.Git.Committer.Name, Email: cfg.Git.Committer.Email})
}

func (s *source) openBranch(ctx context.Context, a *app) (files, error) {
	cfg, err := s.load(a)
	if err != nil {
		return files{}, err
	}
	store, err := s.target.open(a, cfg)
	if err != nil {
		return files{}, err
	}
	snap, err := store.Snapshot(ctx)
	f := files{FS: snap.FS, name: s.branch + " of " + gitstore.Redact(s.repo)}
	if snap.BaseFS != nil {
		f.base = snap.BaseFS
	}
	return f, err
}

func openWorkTree(ctx context.Context, dir string) (files, func(), error) {
	tree, err := gitstore.OpenWorkTree(dir)
	if err != nil {
		return files{}, nil, err
	}
	return readWorkTree(ctx, tree)
}

// openWorkTreeSince also looks for the newest commit of the committer below HEAD. What
// cannot be read of the history is as if it were not there.
func openWorkTreeSince(ctx context.Context, dir string, committer gitstore.Identity) (files, func(), error) {
	tree, err := gitstore.OpenWorkTree(dir)
	if err != nil {
		return files{}, nil, err
	}
	_ = tree.FindBase(ctx, committer)
	return readWorkTree(ctx, tree)
}

func readWorkTree(ctx context.Context, tree *gitstore.WorkTree) (files, func(), error) {
	closeTree := func() { _ = tree.Close() }
	snap, err := tree.Snapshot(ctx)
	if err != nil {
		closeTree()
		return files{}, nil, err
	}
	f := files{FS: snap.FS, name: tree.Dir(), root: tree.Dir()}
	if snap.BaseFS != nil {
		f.base = snap.BaseFS
	}
	return f, closeTree, nil
}

// readTree reads what the files say about image streams.
func readTree(f files) (*stream.Tree, error) {
	view, err := readView(f)
	if err != nil {
		return nil, err
	}
	return view.Tree, nil
}

// readView reads what the files say, consumers and all.
func readView(f files) (*plan.View, error) {
	s, err := survey.Read(f.FS)
	if _, invalid := errors.AsType[*survey.SettingsError](err); invalid {
		return nil, fmt.Errorf("the settings are not valid:\n%w", err)
	}
	if err != nil {
		return nil, err
	}
	return &s.View, nil
}

// find gives the path in the repository of a path of the command line, which must
// exist. In a branch, paths count from its root.
func (f files) find(a *app, arg string) (string, error) {
	name := path.Clean(filepath.ToSlash(arg))
	if f.root != "" {
		abs, err := filepath.Abs(a.resolve(arg))
		if err != nil {
			return "", err
		}
		rel, err := filepath.Rel(f.root, abs)
		if err != nil {
			return "", err
		}
		name = filepath.ToSlash(rel)
	}
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", fmt.Errorf("%s does not lie in %s", arg, f.name)
	}
	switch _, err := fs.Stat(f.FS, name); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: not found in %s", arg, f.name)
	case err != nil:
		return "", err
	}
	return name, nil
}

// problemsOf are those of a tree. Where a status file is to be restored they say how,
// without naming the commit: its history is not read here.
func problemsOf(tree *stream.Tree) []stream.Problem {
	return withRestoreHints(slices.Clone(tree.Problems), tree)
}

func withRestoreHints(problems []stream.Problem, tree *stream.Tree) []stream.Problem {
	for i := range problems {
		p := &problems[i]
		if broken, ok := tree.Broken[p.Ref]; ok && broken == *p && p.Hint == "" {
			p.Hint = fmt.Sprintf("restore it from the newest good commit that git log -- %s shows", p.Pos.File)
		}
	}
	return problems
}
