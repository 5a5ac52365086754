package yamledit

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tag is what a verb appends.
var tag = Map(Field{"name", String("1.20")}, Field{"from", Map(Field{"kind", String("K")})}, Field{"on", Bool(true)})

func put(value Value, path ...any) func(*File) (*File, error) {
	key := path[len(path)-1].(string)
	return func(f *File) (*File, error) { return f.Put(0, path[:len(path)-1], key, value) }
}

func grow(value Value, path ...any) func(*File) (*File, error) {
	return func(f *File) (*File, error) { return f.Append(0, path, value) }
}

func remove(path ...any) func(*File) (*File, error) {
	return func(f *File) (*File, error) { return f.Remove(0, path) }
}

var structureCases = []struct {
	name, in string
	edit     func(*File) (*File, error)
	out      string // "" = refused
	refused  string
}{
	// Lists get an element.
	{"append, as kubectl writes", "a:\n- name: x\n", grow(tag, "a"), "a:\n- name: x\n- name: \"1.20\"\n  from:\n    kind: K\n  \"on\": true\n", ""},
	{"append, dashes indented", "a:\n  - name: x\nb: c\n", grow(tag, "a"), "a:\n  - name: x\n  - name: \"1.20\"\n    from:\n      kind: K\n    \"on\": true\nb: c\n", ""},
	{"append, indent 4", "a:\n    b:\n    -   name: x\n", grow(tag, "a", "b"), "a:\n    b:\n    -   name: x\n    -   name: \"1.20\"\n        from:\n            kind: K\n        \"on\": true\n", ""},
	{"append before a comment", "a:\n- x # c\n# d\nb: c\n", grow(String("y"), "a"), "a:\n- x # c\n- \"y\"\n# d\nb: c\n", ""},
	{"append without final newline", "a:\n- x", grow(String("z"), "a"), "a:\n- x\n- z", ""},
	{"append, CRLF", "a:\r\n- x\r\nb: c\r\n", grow(tag, "a"), "a:\r\n- x\r\n- name: \"1.20\"\r\n  from:\r\n    kind: K\r\n  \"on\": true\r\nb: c\r\n", ""},
	{"append behind a block scalar", "a:\n- |\n  x\n\nb: c\n", grow(String("z"), "a"), "a:\n- |\n  x\n- z\n\nb: c\n", ""},
	{"append to a dash alone", "a:\n-\n  name: x\n", grow(String("z"), "a"), "a:\n-\n  name: x\n- z\n", ""},
	{"append to a flow list", "a: [x] # c\n", grow(tag, "a"), "a: [x, {name: \"1.20\", from: {kind: K}, \"on\": true}] # c\n", ""},
	{"append to a flow list of lines", "a: [\n  x, # c\n]\n", grow(String("z"), "a"), "a: [\n  x, # c\n  z,\n]\n", ""},
	{"append to an empty list", "m:\n  a: [] # c\n", grow(tag, "m", "a"), "m:\n  a: # c\n  - name: \"1.20\"\n    from:\n      kind: K\n    \"on\": true\n", ""},
	{"append to nothing", "m:\n  a:\n  b: c\n", grow(String("z"), "m", "a"), "m:\n  a:\n  - z\n  b: c\n", ""},
	{"append to null", "m:\n  a: null\n", grow(String("z"), "m", "a"), "m:\n  a:\n  - z\n", ""},
	{"append to an empty list, as the file has dashes", "l:\n  - x\na: []\n", grow(String("z"), "a"), "l:\n  - x\na:\n  - z\n", ""},
	{"append to what is no list", "a: {b: c}\n", grow(String("z"), "a"), "", "not a list"},
	{"append to an alias", "a: &l\n- x\nb: *l\n", grow(String("z"), "b"), "", "is an alias"},
	{"append to what an alias repeats", "a: &l\n- x\nb: *l\n", grow(String("z"), "a"), "", "repeated by an alias"},
	{"append to an empty list with an anchor", "a: &l []\n", grow(String("z"), "a"), "", "an anchor"},
	{"append a text of two lines", "a: [x]\n", grow(String("y\nz"), "a"), "", "does not fit on one line"},
	{"append in a list of lists", "a:\n- - x\n  - y\n", grow(String("z"), "a", 0), "a:\n- - x\n  - y\n  - z\n", ""},

	// JSON.
	{
		"append, JSON", "{\n\t\"a\": [\n\t\t{\n\t\t\t\"name\": \"x\"\n\t\t}\n\t]\n}", grow(tag, "a"),
		"{\n\t\"a\": [\n\t\t{\n\t\t\t\"name\": \"x\"\n\t\t},\n\t\t{\n\t\t\t\"name\": \"1.20\",\n\t\t\t\"from\": {\n\t\t\t\t\"kind\": \"K\"\n\t\t\t},\n\t\t\t\"on\": true\n\t\t}\n\t]\n}", "",
	},
	{"append, compact JSON", `{"a":[{"name":"x"}]}`, grow(tag, "a"), `{"a":[{"name":"x"}, {"name": "1.20", "from": {"kind": "K"}, "on": true}]}`, ""},
	{"append to an empty list, JSON", "{\n  \"a\": []\n}\n", grow(Map(Field{"name", String("x")}), "a"), "{\n  \"a\": [\n    {\n      \"name\": \"x\"\n    }\n  ]\n}\n", ""},
	{"append to null, JSON", "{\n  \"a\": null\n}\n", grow(String("x"), "a"), "{\n  \"a\": [\n    \"x\"\n  ]\n}\n", ""},
	{"put, JSON", "{\n  \"a\": {\n    \"b\": \"c\"\n  }\n}\n", put(Map(Field{"d", Bool(false)}), "a", "e"), "{\n  \"a\": {\n    \"b\": \"c\",\n    \"e\": {\n      \"d\": false\n    }\n  }\n}\n", ""},
	{"put into an empty mapping, JSON", "{\n  \"a\": {}\n}\n", put(Bool(true), "a", "b"), "{\n  \"a\": {\n    \"b\": true\n  }\n}\n", ""},
	{"remove, JSON", "{\n  \"a\": [\n    {\n      \"name\": \"x\"\n    },\n    {\n      \"name\": \"y\"\n    }\n  ]\n}\n", remove("a", 1), "{\n  \"a\": [\n    {\n      \"name\": \"x\"\n    }\n  ]\n}\n", ""},
	{"remove the first, JSON", "{\n  \"a\": [\n    {\n      \"name\": \"x\"\n    },\n    {\n      \"name\": \"y\"\n    }\n  ]\n}\n", remove("a", 0), "{\n  \"a\": [\n    {\n      \"name\": \"y\"\n    }\n  ]\n}\n", ""},
	{"remove the only one, JSON", "{\n  \"a\": [\n    \"x\"\n  ]\n}\n", remove("a", 0), "{\n  \"a\": []\n}\n", ""},
	{"remove a key, JSON", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", remove("b"), "{\n  \"a\": 1\n}\n", ""},

	// Keys.
	{"put a mapping", "a:\n  b: c\n", put(tag, "a", "d"), "a:\n  b: c\n  d:\n    name: \"1.20\"\n    from:\n      kind: K\n    \"on\": true\n", ""},
	{"put a list", "a:\n  b: c\n", put(List(tag), "a", "d"), "a:\n  b: c\n  d:\n  - name: \"1.20\"\n    from:\n      kind: K\n    \"on\": true\n", ""},
	{"put an empty list", "a: b\n", put(List(), "c"), "a: b\nc: []\n", ""},
	{"put behind a dash", "- a: b\n", put(Map(Field{"d", Bool(true)}), 0, "c"), "- a: b\n  c:\n    d: true\n", ""},
	{"put a text in place of one", "a: 'b' # c\n", put(String("d"), "a"), "a: 'd' # c\n", ""},
	{"put a boolean in place of one", "a: no # c\n", put(Bool(true), "a"), "a: true # c\n", ""},
	{"put a boolean in place of a quoted one", "a: \"true\"\n", put(Bool(true), "a"), "a: true\n", ""},
	{"put a boolean that stands there", "a: true\n", put(Bool(true), "a"), "a: true\n", ""},
	{"put a boolean in place of nothing", "a: # c\nb: c\n", put(Bool(true), "a"), "a: true # c\nb: c\n", ""},
	{"put a boolean in place of null", "{a: ~}\n", put(Bool(true), "a"), "{a: true}\n", ""},
	{"put a boolean in place of a mapping", "a: {b: c}\n", put(Bool(true), "a"), "", "change it by hand"},
	{"put a mapping in place of a text", "a: b\n", put(Map(), "a"), "", "change it by hand"},
	{"put into an empty mapping", "a: {} # c\n", put(Bool(true), "a", "b"), "a: {b: true} # c\n", ""},
	{"put much into an empty mapping", "a: {}\n", put(tag, "a", "b"), "a:\n  b:\n    name: \"1.20\"\n    from:\n      kind: K\n    \"on\": true\n", ""},
	{"put into null", "a:\n  b:\n# c\n", put(Bool(true), "a", "b", "c"), "a:\n  b:\n    c: true\n# c\n", ""},
	{"put into a flow mapping", "a: {b: c}\n", put(Map(Field{"x", Bool(true)}), "a", "d"), "a: {b: c, d: {x: true}}\n", ""},
	{"put a key that some reader takes for it", "a: b\n", put(String("c"), "A"), "", "the key is written a"},
	{"put beside a merge key", "a: &a {b: c}\nd:\n  <<: *a\n", put(Bool(true), "d", "e"), "", "a merge key"},

	// Removals.
	{"remove an element", "a:\n- name: x # own\n  # own\n  b: c\n# stays\n- name: y\n", remove("a", 0), "a:\n# stays\n- name: y\n", ""},
	{"remove the last element", "a:\n  - x\n  - y # c\nb: c\n", remove("a", 1), "a:\n  - x\nb: c\n", ""},
	{"remove the last line", "a:\n- x\n- y", remove("a", 1), "a:\n- x", ""},
	{"remove the only element", "a: # c\n- x\nb: c\n", remove("a", 0), "a: [] # c\nb: c\n", ""},
	{"remove the only element, no final newline", "a:\n- x", remove("a", 0), "a: []", ""},
	{"remove a dash alone", "a:\n-\n  x: y\n- z\n", remove("a", 0), "a:\n- z\n", ""},
	{"remove an element with a block scalar", "a:\n- b: |\n    c\n\n    d\n\n- e\n", remove("a", 0), "a:\n\n- e\n", ""},
	{"remove of a list of lists", "a:\n- - x\n  - y\n", remove("a", 0, 0), "", "cannot tell where the element begins"},
	{"remove, CRLF", "a:\r\n- x\r\n- y\r\n", remove("a", 0), "a:\r\n- y\r\n", ""},
	{"remove a key", "a: b # c\n# d\ne: f\n", remove("a"), "# d\ne: f\n", ""},
	{"remove a key with a mapping", "a:\n  b:\n    c: d # e\n  f: g\n", remove("a", "b"), "a:\n  f: g\n", ""},
	{"remove the only key", "a:\n  b: c\nd: e\n", remove("a", "b"), "a: {}\nd: e\n", ""},
	{"remove the only key of an element", "- a: b\n- c\n", remove(0, "a"), "", "something stands before it"},
	{"remove the key at the dash", "- a: b # c\n  d: e\n", remove(0, "a"), "- d: e\n", ""},
	{"remove the key at the dash, a comment below", "- a: b\n  # c\n  d: e\n", remove(0, "a"), "", "a comment stands between"},
	{"remove of a flow list", "a: [x, y, z] # c\n", remove("a", 1), "a: [x, z] # c\n", ""},
	{"remove the last of a flow list", "a: [x, y, z]\n", remove("a", 2), "a: [x, y]\n", ""},
	{"remove all of a flow mapping", "a: { b: c }\n", remove("a", "b"), "a: {}\n", ""},
	{"remove of flow lines", "a: [\n  x, # c\n  y  # d\n]\n", remove("a", 1), "a: [\n  x # c\n]\n", ""},
	{"remove of flow lines with a last comma", "a: [\n  x, # c\n  y, # d\n]\n", remove("a", 0), "a: [\n  y, # d\n]\n", ""},
	{"remove across a comment", "a: [x, # c\n  y, z]\n", remove("a", 0), "", "a comment stands"},
	{"remove an anchor that is used", "a:\n- &x b\n- *x\n", remove("a", 0), "", "repeated by an alias"},
	{"remove what an alias inside repeats", "a:\n- b: &x c\nd: *x\n", remove("a", 0), "", "broken"},
	{"remove from beside a merge key", "a: &a {b: c}\nd:\n  <<: *a\n  b: e\n", remove("d", "b"), "", "a merge key"},
	{"remove what is not there", "a: b\n", remove("c"), "", "no key c"},
	{"remove everything", "a: b\n", remove(), "", "a whole document"},
	{"remove the last key of the document", "a: b\n", remove("a"), "", "nothing else stands here"},
}

func TestStructure(t *testing.T) {
	for _, c := range structureCases {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			g, err := c.edit(f)
			if c.refused != "" {
				if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("refused with %q, want %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.out, string(g.Bytes())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzStructure puts, appends or removes one thing, and holds the outcome against an own
// reading of both files: refused, or exactly that differs, and every line that went
// belonged to what was removed.
func FuzzStructure(f *testing.F) {
	for _, c := range structureCases {
		for what := range uint8(3) {
			f.Add(c.in, uint(1), what)
			f.Add(c.in, uint(3), what)
		}
	}
	f.Fuzz(func(t *testing.T, src string, which uint, what uint8) {
		before, ok := flatten(src)
		if !ok || len(before) == 0 {
			return
		}
		target := before[which%uint(len(before))]
		file, err := Parse([]byte(src))
		if err != nil {
			return
		}
		value := Map(Field{"k", List(String("1"), Map(Field{"yes", Bool(false)}))})
		var out *File
		switch what % 3 {
		case 0:
			out, err = file.Put(target.doc, target.path, "inserted", value)
		case 1:
			out, err = file.Append(target.doc, target.path, value)
		case 2:
			out, err = file.Remove(target.doc, target.path)
		}
		if err != nil {
			if !errors.Is(err, ErrUnproven) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		after, ok := flatten(string(out.Bytes()))
		if !ok {
			t.Fatalf("not YAML any more: %q", out.Bytes())
		}
		if diff := cmp.Diff(structured(before, target, what%3), texts(after)); diff != "" {
			t.Fatalf("%d at %s: other values changed (-want +got)\n%s\n%q\n%q", what%3, target.path, diff, src, out.Bytes())
		}
		checkComments(t, src, string(out.Bytes()), what%3 == 2)
	})
}

// structured is the file as it must be afterwards.
func structured(before []leaf, target leaf, what uint8) []string {
	at := slices.IndexFunc(before, func(l leaf) bool { return l.doc == target.doc && slices.Equal(l.path, target.path) })
	end := at + 1
	for end < len(before) && before[end].doc == target.doc && len(before[end].path) > len(target.path) &&
		slices.Equal(before[end].path[:len(target.path)], target.path) {
		end++
	}
	if what == 2 {
		return texts(renumbered(slices.Concat(before[:at], before[end:]), target))
	}
	size, kind := 0, "4"
	for _, l := range before[at+1 : end] {
		if len(l.path) == len(target.path)+1 {
			size++
		}
	}
	path := append(slices.Clip(target.path), any("inserted"))
	if what == 1 {
		path[len(path)-1], kind = size, "2"
	}
	collection := before[at]
	if fields := strings.Fields(collection.text); fields[0] != kind { // null, {} or [] becomes one
		tag := map[string]string{"4": "!!map", "2": "!!seq"}[kind]
		collection.text = strings.Join([]string{kind, tag, fields[2], target.path.String(), `""`}, " ")
	}
	var added []leaf
	for _, l := range []struct {
		path Path
		text string
	}{
		{nil, `4 !!map & PATH ""`},
		{Path{"k"}, `2 !!seq & PATH ""`},
		{Path{"k", 0}, `8 !!str & PATH "1"`},
		{Path{"k", 1}, `4 !!map & PATH ""`},
		{Path{"k", 1, "yes"}, `8 !!bool & PATH "false"`},
	} {
		full := slices.Concat(path, l.path)
		added = append(added, leaf{target.doc, full, strings.Replace(l.text, "PATH", full.String(), 1)})
	}
	return texts(slices.Concat(before[:at], []leaf{collection}, before[at+1:end], added, before[end:]))
}

// renumbered gives the elements behind a removed one their new places.
func renumbered(all []leaf, gone leaf) []leaf {
	last, ok := gone.path[len(gone.path)-1].(int)
	if !ok {
		return all
	}
	depth := len(gone.path) - 1
	all = slices.Clone(all)
	for i, l := range all {
		if l.doc != gone.doc || len(l.path) <= depth || !slices.Equal(l.path[:depth], gone.path[:depth]) {
			continue
		}
		if n, ok := l.path[depth].(int); ok && n > last {
			old := l.path.String()
			l.path = slices.Clone(l.path)
			l.path[depth] = n - 1
			all[i] = leaf{l.doc, l.path, strings.Replace(l.text, " "+old+" ", " "+l.path.String()+" ", 1)}
		}
	}
	return all
}

// checkComments holds that nothing but a removal takes bytes away, commas aside, and that
// a removal adds none but an empty collection.
func checkComments(t *testing.T, src, out string, removal bool) {
	t.Helper()
	gone, added := between(src, out)
	switch {
	case removal && strings.Contains(added, "#") && !strings.Contains(gone, "#"):
		t.Fatalf("a removal added %q", added)
	case !removal && strings.Count(gone, "#") > strings.Count(added, "#"):
		t.Fatalf("%q went away for %q", gone, added)
	}
}
