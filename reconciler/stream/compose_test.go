package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func spec(namespace, name string, tags ...string) string {
	doc := "---\napiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: " + name
	if namespace != "" {
		doc += ", namespace: " + namespace
	}
	doc += "}\nspec:\n  tags:\n"
	for _, tag := range tags {
		doc += "  - {name: " + tag + ", from: {kind: DockerImage, name: mysql}}\n"
	}
	return doc
}

func statusAt(namespace, name, tag string) StatusAt {
	st := fullStatus()
	st.Ref = Ref{Namespace: namespace, Name: name, Tag: tag}
	return StatusAt{Path: StatusPath("imagestreams/status", st.Ref), Status: st}
}

func showTree(t *Tree) string {
	var b strings.Builder
	for _, s := range t.Streams {
		fmt.Fprintf(&b, "%s %s", s.Pos, s.Ref())
		for _, tag := range s.Tags {
			fmt.Fprintf(&b, " %s(%s)", tag.Name, tag.Pos)
		}
		b.WriteByte('\n')
	}
	byName := func(a, b Ref) int { return strings.Compare(a.String(), b.String()) }
	fmt.Fprintln(&b, "status", slices.SortedFunc(maps.Keys(t.Status), byName))
	fmt.Fprintln(&b, "broken", slices.SortedFunc(maps.Keys(t.Broken), byName))
	return b.String() + show(t.Problems)
}

func TestCompose(t *testing.T) {
	settings := DefaultSettings()
	settings.Namespaces = []PathNamespace{{"apps/prod/**", "prod"}}
	shared := ParseSpecs([]byte(spec("", "web", "a", "1.10")))
	before := *shared.Streams[0]
	specs := []SpecAt{
		{"imagestreams/z.yaml", ParseSpecs([]byte(spec("sso", "keycloak", "v25") + spec("sso", "twice", "a")))},
		{"apps/prod/imagestreams/web.yaml", shared},
		{"apps/test/imagestreams/web.yaml", shared},
		{"imagestreams/other.yaml", nil},
		{"imagestreams/twice.yaml", ParseSpecs([]byte(spec("sso", "twice", "b") + spec("sso", "twice", "c")))},
		{"imagestreams/long.yaml", ParseSpecs([]byte(spec("sso", strings.Repeat("l", 252), "a")))},
		{"imagestreams/export.yaml", ParseSpecs(files(t, "specs/export.yaml")["testdata/specs/export.yaml"])},
	}
	newer := &StatusError{Line: 2, Newer: true, Reason: "apiVersion imgstream.dev/v2: written by a newer imgstream; left alone"}
	moved := statusAt("sso", "keycloak", "v24")
	moved.Path = "imagestreams/status/sso/keycloak/moved.yaml"
	statuses := []StatusAt{
		statusAt("sso", "keycloak", "v25"), statusAt("sso", "keycloak", "gone"), statusAt("sso", "keycloak", "V25"), statusAt("sso", "twice", "a"),
		statusAt("sso", "nowhere", "a"), statusAt("shop", "web", "pushed"), statusAt("shop", "web", "lost"), statusAt("prod", "web", "a"), moved,
		{Path: "imagestreams/status/sso/keycloak/bad.yaml", Err: &StatusError{Line: 7, Reason: "metadata.name is missing"}},
		{Path: "imagestreams/status/sso/keycloak/unreadable.yaml", Err: errors.New("no such object")},
		{Path: "imagestreams/status/sso/keycloak/new.yaml", Err: newer},
		{Path: "imagestreams/status/keycloak.yaml", Err: newer},
	}
	tree := Compose(settings, specs, statuses)
	golden(t, "testdata/compose.golden", strings.ReplaceAll(showTree(tree), strings.Repeat("l", 252), "lll…"))
	if diff := cmp.Diff(before, *shared.Streams[0]); diff != "" {
		t.Errorf("a shared stream changed:\n%s", diff)
	}
	for _, p := range tree.Broken {
		if !slices.Contains(tree.Problems, p) {
			t.Errorf("only in Broken: %+v", p)
		}
	}
	for _, s := range tree.Streams {
		if tree.Stream(s.Namespace, s.Name) != s || (&Tree{Streams: tree.Streams}).Stream(s.Namespace, s.Name) != s {
			t.Errorf("%s is not found", s.Ref())
		}
	}
	if tree.Stream("sso", "twice") != nil || tree.Stream("sso", "nothing") != nil || (&Tree{}).Stream("sso", "nothing") != nil {
		t.Error("a stream that is not there is found")
	}
}

// The order of what is given does not matter, and a spec that cannot be read makes
// every orphan doubtful.
func TestComposeOrder(t *testing.T) {
	specs := []SpecAt{
		{"imagestreams/a.yaml", ParseSpecs([]byte(spec("sso", "a", "x")))},
		{"imagestreams/b.yaml", ParseSpecs([]byte(spec("sso", "b", "x") + spec("sso", "a", "y")))},
		{"imagestreams/broken.yaml", ParseSpecs([]byte("kind: ImageStream\na: [\n"))},
	}
	statuses := []StatusAt{statusAt("sso", "b", "gone"), statusAt("sso", "c", "x")}
	want := showTree(Compose(DefaultSettings(), specs, statuses))
	slices.Reverse(specs)
	slices.Reverse(statuses)
	if diff := cmp.Diff(want, showTree(Compose(DefaultSettings(), specs, statuses))); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(want, "(mend the specs that have errors first: it may stand there)"); n != 2 {
		t.Errorf("%d doubtful orphans in\n%s", n, want)
	}
}

func TestDocument(t *testing.T) {
	specs := []SpecAt{{"imagestreams/a.yaml", ParseSpecs(files(t, "specs/product.yaml")["testdata/specs/product.yaml"])}}
	tree := Compose(DefaultSettings(), specs, []StatusAt{
		statusAt("sso", "keycloak", "pushed"), statusAt("sso", "keycloak", "25.0"), statusAt("sso", "keycloak", "gone"), statusAt("other", "keycloak", "x"),
	})
	doc := tree.Document(tree.Stream("sso", "keycloak"))
	inYAML, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	inJSON, err := json.MarshalIndent(doc, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/document.yaml", string(inYAML))
	golden(t, "testdata/document.json", string(inJSON)+"\n")
	fromYAML, fromJSON := ParseSpecs(inYAML).Streams[0], ParseSpecs(inJSON).Streams[0]
	if diff := cmp.Diff(fromYAML.Seed, fromJSON.Seed); diff != "" || len(fromYAML.Seed) != 3 {
		t.Errorf("%d seeds, %s", len(fromYAML.Seed), diff)
	}
}
