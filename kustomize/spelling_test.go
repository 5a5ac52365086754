package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	oldDigest = "sha256:" + strings.Repeat("0", 64)
	newDigest = "sha256:" + strings.Repeat("1", 64)
)

// In the tables OLD and NEW stand for digests.
func withDigests(s string) string {
	return strings.NewReplacer("OLD", oldDigest, "NEW", newDigest, "\\n", "\n").Replace(s)
}

// spelling is one place and what it becomes; out is "" where nothing changes.
type spelling struct{ in, image, out string }

// image reads repository[:tag], with the new digest.
func image(s string) Image {
	name, tag, _ := splitPullSpec(s)
	return Image{Name: name, Tag: tag, Digest: newDigest}
}

// checkSpelling edits one place of a file in both directions of the contract:
// the result shows the image, and editing it again changes nothing.
func checkSpelling(t *testing.T, file, in, out string, img Image) {
	t.Helper()
	f := Parse(file, []byte(in))
	if len(f.Uses) != 1 || len(f.Problems) > 0 || f.Uses[0].Refused != "" {
		t.Fatalf("%s", summary(f))
	}
	if got, want := f.Uses[0].Shows(img), in == out; got != want {
		t.Errorf("Shows is %v before the edit", got)
	}
	r := Apply(file, []byte(in), []Want{{Use: f.Uses[0], Image: img}})
	if r.Errs[0] != nil {
		t.Fatal(r.Errs[0])
	}
	if diff := cmp.Diff(out, string(r.Src)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	again, ok := r.File.Find(f.Uses[0])
	if !ok || !again.Shows(img) {
		t.Errorf("the result does not show the image: %s", summary(r.File))
	}
	if diff := cmp.Diff(summary(Parse(file, r.Src)), summary(r.File)); diff != "" {
		t.Errorf("File is not what Src binds (-Src +File)\n%s", diff)
	}
}

func TestEntrySpellings(t *testing.T) {
	for _, c := range []spelling{
		// name and newTag: a digest line is added once.
		{"{name: r/a, newTag: v1}", "r/a:v2", "{name: r/a, newTag: v2, digest: NEW}"},
		{"{name: r/a, newTag: v2}", "r/a:v2", "{name: r/a, newTag: v2, digest: NEW}"},
		{"{name: r/a, newTag: v1}", "r/a", "{name: r/a, newTag: v1, digest: NEW}"},
		{"{name: r/a, newTag: v1, digest: OLD}", "r/a:v2", "{name: r/a, newTag: v2, digest: NEW}"},
		{"{digest: OLD, newTag: v1, name: r/a}", "r/a:v2", "{digest: NEW, newTag: v2, name: r/a}"},
		{"{name: r/a, newTag: v1, digest: OLD}", "r/a", "{name: r/a, newTag: v1, digest: NEW}"},
		{"{name: r/a, newTag: v2, digest: NEW}", "r/a:v2", ""},
		{"{name: r/a, newTag: v2, digest: NEW}", "r/a", ""},
		{"{name: r/a, newTag: v1, digest: }", "r/a:v2", "{name: r/a, newTag: v2, digest: NEW}"},
		// The tag is a string.
		{"{name: r/a, newTag: 1.19, digest: OLD}", "r/a:1.20", `{name: r/a, newTag: "1.20", digest: NEW}`},
		{"{name: r/a, newTag: 1.20, digest: NEW}", "r/a:1.20", `{name: r/a, newTag: "1.20", digest: NEW}`},
		{"{name: r/a, newTag: '1.19', digest: OLD}", "r/a:1.20", "{name: r/a, newTag: '1.20', digest: NEW}"},
		{"{name: r/a, newTag: 1.19.1, digest: OLD}", "r/a:1.20.1", "{name: r/a, newTag: 1.20.1, digest: NEW}"},
		// Tag and digest in one scalar.
		{"{name: r/a, newTag: v1@OLD}", "r/a:v2", "{name: r/a, newTag: v2@NEW}"},
		{"{name: r/a, newTag: v1@OLD}", "r/a", "{name: r/a, newTag: v1@NEW}"},
		{"{name: r/a, newTag: v2@NEW}", "r/a:v2", ""},
		// digest alone, and neither.
		{"{name: r/a, digest: OLD}", "r/a:v2", "{name: r/a, digest: NEW}"},
		{"{name: r/a, digest: NEW}", "r/a:v2", ""},
		{"{name: r/a}", "r/a:v2", "{name: r/a, digest: NEW}"},
		{"{name: r/a, newTag: ''}", "r/a:v2", "{name: r/a, newTag: '', digest: NEW}"},
		// newName.
		{"{name: a, newName: r/a, newTag: v1}", "r/a:v2", "{name: a, newName: r/a, newTag: v2, digest: NEW}"},
		{"{name: a, newName: r/a, digest: OLD}", "s:5000/b:v2", "{name: a, newName: s:5000/b, digest: NEW}"},
		{"{name: r/a, newName: r/b, digest: OLD}", "r/a:v2", "{name: r/a, newName: r/a, digest: NEW}"},
		{"{name: a, newName: r/a}", "r/a", "{name: a, newName: r/a, digest: NEW}"},
		{"{name: a, newName: }", "r/a", "{name: a, newName: r/a, digest: NEW}"},
		{"{name: a, newTag: v1}", "r/a:v2", "{name: a, newTag: v2, newName: r/a, digest: NEW}"},
		{"{name: nginx, newTag: v1}", "docker.io/library/nginx:v1", "{name: nginx, newTag: v1, newName: docker.io/library/nginx, digest: NEW}"},
		{"{name: nginx, newName: docker.io/library/nginx, digest: NEW}", "docker.io/library/nginx", ""},
		{"{name: nginx$}", "nginx", "{name: nginx$, newName: nginx, digest: NEW}"},
		{"{name: 'r/a:1\\.2'}", "r/a", "{name: 'r/a:1\\.2', newName: r/a, digest: NEW}"},
		// Keys that are not ours.
		{"{name: r/a, newDigest: x, tagSuffix: -y, newTag: v1}", "r/a:v2", "{name: r/a, newDigest: x, tagSuffix: -y, newTag: v2, digest: NEW}"},
	} {
		t.Run(c.in+" "+c.image, func(t *testing.T) {
			frame := "images:\n- ENTRY # {\"$imagestream\": \"a/b:1\"}\n"
			in := strings.Replace(frame, "ENTRY", withDigests(c.in), 1)
			out := in
			if c.out != "" {
				out = strings.Replace(frame, "ENTRY", withDigests(c.out), 1)
			}
			checkSpelling(t, "kustomization.yaml", in, out, image(c.image))
		})
	}
}

// The same entries as people write them: one key per line, one line per new key.
func TestEntryLines(t *testing.T) {
	in := withDigests(`images:
# {"$imagestream": "a/b:1"}
- name: a
  newTag: v1   # the version
  # below
- name: b
  newTag: v1
`)
	out := withDigests(`images:
# {"$imagestream": "a/b:1"}
- name: a
  newTag: v2   # the version
  newName: r/a
  digest: NEW
  # below
- name: b
  newTag: v1
`)
	checkSpelling(t, "kustomization.yaml", in, out, image("r/a:v2"))
}

func TestValueSpellings(t *testing.T) {
	for _, c := range []struct {
		part Part
		spelling
	}{
		{Whole, spelling{"r/a:v1", "r/a:v2", "r/a:v2@NEW"}},
		{Whole, spelling{"r/a:v1", "r/a", "r/a:v1@NEW"}},
		{Whole, spelling{"r/a:v1@OLD", "r/a:v2", "r/a:v2@NEW"}},
		{Whole, spelling{"r/a:v2@NEW", "r/a:v2", ""}},
		{Whole, spelling{"r/a:v2@NEW", "r/a", ""}},
		{Whole, spelling{"r/a", "r/a:v2", "r/a@NEW"}},
		{Whole, spelling{"r/a@OLD", "r/a:v2", "r/a@NEW"}},
		{Whole, spelling{"a", "r/a:v2", "r/a@NEW"}},
		{Whole, spelling{"a:v1", "docker.io/library/a:v2", "docker.io/library/a:v2@NEW"}},
		{Whole, spelling{"localhost:5000/x", "localhost:5000/x:v2", "localhost:5000/x@NEW"}},
		{Whole, spelling{"localhost:5000/x:1", "localhost:5000/x:2", "localhost:5000/x:2@NEW"}},
		{Whole, spelling{"localhost:5000/x:1@OLD", "h:1/y", "h:1/y:1@NEW"}},
		{Whole, spelling{"'r/a:v1'", "r/a:v2", "'r/a:v2@NEW'"}},
		{Whole, spelling{`"r/a:v1"`, "r/a:v2", `"r/a:v2@NEW"`}},
		{Whole, spelling{"", "r/a:v2", " r/a@NEW"}},
		{PartTag, spelling{"v1", "r/a:v2", "v2"}},
		{PartTag, spelling{"v1", "r/a", ""}},
		{PartTag, spelling{"v2", "r/a:v2", ""}},
		{PartTag, spelling{"1.19", "r/a:1.20", `"1.20"`}},
		{PartTag, spelling{"1.20", "r/a:1.20", `"1.20"`}},
		{PartTag, spelling{"1.20", "r/a", ""}},
		{PartTag, spelling{"v1@OLD", "r/a:v2", "v2@NEW"}},
		{PartTag, spelling{"v1@OLD", "r/a", "v1@NEW"}},
		{PartTag, spelling{`""`, "r/a:v2", `"v2"`}},
		{PartTag, spelling{`""`, "r/a", ""}},
		{PartName, spelling{"r/a", "s:5000/b:v2", "s:5000/b"}},
		{PartName, spelling{"r/a", "r/a:v2", ""}},
		{PartName, spelling{"localhost:5000/a", "r/a:v2", "r/a"}},
		{PartName, spelling{"r/a", "docker.io/r/a:v2", ""}},
		{PartName, spelling{"a", "docker.io/library/a:v2", ""}},
		{PartName, spelling{"q.io/a", "docker.io/library/a:v2", "docker.io/library/a"}},
		{PartDigest, spelling{"OLD", "r/a:v2", "NEW"}},
		{PartDigest, spelling{"'OLD'", "r/a:v2", "'NEW'"}},
		{PartDigest, spelling{"NEW", "r/a:v2", ""}},
		{PartDigest, spelling{`""`, "r/a:v2", `"NEW"`}},
	} {
		t.Run(string(c.part)+" "+c.in+" "+c.image, func(t *testing.T) {
			marker := "a/b:1"
			if c.part != Whole {
				marker += ":" + string(c.part)
			}
			file := func(value string) string {
				if value != "" && value[0] != ' ' {
					value = " " + value
				}
				return "key:" + withDigests(value) + " # {\"$imagestream\": \"" + marker + "\"}\n"
			}
			in, out := file(c.in), file(c.out)
			if c.out == "" {
				out = in
			}
			checkSpelling(t, "values.yaml", in, out, image(c.image))
		})
	}
}

func TestDigest(t *testing.T) {
	for in, want := range map[string]string{
		"images:\n- {name: a, digest: OLD} # {\"$imagestream\": \"a:b\"}":             oldDigest,
		"images:\n- {name: a, newTag: v1} # {\"$imagestream\": \"a:b\"}":              "",
		"images:\n- {name: a, newTag: v1@OLD} # {\"$imagestream\": \"a:b\"}":          oldDigest,
		"images:\n- {name: a, newTag: v1, digest: OLD} # {\"$imagestream\": \"a:b\"}": oldDigest,
		"x: r/a:v1@OLD # {\"$imagestream\": \"a:b\"}":                                 oldDigest,
		"x: r/a:v1 # {\"$imagestream\": \"a:b\"}":                                     "",
		"x: r/a@sha256:short # {\"$imagestream\": \"a:b\"}":                           "",
		"x: OLD # {\"$imagestream\": \"a:b:digest\"}":                                 oldDigest,
		"x: v1@OLD # {\"$imagestream\": \"a:b:tag\"}":                                 oldDigest,
		"x: v1 # {\"$imagestream\": \"a:b:tag\"}":                                     "",
		"x: r/a # {\"$imagestream\": \"a:b:name\"}":                                   "",
	} {
		f := Parse("kustomization.yaml", []byte(withDigests(in)))
		if len(f.Uses) != 1 {
			t.Fatalf("%s: %s", in, summary(f))
		}
		if got := f.Uses[0].Digest(); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}
