package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newRollback(a *app) *cobra.Command {
	r := &rollback{speccing: speccing{app: a}}
	cmd := &cobra.Command{
		Use:   "rollback [NAMESPACE/]NAME:TAG",
		Short: "Take a tag back to an earlier image, and keep it there",
		Long: `Makes an earlier image of a tag's history the current one, after looking whether the
registry still has it. The image that is left is rejected: the registry may go on
serving it, and the next different one is imported again.

Without --to it is the newest earlier image that was not rejected itself. --to takes
-N, the N-th item behind the newest, or a digest of the history, of which a beginning
that no other has is enough; imgstream history shows what there was.

It changes the status of the tag in the work tree and says how to commit that; with
--repo it pushes a commit of the git user's to a remote branch. The next pass writes the
consumers, and the commit into the rejection; --resolve runs it at once.

With --pin it changes the spec and not the status: the tag names the image, follows
nothing any more, and nothing is rejected.`,
		Example: `  imgstream rollback keycloak:25.0 -n sso
  imgstream rollback sso/keycloak:25.0 --to -2
  imgstream rollback sso/keycloak:25.0 --to -2 --pin
  imgstream rollback sso/keycloak:25.0 --to 1f0c6a --repo https://git.example.com/apps.git --branch main`,
		Args:              oneTag,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
		ValidArgsFunction: r.completeTag,
	}
	cmd.Flags().StringVar(&r.to, "to", "", "the `image` to go back to: -N, or a digest or its beginning (default: the newest that was not rejected)")
	_ = cmd.RegisterFlagCompletionFunc("to", r.completeTo)
	cmd.Flags().BoolVar(&r.pin, "pin", false, "write the image into the spec, which then follows nothing; nothing is rejected")
	r.resolveFlag(cmd)
	r.specFlags(cmd)
	return cmd
}

// oneTag is the argument of the verbs about one tag.
func oneTag(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("name one tag: %s [NAMESPACE/]NAME:TAG", cmd.CommandPath())
	}
	return nil
}

// rollback is one run of the verb.
type rollback struct {
	speccing
	to        string
	pin       bool
	resolver  *registries
	confirmed string // the image that is known to be there still
}

func (r *rollback) run(ctx context.Context, arg string) error {
	ref, err := stream.ParseTagRef(arg, r.namespace)
	if err != nil {
		return usagef("%v", err)
	}
	cfg, err := r.load(r.app)
	if err != nil {
		return err
	}
	if r.resolver, err = newRegistries(cfg, nil); err != nil {
		return err
	}
	return r.apply(ctx, nil, func(f files) (change, error) { return r.compute(ctx, f, ref) }) // nothing is asked for: what is newer must not come now
}

func (r *rollback) compute(ctx context.Context, f files, ref stream.Ref) (change, error) {
	view, err := readView(f)
	if err != nil {
		return change{}, err
	}
	back, err := plan.NewRollback(view, r.resolver.operator(), ref, r.to)
	if err != nil && !hasTag(view.Tree, ref) {
		return change{}, fmt.Errorf("%w%s", err, after("\n", view.Tree.Names().Similar(ref)))
	}
	if err != nil {
		return change{}, fmt.Errorf("%w\nimgstream history %s:%s -n %s shows what the tag had", err, ref.Name, ref.Tag, ref.Namespace)
	}
	if err := r.exists(ctx, back); err != nil {
		return change{}, err
	}
	if r.pin {
		return r.pinned(f, view.Tree, back)
	}
	return change{
		files:   map[string][]byte{back.Path: back.Status(r.now()).Encode()},
		message: fmt.Sprintf("roll %s back to %s\n\n%s is rejected: it is not imported again.", ref, back.To.Image, back.Left.Image),
		out: fmt.Sprintf("%s rolled back to %s\n%s is rejected: it is not imported again, the next different one is\n",
			object(ref), back.To.DockerImageReference, back.Left.Image),
	}, nil
}

// pinned makes the spec name the image: the tag stays there until somebody changes that.
func (r *rollback) pinned(f files, tree *stream.Tree, back *plan.Rollback) (change, error) {
	of := tree.Stream(back.Ref.Namespace, back.Ref.Name)
	if of == nil || of.Tag(back.Ref.Tag) == nil {
		return change{}, fmt.Errorf("no spec has %s: there is nothing to pin", back.Ref)
	}
	want := *of.Tag(back.Ref.Tag)
	want.From = &stream.From{Kind: stream.KindImageStreamImage, Name: back.Ref.Name + "@" + back.To.Image}
	want.Scheduled = nil // a digest does not move
	specs := edit.Of(f, tree)
	if err := specs.SetTag(back.Ref, want); err != nil {
		return change{}, err
	}
	return change{
		files: specs.Files(), message: fmt.Sprintf("pin %s to %s", back.Ref, back.To.Image),
		out: fmt.Sprintf("%s pinned to %s\n", object(back.Ref), back.To.DockerImageReference),
	}, nil
}

// exists refuses to go back to an image that the registry no longer has. A registry
// that cannot be asked stops nobody: going back is urgent.
func (r *rollback) exists(ctx context.Context, back *plan.Rollback) error {
	pull := back.To.DockerImageReference
	if r.confirmed == pull {
		return nil
	}
	p := newProgress(r.stderr)
	p.step("asking for " + pull)
	answer := r.resolver.Resolve(ctx, back.Question)
	p.done()
	switch f := answer.Failure; {
	case ctx.Err() != nil:
		return ctx.Err()
	case f == nil:
	case f.Reason == "":
		fmt.Fprintf(r.stderr, "warning: nobody knows whether %s is still there: %s\n", pull, f.Message)
	default:
		return fmt.Errorf("%s does not go back to %s: %s\nname another image with --to", back.Ref, pull, f.Message)
	}
	r.confirmed = pull
	return nil
}

// completeTag offers the tags that have a status.
func (s *speccing) completeTag(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return s.browse().completeTag(cmd, args, toComplete)
}

// completeTo offers the earlier digests of the tag.
func (r *rollback) completeTo(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	tree := r.browse().workTree(cmd.Context())
	if tree == nil || len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var digests []cobra.Completion
	if ref, err := stream.ParseTagRef(args[0], r.namespace); err == nil && tree.Status[ref].Head() != nil {
		for _, item := range tree.Status[ref].Items[1:] {
			digests = append(digests, cobra.CompletionWithDesc(item.Image, item.Created+" "+item.From))
		}
	}
	return digests, cobra.ShellCompDirectiveNoFileComp
}
