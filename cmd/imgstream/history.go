package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

func newHistory(a *app) *cobra.Command {
	h := history{browse: browse{app: a}}
	cmd := &cobra.Command{
		Use:   "history [NAMESPACE/]NAME:TAG",
		Short: "Show every digest that a tag ever had",
		Long: `Shows every digest that a tag ever had, newest first, from the git log alone: what
its status file no longer keeps is there too. WHEN is the date of the commit that
brought the digest to the branch, CAUSE why the tag got it: import, follow, tag,
rollback, promotion, adopt or push; revert where a commit took a digest back, and
delete where the status file went ("-" is no digest).

It reads the commits below HEAD of the clone it runs in; if that is shallow, the
branch it follows. With --repo it reads a remote branch, of which it fetches the
commits and what it needs of them, where the server can send that alone.`,
		Example: `  imgstream history keycloak:25.0 -n sso
  imgstream history sso/keycloak:25.0 -o json
  imgstream history sso/keycloak:25.0 --repo https://git.example.com/apps.git --branch main`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one tag: imgstream history [NAMESPACE/]NAME:TAG")
			}
			return nil
		},
		RunE:              h.run,
		ValidArgsFunction: h.completeTag,
	}
	f := cmd.Flags()
	f.StringVarP(&h.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` of a tag that names none")
	f.StringVarP(&h.output, "output", "o", "", "output `format`: json (default: a table)")
	f.StringVar(&h.repo, "repo", "", "read a branch of the repository at this `URL` or path, not the clone")
	f.StringVar(&h.branch, "branch", "", "branch of the repository (with --repo)")
	f.StringVar(&h.configFile, "config", "", "the operator's configuration `file` (kind: Config), for what is fetched")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("namespace", h.completeNamespace)
	return cmd
}

// history is one run of the verb.
type history struct {
	browse
	output string
}

func (h *history) run(cmd *cobra.Command, args []string) error {
	tag, err := stream.ParseTagRef(args[0], h.namespace)
	switch {
	case err != nil:
		return usagef("%v", err)
	case h.output != "" && h.output != "json":
		return usagef("unknown output format %q: write json", h.output)
	case h.branch != "" && h.repo == "":
		return usagef("--branch needs --repo: without it the clone is read")
	}
	p := newProgress(h.stderr)
	found, err := h.find(cmd.Context(), tag, p)
	p.done()
	if err != nil {
		return explain(err)
	}
	for _, notice := range found.notices {
		fmt.Fprintf(h.stderr, "notice: %s\n", notice)
	}
	if len(found.Moves) == 0 {
		return fmt.Errorf("%s never had an image in %s", tag, found.where)
	}
	text := found.Table(h.now())
	if h.output == "json" {
		if text, err = describe.JSON(found.History); err != nil {
			return err
		}
	}
	_, err = io.WriteString(h.stdout, text)
	return err
}

// found is the history of a tag, and where it is from.
type found struct {
	describe.History
	where   string
	notices []string
}

// find reads the clone, or the remote branch where that is asked for or the clone has
// only a part of the history.
func (h *history) find(ctx context.Context, tag stream.Ref, p *progress) (found, error) {
	if h.repo != "" {
		return h.remoteHistory(ctx, h.app, tag, p)
	}
	got, err := h.local(ctx, tag, p)
	if !errors.Is(err, gitstore.ErrShallow) {
		return got, err
	}
	upstream := target{configFile: h.configFile}
	got, remoteErr := upstream.remoteHistory(ctx, h.app, tag, p)
	if remoteErr != nil {
		return found{}, fmt.Errorf("%w\nits remote was asked instead: %w\ngit fetch --unshallow completes a shallow clone", err, remoteErr)
	}
	got.notices = append(got.notices, fmt.Sprintf("the clone does not hold its whole history: this is that of %s", got.where))
	return got, nil
}

func (h *history) local(ctx context.Context, tag stream.Ref, p *progress) (found, error) {
	tree, err := gitstore.OpenWorkTree(h.workDir())
	if err != nil {
		return found{}, err
	}
	defer func() { _ = tree.Close() }()
	log, err := tree.Log(p.step)
	if errors.Is(err, gitstore.ErrNoClone) {
		return found{}, fmt.Errorf("%w: run in a clone, or name the repository with --repo and --branch", err)
	}
	if err != nil {
		return found{}, err
	}
	defer func() { _ = log.Close() }()
	return historyIn(ctx, log, tag)
}

func (t *target) remoteHistory(ctx context.Context, a *app, tag stream.Ref, p *progress) (found, error) {
	cfg, err := t.load(a)
	if err != nil {
		return found{}, err
	}
	store, err := t.open(a, cfg)
	if err != nil {
		return found{}, err
	}
	log, err := store.Log(ctx, p.step)
	if err != nil {
		return found{}, err
	}
	defer func() { _ = log.Close() }()
	return historyIn(ctx, log, tag)
}

// historyIn reads the versions of the tag's status file, which lies where the newest
// settings say.
func historyIn(ctx context.Context, log *gitstore.Log, tag stream.Ref) (found, error) {
	dir, err := statusDirectory(ctx, log)
	if err != nil {
		return found{}, err
	}
	file := stream.StatusPath(dir, tag)
	commits, err := log.Versions(ctx, file)
	if err != nil {
		return found{}, err
	}
	if len(commits) == 0 {
		similar, err := similarTags(ctx, log, dir, tag)
		if err != nil {
			return found{}, err
		}
		return found{}, fmt.Errorf("%s has no history: no commit of %s has %s%s", tag, log, file, similar)
	}
	versions := make([]describe.Version, len(commits))
	for i, c := range commits {
		versions[i] = describe.Version{
			Commit: string(c.Rev), When: c.When, Author: describe.Author(c.Author), Message: c.Message, Status: c.Data,
		}
	}
	got := found{where: log.String()}
	got.History, got.notices = describe.HistoryOf(tag, versions)
	return got, nil
}

func statusDirectory(ctx context.Context, log *gitstore.Log) (string, error) {
	src, err := log.ReadFile(ctx, stream.SettingsPath)
	if errors.Is(err, fs.ErrNotExist) {
		return stream.DefaultSettings().Streams.StatusDirectory, nil
	}
	if err != nil {
		return "", err
	}
	settings, problems := stream.ParseSettings(src)
	for i := range problems {
		problems[i].Pos.File = stream.SettingsPath
	}
	if slices.ContainsFunc(problems, func(p stream.Problem) bool { return p.Severity == stream.Error }) {
		invalid := survey.SettingsError{Problems: problems}
		return "", fmt.Errorf("the settings at %s are not valid:\n%s", log.Rev().Short(), invalid.Error())
	}
	return settings.Streams.StatusDirectory, nil
}

// similarTags is the end of a message that a tag has no history: what has one.
func similarTags(ctx context.Context, log *gitstore.Log, dir string, tag stream.Ref) (string, error) {
	files, err := log.Files(ctx, dir)
	if err != nil {
		return "", err
	}
	var all []stream.Ref
	for _, file := range files {
		if ref, ok := stream.ParseStatusPath(dir, file); ok {
			all = append(all, ref)
		}
	}
	return after("; ", stream.NewNames(all).Similar(tag)), nil
}
