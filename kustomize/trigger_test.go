package kustomize

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

const triggersArchive = "testdata/triggers.txt"

// TestTriggers holds what the archive says of each of its files: a want follows each.
// UPDATE=1 writes them anew.
func TestTriggers(t *testing.T) {
	archive, err := txtar.ParseFile(triggersArchive)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		in, want := archive.Files[i], &archive.Files[i+1]
		t.Run(in.Name, func(t *testing.T) {
			got := hinted(Parse("deployment.yaml", in.Data))
			if os.Getenv("UPDATE") != "" {
				want.Data = []byte(got)
				return
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(triggersArchive, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// triggerFiles are the files of the archive.
func triggerFiles(tb testing.TB) []string {
	tb.Helper()
	archive, err := txtar.ParseFile(triggersArchive)
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, f := range archive.Files {
		if f.Name != "want" {
			all = append(all, string(f.Data))
		}
	}
	return all
}

// hinted is summary with the hints.
func hinted(f *File) string {
	text := summary(f)
	if f == nil {
		return text
	}
	var b strings.Builder
	problems := f.Problems
	for line := range strings.Lines(text) {
		b.WriteString(line)
		if strings.Contains(line, " error: ") || strings.Contains(line, " notice: ") {
			if problems[0].Hint != "" {
				fmt.Fprintf(&b, "   %s\n", problems[0].Hint)
			}
			problems = problems[1:]
		}
	}
	return b.String()
}

// What a file may say of triggers is bounded, whatever it repeats.
func TestTriggersBounded(t *testing.T) {
	entry := `{"from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"spec.template.spec.containers[0].image"},`
	list := func(n int) string { return "'[" + strings.TrimSuffix(strings.Repeat(entry, n), ",") + "]'\n" }
	object := func(annotation, spec string) string {
		return "- {metadata: {annotations: {image.openshift.io/triggers: " + annotation + "}}, spec: " + spec + "}\n"
	}
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, test := range map[string]struct{ src, want string }{
		"entries":            {written(list(maxTriggers + 1)), "more than 1000 triggers"},
		"keys":               {written("'[{" + many(maxMembers, `"k%d":1,`) + `"b":1}]'`), "the trigger is no JSON object with keys"},
		"aliased texts":      {"kind: List\nx: &x " + list(900) + "items:\n" + strings.Repeat(object("*x", "{}"), 100), "aliases repeat more"},
		"aliased containers": {"kind: List\nx: &x {template: {spec: {containers: [" + strings.Repeat("{},", 5000) + "]}}}\nitems:\n" + strings.Repeat(object("'[]'", "*x"), 500), "aliases repeat more"},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			for _, p := range Parse("a.yaml", []byte(test.src)).Problems {
				said = append(said, p.Message)
			}
			if !strings.Contains(said[len(said)-1], test.want) || len(said) > 40*maxTriggers {
				t.Errorf("%d problems, the last one: %s", len(said), said[len(said)-1])
			}
		})
	}
}
