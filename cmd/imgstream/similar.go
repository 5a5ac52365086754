package main

import "github.com/imgstream/imgstream/reconciler/stream"

// hasTag reports whether a spec or a status has the tag.
func hasTag(tree *stream.Tree, ref stream.Ref) bool {
	s := tree.Stream(ref.Namespace, ref.Name)
	return tree.Status[ref] != nil || s != nil && s.Tag(ref.Tag) != nil
}

// after puts a separator before a text that is not empty.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}
