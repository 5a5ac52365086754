package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newExplain(a *app) *cobra.Command {
	e := explanation{history{browse: browse{app: a, source: source{reads: true, past: true}}}}
	cmd := &cobra.Command{
		Use:   "explain ([NAMESPACE/]NAME:TAG | FILE:LINE)",
		Short: "Tell why a tag, or what follows it, is where it is, and what would move it",
		Long: `Tells why a tag is at the digest it has (where it came from, why, by which commit), what
would move it (its source, schedule, the tag it follows) or keeps it (pauses,
rejections, conditions, problems), and which consumers and tags use it.

Of a line of a file it tells which image stands on it or around it, which tag that
follows and why (what says so, and where the namespace comes from), what it shows, where
it stands, and what would change that; then the same of the tag, in short. Of a short name
in a manifest it tells which kustomizations deploy it and carry its entry; of an image that
follows nothing, what could be written; of a line of a spec, its tag.

Of a tag with a policy it asks the registry for the repository's tags, and prints the
order of all of them with the reason for each; no other tag costs a question. It reads
the work tree, or with --repo a remote branch.`,
		Example: `  imgstream explain keycloak:25.0 -n sso
  imgstream explain sso/keycloak:stable -o json
  imgstream explain apps/prod/kustomization.yaml:12
  imgstream explain sso/keycloak:stable --repo https://git.example.com/apps.git --branch main`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one tag or line: imgstream explain [NAMESPACE/]NAME:TAG, or FILE:LINE")
			}
			return nil
		},
		RunE:              e.run,
		ValidArgsFunction: e.completeTagOrFile,
	}
	f := cmd.Flags()
	f.StringVarP(&e.namespace, "namespace", "n", stream.DefaultNamespace, "the `namespace` of a tag that names none")
	f.StringVarP(&e.output, "output", "o", "", "output `format`: json (default: text)")
	e.flags(cmd)
	f.Lookup("config").Usage = "the operator's configuration `file` (kind: Config), for what is asked"
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("namespace", e.completeNamespace)
	return cmd
}

// explanation is one run of the verb.
type explanation struct{ history }

var fileLine = regexp.MustCompile(`^(.*):([0-9]+)$`)

func (e *explanation) run(cmd *cobra.Command, args []string) error {
	if e.output != "" && e.output != "json" {
		return usagef("unknown output format %q: write json", e.output)
	}
	f, closeFiles, err := e.open(cmd.Context(), e.app)
	if err != nil {
		return err
	}
	defer closeFiles()
	cfg, err := e.load(e.app)
	if err != nil {
		return err
	}
	at, isLine, err := e.line(f, args[0])
	if err != nil {
		return err
	}
	if isLine {
		return e.explainLine(cmd.Context(), f, cfg, at)
	}
	ref, err := stream.ParseTagRef(args[0], e.namespace)
	if err != nil {
		return usagef("%v", err)
	}
	return e.explainTag(cmd.Context(), f, cfg, ref)
}

func (e *explanation) explainTag(ctx context.Context, f files, cfg config.Config, ref stream.Ref) error {
	found, err := e.explain(ctx, f, cfg, ref)
	if err != nil {
		return err
	}
	x := e.words(ctx, cfg, found)
	if err := e.print(x, x.Text(e.now())); err != nil {
		return err
	}
	if found.Failure != nil {
		return &codeError{code: exitPartly}
	}
	return nil
}

// words are those for a tag.
func (e *explanation) words(ctx context.Context, cfg config.Config, found *plan.Explained) describe.Explanation {
	return describe.Explain(found, e.commit(ctx, found), nextDue(found, cfg, e.now()))
}

// print writes a text, or with -o json the document.
func (e *explanation) print(document any, text string) (err error) {
	if e.output == "json" {
		if text, err = describe.JSON(document); err != nil {
			return err
		}
	}
	_, err = io.WriteString(e.stdout, text)
	return err
}

// completeTagOrFile offers the tags, with a status or without, and files.
func (e *explanation) completeTagOrFile(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.tagNames(cmd.Context(), toComplete, true), cobra.ShellCompDirectiveDefault
}

// line reads FILE:LINE. It can look like the name of a tag: where there is such a file,
// that is what is meant.
func (e *explanation) line(f files, arg string) (at stream.Pos, ok bool, err error) {
	m := fileLine.FindStringSubmatch(arg)
	if m == nil {
		return at, false, nil
	}
	name, err := f.find(e.app, m[1])
	if err == nil {
		if info, err := fs.Stat(f.FS, name); err == nil && !info.IsDir() {
			at.File = name
			at.Line, err = strconv.Atoi(m[2])
			return at, err == nil, nil
		}
	}
	if _, _, isFile := consumer(arg); isFile && err != nil {
		return at, false, err
	}
	return at, false, nil
}

// explainLine tells of a line of a file; of a spec, of the tag that it belongs to.
func (e *explanation) explainLine(ctx context.Context, f files, cfg config.Config, at stream.Pos) error {
	view, err := readView(f)
	if err != nil {
		return err
	}
	if ref, ok := specAt(view.Tree, at); ok {
		return e.explainTag(ctx, f, cfg, ref)
	}
	present := plan.Look(view, lastPush(f), plan.Operator{LocalRegistry: cfg.LocalRegistry})
	place, err := present.Place(f, at, e.now())
	if err != nil {
		return err
	}
	x := describe.NewPlace(place)
	texts := []string{x.Text()}
	for _, ref := range place.Follows() {
		found, err := present.Explain(ref, plan.Answers{}, e.now(), f)
		if err != nil {
			return err
		}
		if found != nil {
			tag := e.words(ctx, cfg, found)
			x.Tags = append(x.Tags, tag)
			texts = append(texts, tag.Brief(e.now()))
		}
	}
	return e.print(x, strings.Join(texts, "\n"))
}

// specAt is the tag that a line of a spec belongs to.
func specAt(tree *stream.Tree, at stream.Pos) (ref stream.Ref, ok bool) {
	above := 0
	for _, s := range tree.Streams {
		if s.Pos.File != at.File || s.Pos.Line > at.Line || s.Pos.Line < above {
			continue
		}
		ref, ok, above = s.Ref(), false, s.Pos.Line
		for i := range s.Tags {
			if line := s.Tags[i].Pos.Line; line > above && line <= at.Line {
				ref, ok, above = s.TagRef(s.Tags[i].Name), true, line
			}
		}
	}
	return ref, ok
}

// explain reads the repository, and asks registries what a policy rests on.
func (e *explanation) explain(ctx context.Context, f files, cfg config.Config, ref stream.Ref) (*plan.Explained, error) {
	view, err := readView(f)
	if err != nil {
		return nil, err
	}
	resolver, err := newRegistries(cfg, nil)
	if err != nil {
		return nil, err
	}
	present := plan.Look(view, lastPush(f), resolver.operator())
	got := plan.Answers{}
	for questions := present.Rank(ref, got); len(questions) > 0; questions = present.Rank(ref, got) {
		if err := reconciler.Ask(ctx, resolver, questions, got, nil); err != nil {
			return nil, err
		}
	}
	found, err := present.Explain(ref, got, e.now(), f)
	if err == nil && found == nil {
		return nil, fmt.Errorf("%s is not in %s%s", ref, f.name, after("; ", view.Tree.Names().Similar(ref)))
	}
	if err == nil {
		withRestoreHints(found.Problems, view.Tree)
	}
	return found, err
}

// lastPush is what imgstream's last push said; nil where there is none that can be read.
func lastPush(f files) *plan.View {
	if f.base == nil {
		return nil
	}
	view, err := readView(files{FS: f.base})
	if err != nil {
		return nil
	}
	return view
}

// commit is the one that brought the tag's image; "" where the log of the clone does not
// tell it at once.
func (e *explanation) commit(ctx context.Context, found *plan.Explained) string {
	head := found.Status.Head()
	if e.repo != "" || head == nil {
		return ""
	}
	past, err := e.local(ctx, found.Ref, newProgress(io.Discard))
	if err != nil || len(past.Moves) == 0 || past.Moves[0].Digest != head.Image {
		return "" // no clone, a shallow one, or an item that is not committed
	}
	return gitstore.Rev(past.Moves[0].Commit).Short()
}

// nextDue is when a daemon asks for the tag again; zero for never.
func nextDue(found *plan.Explained, cfg config.Config, now time.Time) time.Time {
	if found.Ask.Interval == 0 {
		return time.Time{}
	}
	return daemon.DueAfter(found.Ask.Ref, max(found.Ask.Interval, cfg.MinimumInterval), now)
}
