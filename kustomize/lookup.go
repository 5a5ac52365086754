package kustomize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// NewLookup is the images: entry for the short name text that is to be added to a root;
// ref is namespace/stream:tag.
func NewLookup(root Root, text, ref string) Use {
	name := EntryName(text)
	return Use{
		Path: "images[name=" + name + "]", Document: root.Document, Ref: ref, Lookup: true, Label: text,
		entry: &entryValues{name: field{there: true, text: name, str: true}},
	}
}

// prepareAdd gives the edits that add an entry, in the spelling name, newName, newTag
// where it is known, digest. One for another stream, from when the name meant that, goes.
func (w *writer) prepareAdd(want Want) ([]yamledit.Edit, error) {
	docs := documents(w.name, w.old.Documents())
	at := slices.IndexFunc(docs, func(d *document) bool { return d.kustomization && d.id == want.Use.Document })
	var edits []yamledit.Edit
	switch other, there := w.uses[want.Use.identity()]; {
	case there && other.Lookup && other.Ref != want.Use.Ref:
		var err error
		if edits, err = w.prepareRemove(other); err != nil {
			return nil, err
		}
	case there:
		return nil, &yamledit.Error{Reason: "an entry with the name " + want.Use.entry.name.text + " is there already"}
	}
	switch {
	case at < 0 || len(docs) > 1 || docs[at].at != nil:
		return nil, &yamledit.Error{Reason: "several documents, or no kustomization, in the file"}
	case !want.Image.complete():
		return nil, noImage(want)
	}
	item := &yamledit.Item{
		Pairs:   []yamledit.Pair{{Key: "name", Value: want.Use.entry.name.text}, {Key: "newName", Value: want.Image.Name}},
		Comment: fmt.Sprintf(`# {"%s": "%s", "lookup": true}`, markerKey, want.Use.Ref),
	}
	if want.Image.Tag != "" {
		item.Pairs = append(item.Pairs, yamledit.Pair{Key: "newTag", Value: want.Image.Tag})
	}
	item.Pairs = append(item.Pairs, yamledit.Pair{Key: "digest", Value: want.Image.Digest})
	e := yamledit.Edit{Doc: docs[at].index, Path: yamledit.Path{"images"}, Item: item}
	if get(docs[at].root, "images") == nil {
		e.Path, e.Insert = nil, "images"
	}
	return append(edits, e), w.old.Check(e)
}

func noImage(want Want) error {
	i := want.Image
	return &yamledit.Error{Line: want.Use.Line, Reason: fmt.Sprintf("no image to write: repository %q, tag %q, digest %q", i.Name, i.Tag, i.Digest)}
}

// prepareRemove gives the edit that takes an entry away, unless a comment of people would
// go with it.
func (w *writer) prepareRemove(u Use) ([]yamledit.Edit, error) {
	if u.Refused != "" {
		return nil, &yamledit.Error{Line: u.Line, Reason: u.Refused}
	}
	e := yamledit.Edit{Doc: u.doc, Path: u.at, Delete: true}
	for _, c := range w.old.Comments() {
		if u.dash <= c.Line && c.Line <= u.last && !strings.Contains(c.Text, markerKey) {
			return nil, &yamledit.Error{Line: c.Line, Reason: "a comment of yours stands in the entry, which nothing needs any more: remove both by hand"}
		}
	}
	return []yamledit.Edit{e}, w.old.Check(e)
}
