package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// look asks the registry what the pass after the change would, and gives what becomes of
// the tags; without tags, of all those of the stream's repository.
func (i *importImage) look(ctx context.Context, after overlay, of stream.Ref, refs []stream.Ref) (describe.Imported, error) {
	var found describe.Imported
	operator := i.resolver.operator()
	operator.LocalRegistry = "" // nothing is copied for a look
	p := newProgress(i.stderr)
	r := reconciler.Reconciler{Repo: preview{after}, Resolver: i.resolver, Operator: operator, Now: i.now, Progress: p.step}
	report, err := r.Pass(ctx, reconciler.Request{DryRun: true, Due: func(a plan.Ask) bool {
		return slices.Contains(refs, a.Ref) || len(refs) == 0 && (a.Ref == of || a.Pending && a.Ref.Stream() == of)
	}})
	p.done()
	if err != nil {
		return found, explain(err)
	}
	if len(refs) == 0 {
		if refs, err = listedTags(&found, report, of); err != nil {
			return found, err
		}
	}
	i.warnings = nil
	for _, p := range report.Problems {
		if p.Severity != stream.Error && slices.Contains(refs, p.Ref) {
			i.warnings = append(i.warnings, p)
		}
	}
	all := maps.Clone(after.files)
	for _, c := range report.Changes {
		maps.Copy(all, c.Files)
	}
	at := scene{browse: i.browse(), files: files{FS: overlay{under: after.under, files: all}}}
	if at.tree, err = readTree(at.files); err != nil {
		return found, err
	}
	found.Tree, found.Stream = at.tree, at.tree.Stream(of.Namespace, of.Name)
	for _, ref := range refs {
		one := describe.ImportedTag{Name: ref.Tag, Failure: failureOf(report, ref)}
		if head := at.tree.Status[ref].Head(); head != nil && head.Image != "" {
			one.Contents = at.contents(head.Image)
		}
		found.Tags = append(found.Tags, one)
	}
	return found, nil
}

// listedTags are those that are imported of a whole repository.
func listedTags(found *describe.Imported, report reconciler.Report, of stream.Ref) ([]stream.Ref, error) {
	at := slices.IndexFunc(report.Listed, func(l plan.Listing) bool { return l.Stream == of })
	if at < 0 {
		return nil, fmt.Errorf("the repository of %s was not listed, and nothing is written: %s", of, cmp.Or(failureOf(report, of), "it is paused"))
	}
	l := report.Listed[at]
	if l.Failure != nil {
		return nil, fmt.Errorf("repository %s failed: %s\nnothing was imported into %s, and nothing is written", l.Repository, l.Failure.Message, of)
	}
	found.Repository, found.Beyond = l.Repository, l.Out
	refs := make([]stream.Ref, len(l.In))
	for i, tag := range l.In {
		refs[i] = of.Stream()
		refs[i].Tag = tag
	}
	return refs, nil
}

// failureOf is the error about a tag, or about its whole stream; "" for none.
func failureOf(report reconciler.Report, ref stream.Ref) string {
	for _, p := range report.Problems {
		if p.Severity == stream.Error && (p.Ref == ref || p.Ref == ref.Stream()) {
			return strings.TrimSuffix(p.Message+"; "+p.Hint, "; ")
		}
	}
	return ""
}

// preview is a tree that a pass reads and never writes.
type preview struct{ files overlay }

func (p preview) Snapshot(context.Context) (gitstore.Snapshot, error) {
	return gitstore.Snapshot{FS: p.files}, nil
}

func (preview) ChangedAt(context.Context, gitstore.Snapshot, []string) (map[string]gitstore.Rev, error) {
	return nil, nil
}

func (preview) Own(context.Context, gitstore.Snapshot, []gitstore.Rev) (map[gitstore.Rev]bool, error) {
	return nil, nil
}

func (preview) Commit(context.Context, gitstore.Rev, []gitstore.Commit) (gitstore.Published, error) {
	return gitstore.Published{}, errors.New("a preview is not written")
}
