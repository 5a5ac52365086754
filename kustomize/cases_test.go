package kustomize

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The cases that a byte-exact editor must get right, by name. Each file is bound
// at exactly one place and moved to r/a:v2 and the new digest. In the inputs M
// stands for the marker, and «old|new» for bytes that the edit changes; nothing
// else may differ. refused are words of the refusal.
var hardCases = []struct{ name, file, text, refused string }{
	{"blank line inside a patch elsewhere", "", `
patches:
- patch: |-
    - op: replace

      path: /x


images:
- name: r/a #M
  newTag: «v1|v2»
«|  digest: NEW
»`, ""},
	{"newTag with tag@sha256", "", "\nimages:\n- name: r/a #M\n  newTag: «v1@OLD|v2@NEW»\n", ""},
	{"newTag and digest together", "", "\nimages:\n- name: r/a #M\n  newTag: «v1|v2»\n  digest: «OLD|NEW»\n", ""},
	{"marker comments on each line", "", "\nimages: # x\n#M\n- name: r/a #M\n  newTag: «v1|v2» #M\n  digest: «OLD|NEW» #M\n", ""},
	{"digest as the first key", "", "\nimages:\n- digest: «OLD|NEW» #M\n  name: r/a\n", ""},
	{"entry with only name", "", "\nimages:\n- name: r/a #M\n«|  digest: NEW\n»", ""},
	{"newName only", "", "\nimages:\n#M\n- name: a\n  newName: «r/b|r/a»\n«|  digest: NEW\n»", ""},
	{"mixed indentation", "", `
resources:
    - x
images:
 #M
 - name: r/a
   newTag: «v1|v2»
«|   digest: NEW
» -    name: q
      newTag: v1
`, ""},
	{"indent of 1 and of 4", "", "\nimages:\n    #M\n    -   name: r/a\n        newTag: «v1|v2»\n«|        digest: NEW\n»vars:\n- a:\n   b\n", ""},
	{"comment with wrong indentation between items", "", `
images:
- name: r/a #M
  newTag: «v1|v2»
«|  digest: NEW
»      # odd
# odd
- name: q
  newTag: v1
`, ""},
	{"images commented out above the real one", "", `
# images:
# - name: r/a
#   newTag: v1
images:
- name: r/a #M
  newTag: «v1|v2»
«|  digest: NEW
»`, ""},
	{"unknown key", "", "\nimages:\n- name: r/a #M\n  newDigest: OLD\n«|  digest: NEW\n»", ""},
	{"a template, not YAML", "", "\n{{ if x }}\nimages:\n- name: r/a #M\n", "a template, not YAML"},
	{"a Jinja template, not YAML", "", "\n{% if x %}\nimages:\n- name: r/a #M\n", "a template, not YAML"},
	{"no final newline", "", "images:\n- name: r/a #M\n  newTag: «v1|v2\n  digest: NEW»", ""},
	{"the same image name elsewhere", "", `
replacements:
- {name: r/a, newTag: v1}
images:
- name: q
  newTag: v1
- name: r/a #M
  newTag: «v1|v2»
«|  digest: NEW
»namePrefix: v1
`, ""},
	{"non-ASCII before the value on its line", "a.yaml", "{ähm: \"日本\", 🙂: [x,\n  é: «r/a:v1|r/a:v2@NEW» #M\n]}\n", ""},
	{"CRLF", "", "images:\r\n- name: r/a #M\r\n  newTag: «v1|v2»\r\n«|  digest: NEW\r\n»resources: []\r\n", ""},
	{"byte order mark", "", "\ufeffimages:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"end of document", "", "images:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»...\n", ""},
	{"trailing document separator", "", "images:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»---\n", ""},
	{"second document", "", "resources: []\n---\nimages:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"comment-only first document", "", "# c\n---\n# d\nimages:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"flow map on one line", "", "images:\n- {name: r/a, newTag: «v1|v2»«|, digest: NEW»} #M\n", ""},
	{"flow list on several lines", "", "images: [\n  {name: q, newTag: v1},\n  {name: r/a, newTag: «v1|v2»«|, digest: NEW»}, #M\n]\n", ""},
	{"flow map on several lines", "", "images:\n- {\n    name: r/a, #M\n    newTag: «v1|v2»«|,»  # c\n«|    digest: NEW\n»  }\n", ""},
	{"container on one line", "web.yaml", "spec:\n  containers:\n  - {name: a, image: \"«r/a:v1|r/a:v2@NEW»\", args: [r/a:v1]} #M\n  - {name: b, image: r/b:v1}\n", ""},
	{"containers on one line", "web.yaml", "spec: {containers: [{name: a, image: r/a:v1}, {name: b, image: r/b:v1}]} #M\n", "several values"},
	{"flow list on one line", "", "images: [{name: r/a, newTag: v1}] #M\n", "on images: itself"},
	{"a whole file in JSON", "", "{\n  \"images\": [\n    {\n      \"name\": \"r/a\",\n      \"newTag\": \"«v1|v2»\"«|,» #M\n«|      \"digest\": \"NEW\"\n»    }\n  ]\n}\n", ""},
	{"merge key", "", "x: &x {newTag: v1}\nimages:\n- name: r/a #M\n  <<: *x\n", "merge key"},
	{"merge key beside a value", "a.yaml", "x: &x {a: b}\nc:\n  <<: *x\n  image: «r/a:v1|r/a:v2@NEW» #M\n", ""},
	{"anchor without an alias", "", "images:\n- name: r/a #M\n  newTag: &t «v1|v2»\n«|  digest: NEW\n»", ""},
	{"anchor with an alias", "", "images:\n- name: r/a #M\n  newTag: &t v1\nx: *t\n", "repeated by an alias"},
	{"alias", "", "x: &t v1\nimages:\n- name: r/a #M\n  newTag: *t\n", "an alias"},
	{"alias of the name", "", "x: &n r/a\nimages:\n- name: *n #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"aliased list", "", "images: &l\n- name: r/a #M\nx: *l\n", "repeated by an alias"},
	{"tag !!str", "", "images:\n- name: r/a #M\n  newTag: !!str «1.19|v2»\n«|  digest: NEW\n»", ""},
	{"tag of another type", "", "images:\n- name: r/a #M\n  newTag: !!float 1.19\n", "the tag !!float"},
	{"escapes", "", "images:\n- name: \"r\\x2fa\" #M\n  newTag: \"«\\x76\\u0031|v2»\"\n«|  digest: NEW\n»", ""},
	{"folded scalar", "a.yaml", "image: >- #M\n  «r/a:v1|r/a:v2@NEW»\nb: c\n", ""},
	{"literal scalar", "a.yaml", "image: | #M\n  r/a:v1\n", "white space"},
	{"duplicate key in the entry", "", "images:\n- name: r/a #M\n  newTag: v1\n  newTag: v1\n", "twice"},
	{"duplicate images", "", "images:\n- name: r/a #M\nimages: []\n", "twice"},
	{"Images", "", "Images:\n- name: r/a #M\n", "written Images"},
	{"NewTAG", "", "images:\n- name: r/a #M\n  NewTAG: v1\n", "NewTAG"},
	{"images: null", "", "images: #M\n", "on images: itself"},
	{"images: []", "", "images: [] #M\n", "on images: itself"},
	{"dash alone on its line", "", "images:\n-\n  name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"comments with trailing blanks, tabs before comments", "", "images:  \n- name: r/a\t#M \t\n  newTag: «v1|v2»\t# c  \n«|  digest: NEW\n»  \n", ""},
	{"long lines", "", "# " + strings.Repeat("x", 5000) + "\nimages:\n- name: r/a #M " + strings.Repeat("y ", 3000) + "\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
	{"kind: List", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- spec:\n    image: «r/a:v1|r/a:v2@NEW» #M\n", ""},
	{"top-level list", "a.yaml", "- image: «r/a:v1|r/a:v2@NEW» #M\n- image: r/a:v1\n", ""},
	{"folded scalar in an entry", "", "images:\n- name: r/a #M\n  newTag: >-\n    «v1|v2»\n«|  digest: NEW\n»", ""},
	{"literal scalar in an entry", "", "images:\n- name: r/a #M\n  newTag: |-\n    «v1|v2»\n«|  digest: NEW\n»", ""},
	{"CRLF and no final newline", "", "images:\r\n- name: r/a #M\r\n  newTag: «v1|v2\r\n  digest: NEW»", ""},

	// The same with an image in several keys, and in objects of Flux and Argo CD.
	{"values: CRLF, byte order mark, no final newline", "values.yaml", "\ufeffimage: #M\r\n  repository: r/a\r\n  tag: «v1|v2»\r\n  digest: \"«|NEW»\"", ""},
	{"values: an empty digest", "values.yaml", "image: #M\n  repository: r/a\n  digest:«| NEW» # c\n  tag: «1.19|v2»\n", ""},
	{"values: blank lines, wrong indentation of comments", "values.yaml", "a:\n    image: #M\n\n  # odd\n      repository: '«r/b|r/a»'\n# odd\n      tag: «v1|v2»\t# c \n\n    b: |\n\n      x\n", ""},
	{"values: non-ASCII before the value on its line", "values.yaml", "{ähm: \"日本\", image: {🙂: x, repository: r/a, tag: «v1|v2»}} #M\n", "several values"},
	{"values: flow map on several lines", "values.yaml", "image: { #M\n  repository: «r/b|r/a», # c\n  tag: \"«v1|v2»\" }\n", ""},
	{"values: a whole file in JSON", "values.yaml", "{\n  \"image\": { #M\n    \"repository\": \"r/a\",\n    \"tag\": \"«v1|v2»\"\n  }\n}\n", ""},
	{"values: second document", "values.yaml", "# c\n---\na: b\n--- # d\nimage: #M\n  repository: r/a\n  tag: «v1|v2»\n...\n", ""},
	{"values: a list", "values.yaml", "images:\n  - pullPolicy: Always\n    #M\n    repository: r/a\n    tag: «v1|v2»\n  - repository: r/a\n    tag: v1\n", ""},
	{"values: merge key", "values.yaml", "x: &x {pullPolicy: y}\nimage: #M\n  <<: *x\n  repository: r/a\n  tag: v1\n", "merge key"},
	{"values: anchor without an alias", "values.yaml", "image: &i #M\n  repository: r/a\n  tag: &t «v1|v2»\n", ""},
	{"values: aliased mapping", "values.yaml", "image: &i #M\n  repository: r/a\n  tag: v1\nb: *i\n", "repeated by an alias"},
	{"values: duplicate key", "values.yaml", "image: #M\n  repository: r/a\n  tag: v1\n  tag: v1\n", "twice"},
	{"values: key in another case", "values.yaml", "image: #M\n  repository: r/a\n  tag: v1\n  Tag: v1\n", "twice"},
	{"values: a template, not YAML", "values.yaml", "{{- if x }}\nimage: #M\n  repository: r/a\n", "a template, not YAML"},
	{"values: folded scalar, tag !!str, escapes", "values.yaml", "image: #M\n  repository: >-\n    «r/b|r/a»\n  tag: !!str «1.19|v2»\n  digest: \"«\\x20|NEW»\"\n", "no part of an image"},
	{"values: folded scalar, tag !!str", "values.yaml", "image: #M\n  repository: >-\n    «r/b|r/a»\n  tag: !!str «1.19|v2»\n", ""},
	{"Flux: mixed indentation", "apps.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n images:\n #M\n -   name: r/a\n     newTag: «v1|v2»\n«|     digest: NEW\n» - name: q\n", ""},
	{"Flux: duplicate images", "apps.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  images:\n  - name: r/a #M\n  images: []\n", "twice"},
	{"Argo CD: quotes and comments", "app.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      # - r/a:v1\n      - 'p=«r/b:v1|r/a:v2@NEW»' #M\n      - q=r/a:v1\n", ""},
	{"Argo CD: flow list on several lines", "app.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {kustomize: {images: [\n  q=r/a:v1,\n  «r/a:v1|r/a=r/a:v2@NEW» #M\n]}}}\n", ""},
	{"Argo CD: alias", "app.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nx: &x r/a:v1\nspec:\n  source:\n    kustomize:\n      images:\n      - *x #M\n", "an alias"},
	{"%YAML directive", "", "%YAML 1.1\n---\nimages:\n- name: r/a #M\n  newTag: «v1|v2»\n«|  digest: NEW\n»", ""},
}

// beforeAfter splits a text into the bytes before and after.
func beforeAfter(text string) (in, out string) {
	text = withMarkers(withDigests(text))
	for text != "" {
		same, rest, _ := strings.Cut(text, "«")
		change, rest, _ := strings.Cut(rest, "»")
		from, to, _ := strings.Cut(change, "|")
		in, out, text = in+same+from, out+same+to, rest
	}
	return in, out
}

func TestHardCases(t *testing.T) {
	for _, c := range hardCases {
		t.Run(c.name, func(t *testing.T) {
			file := firstOf(c.file, "kustomization.yaml")
			in, out := beforeAfter(c.text)
			if c.refused != "" {
				checkRefused(t, file, in, c.refused)
				t.Log("refused: " + c.refused)
				return
			}
			checkSpelling(t, file, in, out, image("r/a:v2"))
			t.Log("minimal")
		})
	}
}

// checkRefused requires that the refusal is said, by Parse and by Apply, and
// that Apply leaves the bytes.
func checkRefused(t *testing.T, file, in, words string) {
	t.Helper()
	f := Parse(file, []byte(in))
	if !strings.Contains(summary(f), words) {
		t.Errorf("want %q in\n%s", words, summary(f))
	}
	for _, u := range f.Uses {
		if u.Refused == "" {
			t.Errorf("line %d is not refused", u.Line)
		}
	}
	use := Use{Path: "images[name=r/a]", Document: "0", Ref: "a/b:1"}
	if len(f.Uses) > 0 {
		use = f.Uses[0]
	}
	r := Apply(file, []byte(in), []Want{{Use: use, Image: image("r/a:v2")}})
	if !errors.Is(r.Errs[0], ErrUnproven) {
		t.Errorf("got %v, want a refusal", r.Errs[0])
	}
	if diff := cmp.Diff(in, string(r.Src)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
