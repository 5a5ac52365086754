package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newPause(a *app) *cobra.Command {
	h := &hold{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "pause ([NAMESPACE/]NAME[:TAG] | FILE:LINE) --reason WHY",
		Short: "Keep a stream, a tag or a consumer as it is",
		Long: `Writes the reason into the spec of a stream or of one of its tags (annotation
imgstream.dev/paused), or into the marker of the consumer at FILE:LINE ("paused"). An
entry of the annotation image.openshift.io/triggers gets "paused": true, and the commit
the reason. What is paused goes on being checked, and is reported with what it would move to; nothing
moves until imgstream resume.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.`,
		Example: `  imgstream pause keycloak:25.0 -n sso --reason "change freeze until Monday"
  imgstream pause sso/keycloak --reason "audit"
  imgstream pause apps/prod/kustomization.yaml:12 --reason "waits for the database"`,
		Args:              h.oneArgument,
		RunE:              func(cmd *cobra.Command, args []string) error { return h.pause(cmd.Context(), args[0]) },
		ValidArgsFunction: h.completeHold,
	}
	cmd.Flags().StringVar(&h.reason, "reason", "", "`why`, for everybody who wonders; one line")
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions)
	h.resolveFlag(cmd)
	h.specFlags(cmd)
	return cmd
}

func newResume(a *app) *cobra.Command {
	h := &hold{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "resume ([NAMESPACE/]NAME[:TAG] | FILE:LINE)",
		Short: "Let a stream, a tag or a consumer move again",
		Long: `Takes the pause out of the spec of a stream or of one of its tags, and the condition
out of the status of a tag that paused itself because its registry flapped. With
--accept-rejected, what was rejected may be taken again too.

At FILE:LINE it takes the pause out of the marker or trigger of a consumer; one that people changed
by hand gets the value that its tag has, and follows it again.

It changes the work tree and says how to commit that; with --repo it pushes a commit of
the git user's to a remote branch.`,
		Example: `  imgstream resume keycloak:25.0 -n sso
  imgstream resume keycloak:25.0 -n sso --accept-rejected
  imgstream resume apps/prod/kustomization.yaml:12`,
		Args:              h.oneArgument,
		RunE:              func(cmd *cobra.Command, args []string) error { return h.resume(cmd.Context(), args[0]) },
		ValidArgsFunction: h.completeHold,
	}
	h.resolveFlag(cmd)
	cmd.Flags().BoolVar(&h.acceptRejected, "accept-rejected", false, "end the rejections of the tag")
	h.specFlags(cmd)
	return cmd
}

// hold is one run of pause or resume.
type hold struct {
	speccing
	reason         string
	acceptRejected bool
}

func (h *hold) oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("name one stream, tag or consumer: %s [NAMESPACE/]NAME[:TAG], or FILE:LINE", cmd.CommandPath())
	}
	return nil
}

// consumer takes FILE:LINE apart; ok is false for the name of a stream or tag.
func consumer(arg string) (file string, line int, ok bool) {
	i := strings.LastIndexByte(arg, ':')
	if i < 0 || !plan.CanBind(arg[:i]) {
		return "", 0, false
	}
	line, err := strconv.Atoi(arg[i+1:])
	return arg[:i], line, err == nil
}

// named reads the name of a stream or a tag.
func (h *hold) named(arg string) (stream.Ref, error) {
	if _, last := path.Split(arg); !strings.Contains(last, ":") {
		return h.streamRef(arg)
	}
	ref, err := stream.ParseTagRef(arg, h.namespace)
	if err != nil {
		return ref, usagef("%v", err)
	}
	return ref, nil
}

func (h *hold) pause(ctx context.Context, arg string) error {
	switch {
	case strings.TrimSpace(h.reason) == "":
		return usagef("--reason says why, for everybody who wonders: write one")
	case strings.ContainsFunc(h.reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return usagef("--reason is one line of text")
	}
	if file, line, ok := consumer(arg); ok {
		return h.edit(ctx, file, line, "pause", func(_ *plan.View, u *plan.Use, src []byte) ([]byte, error) {
			return u.Pause(src, h.reason)
		})
	}
	ref, err := h.named(arg)
	if err != nil {
		return err
	}
	return h.apply(ctx, []stream.Ref{ref}, func(f files) (change, error) { return h.computePause(f, ref) })
}

func (h *hold) computePause(f files, ref stream.Ref) (change, error) {
	tree, err := readTree(f)
	if err != nil {
		return change{}, err
	}
	specs := edit.Of(f, tree)
	if err := specs.Pause(ref, h.reason); err != nil {
		return change{}, err
	}
	return change{
		files: specs.Files(), message: fmt.Sprintf("pause %s: %s", ref, h.reason),
		out: fmt.Sprintf("%s paused\n", object(ref)),
	}, nil
}

func (h *hold) resume(ctx context.Context, arg string) error {
	file, line, ok := consumer(arg)
	switch {
	case ok && h.acceptRejected:
		return usagef("--accept-rejected is for a tag: what a consumer shows is its tag's business")
	case ok:
		cfg, err := h.load(h.app)
		if err != nil {
			return err
		}
		operator := plan.Operator{LocalRegistry: cfg.LocalRegistry}
		return h.edit(ctx, file, line, "resume", func(view *plan.View, u *plan.Use, src []byte) ([]byte, error) {
			return view.Release(operator, u, src)
		})
	}
	ref, err := h.named(arg)
	if err != nil {
		return err
	}
	return h.apply(ctx, []stream.Ref{ref}, func(f files) (change, error) { return h.computeResume(f, ref) })
}

func (h *hold) computeResume(f files, ref stream.Ref) (change, error) {
	view, err := readView(f)
	if err != nil {
		return change{}, err
	}
	specs := edit.Of(f, view.Tree)
	paused, err := specs.Resume(ref)
	if err != nil {
		return change{}, err
	}
	c := change{files: specs.Files(), message: "resume " + ref.String(), out: object(ref) + " resumed\n"}
	maps.Copy(c.files, view.Resumed(ref, h.acceptRejected))
	switch reason, byStream := h.byStream(view.Tree, ref); {
	case len(c.files) == 0 && byStream:
		return change{}, fmt.Errorf("%s is paused by its stream (%s): imgstream resume %s -n %s", ref, reason, ref.Name, ref.Namespace)
	case len(c.files) == 0:
		return change{}, fmt.Errorf("%s is not paused, %w", ref, plan.ErrNotHeld)
	case !paused && byStream:
		c.out += fmt.Sprintf("its stream is paused (%s): imgstream resume %s -n %s\n", reason, ref.Name, ref.Namespace)
	}
	return c, nil
}

// byStream gives the reason that the stream of a tag is paused for.
func (h *hold) byStream(tree *stream.Tree, ref stream.Ref) (reason string, ok bool) {
	if s := tree.Stream(ref.Namespace, ref.Name); s != nil && ref.Tag != "" {
		reason, ok = s.Annotations[stream.AnnotationPaused]
	}
	return reason, ok
}

// edit changes the file of the consumer at file:line.
func (h *hold) edit(ctx context.Context, file string, line int, verb string, compute func(*plan.View, *plan.Use, []byte) ([]byte, error)) error {
	return h.apply(ctx, nil, func(f files) (change, error) {
		view, err := readView(f)
		if err != nil {
			return change{}, err
		}
		name, err := f.find(h.app, file)
		if err != nil {
			return change{}, err
		}
		u, err := view.UseAt(name, line)
		if err != nil {
			return change{}, err
		}
		src, err := fs.ReadFile(f, name)
		if err != nil {
			return change{}, err
		}
		now, err := compute(view, u, src)
		if err != nil {
			return change{}, err
		}
		message := fmt.Sprintf("%s %s (%s)", verb, name, u.Ref)
		if u.BoundBy() == "trigger" {
			message += after(": ", h.reason) // the annotation has no place for it
		}
		return change{
			files: map[string][]byte{name: now}, message: message,
			out: fmt.Sprintf("%s (%s) %sd\n", u.Pos(), u.Ref, verb),
		}, nil
	})
}

// object is what oc would call a stream or a tag.
func object(ref stream.Ref) string {
	if ref.Tag == "" {
		return imageStream + imageGroup + "/" + ref.Name
	}
	return imageStreamTag + imageGroup + "/" + ref.Name + ":" + ref.Tag
}

// completeHold offers the tags of the work tree, and files.
func (h *hold) completeHold(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, _ := h.completeTag(cmd, args, toComplete)
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveDefault
}
