package kustomize

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lookupOf is the entry for a short name in a kustomization.
func lookupOf(src, text, ref string) Use {
	root := Root{Document: "0"}
	if k := ReadKustomization("kustomization.yaml", []byte(src)); k != nil && k.document != "" {
		root.Document = k.document
	}
	return NewLookup(root, text, ref)
}

func addBoth(src string) []Want {
	return []Want{
		{Use: lookupOf(src, "app:1.0", "n/app:1.0"), Image: image("r.io/app:1.0.7"), Do: Add},
		{Use: lookupOf(src, "app", "n/app:latest"), Image: Image{Name: "r.io/app", Digest: newDigest}, Do: Add},
	}
}

const bothEntries = `- name: 'app:1\.0' # {"$imagestream": "n/app:1.0", "lookup": true}
  newName: r.io/app
  newTag: 1.0.7
  digest: NEW
- name: app$ # {"$imagestream": "n/app:latest", "lookup": true}
  newName: r.io/app
  digest: NEW
`

// lookupCases are kustomizations with what two entries make of them, or the refusal.
var lookupCases = []struct{ name, in, out, refused string }{
	{"new list", "resources: [a.yaml]\n", "resources: [a.yaml]\nimages:\n" + bothEntries, ""},
	{"beside entries", "images:\n- name: a\n  newTag: b\nresources: [a.yaml]\n", "images:\n- name: a\n  newTag: b\n" + bothEntries + "resources: [a.yaml]\n", ""},
	{"below a marked entry with a comment in it", "images:\n- name: r/a #M\n  newTag: v1\n  # more\n# below\n", "images:\n- name: r/a #M\n  newTag: v1\n  # more\n" + bothEntries + "# below\n", ""},
	{"flow style", "images: [{name: a, newTag: b}]\n", "", "with a dash on each element"},
	{"no list", "images:\n", "", "with a dash on each element"},
	{"a whole file in flow style", "{resources: [a.yaml]}\n", "", "a key on each line"},
	{"JSON", "{\"resources\": [\"a.yaml\"]}\n", "", "a key on each line"},
	{"several documents", "resources: [a.yaml]\n---\na: b\n", "", "several documents"},
	{"Images", "Images:\n- name: a\n", "", "Images already"},
	{"broken", "resources: [\n", "", "not YAML"},
	{"a template", "{{ a }}\nresources: []\n", "", "a template"},
}

// Entries that are added stand as they must; taking them away gives back the exact bytes.
func TestAddAndRemoveLookups(t *testing.T) {
	for _, c := range lookupCases {
		t.Run(c.name, func(t *testing.T) {
			in, out := withMarkers(withDigests(c.in)), withMarkers(withDigests(c.out))
			r := Apply("kustomization.yaml", []byte(in), addBoth(in))
			if c.refused != "" {
				for _, err := range r.Errs {
					if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) {
						t.Errorf("%v, want a refusal with %q", err, c.refused)
					}
				}
				if string(r.Src) != in {
					t.Errorf("refused, and yet\n%s", r.Src)
				}
				return
			}
			if diff := cmp.Diff(out, string(r.Src)); diff != "" || errors.Join(r.Errs...) != nil {
				t.Fatalf("%v (-want +got)\n%s", r.Errs, diff)
			}
			if again := Apply("kustomization.yaml", r.Src, addBoth(in)); errors.Join(again.Errs...) == nil {
				t.Error("added twice")
			}
			checkRemoved(t, "kustomization.yaml", string(r.Src), in)
		})
	}
}

// checkRemoved takes all entries of local lookup away.
func checkRemoved(t *testing.T, name, src, want string) {
	t.Helper()
	var wants []Want
	for _, u := range Parse(name, []byte(src)).Uses {
		if u.Lookup {
			wants = append(wants, Want{Use: u, Do: Remove})
		}
	}
	r := Apply(name, []byte(src), wants)
	if len(wants) != 2 || errors.Join(r.Errs...) != nil || string(r.Src) != want {
		t.Fatalf("%d entries, %v: came back as\n%q\nand was\n%q", len(wants), r.Errs, r.Src, want)
	}
}

func TestRemoveLookup(t *testing.T) {
	const entry = "images:\n- name: app:1 # {\"$imagestream\": \"n/app:1\", \"lookup\": true}\n  newName: r.io/app\n"
	for _, c := range []struct{ name, in, out, refused string }{
		{"with the list", "a: b\n" + entry, "a: b\n", ""},
		{"a comment of people in it", "a: b\n" + entry + "  digest: x # mine\n", "", "a comment of yours"},
		{"a comment of people above it", "a: b\nimages:\n# mine\n" + strings.TrimPrefix(entry, "images:\n"), "a: b\nimages:\n# mine\n", ""},
		{"a comment of people behind it", "a: b\n" + entry + "# mine\n", "a: b\n# mine\n", ""},
		{"beside an entry with its name", entry + "- name: app:1\n  newTag: x # {\"$imagestream\": \"n/app:2\"}\n", "images:\n- name: app:1\n  newTag: x # {\"$imagestream\": \"n/app:2\"}\n", ""},
		{"without lookup in the marker", "a: b\n" + strings.Replace(entry, ", \"lookup\": true", "", 1), "", "no marker for n/app:1"},
		{"in flow style", "a: b\nimages: [{name: app:1, newTag: x}, #\n {name: app:2, # {\"$imagestream\": \"n/app:2\", \"lookup\": true}\n newTag: x}]\n", "", "a dash of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			use := Parse("kustomization.yaml", []byte(c.in)).Uses[0]
			use.Lookup = true
			r := Apply("kustomization.yaml", []byte(c.in), []Want{{Use: use, Do: Remove}})
			if c.refused != "" {
				if err := r.Errs[0]; !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), c.refused) || string(r.Src) != c.in {
					t.Errorf("%v, want %q\n%s", err, c.refused, r.Src)
				}
				return
			}
			if diff := cmp.Diff(c.out, string(r.Src)); diff != "" || r.Errs[0] != nil {
				t.Errorf("%v (-want +got)\n%s", r.Errs, diff)
			}
		})
	}
}

// An entry with lookup in its marker is taken for one of ours only where it says what we
// would write.
func TestLookupMarker(t *testing.T) {
	for text, want := range map[string]bool{
		"images:\n- name: app:1 # {\"$imagestream\": \"n/app:1\", \"lookup\": true}\n":    true,
		"images:\n- name: app$ # {\"$imagestream\": \"app:latest\", \"lookup\": true}\n":  true,
		"images:\n- name: app:1 # {\"$imagestream\": \"n/app:1\", \"lookup\": false}\n":   false,
		"images:\n- name: app:1 # {\"$imagestream\": \"n/app:2\", \"lookup\": true}\n":    false,
		"images:\n- name: app # {\"$imagestream\": \"n/app:latest\", \"lookup\": true}\n": false,
		"images:\n- name: 'app:.*' # {\"$imagestream\": \"n/app:1\", \"lookup\": true}\n": false,
		"x:\n- image: app:1 # {\"$imagestream\": \"n/app:1\", \"lookup\": true}\n":        false,
		"images:\n- name: other:1 # {\"$imagestream\": \"n/app:1\", \"lookup\": true}\n":  false,
	} {
		f := Parse("kustomization.yaml", []byte(text))
		if len(f.Uses) != 1 || f.Uses[0].Lookup != want || (len(f.Problems) > 0) != (!want && strings.Contains(text, "true")) {
			t.Errorf("%s: %+v %v", text, f.Uses, f.Problems)
		}
	}
}

// FuzzLookups adds entries to any file and takes them away again: refused, or the exact
// bytes come back, and what was bound before is bound in between.
func FuzzLookups(f *testing.F) {
	for _, c := range lookupCases {
		f.Add(withMarkers(withDigests(c.in)))
	}
	for _, c := range hardCases {
		in, _ := beforeAfter(c.text)
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, src string) {
		const name = "kustomization.yaml"
		if strings.Contains(src, "lookup") {
			return
		}
		r := Apply(name, []byte(src), addBoth(src))
		if r.Errs[0] != nil || r.Errs[1] != nil {
			if r.Errs[0] != nil && r.Errs[1] != nil && string(r.Src) != src {
				t.Fatal("both refused, and yet something changed")
			}
			return
		}
		before, after := Parse(name, []byte(src)), Parse(name, r.Src)
		if before == nil {
			before = &File{}
		}
		if len(after.Uses) != len(before.Uses)+2 {
			t.Fatalf("%d uses became %d", len(before.Uses), len(after.Uses))
		}
		checkRemoved(t, name, string(r.Src), src)
	})
}
