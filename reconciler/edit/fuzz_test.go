package edit_test

import (
	"bytes"
	"cmp"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler/edit"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// FuzzEdits sets and removes a tag of every stream that a file has: refused with the file
// as it was, or the tag says what was meant, the other streams what they said, and what is
// set twice, or taken away again, changes nothing more.
func FuzzEdits(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data), "1.10")
			f.Add(string(file.Data), "25.0")
		}
	}
	f.Fuzz(func(t *testing.T, src, tag string) {
		if !stream.IsTag(tag) {
			return
		}
		const path = "imagestreams/a.yaml"
		fsys := fstest.MapFS{path: {Data: []byte(src)}}
		read, err := survey.Read(fsys)
		if err != nil {
			t.Fatal(err)
		}
		yes := true
		want := stream.Tag{Name: tag, From: &stream.From{Kind: stream.KindDockerImage, Name: "quay.io/a/b:1"}, Scheduled: &yes}
		for _, st := range read.View.Tree.Streams {
			s := edit.Of(fsys, read.View.Tree)
			if err := s.SetTag(st.Ref(), want); err != nil {
				if len(s.Files()) > 0 {
					t.Fatalf("refused (%v), and changed", err)
				}
				continue
			}
			once := s.Files()[path]
			got := tagOf(once, st, tag)
			if got == nil || got.From == nil || *got.From != *want.From || got.Scheduled == nil || !*got.Scheduled {
				t.Fatalf("%s says %+v in %q", tag, got, once)
			}
			if err := s.SetTag(st.Ref(), want); err != nil || !bytes.Equal(once, s.Files()[path]) {
				t.Fatalf("set again: %v, %q became %q", err, once, s.Files()[path])
			}
			removed, err := s.RemoveTag(stream.Ref{Namespace: st.Namespace, Name: st.Name, Tag: tag})
			if err == nil && (!removed || tagOf(s.Files()[path], st, tag) != nil) {
				t.Fatalf("removed %v from %q, which became %q", removed, once, s.Files()[path])
			}
		}
	})
}

// tagOf is a tag of a stream, or nil.
func tagOf(src []byte, of *stream.Stream, tag string) *stream.Tag {
	parsed := stream.ParseSpecs(src)
	if parsed == nil {
		return nil
	}
	for _, s := range parsed.Streams {
		if s.Name == of.Name && cmp.Or(s.Namespace, stream.DefaultNamespace) == of.Namespace {
			return s.Tag(tag)
		}
	}
	return nil
}
