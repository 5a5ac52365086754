package yamledit

import (
	"errors"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

func TestSplice(t *testing.T) {
	tests := map[string]struct{ src, old, put, written, want string }{
		"plain":                  {"a: x y z\n", "y", "why", "why", "a: x why z\n"},
		"single quotes":          {"a: 'x''s y' # y\n", "y", "z", "z", "a: 'x''s z' # y\n"},
		"double quotes":          {`a: "\x78\"\u0079 z"`, "y", `"`, `\"`, `a: "\x78\"\" z"`},
		"double quotes, folded":  {"a: \"x \\\n   y\n\n  z\"\n", "z", "Z", "Z", "a: \"x \\\n   y\n\n  Z\"\n"},
		"single quotes, folded":  {"a: 'x\n  y'\n", "y", "z", "z", "a: 'x\n  z'\n"},
		"literal":                {"a: |2\n    x\n\n   y z\nb: y\n", "y", "why", "why", "a: |2\n    x\n\n   why z\nb: y\n"},
		"literal, CRLF":          {"a: |\r\n  x\r\n  y\r\n", "y", "z", "z", "a: |\r\n  x\r\n  z\r\n"},
		"folded":                 {"a: >-\n  x\n  y\n\n  z\n", "z", "Z", "Z", "a: >-\n  x\n  y\n\n  Z\n"},
		"anchored":               {"a: &b 'x y'\n", "y", "z", "z", "a: &b 'x z'\n"},
		"behind what is no rune": {"a: 'é\u00a0y'\n", "y", "z", "z", "a: 'é\u00a0z'\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Parse([]byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			n, err := f.At(0, Path{"a"})
			if err != nil {
				t.Fatal(err)
			}
			within := f.Within(n)
			if len(within) != len(n.Value) {
				t.Fatalf("%d spans for %q", len(within), n.Value)
			}
			at := strings.Index(n.Value, test.old)
			end := at + len(test.old)
			g, err := f.Splice(0, Path{"a"}, Span{within[at].Start, within[end-1].End}, test.written, n.Value[:at]+test.put+n.Value[end:])
			if err != nil || string(g.Bytes()) != test.want {
				t.Errorf("%v\n%q\nwant\n%q", err, g.Bytes(), test.want)
			}
		})
	}
}

func TestSpliceRefuses(t *testing.T) {
	f, err := Parse([]byte("a: 'x'\nb: &c y\nd: *c\ne: {f: g}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path  Path
		at    Span
		text  string
		value string
	}{
		"another value than it says": {Path{"a"}, Span{4, 5}, "z", "zz"},
		"beyond the value":           {Path{"a"}, Span{4, 8}, "z", "z"},
		"out of the quotes":          {Path{"a"}, Span{4, 5}, "z' # ", "z"},
		"what an alias repeats":      {Path{"b"}, Span{13, 14}, "z", "z"},
		"a mapping":                  {Path{"e"}, Span{26, 27}, "z", "z"},
		"nothing there":              {Path{"x"}, Span{4, 5}, "z", "z"},
	} {
		t.Run(name, func(t *testing.T) {
			if g, err := f.Splice(0, test.path, test.at, test.text, test.value); !errors.Is(err, ErrUnproven) {
				t.Errorf("%v %v", g, err)
			}
		})
	}
}

// Of every scalar of every file the bytes that are said to stand for its text are its own,
// in order, and say it.
func FuzzWithin(f *testing.F) {
	for _, c := range []string{"a: 'x''s\n  y'\n", "- \"\\x41\\\n  b\\n\"\n- |+2\n   x\n\n- >\n x\n  y\n z\n", "? &a x y\n: !!str 'é'\n", "a: \"\\u0022\\t \"\r\nb: |\r\n  x\r\n"} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, src string) {
		file, err := Parse([]byte(src))
		if err != nil {
			return
		}
		for n := range file.spans {
			checkWithin(t, file, n)
		}
	})
}

func checkWithin(t *testing.T, f *File, n *yaml.Node) {
	t.Helper()
	within, whole := f.Within(n), f.spans[n]
	if within == nil {
		return
	}
	if len(within) != len(n.Value) {
		t.Fatalf("%d spans for %q", len(within), n.Value)
	}
	last := Span{whole.Start, whole.Start}
	for i, s := range within {
		switch {
		case s == last:
		case s.Start < last.End || s.End < s.Start || s.End > whole.End:
			t.Fatalf("byte %d of %q lies at %v, behind %v in %v", i, n.Value, s, last, whole)
		}
		if said := string(f.src[s.Start:s.End]); len(said) == 1 && !isSpace(rune(said[0])) && said[0] != n.Value[i] {
			t.Fatalf("byte %d of %q is said by %q", i, n.Value, said)
		}
		last = s
	}
}
