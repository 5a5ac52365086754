package kustomize

import (
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// list is one images: list of a kustomization, or of what Flux and Argo CD make one with.
type list struct {
	doc     *document
	strings bool // see holder
	line    int  // of its key
	bottom  int  // the last line below its last entry that is blank or a comment, or the entry's own
	entries []*entry
}

// entry is one element of an images: list.
type entry struct {
	doc         *document
	strings     bool   // of a list of texts
	deploys     string // see Use.Deploys
	node        *yaml.Node
	trail       trail
	dash        int // line of its dash; of its beginning in a flow list
	dashColumn  int
	first, last int // lines of its text
	marks       []mark
}

// mark is a marker that was found on an entry.
type mark struct {
	line int
	marker
}

// lists finds the images: lists of a document. kustomize takes Images: for images: too;
// such entries are found so that their refusal can be reported.
func lists(y *yamledit.File, d *document) []*list {
	var all []*list
	for _, h := range d.holders() {
		if h.node == nil || h.node.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(h.node.Content); i += 2 {
			key, value := h.node.Content[i], h.node.Content[i+1]
			if !strings.EqualFold(keyName(key), "images") {
				continue
			}
			l := &list{doc: d, strings: h.strings, line: key.Line}
			if value.Kind == yaml.SequenceNode {
				l.entries = entries(y, d, h, value)
				l.bottom = bottom(y, l.entries)
			}
			all = append(all, l)
		}
	}
	return all
}

func bottom(y *yamledit.File, entries []*entry) int {
	if len(entries) == 0 {
		return 0
	}
	line := entries[len(entries)-1].last
	for ; line < y.LineCount(); line++ {
		if t := strings.TrimLeft(y.Line(line+1), " \t"); t != "" && t[0] != '#' {
			break
		}
	}
	return line
}

func entries(y *yamledit.File, d *document, h holder, seq *yaml.Node) []*entry {
	var all []*entry
	above := seq.Line - 1
	for i, n := range seq.Content {
		e := &entry{doc: d, strings: h.strings, deploys: h.path, node: n, trail: h.trail.clone().down(h.node, "images").down(seq, i)}
		e.first, e.last = y.Lines(n)
		e.dash, e.dashColumn = e.first, n.Column
		for line := above + 1; line <= e.first && seq.Style&yaml.FlowStyle == 0; line++ {
			if t := strings.TrimLeft(y.Line(line), " "); strings.HasPrefix(t, "-") {
				e.dash, e.dashColumn = line, len(y.Line(line))-len(t)+1
				break
			}
		}
		above = e.last
		all = append(all, e)
	}
	return all
}

// field is a key's value as parsed.
type field struct {
	there bool
	text  string
	str   bool // every reader takes it for a string
	other bool // a number, a boolean, a date to some reader
}

func newField(n *yaml.Node) field {
	f := field{there: n != nil, text: scalarText(n), str: n != nil && yamledit.IsString(n)}
	f.other = f.text != "" && !f.str && n.Kind == yaml.ScalarNode
	return f
}

// entryValues is what an entry says.
type entryValues struct{ name, newName, newTag, digest field }

var entryKeys = []string{"name", "newName", "newTag", "digest"}

// readEntry gives what an entry says, and why it cannot be edited; "" when it can.
func readEntry(n *yaml.Node) (v *entryValues, refused string) {
	v = &entryValues{newField(get(n, "name")), newField(get(n, "newName")), newField(get(n, "newTag")), newField(get(n, "digest"))}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		fold := strings.ToLower(key)
		switch {
		case n.Content[i].Kind != yaml.ScalarNode:
			return v, "a key of the entry is no plain word"
		case key == "<<":
			return v, "the entry has a merge key (<<): what it says stands elsewhere too"
		case seen[fold]:
			return v, "the entry has the key " + key + " twice: readers differ in which one counts"
		}
		seen[fold] = true
		for _, known := range entryKeys {
			if kind := n.Content[i+1].Kind; key == known && kind != yaml.ScalarNode && kind != yaml.AliasNode {
				return v, "the entry's " + key + " is no single value"
			}
			if key != known && fold == strings.ToLower(known) {
				return v, "the entry's key " + key + " is not written " + known + ", though kustomize reads it"
			}
		}
	}
	for _, f := range []field{v.name, v.newName, v.newTag, v.digest} {
		if isTemplate(f.text) {
			return v, "the entry holds a template expression: " + f.text
		}
	}
	switch {
	case v.name.text == "":
		return v, "the entry has no name"
	case strings.HasPrefix(v.newTag.text, "@"):
		return v, "newTag begins with @"
	case strings.Contains(v.newTag.text, "@") && v.digest.there:
		return v, "newTag holds a digest and there is a digest too"
	}
	return v, ""
}
