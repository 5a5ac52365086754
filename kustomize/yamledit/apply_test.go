package yamledit

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func set(value string, path ...any) []Edit {
	return []Edit{{Path: path, Value: value}}
}

func insert(key, value string, path ...any) []Edit {
	return []Edit{{Path: path, Insert: key, Value: value}}
}

func inDoc(doc int, edits []Edit) []Edit {
	for i := range edits {
		edits[i].Doc = doc
	}
	return edits
}

// applyCases are edits with the bytes they must give, or words of the refusal.
var applyCases = []struct {
	name, in string
	edits    []Edit
	out      string // "" = refused
	refused  string
}{
	// Styles of the old value.
	{"plain", "a: b\n", set("c", "a"), "a: c\n", ""},
	{"plain, number-like", "a: 1.19\n", set("1.20", "a"), "a: \"1.20\"\n", ""},
	{"plain number set to the same text", "a: 1.20\n", set("1.20", "a"), "a: \"1.20\"\n", ""},
	{"equal already", "a: b\n", set("b", "a"), "a: b\n", ""},
	{"single quotes", "a: 'b'\n", set("it's", "a"), "a: 'it''s'\n", ""},
	{"double quotes", "a: \"b\"\n", set(`c"\d`, "a"), "a: \"c\\\"\\\\d\"\n", ""},
	{"double quotes with escapes", `a: "\u0062\"" # c` + "\n", set("d", "a"), "a: \"d\" # c\n", ""},
	{"empty quotes", "a: ''\n", set("b", "a"), "a: 'b'\n", ""},
	{"null", "a:\nb: c\n", set("x", "a"), "a: x\nb: c\n", ""},
	{"null at the end", "a:", set("x", "a"), "a: x", ""},
	{"null before a comment", "a: # c\n", set("x", "a"), "a: x # c\n", ""},
	{"null written out", "a: ~ # c\n", set("x", "a"), "a: x # c\n", ""},
	{"null in a list", "- \n- b\n", set("x", 0), "- x \n- b\n", ""},
	{"null in JSON", `{"a": null, "b": 1}` + "\n", set("x", "a"), `{"a": "x", "b": 1}` + "\n", ""},
	{"a number in JSON", `{"a":1.2}` + "\n", set("1.3.0", "a"), `{"a":"1.3.0"}` + "\n", ""},
	{"null in a flow map", "{a: , b: c}\n", set("x", "a"), "{a: x, b: c}\n", ""},
	{"flow key without a colon", "{a, b: c}\n", set("x", "a"), "", "no place"},
	{"value on the line below", "a:\n  b\n", set("c", "a"), "a:\n  c\n", ""},
	{"tag !!str", "a: !!str 1.20\n", set("1.21", "a"), "a: !!str \"1.21\"\n", ""},
	{"tag !!str, quoted", "a: !!str 'b' # c\n", set("c", "a"), "a: !!str 'c' # c\n", ""},
	{"tag !!str, empty", "a: !!str\n", set("b", "a"), "a: !!str b\n", ""},
	{"tag on the line above", "a: !!str # c\n  b\n", set("c", "a"), "a: !!str # c\n  c\n", ""},
	{"tag of another type", "a: !!int 3\n", set("b", "a"), "", "the tag !!int"},
	{"folded block, one line", "a: >- # c\n  b\nd: e\n", set("f", "a"), "a: >- # c\n  f\nd: e\n", ""},
	{"literal block, one line", "a: |-\n  b", set("f", "a"), "a: |-\n  f", ""},
	{"literal block that keeps its line break", "a: |\n  b\n", set("f", "a"), "", "block scalar"},
	{"block of several lines", "a: |-\n  b\n\n  c\n", set("f", "a"), "", "block scalar"},
	{"block with an indicator", "a: |2-\n   b\n", set("f", "a"), "", "block scalar"},
	{"empty block", "a: |-\nb: c\n", set("f", "a"), "", "block scalar"},
	{"plain on two lines", "a: b\n  c\n", set("d", "a"), "", "several lines"},
	{"quoted on two lines", "a: \"b\n  c\"\n", set("d", "a"), "", "several lines"},
	{"a mapping", "a: {b: c}\n", set("d", "a"), "", "not a single value"},
	{"a list", "a: [b]\n", set("d", "a"), "", "not a single value"},
	{"the root", "a\n", set("b"), "b\n", ""},

	// What stands around it.
	{"no final newline", "a: b", set("c", "a"), "a: c", ""},
	{"CRLF", "a: b\r\nc: d\r\n", set("x", "c"), "a: b\r\nc: x\r\n", ""},
	{"CR alone", "a: b\rc: d\r", set("x", "c"), "a: b\rc: x\r", ""},
	{"NEL, LS and PS end lines", "a: b\u0085c: d\u2028e: f\u2029g: h\n", set("x", "g"), "a: b\u0085c: d\u2028e: f\u2029g: x\n", ""},
	{"byte order mark", "\ufeffa: b\nc: d\n", set("x", "a"), "\ufeffa: x\nc: d\n", ""},
	{"byte order mark inside", "a: \"\ufeff\"\n", set("x", "a"), "", "byte order mark"},
	{"wide characters before it", "{ä: \"日本\", 🙂: b}\n", set("c", "🙂"), "{ä: \"日本\", 🙂: c}\n", ""},
	{"a comment with a tab", "a: b\t# c  \n", set("x", "a"), "a: x\t# c  \n", ""},
	{"a comment right behind a quote", "a: 'b'#c\n", set("x", "a"), "a: 'x'#c\n", ""},
	{"hash in the value", "a: b#c # d\n", set("x", "a"), "a: x # d\n", ""},
	{"directive and end of document", "%YAML 1.1\n---\na: b\n...\n", set("x", "a"), "%YAML 1.1\n---\na: x\n...\n", ""},
	{"second document", "a: b\n---\na: b\n", inDoc(1, set("x", "a")), "a: b\n---\na: x\n", ""},
	{"comment-only first document", "# c\n---\na: b\n", set("x", "a"), "# c\n---\na: x\n", ""},
	{"empty first document", "---\n# c\n---\na: b\n---\n", inDoc(1, set("x", "a")), "---\n# c\n---\na: x\n---\n", ""},
	{"no such document", "a: b\n", inDoc(1, set("x", "a")), "", "no document 1"},
	{"template value", "a: {{ b }}\n", set("x", "a"), "", "not a single value"},

	// Whose value it is.
	{"duplicate key", "a: b\na: c\n", set("x", "a"), "", "twice"},
	{"duplicate key further up", "a: {b: c}\na: {b: d}\n", set("x", "a", "b"), "", "twice"},
	{"key in another case", "A: b\n", set("x", "a"), "", "the key is written A"},
	{"key in two cases", "A: b\na: c\n", set("x", "a"), "", "twice"},
	{"no such key", "a: b\n", set("x", "c"), "", "no key c"},
	{"no such element", "a: [b]\n", set("x", "a", 1), "", "no element 1"},
	{"key of a list", "a: [b]\n", set("x", "a", "b"), "", "no key b"},
	{"alias", "a: &x b\nc: *x\n", set("d", "c"), "", "an alias"},
	{"anchor with an alias", "a: &x b\nc: *x\n", set("d", "a"), "", "repeated by an alias"},
	{"anchor without an alias", "a: &x b\n", set("d", "a"), "a: &x d\n", ""},
	{"anchor of an empty value", "a: &x\n", set("d", "a"), "a: &x d\n", ""},
	{"inside an aliased mapping", "a: &x {b: c}\nd: *x\n", set("e", "a", "b"), "", "repeated by an alias"},
	{"through an alias", "a: &x {b: c}\nd: *x\n", set("e", "d", "b"), "", "an alias"},
	{"beside a merge key", "x: &x {b: c}\na: {<<: *x, b: d}\n", set("e", "a", "b"), "x: &x {b: c}\na: {<<: *x, b: e}\n", ""},

	// Values.
	{"a line break", "a: b\n", set("c\nd", "a"), "", "one line"},
	{"a control character", "a: b\n", set("c\x00", "a"), "", "one line"},
	{"a comment's beginning", "a: b\n", set("c #d", "a"), "a: \"c #d\"\n", ""},
	{"a colon", "a: b\n", set("c: d", "a"), "a: \"c: d\"\n", ""},
	{"a flow indicator", "a: [b]\n", set("c,d", "a", 0), "a: [\"c,d\"]\n", ""},
	{"an alias's beginning", "a: b\n", set("*c", "a"), "a: \"*c\"\n", ""},
	{"empty", "a: b\n", set("", "a"), "a: \"\"\n", ""},
	{"a pull spec in a flow map", "{a: b}\n", set("r.io:5000/a/b:1@sha256:00", "a"), "{a: r.io:5000/a/b:1@sha256:00}\n", ""},
	{"end of a document", "a: b\n", set("...", "a"), "a: \"...\"\n", ""},

	// Several at once.
	{"two values", "a: b\nc: d\n", []Edit{{Path: Path{"c"}, Value: "v"}, {Path: Path{"a"}, Value: "x"}}, "a: x\nc: v\n", ""},
	{"one value twice", "a: b\n", []Edit{{Path: Path{"a"}, Value: "v"}, {Path: Path{"a"}, Value: "x"}}, "", "two edits"},
	{"value and keys", "a: b\n", append(set("x", "a"), append(insert("c", "v"), insert("d", "z")...)...), "a: x\nc: v\nd: z\n", ""},
	{"one key twice", "a: b\n", append(insert("c", "v"), insert("C", "z")...), "", "two edits insert"},

	// Inserted keys.
	{"insert", "- a: b\n  c: d\n- e: f\n", insert("x", "v", 0), "- a: b\n  c: d\n  x: v\n- e: f\n", ""},
	{"insert below the only key", "-   a: b\n- e: f\n", insert("x", "1.20", 0), "-   a: b\n    x: \"1.20\"\n- e: f\n", ""},
	{"insert before a comment", "- a: b # c\n  # d\n- e: f\n", insert("x", "v", 0), "- a: b # c\n  x: v\n  # d\n- e: f\n", ""},
	{"insert, CRLF", "- a: b\r\n", insert("x", "v", 0), "- a: b\r\n  x: v\r\n", ""},
	{"insert, no final newline", "c: d\r\na:\r\n  b: c", insert("x", "v", "a"), "c: d\r\na:\r\n  b: c\r\n  x: v", ""},
	{"insert, only line", "a: b", insert("x", "v"), "a: b\nx: v", ""},
	{"insert, dash alone", "-\n   a: b\n", insert("x", "v", 0), "-\n   a: b\n   x: v\n", ""},
	{"insert below a null", "- a:\n- b: c\n", insert("x", "v", 0), "- a:\n  x: v\n- b: c\n", ""},
	{"insert below a nested list", "a:\n- b\n- c: d\ne: f\n", insert("x", "v"), "a:\n- b\n- c: d\ne: f\nx: v\n", ""},
	{"insert below a block", "a: |-\n  b\n\n", insert("x", "v"), "a: |-\n  b\nx: v\n\n", ""},
	{"insert below a block that keeps its end", "a: |+\n  b\n\n", insert("x", "v"), "", "change too"},
	{"insert below a value on two lines", "a: b\n  c\n", insert("x", "v"), "a: b\n  c\nx: v\n", ""},
	{"insert before the end of a document", "a: b\n...\n", insert("x", "v"), "a: b\nx: v\n...\n", ""},
	{"insert what is there", "a: b\n", insert("a", "v"), "", "already"},
	{"insert what is there in another case", "NEWTAG: b\n", insert("newTag", "v"), "", "there is a key NEWTAG already"},
	{"insert beside a merge key", "x: &x {b: c}\na:\n  <<: *x\n", insert("d", "v", "a"), "", "merge key"},
	{"insert into an aliased mapping", "x: &x\n  b: c\na: *x\n", insert("d", "v", "x"), "", "repeated by an alias"},
	{"insert into a list", "- a\n", insert("d", "v"), "", "no mapping"},
	{"insert into an empty map", "a: {}\n", insert("d", "v", "a"), "", "no mapping with a key"},
	{"insert behind explicit keys", "? a\n: b\n", insert("x", "v"), "", "behind a question mark"},
	{"insert, flow", "- {a: b, c: d} # e\n", insert("x", "v", 0), "- {a: b, c: d, x: v} # e\n", ""},
	{"insert, flow with a comma at the end", "{a: b,}\n", insert("x", "v"), "{a: b, x: v,}\n", ""},
	{"insert, flow on several lines", "{\n  a: b,\n  c: d\n}\n", insert("x", "v"), "{\n  a: b,\n  c: d,\n  x: v\n}\n", ""},
	{"insert, flow on several lines with comments", "{\n  a: b, # p\n  c: d # q\n}\n", insert("x", "v"), "{\n  a: b, # p\n  c: d, # q\n  x: v\n}\n", ""},
	{"insert, flow on several lines with a comma at the end", "{\n  c: d, # q\n}\n", append(insert("x", "v"), insert("z", "w")...), "{\n  c: d, # q\n  x: v,\n  z: w,\n}\n", ""},
	{"insert, JSON", "{\n  \"a\": [\n    {\"b\": \"c\"}\n  ]\n}\n", insert("x", "v", "a", 0), "{\n  \"a\": [\n    {\"b\": \"c\", \"x\": \"v\"}\n  ]\n}\n", ""},
	{"insert, JSON on several lines", "{\n\t\"a\": \"b\"\n}", insert("x", "v"), "{\n\t\"a\": \"b\",\n\t\"x\": \"v\"\n}", ""},
	{"insert, compact JSON", `{"a":{"b":"c"}}`, insert("x", "1", "a"), `{"a":{"b":"c","x":"1"}}`, ""},

	// What is no file of ours.
	{"not YAML", "a: b: c\n", set("x", "a"), "", "not YAML"},
	{"not UTF-8", "a: \xff\n", set("x", "a"), "", "not UTF-8"},
	{"UTF-16", "\xff\xfea\x00:\x00 \x00b\x00", set("x", "a"), "", "not UTF-8"},
	{"empty file", "", set("x", "a"), "", "no document"},
}

func TestApply(t *testing.T) {
	for _, c := range applyCases {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply([]byte(c.in), c.edits...)
			if c.out != "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.out, string(out)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				return
			}
			if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("got %q, %v; want a refusal with %q", out, err, c.refused)
			}
		})
	}
}

// What YAML 1.1 or 1.2 reads as something else than a string is quoted.
func TestQuoting(t *testing.T) {
	for v := range strings.FieldsSeq(`1.20 1234567 20240101 1e3 1E+3 0x1f 0o17 012 1_000 0b11 .5 5. +1 -1 .inf -.Inf .NaN
		yes no on off y n Y NO On true False null ~ = << 2024-01-01 2024-1-1 1:30 190:20:30 12e345678 1234567e8 =a a= ---`) {
		out, err := Apply([]byte("a: b\n"), set(v, "a")...)
		if err != nil || string(out) != "a: \""+v+"\"\n" {
			t.Errorf("%s: %q, %v: want quotes", v, out, err)
		}
	}
	for v := range strings.FieldsSeq(`v1.20 25.0.3 1.20.1 98fb01cc 813f902b2df5 sha256:00 latest 1.2-rc1 yesterday nginx
		quay.io/a/b:1.20@sha256:00 localhost:5000/a 2024-01-01-1 1.20+b e10 1-2
		a=quay.io/a/b:1@sha256:00 --a=b --1x`) {
		out, err := Apply([]byte("a: b\n"), set(v, "a")...)
		if err != nil || string(out) != "a: "+v+"\n" {
			t.Errorf("%s: %q, %v: want no quotes", v, out, err)
		}
	}
}

func TestErrorNamesTheLine(t *testing.T) {
	_, err := Apply([]byte("x: v\na: &x b\nc: *x\n"), set("d", "c")...)
	want := &Error{Line: 3, Reason: "*x is an alias: the value stands elsewhere"}
	got, ok := errors.AsType[*Error](err)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err.Error() != "line 3: "+want.Reason {
		t.Error(err)
	}
}

func TestComments(t *testing.T) {
	src := `# one
a: "# no" # two
b: | # three
    # no
    # no

  # four
c: 'it''s # no'
d: it's # five
h: x#no
e: [a, # six
  b]
f: "# no
  # no" # seven
g: >2
    # no
  # no
 # eight
`
	f, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range f.Comments() {
		got = append(got, c.Text)
		if c.Own != (c.Text == "# one" || c.Text == "# four" || c.Text == "# eight") {
			t.Errorf("line %d: %s: Own is %v", c.Line, c.Text, c.Own)
		}
	}
	want := []string{"# one", "# two", "# three", "# four", "# five", "# six", "# seven", "# eight"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Hostile files are refused, or read within the limits. The runtime's own limits
// on stack and memory are what fails here.
func TestHostile(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 40; i++ {
		n, p := string(rune('a'+i%26))+strings.Repeat("x", i), "a0"
		bomb += n + ": &" + n + " [" + strings.Repeat("*"+p+",", 9) + "]\n"
	}
	for _, c := range []struct{ name, src, refused string }{
		{"too large", strings.Repeat("#", MaxSize+1), "larger than"},
		{"deep flow", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "deeper"},
		{"deep lists", strings.Repeat("- ", 5000) + "a", "deeper"},
		{"deeper than the parser", strings.Repeat("[", 200_000), "depth"},
		{"many values", "[" + strings.Repeat("a,", 400_000) + "]", "more than"},
		{"alias bomb", bomb, ""},
		{"alias of itself", "a: &a [*a]\n", ""},
		{"one long line", `{"a":"b` + strings.Repeat(`","a":"b`, 50_000) + `"}`, ""},
		{"comments", strings.Repeat("a: b # c\n# d\n", 20_000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.src))
			if c.refused == "" && err != nil || c.refused != "" && (!errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("got %v, want %q", err, c.refused)
			}
		})
	}
}
