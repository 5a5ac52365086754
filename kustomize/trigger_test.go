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
