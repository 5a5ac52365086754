package yamlblock_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamlblock"
)

// parsed is what the YAML parser gives.
func parsed(src []byte) (roots []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	for d := yaml.NewDecoder(bytes.NewReader(src)); ; {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil:
			return nil, err
		}
		roots = append(roots, doc.Content[0])
	}
}

var withoutComments = cmpopts.IgnoreFields(yaml.Node{}, "HeadComment", "LineComment", "FootComment")

// agree fails unless what yamlblock reads is what the parser reads.
func agree(t *testing.T, src []byte) (read bool) {
	t.Helper()
	got, ok := yamlblock.Documents(src)
	if !ok {
		return false
	}
	want, err := parsed(src)
	if err != nil {
		t.Errorf("%q is read, and is not YAML: %v", src, err)
		return true
	}
	if diff := cmp.Diff(want, got, withoutComments); diff != "" {
		t.Errorf("%q (-parser +yamlblock):\n%s", src, diff)
	}
	return true
}

// What is written as most files are is read here, all else left to the parser.
func TestDocuments(t *testing.T) {
	for want, all := range map[bool][]string{
		true: {
			"a: b\n", "a: b", "a:\n  b: c\n", "a:\n- b\n- c: d\n  e: f\ng: h\n", "- a\n- - b\n  - c\n-\n  d: e\n",
			"# c\n\na: b # d\n# e\n", "---\na: b\n---\nc: d\n", "a: b\n---\n- c\n", "a: {}\nb: []\nc: {d: e, f: [1, \"x\", 'y']}\n",
			"a: 1.10\nb: 017\nc: 1e3\nd: true\ne: null\nf: 2026-11-20\ng: yes\nh: .5\ni: 0x1F\n",
			"y: n\nNULL: False\nyes: off\nfalsey: trueish\nNaN: _1\nn.a: t/f\n", "a: \"\"\nb: ''\nc: ' x '\n", "true: a\n1: b\n",
			"a: x:1#y\nb: http://c/d?e=[f]\n", "a:   b  \n",
		},
		false: {
			"a: 1.10\nb: 017\nc: 1e3\nd: true\ne: null\nf: ~x\n", "<<: {a: b}\n", "", "\n", "# c\n", "---\n", "a:\n", "a:\nb: c\n",
			"- \n", "a\n", "a: b\n c\n", "a: b\n  c: d\n", "a: |\n  b\n", "a: &x b\n", "a: *x\n", "a: !!str b\n", "a: \"b\\n\"\n",
			"a: 'b''c'\n", "a: \"b\n  c\"\n", "a: b: c\n", "a: [b\n", "a: [b]c\n", "a: {b}\n", "a: {b: c,}\n", "\ta: b\n", "a: b\r\n",
			"a: ü\n", "a: b\n...\n", "%YAML 1.2\n---\na: b\n", "a: \"b\"#c\n", "a:\n  - b\n  c: d\n", "a:\n- b\n c: d\n",
			"  a: b\nc: d\n", "--- a\n", "? a\n: b\n", "a: -1\n", "a: b\n---\n", strings.Repeat("- ", 100) + "a\n",
			"a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n", strings.Repeat("a", 300) + ": b\n",
		},
	} {
		for _, src := range all {
			if read := agree(t, []byte(src)); read != want {
				t.Errorf("%q: read is %v", src, read)
			}
		}
	}
}

// Most files of the examples are of the kind that is read here.
func TestExamples(t *testing.T) {
	files, read := 0, 0
	err := filepath.WalkDir("../../examples", func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		src, err := os.ReadFile(path)
		files++
		if agree(t, src) {
			read++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d files", read, files)
	if read < files/2 {
		t.Errorf("%d of %d files are read", read, files)
	}
}

func FuzzDocuments(f *testing.F) {
	for _, src := range []string{
		"a: b\n", "# c\na:\n  b: {c: d, e: [f, 'g', \"h\"]} # i\n- j\n", "---\n- a: 1\n  b:\n  - c\n---\nd: .5\n", "a:\n-\n  b: c\n-   d: e\n\n    f: g\n",
		"a: x #y\nb: x#y\nc: 'z' #\n", "a: {b: 1, c: {}}\n", "a:    # b\n  c: d\n", "- - a\n  - b\n",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) { agree(t, src) })
}
