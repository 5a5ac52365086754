package yamledit

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var newItem = &Item{Pairs: []Pair{{"name", `k:1\.2`}, {"newTag", "1.20"}}, Comment: `# {"m": true}`}

// add appends newItem to the list x of the root, or makes that list.
func add(src string) Edit {
	if strings.Contains(src, "x:") {
		return Edit{Path: Path{"x"}, Item: newItem}
	}
	return Edit{Insert: "x", Item: newItem}
}

const (
	lines  = "- name: 'k:1\\.2' # {\"m\": true}\n  newTag: \"1.20\"\n"
	asList = "x:\n" + lines
)

// listCases are files with the bytes that adding newItem must give, or words of the refusal.
var listCases = []struct{ name, in, out, refused string }{
	{"new list", "a: b\n", "a: b\n" + asList, ""},
	{"new list below a comment", "a: b\n# c\n\n", "a: b\n# c\n\n" + asList, ""},
	{"new list, no final newline", "a: b", strings.TrimSuffix("a: b\n"+asList, "\n"), ""},
	{"new list, CRLF", "a: b\r\n", strings.ReplaceAll("a: b\n"+asList, "\n", "\r\n"), ""},
	{"new list, BOM", "\ufeffa: b\n", "\ufeffa: b\n" + asList, ""},
	{"new list before the end of the document", "---\na: b\n...\n", "---\na: b\n" + asList + "...\n", ""},
	{"new list before the next document", "a: b\n# c\n---\nd: e\n", "a: b\n# c\n" + asList + "---\nd: e\n", ""},
	{"new list in an indented mapping", "  a: b\n", "  a: b\n  " + strings.TrimSuffix(strings.ReplaceAll(asList, "\n", "\n  "), "  "), ""},
	{"new list below a block scalar", "a: |\n  b\n", "a: |\n  b\n" + asList, ""},
	{"new list below an open block scalar", "a: |\n  b", "", "would change too"},
	{"new list in a flow mapping", "{a: b}\n", "", "a key on each line"},
	{"new list in nothing", "# c\n", "", "no document"},
	{"new list beside another case", "X: []\n", "", "X already"},
	{"list", "x:\n- a: b\nc: d\n", "x:\n- a: b\n" + lines + "c: d\n", ""},
	{"indented list", "x:\n  - a: b\n", "x:\n  - a: b\n  " + strings.TrimSuffix(strings.ReplaceAll(lines, "\n", "\n  "), "  "), ""},
	{"list without a final newline", "x:\n- a: b", strings.TrimSuffix("x:\n- a: b\n"+lines, "\n"), ""},
	{"list with CRLF", "x:\r\n- a: b\r\n", strings.ReplaceAll("x:\n- a: b\n"+lines, "\n", "\r\n"), ""},
	{"mixed line breaks", "c: d\r\nx:\n- a: b\nc2: d\n", "c: d\r\nx:\n- a: b\n" + lines + "c2: d\n", ""},
	{"comments in the last element and below", "x:\n- a: b\n  # in it\n  # too\n# below\nc: d\n", "x:\n- a: b\n  # in it\n  # too\n" + lines + "# below\nc: d\n", ""},
	{"blank line below", "x:\n- a: b\n\nc: d\n", "x:\n- a: b\n" + lines + "\nc: d\n", ""},
	{"last element is a scalar", "x:\n- a\n", "x:\n- a\n" + lines, ""},
	{"dash alone", "x:\n-\n  a: b\n", "x:\n-\n  a: b\n" + lines, ""},
	{"list in flow style", "x: [a]\n", "", "with a dash on each element"},
	{"empty list", "x: []\n", "", "with a dash on each element"},
	{"null", "x:\n", "", "with a dash on each element"},
	{"aliased", "x: &l\n- a: b\nc: *l\n", "", "repeated by an alias"},
	{"twice", "x:\n- a: b\nx:\n- a: b\n", "", "twice"},
}

// What is added stands where it must, and taking it away again gives the exact bytes.
func TestAddAndDelete(t *testing.T) {
	for _, c := range listCases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Apply([]byte(c.in), add(c.in))
			if c.refused != "" {
				if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("%q, %v; want a refusal with %q", got, err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.out, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			back, err := deleteLast(string(got))
			if err != nil || string(back) != c.in {
				t.Errorf("taken away again: %q, %v; want %q", back, err, c.in)
			}
		})
	}
}

// deleteLast takes away the last element of the list x.
func deleteLast(src string) ([]byte, error) {
	f, err := Parse([]byte(src))
	if err != nil {
		return nil, err
	}
	_, list, err := f.find(Edit{Path: Path{"x"}})
	if err != nil {
		return nil, err
	}
	return Apply([]byte(src), Edit{Path: Path{"x", len(list.Content) - 1}, Delete: true})
}

func TestDelete(t *testing.T) {
	at := func(is ...int) (edits []Edit) {
		for _, i := range is {
			edits = append(edits, Edit{Path: Path{"x", i}, Delete: true})
		}
		return edits
	}
	for _, c := range []struct {
		name, in string
		edits    []Edit
		out      string
		refused  string
	}{
		{"first", "x:\n- a: 1 # c\n  b: 2\n# on q\n- q: 3\n", at(0), "x:\n# on q\n- q: 3\n", ""},
		{"middle, below a comment", "x:\n- a\n# on b\n- b\n- c\n", at(1), "x:\n- a\n# on b\n- c\n", ""},
		{"all", "c: d\nx:\n- a\n- b\ne: f\n", at(0, 1), "c: d\ne: f\n", ""},
		{"all, no final newline", "c: d\nx:\n- a\n- b", at(1, 0), "c: d", ""},
		{"two of three, no final newline", "x:\n- a\n- b\n- c", at(1, 2), "x:\n- a", ""},
		{"all, a comment between them", "c: d\nx:\n- a\n# on b\n- b\n", at(0, 1), "c: d\nx:\n# on b\n", ""},
		{"all of what is commented", "c: d\nx: # why\n- a\n", at(0), "c: d\nx: # why\n", ""},
		{"all of an only key", "x:\n- a\n", at(0), "x:\n", ""},
		{"all, and one more", "c: d\nx:\n- a: b\n", append(at(0), Edit{Path: Path{"x"}, Item: newItem}), "c: d\nx:\n" + lines, ""},
		{"all, and one more, no final newline", "c: d\nx:\n- a: b", append(at(0), Edit{Path: Path{"x"}, Item: newItem}), "c: d\nx:\n" + strings.TrimSuffix(lines, "\n"), ""},
		{"one, a value and a key", "x:\n- a: b\n- c: d\n", append(at(0), Edit{Path: Path{"x", 1, "c"}, Value: "e"}, Edit{Path: Path{"x", 1}, Insert: "f", Value: "g"}, Edit{Path: Path{"x"}, Item: newItem}), "x:\n- c: e\n  f: g\n" + lines, ""},
		{"dash alone", "c: d\nx:\n-\n  a: b\n- e\n", at(0), "c: d\nx:\n- e\n", ""},
		{"in a nested list", "a:\n  x:\n  - b\n", []Edit{{Path: Path{"a", "x", 0}, Delete: true}}, "a:\n  x:\n", ""},
		{"dashes on one line", "x:\n- - a\n  - b\n", []Edit{{Path: Path{"x", 0, 0}, Delete: true}}, "", "where the element begins"},
		{"flow style", "x: [a, b]\n", at(0), "", "a dash of its own"},
		{"no element", "x: {a: b}\n", []Edit{{Path: Path{"x", "a"}, Delete: true}}, "", "a dash of its own"},
		{"the anchor of an alias", "x:\n- &a b\n- c\ny: *a\n", at(0), "", "repeated by an alias"},
		{"an anchor within", "x:\n- a: &a b\n- c\ny: *a\n", at(0), "", "broken"},
		{"twice", "x:\n- a\n- b\n", at(0, 0), "", "two edits"},
		{"a value within", "x:\n- a: b\n- c\n", append(at(0), Edit{Path: Path{"x", 0, "a"}, Value: "e"}), "", "two edits of the same bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Apply([]byte(c.in), c.edits...)
			if c.refused != "" {
				if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("%q, %v; want a refusal with %q", got, err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.out, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// FuzzAddAndDelete adds an element to any list, or a list to any document, and takes it
// away again: refused, or the exact bytes come back, and in between no value but the new
// ones differs.
func FuzzAddAndDelete(f *testing.F) {
	for _, c := range listCases {
		f.Add(c.in, uint(0), `v\.`)
		f.Add(c.in, uint(2), "v$")
	}
	f.Fuzz(func(t *testing.T, src string, which uint, value string) {
		before, ok := flatten(src)
		if !ok || len(before) == 0 {
			return
		}
		at := before[which%uint(len(before))]
		edit := Edit{Doc: at.doc, Path: at.path, Item: &Item{Pairs: []Pair{{"name", value}, {"k", "v"}}, Comment: "# c"}}
		if len(at.path) == 0 {
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
		checkAdded(t, before, after, value)
		list := slices.Concat(at.path, Path{"inserted"})
		if len(at.path) > 0 {
			list = at.path
		}
		back, err := Apply(out, Edit{Doc: at.doc, Path: slices.Concat(list, Path{lastOf(after, at.doc, list)}), Delete: true})
		if err != nil {
			t.Fatalf("cannot be taken away from %q: %v", out, err)
		}
		if string(back) != src {
			t.Fatalf("%q came back as %q by way of %q", src, back, out)
		}
	})
}

// lastOf is the index of the last element of a list.
func lastOf(all []leaf, doc int, list Path) int {
	last := -1
	for _, l := range all {
		if l.doc == doc && len(l.path) == len(list)+1 && cmp.Equal(l.path[:len(list)], list) {
			last++
		}
	}
	return last
}

// checkAdded requires that all values of before stand in after, in order, and that what
// else is there is new: the element, its values, and the list where it is new too.
func checkAdded(t *testing.T, before, after []leaf, value string) {
	t.Helper()
	var extra []leaf
	for _, l := range after {
		if len(before) > 0 && before[0].doc == l.doc && before[0].text == l.text {
			before = before[1:]
			continue
		}
		extra = append(extra, l)
	}
	if len(before) > 0 || len(extra) < 3 || len(extra) > 4 {
		t.Fatalf("lost %v, new %v", before, extra)
	}
	n := len(extra)
	for i, want := range []string{value, "v"} {
		if got := extra[n-2+i].text; !strings.HasSuffix(got, " "+strconv.Quote(want)) {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
