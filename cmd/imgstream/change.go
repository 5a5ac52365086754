package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
)

// workplace is where a verb that changes files works: the git work tree around the
// working directory, or with --repo a remote branch. A verb embeds it, adds its flags,
// and hands change the function that computes what is to be different.
type workplace struct {
	target
	pullRequest bool
	dry         bool         // compute and print, and change nothing
	after       func(change) // where set, gets what was written into the work tree instead of telling it
}

// change is what a verb wants to be different.
type change struct {
	files   map[string][]byte // whole new bytes by path; nil deletes; those that stand there already are left alone
	message string            // of the commit: what a person would write
	out     string            // what the verb prints when it is done
}

// flags adds what names a remote branch.
func (w *workplace) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.repo, "repo", "", "change a branch of the repository at this `URL` or path, not the work tree")
	f.StringVar(&w.branch, "branch", "", "branch of the repository (with --repo)")
	f.StringVar(&w.configFile, "config", "", "the operator's configuration `file` (kind: Config): credentials, mirrors")
	f.BoolVar(&w.pullRequest, "pull-request", false, "propose the change by a pull request")
	_ = f.MarkHidden("pull-request")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// check refuses flags that do not go together.
func (w *workplace) check() error {
	switch {
	case w.pullRequest:
		return usagef("--pull-request: imgstream opens no pull requests yet: change the work tree on a branch of its own, push that and open one")
	case w.branch != "" && w.repo == "":
		return usagef("--branch needs --repo: without it the work tree is changed")
	}
	return nil
}

// change reads the tree, has compute say what is to be different, and makes it so: it
// writes the work tree and says how to commit that, or it pushes one commit of the git
// user's to the branch. compute only decides: it is called again when the branch moved
// meanwhile. It gives whether anything is different now.
func (w *workplace) change(ctx context.Context, a *app, compute func(files) (change, error)) (bool, error) {
	if err := w.check(); err != nil {
		return false, err
	}
	if w.repo != "" {
		return w.changeBranch(ctx, a, compute)
	}
	return w.changeWorkTree(ctx, a, compute)
}

func (w *workplace) changeWorkTree(ctx context.Context, a *app, compute func(files) (change, error)) (bool, error) {
	tree, err := gitstore.OpenWorkTree(a.workDir())
	if err != nil {
		return false, err
	}
	defer func() { _ = tree.Close() }()
	snap, err := tree.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	c, err := compute(files{FS: snap.FS, name: tree.Dir(), root: tree.Dir()})
	if err != nil {
		return false, err
	}
	if w.dry {
		fmt.Fprint(a.stdout, c.out)
		return false, nil
	}
	if err := c.reduce(snap.FS); err != nil {
		return false, err
	}
	if len(c.files) > 0 {
		_, err = tree.Commit(ctx, "", []gitstore.Commit{{Message: c.message, Files: c.files}})
		if errors.Is(err, gitstore.ErrConflict) {
			err = fmt.Errorf("%w; somebody else writes there: run it again", err)
		}
		if err != nil {
			return false, err
		}
	}
	fmt.Fprint(a.stdout, c.out)
	if w.after != nil {
		w.after(c)
	} else {
		a.sayChanged(tree, c)
	}
	return len(c.files) > 0, nil
}

// maxChanges bounds how often a change is computed again because the branch moved.
const maxChanges = 8

func (w *workplace) changeBranch(ctx context.Context, a *app, compute func(files) (change, error)) (bool, error) {
	store, err := w.openAsPerson(a)
	if err != nil {
		return false, err
	}
	for attempt := 1; ; attempt++ {
		snap, err := store.Snapshot(ctx)
		if err != nil {
			return false, explain(err)
		}
		c, err := compute(files{FS: snap.FS, name: w.where()})
		if err == nil && w.dry {
			fmt.Fprint(a.stdout, c.out)
			return false, nil
		}
		if err == nil {
			err = c.reduce(snap.FS)
		}
		if err != nil {
			return false, err
		}
		done, err := store.Commit(ctx, snap.Rev, []gitstore.Commit{{Message: c.message, Files: c.files}})
		if errors.Is(err, gitstore.ErrConflict) && attempt < maxChanges && wait(ctx, attempt) {
			continue
		}
		if err != nil {
			return false, explain(err)
		}
		fmt.Fprint(a.stdout, c.out)
		w.sayPushed(a, snap.Rev, done)
		return done.Rev != snap.Rev, nil
	}
}

// wait lets other writers of the branch come first; it gives whether to go on.
func wait(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(time.Duration(attempt) * 50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// where is how messages call the branch.
func (w *workplace) where() string { return w.branch + " of " + gitstore.Redact(w.repo) }

// openAsPerson gives the branch, to be changed by the git user: a verb is a person's
// change, and imgstream's next pass must see it as one (semantics.md 6).
func (w *workplace) openAsPerson(a *app) (*gitstore.Store, error) {
	cfg, err := w.load(a)
	if err != nil {
		return nil, err
	}
	if err := w.complete(a); err != nil {
		return nil, err
	}
	person, err := gitstore.User(a.workDir())
	if err != nil {
		return nil, err
	}
	opts, err := storeOptions(a, cfg.Git, w.repo, w.branch)
	if err != nil {
		return nil, err
	}
	opts.Person = person
	return gitstore.Open(opts)
}

// reduce leaves out the files that are as they should be.
func (c *change) reduce(fsys fs.FS) error {
	for name, want := range c.files {
		is, err := fs.ReadFile(fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			is = nil
		case err != nil:
			return err
		}
		if (is == nil) == (want == nil) && bytes.Equal(is, want) {
			delete(c.files, name)
		}
	}
	return nil
}

func (w *workplace) sayPushed(a *app, base gitstore.Rev, done gitstore.Published) {
	if done.Rev == base {
		fmt.Fprintf(a.stderr, "nothing to change in %s at %s\n", w.where(), base.Short())
		return
	}
	fmt.Fprintf(a.stderr, "pushed 1 commit to %s: %s..%s\n", w.branch, base.Short(), done.Rev.Short())
}

// sayChanged tells what is different in the work tree, and how to commit it.
func (a *app) sayChanged(tree *gitstore.WorkTree, c change) {
	root := tree.Dir()
	if len(c.files) == 0 {
		fmt.Fprintf(a.stderr, "nothing to change in %s\n", root)
		return
	}
	names := slices.Sorted(maps.Keys(c.files))
	add, differs, err := tree.ToCommit(names)
	switch {
	case errors.Is(err, gitstore.ErrNoClone):
		fmt.Fprintf(a.stderr, "changed in %s: %s\n", root, strings.Join(names, " "))
	case err != nil: // a clone that only git itself can read
		a.sayCommit(root, names, c.message)
	case differs:
		a.sayCommit(root, add, c.message)
	case len(add) > 0:
		fmt.Fprintf(a.stderr, "nothing to commit: the last commit has the same. To take back what is staged: %s\n", a.gitAdd(root, ownFolders(add)))
	default:
		fmt.Fprintln(a.stderr, "nothing to commit: the last commit has the same")
	}
}

// mostNames is how many paths are named in a command: nobody reads more.
const mostNames = 20

func (a *app) sayCommit(root string, names []string, message string) {
	subject, _, _ := strings.Cut(message, "\n")
	names = ownFolders(names)
	if len(names) > mostNames {
		fmt.Fprintf(a.stderr, "%d files and folders are changed or new; see git status for others of yours\n", len(names))
	}
	command := a.git() + " commit -m " + shellQuote(subject)
	if len(names) > 0 { // else all is staged
		command = a.gitAdd(root, names) + " && " + command
	}
	fmt.Fprintln(a.stderr, "to commit it:", command)
}

// git is the command as it is to be typed where the verb runs.
func (a *app) git() string {
	if a.dir == "" {
		return "git"
	}
	return "git -C " + shellQuote(a.dir)
}

// gitAdd is the command that stages files and folders.
func (a *app) gitAdd(root string, names []string) string {
	if len(names) > mostNames {
		return a.git() + " add -A"
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = shellQuote(a.fromHere(filepath.Join(root, filepath.FromSlash(name))))
	}
	return a.git() + " add -- " + strings.Join(quoted, " ")
}

// fromHere gives a path as seen from where the verb works.
func (a *app) fromHere(path string) string {
	here, err := filepath.Abs(a.workDir())
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	if err != nil {
		return path
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		return path
	}
	return rel
}

// shellQuote writes a word for a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ownFolders gives the folders that are imgstream's alone for the files in them, where a
// command would else name very many.
func ownFolders(names []string) []string {
	if len(names) <= 10 {
		return names
	}
	short := slices.Clone(names)
	for i, name := range short {
		for _, own := range []string{"imagestreams/status", "imagestreams/images"} {
			if strings.HasPrefix(name, own+"/") {
				short[i] = own
			}
		}
	}
	return slices.Compact(short) // they are sorted
}
