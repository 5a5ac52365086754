package kustomize

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every spot of the input is marked with a/b:1, one after the other. In out, #M stands
// for the marker; a spot that is refused stands as it was, and with its reason below.
var markCases = []struct{ name, file, in, out string }{
	{"an entry", "kustomization.yaml", "images:\n- name: p\n  newTag: x\n", "images:\n- name: p #M\n  newTag: x\n"},
	{"an entry whose name is not first", "kustomization.yaml", "images:\n  - newTag: x # why\n    name: p\n", "images:\n  - newTag: x # why\n    name: p #M\n"},
	{"an entry with a comment", "kustomization.yaml", "images:\n  # of p\n  - name: p # why\n    newTag: x\n", "images:\n  # of p\n  #M\n  - name: p # why\n    newTag: x\n"},
	{"a dash alone", "kustomization.yaml", "images:\n-\n  name: p # why\n", "images:\n#M\n-\n  name: p # why\n"},
	{"a flow entry", "kustomization.yaml", "images:\n- {name: p, newTag: x}\n- {name: q}", "images:\n- {name: p, newTag: x} #M\n- {name: q} #M"},
	{"a flow list", "kustomization.yaml", "images: [{name: p}, {name: q}]\n", "images: [{name: p}, {name: q}]\n1 a marker cannot be written here: the marker stands on images: itself\n1 a marker cannot be written here: the marker stands on images: itself\n"},
	{"JSON", "kustomization.yaml", "{\n  \"images\": [\n    {\n      \"name\": \"p\",\n      \"newTag\": \"x\"\n    }\n  ]\n}\n", "{\n  \"images\": [\n    {\n      \"name\": \"p\", #M\n      \"newTag\": \"x\"\n    }\n  ]\n}\n"},
	{"CRLF", "kustomization.yaml", "images:\r\n- name: p\r\n  newTag: x\r\n- name: q # why\r\n", "images:\r\n- name: p #M\r\n  newTag: x\r\n#M\r\n- name: q # why\r\n"},
	{"BOM", "kustomization.yaml", "\ufeffimages:\n- name: p\n", "\ufeffimages:\n- name: p #M\n"},
	{"trailing blanks stay where they are", "a.yaml", "spec:\n  containers:\n  - image: r/a:1  \n", "spec:\n  containers:\n  - image: r/a:1 #M  \n"},
	{"an entry that is refused", "kustomization.yaml", "images:\n- name: p\n  Digest: x\n", "images:\n- name: p\n  Digest: x\n2 the entry's key Digest is not written digest, though kustomize reads it\n"},
	{"a commented-out entry between", "kustomization.yaml", "images:\n# - name: old\n- name: p # why\n", "images:\n# - name: old\n#M\n- name: p # why\n"},
	{"bound already", "kustomization.yaml", "images:\n- name: p #N\n", "images:\n- name: p #N\n2 bound to a/b:2 already\n"},

	{"texts of Argo CD", "app.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      - web=r/w:1\n      - \"r/x:2\" # why\n", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      - web=r/w:1 #M\n      #M\n      - \"r/x:2\" # why\n"},

	{"containers", "a.yaml", "spec:\n  containers:\n  - name: a\n    image: r/a:1\n  - name: b\n    image: \"r/b:1\" # why\n", "spec:\n  containers:\n  - name: a\n    image: r/a:1 #M\n  - name: b\n    image: \"r/b:1\" #M why\n"},
	{"containers in one line", "a.yaml", "spec:\n  containers: [{name: a, image: r/a:1}]\n", "spec:\n  containers: [{name: a, image: r/a:1}] #M\n"},
	{"several containers in one line", "a.yaml", "spec:\n  containers: [{name: a, image: r/a:1}, {name: b, image: r/b:1}]\n", "spec:\n  containers: [{name: a, image: r/a:1}, {name: b, image: r/b:1}]\n2 a marker cannot be written here: several values stand on the line of the marker\n2 a marker cannot be written here: several values stand on the line of the marker\n"},
	{"a container on its line", "a.yaml", "spec:\n  containers:\n  - {name: a, image: \"r/a:1\", args: [--from, r/x:1]} # why\r\n", "spec:\n  containers:\n  - {name: a, image: \"r/a:1\", args: [--from, r/x:1]} #M why\r\n"},
	{"an image among other values", "a.yaml", "a: {image: r/a:1, other: r/b:1}\n", "a: {image: r/a:1, other: r/b:1} #M\n"},
	{"a comment for a tool", "a.yaml", "image: r/a:1 # renovate: docker\n", "image: r/a:1 # renovate: docker\n1 a comment that a tool may read stands behind the value, and a marker must begin its comment: put one of them elsewhere by hand\n"},
	{"Flux's marker", "a.yaml", "image: r/a:1 # {\"$imagepolicy\": \"x:y\"}\n", "image: r/a:1 # {\"$imagepolicy\": \"x:y\"}\n1 Flux's marker stands behind the value, and one of both can write it: take that away first\n"},
	{"a block scalar", "a.yaml", "image: >-\n  r/a:1\nb: c\n", "image: >- #M\n  r/a:1\nb: c\n"},
	{"a comment without a blank", "a.yaml", "image: r/a:1 #why\n", "image: r/a:1 #{\"$imagestream\": \"a/b:1\"} why\n"},
	{"a tab before", "a.yaml", "image: r/a:1\t# why\n", "image: r/a:1\t#M why\n"},
	{"an anchor repeated", "a.yaml", "image: &i r/a:1\nb: *i\n", "image: &i r/a:1\nb: *i\n1 &i is repeated by an alias: more than this value would change\n"},
	{"a group", "values.yaml", "image:\n  repository: r/a\n  tag: v1 # why\n  digest: sha256:00\n", "image: #M\n  repository: r/a\n  tag: v1 # why\n  digest: sha256:00\n"},
	{"a group with a comment", "values.yaml", "a:\n  image: # why\n    repository: r/a\n    tag: v1\n", "a:\n  #M\n  image: # why\n    repository: r/a\n    tag: v1\n"},
	{"groups in a list", "values.yaml", "all:\n  - repository: r/a # why\n    tag: v1\n  - repository: r/b\n    tag: v1\n", "all:\n  #M\n  - repository: r/a # why\n    tag: v1\n  - repository: r/b #M\n    tag: v1\n"},
	{"a group at the root", "values.yaml", "repository: r/a # why\ntag: v1\n", "#M\nrepository: r/a # why\ntag: v1\n"},
	{"a group in one line", "values.yaml", "image: {repository: r/a, tag: v1}\n", "image: {repository: r/a, tag: v1} #M\n"},
	{"FROM", "Dockerfile", "ARG B=r/b:1\nFROM $B AS x\n\nFROM --platform=linux/arm64 r/c:1\nRUN x\n", "# imgstream: a/b:1\nARG B=r/b:1\nFROM $B AS x\n\n# imgstream: a/b:1\nFROM --platform=linux/arm64 r/c:1\nRUN x\n"},
	{"FROM behind a directive, CRLF", "Dockerfile", "# syntax=docker/dockerfile:1\r\n  FROM r/c:1", "# syntax=docker/dockerfile:1\r\n  # imgstream: a/b:1\r\n  FROM r/c:1"},
	{
		"lines of text", "x.tf", "# quay.io/a/b:1\nx = \"quay.io/a/b:1\"\r\n  image = \"r/a:1\" // why\r\nimage = \"a\"\ny = \"r/a:1\"\nz = <<EOT\nimage = r/a:1\nEOT\n/* image = r/a:1\n image = r/a:1 */\nv = r/a@sha256:12",
		"# quay.io/a/b:1\nx = \"quay.io/a/b:1\" #M\r\n  #M\r\n  image = \"r/a:1\" // why\r\nimage = \"a\"\ny = \"r/a:1\"\nz = <<EOT\nimage = r/a:1\nEOT\n/* image = r/a:1\n image = r/a:1 */\nv = r/a@sha256:12 #M",
	},
	{
		"a script", "run.sh", "IMAGE=r/a:1\ndocker run \\\n  quay.io/a/b:1 \\\n  sh\necho \"it's\n IMAGE=r/a:1\"\n# don't\n\tdocker run quay.io/a/b:1 sh\ncat <<'E'\nIMAGE=r/a:1\nE\nURL=https://quay.io/a/b:1\nX=quay.io/a/b:$T\nNODE=node:18\nHOST=db.example.com:5432\nD=example.com/a\n",
		"IMAGE=r/a:1 #M\ndocker run \\\n  quay.io/a/b:1 \\\n  sh\necho \"it's\n IMAGE=r/a:1\"\n# don't\n\tdocker run quay.io/a/b:1 sh #M\ncat <<'E'\nIMAGE=r/a:1\nE\nURL=https://quay.io/a/b:1\nX=quay.io/a/b:$T\nNODE=node:18\nHOST=db.example.com:5432\nD=example.com/a\n",
	},
	{"an .env", ".env", "A=1\r\nWEB_IMAGE=r/a:1 # why\r\nWEB_IMAGE=r/a:1", "A=1\r\n#M\r\nWEB_IMAGE=r/a:1 # why\r\n#M\r\nWEB_IMAGE=r/a:1"},
	{"a Makefile", "Makefile", "IMAGE ?= quay.io/a/b:1\n\nbuild:\n\tdocker run \\\n\tquay.io/a/b:1\n\tdocker run quay.io/a/b:1\n", "#M\nIMAGE ?= quay.io/a/b:1\n\nbuild:\n\tdocker run \\\n\tquay.io/a/b:1\n#M\n\tdocker run quay.io/a/b:1\n"},
	{"a Makefile with texts", "Makefile", "define X\nIMAGE=r/a:1\nendef\nifeq ($(A),quay.io/a/b:1)\nIMAGE=r/a:1\n", "define X\nIMAGE=r/a:1\nendef\nifeq ($(A),quay.io/a/b:1)\n#M\nIMAGE=r/a:1\n"},
	{"properties", "x.properties", "! image=r/a:1\nimage=r/a:1\n", "! image=r/a:1\n#M\nimage=r/a:1\n"},
	{"an .ini", "web.container", "[Container]\nImage=docker.io/a/b\n", "[Container]\n#M\nImage=docker.io/a/b\n"},
	{"a language that is left alone", "x.nix", "image = \"r/a:1\";\n", "image = \"r/a:1\";\n"},
	{"below a line break of YAML 1.1 alone", "kustomization.yaml", "images:\n- name: p # x\u0085\n  newTag: x\n", "images:\n#M\n- name: p # x\u0085\n  newTag: x\n"},
	{"FROM below a commented one", "Dockerfile", "# FROM r/old:1\nFROM r/c:1\n", "# FROM r/old:1\n# imgstream: a/b:1\nFROM r/c:1\n"},
}

func TestMark(t *testing.T) {
	for _, c := range markCases {
		t.Run(c.name, func(t *testing.T) {
			src := []byte(withMarkers(c.in))
			spots, err := Spots(c.file, src)
			if err != nil {
				t.Fatal(err)
			}
			reasons := ""
			now := src
			for _, s := range spots {
				marked, err := Mark(c.file, now, s, "a/b:1")
				if err != nil {
					if !errors.Is(err, ErrUnproven) {
						t.Fatal(err)
					}
					reasons += strings.Replace(strings.TrimPrefix(err.Error(), "line "), ": ", " ", 1) + "\n"
					continue
				}
				now = marked
			}
			if diff := cmp.Diff(withMarkers(c.out), string(now)+reasons); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All places of a file together are bound as one after the other.
func TestMarkAll(t *testing.T) {
	for _, c := range markCases {
		t.Run(c.name, func(t *testing.T) {
			src := []byte(withMarkers(c.in))
			spots, err := Spots(c.file, src)
			if err != nil {
				t.Fatal(err)
			}
			now, reasons := markAll(t, c.file, src, spots)
			if diff := cmp.Diff(withMarkers(c.out), now+reasons); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func markAll(t *testing.T, file string, src []byte, spots []Spot) (now, reasons string) {
	t.Helper()
	var all []Binding
	for _, s := range spots {
		all = append(all, Binding{s, "a/b:1"})
	}
	marked, errs := MarkAll(file, src, all)
	for _, err := range errs {
		switch {
		case errors.Is(err, ErrUnproven):
			reasons += strings.Replace(strings.TrimPrefix(err.Error(), "line "), ": ", " ", 1) + "\n"
		case err != nil:
			t.Fatal(err)
		}
	}
	return string(marked), reasons
}

// Those that cannot be marked keep none of the others back.
func TestMarkAllRefusesSome(t *testing.T) {
	const line = "- {name: a, image: r/a:1}\n"
	var in, out, reasons strings.Builder
	in.WriteString("containers:\n")
	out.WriteString("containers:\n")
	for i := range 100 {
		if i%7 == 3 {
			in.WriteString("- image: r/a:1 # renovate: x\n")
			out.WriteString("- image: r/a:1 # renovate: x\n")
			reasons.WriteString(strconv.Itoa(i+3) + " a comment that a tool may read stands behind the value, and a marker must begin its comment: put one of them elsewhere by hand\n")
			continue
		}
		in.WriteString(line)
		out.WriteString(strings.Replace(line, "\n", " #M\n", 1))
	}
	src := []byte("a:\n" + in.String())
	spots, err := Spots("a.yaml", src)
	if err != nil || len(spots) != 100 {
		t.Fatal(len(spots), err)
	}
	now, refused := markAll(t, "a.yaml", src, spots)
	if diff := cmp.Diff("a:\n"+withMarkers(out.String())+reasons.String(), now+refused); diff != "" {
		t.Error(diff)
	}
}

// spotIn is a spot as it is in other bytes of its file.
func spotIn(name string, src []byte, s Spot) (Spot, error) {
	p, err := placesOf(name, src)
	if err != nil {
		return s, err
	}
	return p.find(s)
}

func TestMarkRefusesWhatIsNoTag(t *testing.T) {
	for _, ref := range []string{"", "a", "a/b:1:tag", "A/b:1", "a/b@sha256:00"} {
		if _, err := Mark("a.yaml", []byte("image: r/a:1\n"), Spot{}, ref); err == nil || errors.Is(err, ErrUnproven) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := Mark("a.yaml", []byte("image: r/a:1\n"), Spot{Path: "b", Line: 7}, "a/b:1"); !errors.Is(err, ErrUnproven) {
		t.Error(err)
	}
}

// Unmark takes every use away.
var unmarkCases = []struct{ name, file, in, out string }{
	{"behind, aligned", "kustomization.yaml", "images:\n- name: p     #M\n  newTag: x\n", "images:\n- name: p\n  newTag: x\n"},
	{"above", "kustomization.yaml", "images:\n#M\n- name: p\n", "images:\n- name: p\n"},
	{"twice on one entry", "kustomization.yaml", "images:\n#M\n- name: p #M\n", "images:\n- name: p\n"},
	{"with text of people", "a.yaml", "image: r/a:1 #M keep\n", "image: r/a:1 # keep\n"},
	{"paused", "a.yaml", "image: r/a:1 # {\"paused\": \"why\", \"$imagestream\": \"a/b:1\"}\n", "image: r/a:1\n"},
	{"with Flux's", "a.yaml", "image: r/a:1 # {\"$imagestream\": \"a/b:1\", \"$imagepolicy\": \"x:y\"} t\n", "image: r/a:1 # {\"$imagepolicy\": \"x:y\"} t\n"},
	{"two documents", "a.yaml", "image: r/a:1 #M\n---\nimage: r/a:1 #N\n", "image: r/a:1\n---\nimage: r/a:1\n"},
	{"one of two tags on one entry", "kustomization.yaml", "images:\n#M\n- name: p #N\n", "images:\n#M\n- name: p #N\n"},
	{"a Dockerfile", "Dockerfile", "# imgstream: a/b:1 paused=\"why\"\n# keep\nFROM r/a:1\n", "# keep\nFROM r/a:1\n"},
	{"a line of text", "x.env", "#M keep\nA=r/x:1\n", "# keep\nA=r/x:1\n"},
	{"behind a line of text", "x.toml", "a = \"r/x:1\" #M\r\nb = 1\r\n", "a = \"r/x:1\"\r\nb = 1\r\n"},
	{"above a line of text", "x.tf", "// {\"$imagestream\": \"a/b:1\"}\na = \"r/x:1\"\n", "a = \"r/x:1\"\n"},
}

func TestUnmark(t *testing.T) {
	for _, c := range unmarkCases {
		t.Run(c.name, func(t *testing.T) {
			now := []byte(withMarkers(c.in))
			for f := Parse(c.file, now); f != nil && len(f.Uses) > 0; f = Parse(c.file, now) {
				var err error
				if now, err = Unmark(c.file, now, f.Uses[0]); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(withMarkers(c.out), string(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, u := range []Use{{Path: "image", Document: "0", Ref: "a/b:2"}, {Path: "other", Document: "0", Ref: "a/b:1"}} {
		if _, err := Unmark("a.yaml", []byte(withMarkers("image: r/a:1 #M\n")), u); !errors.Is(err, ErrUnproven) {
			t.Error(err)
		}
	}
}

// FuzzMark marks every spot of a file: it is refused, or it is bound, nothing else is, and
// Unmark gives the bytes from before.
func FuzzMark(f *testing.F) {
	for _, c := range spotCases {
		f.Add(c.file, withMarkers(c.in))
	}
	for _, c := range markCases {
		f.Add(c.file, withMarkers(c.in))
	}
	for _, c := range parseCases {
		f.Add(c.file, c.in)
	}
	for _, metadata := range []string{"", "  annotations: {x: y}\n", "  annotations:\n    image.openshift.io/triggers: '[]'\n"} {
		f.Add("w.yaml", strings.Replace(workload, "%s", metadata, 1))
	}
	for _, c := range hardCases {
		in, _ := beforeAfter(c.text)
		f.Add("kustomization.yaml", in)
	}
	f.Fuzz(func(t *testing.T, name, src string) {
		spots, err := Spots(name, []byte(src))
		if err != nil && !errors.Is(err, ErrUnproven) {
			t.Fatal(err)
		}
		if len(spots) > 20 {
			return
		}
		checkMarkAll(t, name, src, spots)
		for _, s := range spots {
			checkTrigger(t, name, src, s)
			now, err := Mark(name, []byte(src), s, "a/b:1")
			if err != nil {
				if !errors.Is(err, ErrUnproven) {
					t.Fatalf("not a refusal: %v", err)
				}
				continue
			}
			is, err := spotIn(name, now, s)
			if err != nil || is.Bound != "a/b:1" {
				t.Fatalf("not bound: %q", now)
			}
			if IsYAML(name) {
				checkValues(t, leaves(t, src), leaves(t, string(now)), nil, Image{})
			}
			for _, u := range is.Uses {
				if now, err = Unmark(name, now, u); err != nil {
					t.Fatal(err)
				}
			}
			if string(now) != src {
				t.Fatalf("%q became %q", src, now)
			}
		}
	})
}

// checkMarkAll binds all spots: each is refused, or bound, and Unmark of those ends that.
func checkMarkAll(t *testing.T, name, src string, spots []Spot) {
	t.Helper()
	var all []Binding
	for _, s := range spots {
		all = append(all, Binding{s, "a/b:1"})
	}
	now, errs := MarkAll(name, []byte(src), all)
	for i, err := range errs {
		if err != nil {
			if !errors.Is(err, ErrUnproven) {
				t.Fatalf("not a refusal: %v", err)
			}
			continue
		}
		is, err := spotIn(name, now, spots[i])
		if err != nil || is.Bound != "a/b:1" || len(is.Uses) != 1 {
			t.Fatalf("not bound: %q", now)
		}
	}
	for i := range errs {
		if errs[i] == nil {
			is, err := spotIn(name, now, spots[i])
			if err == nil {
				now, err = Unmark(name, now, is.Uses[0])
			}
			if err != nil {
				t.Fatalf("%v: %q", err, now)
			}
		}
	}
	if string(now) != src {
		t.Fatalf("%q became %q", src, now)
	}
}

// checkTrigger binds a spot by the annotation: it is refused, or the spot is bound, Unmark
// ends that, and no value but the annotation is another one.
func checkTrigger(t *testing.T, name, src string, s Spot) {
	t.Helper()
	now, err := Trigger(name, []byte(src), s, "a/b:1")
	if err != nil {
		if !errors.Is(err, ErrUnproven) {
			t.Fatalf("not a refusal: %v", err)
		}
		return
	}
	is, err := spotIn(name, now, s)
	if err != nil || is.Bound != "a/b:1" || len(is.Uses) != 1 {
		t.Fatalf("not bound: %q", now)
	}
	allTheSame := func(src string) map[string]string {
		all := leaves(t, src)
		maps.DeleteFunc(all, func(path, value string) bool {
			return strings.Contains(path, triggersKey) || strings.HasSuffix(path, "annotations") && value != "null" && strings.Trim(value, "~nul ") == ""
		})
		return all
	}
	checkValues(t, allTheSame(src), allTheSame(string(now)), nil, Image{})
	if now, err = Unmark(name, now, is.Uses[0]); err == nil {
		is, err = spotIn(name, now, s)
	}
	if err != nil || is.Bound != "" {
		t.Fatalf("%v: %q", err, now)
	}
}
