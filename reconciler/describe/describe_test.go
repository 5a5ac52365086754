package describe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler/stream"
)

var now = time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)

// treeOf composes the repository of a file of testdata.
func treeOf(t *testing.T, archive string) *stream.Tree {
	t.Helper()
	repo, err := txtar.ParseFile(filepath.Join("testdata", archive))
	if err != nil {
		t.Fatal(err)
	}
	settings := stream.DefaultSettings()
	var specs []stream.SpecAt
	var statuses []stream.StatusAt
	for _, f := range repo.Files {
		if settings.IsStatusPath(f.Name) {
			st, err := stream.ParseStatus(f.Data)
			statuses = append(statuses, stream.StatusAt{Path: f.Name, Status: st, Err: err})
			continue
		}
		specs = append(specs, stream.SpecAt{Path: f.Name, File: stream.ParseSpecs(f.Data)})
	}
	return stream.Compose(settings, specs, statuses)
}

// documents are the streams of testdata/repo.txtar.
func documents(t *testing.T) []stream.Document {
	t.Helper()
	tree := treeOf(t, "repo.txtar")
	var all []stream.Document
	for _, s := range tree.Streams {
		all = append(all, tree.Document(s))
	}
	return all
}

// golden compares with a file of testdata, or writes it with UPDATE=1.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTables(t *testing.T) {
	docs := documents(t)
	golden(t, "is.txt", Streams(docs, Columns{}, now))
	golden(t, "is-namespace.txt", Streams(docs, Columns{Namespace: true}, now))
	tree := treeOf(t, "describe.txtar")
	var tags []Tag
	var images []StreamImage
	var itags []ImageTag
	for _, s := range tree.Streams {
		tags = append(tags, TagsOf(tree, s)...)
		images = append(images, ImagesOf(tree, s)...)
		itags = append(itags, ImageTagsOf(tree, s)...)
	}
	golden(t, "istag.txt", Tags(tags, Columns{}, now))
	golden(t, "istag-namespace-wide.txt", Tags(tags, Columns{Namespace: true, Wide: true}, now))
	golden(t, "isimage.txt", Images(images, Columns{}, now))
	golden(t, "isimage-namespace-wide.txt", Images(images, Columns{Namespace: true, Wide: true}, now))
	golden(t, "itag.txt", ImageTags(itags, Columns{}, now))
	golden(t, "itag-namespace.txt", ImageTags(itags, Columns{Namespace: true}, now))
}

func TestDocuments(t *testing.T) {
	docs := documents(t)
	tree := treeOf(t, "repo.txtar")
	keycloak := tree.Stream("sso", "keycloak")
	itags := ImageTagsOf(tree, keycloak)
	described := treeOf(t, "describe.txtar")
	for name, document := range map[string]any{
		"is":         tree.Document(keycloak),
		"is-list":    NewList(docs),
		"is-whole":   described.Document(described.Stream("default", "whole")),
		"istag":      TagsOf(tree, keycloak)[0],
		"istag-list": NewList(TagsOf(tree, keycloak)),
		"isimage":    ImagesOf(tree, keycloak)[0],
		"itag-list":  NewList(itags),
		"none":       NewList[Tag](nil),
	} {
		y, err := YAML(document)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".yaml", y)
		j, err := JSON(document)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", j)
	}
}

// What get -o yaml prints is a spec that says the same, and a seed with its history.
func TestDocumentsAreSpecs(t *testing.T) {
	docs := documents(t)
	for _, encode := range []func(any) (string, error){YAML, JSON} {
		text, err := encode(NewList(docs))
		if err != nil {
			t.Fatal(err)
		}
		f := stream.ParseSpecs([]byte(text))
		tree := stream.Compose(stream.DefaultSettings(), []stream.SpecAt{{Path: "imagestreams/export", File: f}}, nil)
		var got []stream.Document
		for _, s := range tree.Streams {
			for _, seed := range s.Seed {
				ref := s.TagRef(seed.Tag)
				tree.Status[ref] = &stream.Status{Ref: ref, Items: seed.Items}
				if tag := s.Tag(seed.Tag); tag != nil {
					tree.Status[ref].Source = tag.Source(s.Namespace) // as adopting it does
				}
			}
			got = append(got, tree.Document(s))
		}
		for _, d := range docs {
			for i := range d.Status.Tags {
				d.Status.Tags[i].Conditions = nil // an export's conditions are not taken over
			}
		}
		if diff := cmp.Diff(docs, got); diff != "" {
			t.Errorf("read again (-want +got):\n%s", diff)
		}
	}
}

func TestAgo(t *testing.T) {
	for _, test := range []struct {
		age  time.Duration
		want string
	}{
		{-time.Hour, "Less than a second ago"},
		{0, "Less than a second ago"},
		{time.Second, "1 second ago"},
		{59 * time.Second, "59 seconds ago"},
		{time.Minute, "About a minute ago"},
		{2 * time.Minute, "2 minutes ago"},
		{59*time.Minute + 59*time.Second, "59 minutes ago"},
		{time.Hour, "About an hour ago"},
		{89 * time.Minute, "About an hour ago"},
		{90 * time.Minute, "2 hours ago"},
		{47 * time.Hour, "47 hours ago"},
		{48 * time.Hour, "2 days ago"},
		{13 * 24 * time.Hour, "13 days ago"},
		{14 * 24 * time.Hour, "2 weeks ago"},
		{59 * 24 * time.Hour, "8 weeks ago"},
		{60 * 24 * time.Hour, "2 months ago"},
		{729 * 24 * time.Hour, "24 months ago"},
		{730 * 24 * time.Hour, "2 years ago"},
	} {
		if got := Ago(now, now.Add(-test.age).Format(time.RFC3339)); got != test.want {
			t.Errorf("%v: got %q, want %q", test.age, got, test.want)
		}
	}
	if got := Ago(now, ""); got != "" {
		t.Errorf("no moment: got %q", got)
	}
	for _, none := range []string{"yesterday", "0001-01-01T00:00:00Z"} {
		if got := Ago(now, none); got != "<unknown>" {
			t.Errorf("%s: got %q", none, got)
		}
	}
}

func TestTagsCell(t *testing.T) {
	for _, test := range []struct{ tags, want string }{
		{"", ""},
		{"latest", "latest"},
		{"a 25.0 latest", "a,25.0,latest"},
		{strings.Repeat("x", 60) + " b", strings.Repeat("x", 60) + " + 1 more..."},
		{strings.Repeat("12345678 ", 5) + "b", "12345678,12345678,12345678,12345678 + 2 more..."},
		{"a-name-of-twenty-char a-name-of-twenty-six-chars b", "a-name-of-twenty-char,a-name-of-twenty-six-chars + 1 more..."},
		{"a-name-of-twenty-char a-name-of-thirty-characters-xx b", "a-name-of-twenty-char + 2 more..."},
		{"a-name-of-thirty-characters-xx sixteen-letters- b", "a-name-of-thirty-characters-xx + 2 more..."},
	} {
		var tags []stream.DocumentHistory
		for name := range strings.FieldsSeq(test.tags) {
			tags = append(tags, stream.DocumentHistory{Tag: name})
		}
		if got := tagsCell(tags); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.tags, got, test.want)
		}
	}
}
