package plan_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// TestPlan runs each archive of testdata: files below tip/ and base/ are the two
// trees, answers has a line for each reference (its digest, "described" for what the image says, and its labels, or
// ! and a reason), own the commits of imgstream, local the operator's local registry with a
// line for each repository to which nothing can be copied (and the reason), hints what was pushed to, and want is what comes of it. UPDATE=1
// writes want anew. An answer may also be tags and their names, or a digest, created and a
// date or never; tags-of: before a
// repository makes a failure one of its list. A digest may have index=, platforms=, and of the question legacy and prefer=. {a} stands for the digest of sixty-four a.
func TestPlan(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := parseCase(t, archive)
			got := c.outcome(t)
			want := c.rest["want"]
			if os.Getenv("UPDATE") != "" {
				c.update(t, name, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want differs (UPDATE=1 writes it anew):\n%s", diff)
			}
			c.checkFixpoint(t)
		})
	}
}

var noon = time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)

// testCase is one archive.
type testCase struct {
	tip, base fstest.MapFS
	answers   plan.Answers
	due       plan.Due
	rest      map[string]string
	copied    []plan.Copy // by the last plan
	images    bool        // the metadata of images lies in git
}

func parseCase(t *testing.T, a *txtar.Archive) *testCase {
	t.Helper()
	c := &testCase{tip: fstest.MapFS{}, base: fstest.MapFS{}, answers: plan.Answers{}, due: plan.Always, rest: map[string]string{}}
	for _, f := range a.Files {
		text := expand(string(f.Data))
		if path, ok := strings.CutPrefix(f.Name, "tip/"); ok {
			c.tip[path] = &fstest.MapFile{Data: []byte(text)}
		} else if path, ok := strings.CutPrefix(f.Name, "base/"); ok {
			c.base[path] = &fstest.MapFile{Data: []byte(text)}
		} else if path, ok := strings.CutPrefix(f.Name, "both/"); ok {
			c.tip[path], c.base[path] = &fstest.MapFile{Data: []byte(text)}, &fstest.MapFile{Data: []byte(text)}
		} else {
			c.rest[f.Name] = string(f.Data)
		}
	}
	for line := range strings.Lines(expand(c.rest["answers"])) {
		im, answer := parseAnswer(t, line)
		for _, im.Scope = range []string{"", "sso", "prod", "build"} {
			c.answers[im] = answer
		}
	}
	c.images = strings.Contains(string(a.Comment), "metadata")
	if strings.Contains(string(a.Comment), "nothing due") {
		c.due = nil
	}
	if strings.Contains(string(a.Comment), "nobody asks") {
		c.due = func(plan.Ask) bool { return false }
	}
	return c
}

func parseAnswer(t *testing.T, line string) (plan.Import, plan.Answer) {
	t.Helper()
	fields := strings.Fields(line)
	reference, list := strings.CutPrefix(fields[0], "tags-of:")
	im := plan.Import{Reference: reference, Tags: list || fields[1] == "tags", Legacy: slices.Contains(fields, "legacy"), Exists: slices.Contains(fields, "exists")}
	im.Prefer, _ = valueOf(fields, "prefer")
	if reason, ok := strings.CutPrefix(fields[1], "!"); ok {
		if reason == "host" {
			reason = ""
		}
		return im, plan.Answer{Failure: &plan.Failure{Reason: reason, Message: "said the registry", Hint: "do this"}}
	}
	if im.Tags {
		return im, plan.Answer{Tags: fields[2:]}
	}
	answer := plan.Answer{Digest: fields[1], Labels: parseLabels(t, line)}
	if im.Created = slices.Contains(fields, "created"); im.Created {
		answer.Image = &stream.ImageMetadata{Digest: fields[1]}
		if made := fields[slices.Index(fields, "created")+1]; made != "never" {
			answer.Image.Created = made + "T00:00:00Z"
		}
	}
	answer.Index, _ = valueOf(fields, "index")
	if platforms, ok := valueOf(fields, "platforms"); ok {
		var err error
		if answer.Platforms, err = stream.ParsePlatforms(platforms); err != nil {
			t.Fatal(line, err)
		}
	}
	if slices.Contains(fields, "described") {
		answer.Image = describedImage(fields[1])
	}
	return im, answer
}

// valueOf finds name=value.
func valueOf(fields []string, name string) (string, bool) {
	for _, f := range fields {
		if value, ok := strings.CutPrefix(f, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// describedImage is what an image of the digest says of itself.
func describedImage(digest string) *stream.ImageMetadata {
	return &stream.ImageMetadata{
		Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json", OS: "linux", Architecture: "amd64",
		Config: stream.ImageConfig{
			Cmd: []string{"run"}, Env: []string{"TOKEN=s3cret"},
			Labels: map[string]string{"org.opencontainers.image.source": "https://robot:s3cret@example.com/app", "x": "a: b # c\n- d"},
		},
	}
}

// parseLabels reads source="…" and the like, in Go's syntax, behind the digest.
func parseLabels(t *testing.T, line string) (l plan.Labels) {
	t.Helper()
	for name, to := range map[string]*string{"source": &l.Source, "revision": &l.Revision, "version": &l.Version} {
		_, rest, ok := strings.Cut(line, " "+name+"=")
		if !ok {
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatal(line, err)
		}
		if *to, err = strconv.Unquote(quoted); err != nil {
			t.Fatal(line, err)
		}
	}
	return l
}

// plan runs one pass over the two trees.
func (c *testCase) plan(t *testing.T, now time.Time) (*plan.Outcome, []plan.Question) {
	t.Helper()
	var base *plan.View
	if len(c.base) > 0 {
		base = &read(t, c.base).View
	}
	operator, uncopied := c.local(t)
	tip := read(t, c.tip).View
	if !c.images {
		tip.Tree.Settings.ImageMetadata = stream.MetadataNone
	}
	present := plan.Look(&tip, base, operator, strings.Fields(c.rest["hints"])...)
	blame := map[string]string{}
	for _, path := range present.Reverted() {
		blame[path] = strings.Repeat("c0ffee", 7)[:40]
	}
	due := plan.Ripe(now, c.due)
	own := map[string]bool{}
	for _, revision := range present.Revisions(due, c.answers) {
		own[revision] = slices.Contains(strings.Fields(c.rest["own"]), revision)
	}
	next := present.Next(due, c.answers, blame, own, now)
	copies := plan.Copies{}
	for _, want := range next.Copies() {
		copies[want] = uncopied[want.To]
	}
	if len(copies) > 0 {
		next = present.Copied(copies).Next(due, c.answers, blame, own, now)
	}
	out, err := next.Edits(c.tip)
	if err != nil {
		t.Fatal(err)
	}
	c.copied = slices.SortedFunc(maps.Keys(copies), func(a, b plan.Copy) int { return strings.Compare(a.To+a.From, b.To+b.From) })
	return out, c.asked(present, due)
}

// local reads the operator's part of an archive.
func (c *testCase) local(t *testing.T) (plan.Operator, map[string]*plan.Failure) {
	t.Helper()
	registry, rest, _ := strings.Cut(c.rest["local"], "\n")
	uncopied := map[string]*plan.Failure{}
	for line := range strings.Lines(rest) {
		to, reason, _ := strings.Cut(strings.TrimSpace(line), " !")
		if reason == "host" {
			reason = ""
		}
		uncopied[to] = &plan.Failure{Reason: reason, Message: "said the local registry"}
	}
	scope := func(_ stream.Image, tag stream.Ref, _ string) string { return tag.Namespace }
	if registry == "" {
		scope = nil
	}
	return plan.Operator{Scope: scope, LocalRegistry: registry}, uncopied
}

// asked are the questions of a pass that has the answers of the case, in the order in
// which they come up.
func (c *testCase) asked(present *plan.Present, due plan.Due) []plan.Question {
	var all []plan.Question
	got := plan.Answers{}
	for {
		round := present.Imports(due, got)
		if len(round) == 0 {
			return all
		}
		for _, q := range round {
			got[q.Import] = c.answers[q.Import]
		}
		all = append(all, round...)
	}
}

func read(t *testing.T, tree fs.FS) *survey.Survey {
	t.Helper()
	s, err := survey.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome is what a pass comes to, as text.
func (c *testCase) outcome(t *testing.T) string {
	t.Helper()
	out, asked := c.plan(t, noon)
	var b strings.Builder
	for _, q := range asked {
		what := "ask"
		switch {
		case q.Import.Tags:
			what = "list"
		case q.Import.Created:
			what = "date"
		case q.Import.Exists:
			what = "look for"
		}
		fmt.Fprintf(&b, "%s %s %s\n", what, q.Import.Reference, strings.Join(q.Known, " "))
		if q.Import.Legacy {
			fmt.Fprintf(&b, "  one image, preferring %q, knowing %v\n", q.Import.Prefer, q.Children)
		}
	}
	for _, c := range c.copied {
		fmt.Fprintf(&b, "copy %s (as %s) to %s (as %s)\n", c.From, c.FromScope, c.To, c.ToScope)
	}
	stream.SortProblems(out.Problems)
	for _, p := range out.Problems {
		fmt.Fprintln(&b, p)
	}
	for _, change := range out.Changes {
		fmt.Fprintf(&b, "\ncommit %s", change.Message)
		for _, path := range slices.Sorted(maps.Keys(change.Files)) {
			if change.Files[path] == nil {
				fmt.Fprintf(&b, "\nremoved %s\n", path)
				continue
			}
			fmt.Fprintf(&b, "\nfile %s\n%s", path, change.Files[path])
		}
	}
	return abbreviate(b.String())
}

// checkFixpoint runs a second pass over what the first one left.
func (c *testCase) checkFixpoint(t *testing.T) {
	t.Helper()
	out, _ := c.plan(t, noon)
	if len(out.Changes) == 0 {
		return
	}
	after := maps.Clone(c.tip)
	for _, change := range out.Changes {
		write(after, change.Files)
	}
	second := &testCase{tip: after, base: after, answers: c.answers, due: c.due, rest: c.rest, images: c.images}
	if again, _ := second.plan(t, noon.Add(time.Hour)); len(again.Changes) > 0 {
		t.Errorf("a second pass commits:\n%s", again.Changes[0].Message)
	}
}

// write makes the changes of a commit to a tree.
func write(tree fstest.MapFS, files map[string][]byte) {
	for path, data := range files {
		if data == nil {
			delete(tree, path)
			continue
		}
		tree[path] = &fstest.MapFile{Data: data}
	}
}

func (c *testCase) update(t *testing.T, name string, a *txtar.Archive, got string) {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: "want"})
		i = len(a.Files) - 1
	}
	a.Files[i].Data = []byte(got)
	if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	short = regexp.MustCompile(`\{([0-9a-f])\}`)
	// repeated matches what expand writes; Go has no back references.
	repeated = regexp.MustCompile(`sha256:(a{64}|b{64}|c{64}|d{64}|e{64}|f{64}|1{64}|2{64}|3{64})`)
)

func expand(s string) string {
	return short.ReplaceAllStringFunc(s, func(m string) string { return "sha256:" + strings.Repeat(m[1:2], 64) })
}

func abbreviate(s string) string {
	return repeated.ReplaceAllStringFunc(s, func(m string) string { return "{" + m[7:8] + "}" })
}
