package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// consumers lists what follows the tags of the namespace, or those that are named.
func (g *get) consumers(s *scene) error {
	cfg, err := g.load(g.app)
	if err != nil {
		return err
	}
	present := plan.Look(s.view, lastPush(s.files), plan.Operator{LocalRegistry: cfg.LocalRegistry})
	all := slices.DeleteFunc(present.Consumers(g.now()), func(c plan.Consumer) bool { return !s.follows(c) })
	text, err := g.encodeConsumers(all)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(g.stdout, text); err != nil {
		return err
	}
	return s.outcome(s.sayNone(all))
}

// follows reports whether a consumer was asked for.
func (s *scene) follows(c plan.Consumer) bool {
	if !s.within(c.Ref.Namespace) {
		return false
	}
	return len(s.asked.names) == 0 || slices.ContainsFunc(s.asked.names, func(name string) bool { return means(name, c.Ref) })
}

// means reports whether STREAM or STREAM:TAG is the tag, or its stream.
func means(name string, ref stream.Ref) bool {
	of, tag, _ := cutName(name)
	return of == ref.Name && (tag == "" || tag == ref.Tag)
}

// sayNone tells of names that nothing follows; false where one is no stream or tag.
func (s *scene) sayNone(all []plan.Consumer) (known bool) {
	if len(all) == 0 && len(s.asked.names) == 0 {
		s.nothing()
	}
	known = true
	for _, name := range s.asked.names {
		of, tag, _ := cutName(name)
		ref := stream.Ref{Namespace: s.namespace, Name: of, Tag: tag}
		switch {
		case slices.ContainsFunc(all, func(c plan.Consumer) bool { return means(name, c.Ref) }):
		case tag != "" && hasTag(s.tree, ref) || tag == "" && s.tree.Stream(s.namespace, of) != nil:
			fmt.Fprintf(s.stderr, "nothing follows %s; to bind an image of a file to it: imgstream set triggers FILE --from-image %s\n", ref, ref)
		default:
			known = false
			fmt.Fprintf(s.stderr, "error: %s is not in %s%s\n", ref, s.files.name, after("; ", s.tree.Names().Similar(ref)))
		}
	}
	return known
}

// encodeConsumers gives them in the format that was asked for.
func (g *get) encodeConsumers(all []plan.Consumer) (string, error) {
	documents := make([]any, len(all))
	var names strings.Builder
	for i, c := range all {
		documents[i] = describe.NewConsumer(c)
		fmt.Fprintln(&names, c.Pos())
	}
	switch {
	case g.output == "yaml":
		return describe.YAML(describe.NewList(documents))
	case g.output == "json":
		return describe.JSON(describe.NewList(documents))
	case g.output == "name":
		return names.String(), nil
	case len(all) == 0:
		return "", nil
	}
	return describe.Consumers(all, describe.Columns{Namespace: g.all, Wide: g.output == "wide"}), nil
}
