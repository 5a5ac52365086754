package edit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// TestEdits runs the archives of testdata: edits, one a line, then the files and what
// becomes of them (want/…), or the error.
//
//	tag STREAM:TAG [KIND NAME [NAMESPACE]] [key=value…]
//	remove STREAM:TAG
//	lookup STREAM true|false
//	repository STREAM NAME
func TestEdits(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			var in []txtar.File
			crlf := bytes.Contains(a.Comment, []byte("# CRLF"))
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, "want/") || f.Name == "error" {
					continue
				}
				in = append(in, f)
				data := string(f.Data)
				if crlf {
					data = strings.ReplaceAll(data, "\n", "\r\n")
				}
				files = append(files, f.Name, data)
			}
			s := specs(t, files...)
			var failed string
			for line := range strings.Lines(string(a.Comment)) {
				if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
					continue
				}
				if err := run(s, strings.Fields(line)); err != nil {
					failed += err.Error() + "\n"
				}
			}
			a.Files = in
			if failed != "" {
				a.Files = append(a.Files, txtar.File{Name: "error", Data: []byte(failed)})
			}
			for _, f := range sorted(s.Files()) {
				text := s.Files()[f]
				if crlf {
					if bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
						t.Errorf("%s has lines that do not end in CRLF: %q", f, text)
					}
					text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
				}
				a.Files = append(a.Files, txtar.File{Name: "want/" + f, Data: text})
			}
			golden(t, name, txtar.Format(a))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func sorted(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
	return names
}

func run(s *edit.Specs, words []string) error {
	of, tag, _ := strings.Cut(words[1], ":")
	r := ref(of)
	switch words[0] {
	case "tag":
		return s.SetTag(r, wanted(tag, words[2:]))
	case "remove":
		r.Tag = tag
		removed, err := s.RemoveTag(r)
		if err == nil && !removed {
			err = fmt.Errorf("%s: nothing to remove", r)
		}
		return err
	case "lookup":
		changed, err := s.SetLookup(r, words[2] == "true")
		if err == nil && !changed {
			err = fmt.Errorf("%s: lookup is so already", r)
		}
		return err
	case "repository":
		return s.SetRepository(r, words[2])
	}
	return fmt.Errorf("no edit %q", words[0])
}

func wanted(name string, words []string) stream.Tag {
	t := stream.Tag{Name: name}
	var from []string
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			from = append(from, w)
			continue
		}
		yes := value == "true"
		switch key {
		case "scheduled":
			t.Scheduled = &yes
		case "insecure":
			t.Insecure = yes
		case "reference":
			t.Reference = yes
		case "mode":
			t.ImportMode = value
		case "policy":
			t.ReferencePolicy = value
		default:
			if t.Annotations == nil {
				t.Annotations = map[string]string{}
			}
			t.Annotations[key] = value
		}
	}
	if len(from) > 0 {
		t.From = &stream.From{Kind: from[0], Name: from[1]}
		if len(from) > 2 {
			t.From.Namespace = from[2]
		}
	}
	return t
}
