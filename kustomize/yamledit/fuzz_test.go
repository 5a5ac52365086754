package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v3"
)

// FuzzApply sets one scalar, or inserts one key, and holds the outcome against
// an own reading of both files: refused, or exactly that value differs and all
// changed bytes lie together on lines of that value.
func FuzzApply(f *testing.F) {
	for _, c := range applyCases {
		f.Add(c.in, uint(0), false, "1.20")
		f.Add(c.in, uint(1), true, "v")
	}
	f.Fuzz(func(t *testing.T, src string, which uint, insertion bool, value string) {
		before, ok := flatten(src)
		if !ok || len(before) == 0 {
			return
		}
		target := before[which%uint(len(before))]
		edit := Edit{Doc: target.doc, Path: target.path, Value: value}
		if insertion {
			edit.Insert = "inserted"
		}
		out, err := Apply([]byte(src), edit)
		if err != nil {
			if !errors.Is(err, ErrUnproven) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		after, ok := flatten(string(out))
		if !ok {
			t.Fatalf("not YAML any more: %q", out)
		}
		if diff := cmp.Diff(texts(expect(before, target, edit)), texts(after)); diff != "" {
			t.Fatalf("%+v: other values changed (-want +got)\n%s", edit, diff)
		}
		checkBytes(t, src, string(out), edit)
	})
}

// leaf is one node of a file, flattened: scalars and aliases with their values,
// collections with their kind alone.
type leaf struct {
	doc  int
	path Path
	text string
}

// flatten reads a file without the package under test. Anchors stand with their
// nodes, so that a change that reaches an alias shows where the alias stands.
func flatten(src string) (all []leaf, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(src))
	for doc := 0; ; doc++ {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return all, true
		} else if err != nil || len(n.Content) != 1 {
			return nil, false
		}
		all = flattenNode(all, doc, nil, n.Content[0])
	}
}

func flattenNode(all []leaf, doc int, path Path, n *yaml.Node) []leaf {
	path = slices.Clip(path)
	l := leaf{doc, path, fmt.Sprintf("%d %s &%s %s %q", n.Kind, n.ShortTag(), n.Anchor, path, n.Value)}
	if n.Kind == yaml.AliasNode {
		l.text += fmt.Sprintf(" *%s %q", n.Alias.ShortTag(), n.Alias.Value)
	}
	all = append(all, l)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if n.Content[i].Kind == yaml.AliasNode {
				key = n.Content[i].Alias.Value
			}
			if n.Content[i].Kind != yaml.ScalarNode { // keys that are more than words
				all = flattenNode(all, doc, append(path, "? "+key), n.Content[i])
			}
			all = flattenNode(all, doc, append(path, key), n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			all = flattenNode(all, doc, append(path, i), c)
		}
	}
	return all
}

// expect is the file as it must be after the edit of target.
func expect(before []leaf, target leaf, e Edit) []leaf {
	var want []leaf
	within := func(i int) bool {
		return i < len(before) && before[i].doc == target.doc && len(before[i].path) >= len(target.path) &&
			slices.Equal(before[i].path[:len(target.path)], target.path)
	}
	for i, l := range before {
		if e.Insert == "" && l.doc == target.doc && slices.Equal(l.path, target.path) {
			anchor := strings.Fields(l.text)[2]
			l.text = fmt.Sprintf("%d !!str %s %s %q", yaml.ScalarNode, anchor, l.path, e.Value)
		}
		want = append(want, l)
		if e.Insert != "" && within(i) && !within(i+1) {
			path := append(slices.Clip(target.path), e.Insert)
			want = append(want, leaf{target.doc, path, fmt.Sprintf("%d !!str & %s %q", yaml.ScalarNode, path, e.Value)})
		}
	}
	return want
}

func texts(all []leaf) []string {
	var s []string
	for _, l := range all {
		s = append(s, fmt.Sprint(l.doc, " ", l.text))
	}
	return s
}

// between is what differs between the common prefix and suffix of two texts.
func between(src, out string) (removed, added string) {
	pre := 0
	for pre < min(len(src), len(out)) && src[pre] == out[pre] {
		pre++
	}
	suf := 0
	for suf < min(len(src), len(out))-pre && src[len(src)-1-suf] == out[len(out)-1-suf] {
		suf++
	}
	return src[pre : len(src)-suf], out[pre : len(out)-suf]
}

// checkBytes compares by common prefix and suffix: a set value changes part of
// one line; an inserted key adds bytes and takes none away.
func checkBytes(t *testing.T, src, out string, e Edit) {
	t.Helper()
	removed, added := between(src, out)
	if e.Insert == "" {
		if strings.ContainsAny(removed+added, "\n\r") {
			t.Fatalf("%+v: more than a part of one line: %q became %q", e, removed, added)
		}
		return
	}
	// A comma and a line may enclose a comment that stays.
	rest, comma := strings.CutPrefix(added, ",")
	if removed != "" && (!comma || !strings.HasPrefix(rest, removed)) {
		t.Fatalf("%+v: bytes went away: %q became %q", e, removed, added)
	}
	if bytes.Count([]byte(added), []byte("\n")) > bytes.Count([]byte(removed), []byte("\n"))+1 {
		t.Fatalf("%+v: more than one line added: %q", e, added)
	}
}
