package examples_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// A story is what happens to an example (testdata/EXAMPLE[.what].txtar): what people
// change (replace/FILE: a line of the file, " => ", and its new text; remove: the
// directories that are not there yet, since imgstream never pushed), what registries answer (answers), and the commits
// that follow (want; UPDATE=1 rewrites it). Afterwards the repository is at rest.
func TestStories(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, name := range names {
		example, _, _ := strings.Cut(filepath.Base(name), ".")
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			before := load(t, os.DirFS(example))
			s := story{base: before, tip: maps.Clone(before), answers: answersOf(t, before)}
			for _, f := range archive.Files {
				s.tell(t, f)
			}
			problems, commits := s.pass(t)
			got := problems + commits
			if diff := cmp.Diff(s.want, got); diff != "" && os.Getenv("UPDATE") == "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, again := s.pass(t); again != "" {
				t.Errorf("a second pass commits:\n%s", again)
			}
			if os.Getenv("UPDATE") != "" {
				update(t, name, archive, got)
			}
		})
	}
}

type story struct {
	base    fstest.MapFS // what imgstream pushed last; nil: it never did
	tip     fstest.MapFS
	answers plan.Answers
	want    string
}

// tell takes in one section.
func (s *story) tell(t *testing.T, f txtar.File) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
	verb, path, _ := strings.Cut(f.Name, "/")
	switch verb {
	case "replace":
		for _, line := range lines {
			s.replace(t, path, line)
		}
	case "remove":
		s.base = nil
		maps.DeleteFunc(s.tip, func(path string, _ *fstest.MapFile) bool {
			return slices.ContainsFunc(lines, func(dir string) bool { return strings.HasPrefix(path, dir+"/") })
		})
	case "answers":
		for _, line := range lines {
			reference, digest, _ := strings.Cut(line, " ")
			s.answers[plan.Import{Reference: reference}] = plan.Answer{Digest: digest}
		}
	case "want":
		s.want = string(f.Data)
	default:
		t.Fatalf("unknown section %s", f.Name)
	}
}

func (s *story) replace(t *testing.T, path, line string) {
	t.Helper()
	was, is, _ := strings.Cut(line, " => ")
	src, err := fs.ReadFile(s.tip, path)
	if err != nil || bytes.Count(src, []byte(was)) != 1 {
		t.Fatalf("%s: %q does not stand there once (%v)", path, was, err)
	}
	s.tip[path] = &fstest.MapFile{Data: bytes.Replace(src, []byte(was), []byte(is), 1)}
}

// pass applies what imgstream does, and shows it.
func (s *story) pass(t *testing.T) (problems, commits string) {
	t.Helper()
	var p, b strings.Builder
	before := maps.Clone(s.tip)
	out := pass(t, s.tip, s.base, s.answers)
	for _, problem := range out.Problems {
		fmt.Fprintf(&p, "%s: %s: %s\n", problem.Pos, problem.Severity, problem.Message)
	}
	for _, c := range out.Changes {
		subject, _, _ := strings.Cut(c.Message, "\n")
		fmt.Fprintf(&b, "commit %s\n", subject)
		for _, path := range slices.Sorted(maps.Keys(c.Files)) {
			var old []byte
			if f := before[path]; f != nil {
				old = f.Data
			}
			b.WriteString(changedLines(path, old, c.Files[path]))
		}
		write(s.tip, c.Files)
	}
	s.base = maps.Clone(s.tip)
	return p.String(), b.String()
}

// changedLines are the lines of a diff that change.
func changedLines(path string, was, is []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", path)
	for line := range strings.Lines(string(diff.Diff(path, was, path, is))) {
		if (line[0] == '-' || line[0] == '+') && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "+++") {
			b.WriteString("    " + line)
		}
	}
	return b.String()
}

func update(t *testing.T, name string, archive *txtar.Archive, want string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(want)})
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
