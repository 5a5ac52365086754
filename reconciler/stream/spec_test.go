package stream

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// golden compares got with a file, or writes the file with UPDATE=1.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func files(tb testing.TB, pattern string) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no files %s: %v", pattern, err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = src
	}
	return all
}

func show(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s:%d: %s", p.Pos.File, p.Pos.Line, p.Severity)
		if p.Ref != (Ref{}) {
			fmt.Fprintf(&b, " [%s]", p.Ref)
		}
		fmt.Fprintf(&b, ": %s", p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, " (%s)", p.Hint)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestParseSpecsGolden(t *testing.T) {
	for name, src := range files(t, "specs/*.[yj]*") {
		f := ParseSpecs(src)
		streams, err := yaml.Marshal(f.Streams)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".golden", show(f.Problems)+"---\n"+string(streams))
	}
}

func TestParseSpecsNothing(t *testing.T) {
	for name, src := range map[string]string{
		"other kind":   "kind: ConfigMap\ndata: {a: ImageStream}\n",
		"empty":        "",
		"no stream":    "a: [b\n",
		"own status":   "apiVersion: imgstream.dev/v1\nkind: ImageStreamTagStatus\n",
		"not a map":    "- ImageStream\n",
		"strange keys": "? [ImageStream]\n: x\n",
	} {
		if f := ParseSpecs([]byte(src)); f != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// A file beyond the bounds is one problem, found without reading all that its
// aliases stand for.
func TestParseSpecsBounds(t *testing.T) {
	bomb := "#ImageStream\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		ref := fmt.Sprintf("*a%d", i)
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(ref+",", 10), ","))
	}
	tooMuch := "the document is nested or multiplied by aliases beyond what is read (100 levels, 262144 values)"
	for name, tt := range map[string]struct{ src, want string }{
		"bomb":      {bomb, ":2: error: " + tooMuch + "\n"},
		"cycle":     {"#ImageStream\na: &a [*a]\n", ":2: error: " + tooMuch + "\n"},
		"deep":      {"#ImageStream\n\na: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), ":3: error: " + tooMuch + "\n"},
		"very deep": {"#ImageStream\n\na: " + strings.Repeat("[", 500_000), ":3: error: the file is not valid YAML: exceeded max depth of 10000\n"},
		"large":     {"#ImageStream\n" + strings.Repeat("#\n", MaxFile/2), ":0: error: the file is larger than 1024 KiB (split it)\n"},
	} {
		if diff := cmp.Diff(tt.want, show(ParseSpecs([]byte(tt.src)).Problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzParseSpecs(f *testing.F) {
	for _, src := range files(f, "specs/*.[yj]*") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file := ParseSpecs(src)
		if file == nil {
			return
		}
		lines := 2 + strings.Count(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(src)), "\n")
		for _, p := range file.Problems {
			if p.Message == "" || strings.ContainsAny(p.Message+p.Hint, "\n\r") || p.Pos.Line < 0 || p.Pos.Line > lines || p.Pos.File != "" {
				t.Errorf("problem %q at line %d of %d", p.Message+p.Hint, p.Pos.Line, lines)
			}
		}
		for _, s := range file.Streams {
			checkStream(t, s)
			checkDocument(t, s)
		}
	})
}

// checkStream holds what the rest of the program relies on.
func checkStream(t *testing.T, s *Stream) {
	t.Helper()
	if !IsName(s.Name) || s.Namespace != "" && !IsNamespace(s.Namespace) {
		t.Errorf("stream %q/%q", s.Namespace, s.Name)
	}
	seen := map[string]bool{}
	for i := range s.Tags {
		tag := &s.Tags[i]
		if !IsTag(tag.Name) || seen[tag.Name] {
			t.Errorf("tag %q is not valid or not unique", tag.Name)
		}
		seen[tag.Name] = true
		if !tag.Blocked && tag.From != nil {
			checkFrom(t, s, *tag.From)
		}
	}
}

func checkFrom(t *testing.T, s *Stream, from From) {
	t.Helper()
	if from.Kind == KindDockerImage {
		if _, err := ParseImage(from.Name); err != nil {
			t.Error(err)
		}
		return
	}
	ref, err := ParseSource(Ref{Namespace: "own", Name: s.Name}, from)
	if err != nil || ref.Namespace == "" || ref.Name == "" || (ref.Tag == "") == (ref.Digest == "") {
		t.Errorf("%+v: %v, %v", from, ref, err)
	}
}

// checkDocument: OpenShift's document of a stream says the same as the stream,
// in YAML and in JSON.
func checkDocument(t *testing.T, s *Stream) {
	t.Helper()
	want := &Stream{Namespace: "own", Name: s.Name, LookupLocal: s.LookupLocal}
	for _, tag := range s.Tags {
		if !tag.Blocked {
			tag.Pos = Pos{}
			want.Tags = append(want.Tags, tag)
		}
	}
	doc := (&Tree{}).Document(want)
	inYAML, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	inJSON, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range [][]byte{inYAML, inJSON} {
		file := ParseSpecs(src)
		if len(file.Streams) != 1 {
			t.Fatalf("%s\n%s", src, show(file.Problems))
		}
		got := file.Streams[0]
		got.Pos = Pos{}
		for i := range got.Tags {
			got.Tags[i].Pos = Pos{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n(-want +got):\n%s", src, diff)
		}
	}
}
