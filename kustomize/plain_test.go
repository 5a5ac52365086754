package kustomize

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// In the inputs #M, //M, --M and ;M stand for a marker of a/b:1, #T, #D and #P for one of a part,
// #F and #G for those of a Dockerfile; «old|new» are the bytes that a move to r/a:v2 changes.
// want is what Parse says, before and after the move.
var plainCases = []struct{ name, file, in, want string }{
	{"no marker", "Dockerfile", "FROM python\n# imgstream\n", "nothing\n"},
	{"only the word of a marker", "Dockerfile", "FROM python\nRUN echo imgstream: x\n", "nothing\n"},
	{"another kind of file", "README.md", "#M\nx/y:1\n", "nothing\n"},

	{"a tag", "Dockerfile", "#F\nFROM «python:3.12|r/a:v2@NEW»\n", "2 FROM[0] a/b:1 (FROM of 0)\n"},
	{"no tag", "web.Dockerfile", "# x\n\n  #F\nFROM «python|r/a@NEW» AS x", "4 FROM[name=x] a/b:1 (x of 0)\n"},
	{"a digest", "Containerfile", "#F\nFROM «python@OLD|r/a@NEW» AS x\n", "2 FROM[name=x] a/b:1 (x of 0)\n"},
	{"a tag and a digest", "Dockerfile.dev", "#F\nfrom --platform=$P '«python:1@OLD|r/a:v2@NEW»'\n", "2 FROM[0] a/b:1 (FROM of 0)\n"},
	{
		"CRLF, BOM, comments in between, continued", "Dockerfile",
		"\ufeff#F\r\n# hadolint ignore=DL3006\r\nFROM \\\r\n «python:3|r/a:v2@NEW» \\\r\n AS x\r\nRUN x\r\n", "4 FROM[name=x] a/b:1 (x of 0)\n",
	},
	{
		"stages", "Dockerfile", "#F\nFROM «go:1|r/a:v2@NEW» AS x\nFROM python:3\n#G\nFROM «go:1|r/a:v2@NEW» AS x\n#F\nFROM x\n",
		"2 FROM[0] a/b:1 (x of 0)\n5 FROM[2] b:2 (x of 0)\n7 FROM[3] a/b:1 refused=it names the stage that begins on line 2, not an image (FROM of 0)\n",
	},
	{"ARG", "Dockerfile", "#F\nARG BASE=«python:3|r/a:v2@NEW»\nFROM ${BASE}\n", "2 ARG[name=BASE] a/b:1 (BASE of 0)\n"},
	{
		"FROM with a variable", "Dockerfile", "ARG BASE=python:3\n#F\nFROM ${BASE}\n",
		"3 FROM[0] a/b:1 refused=the reference is the value of ARG BASE: put the marker above line 1 (FROM of 0)\n",
	},
	{
		"ARG in a stage", "Dockerfile", "FROM x:1\n#F\nARG BASE=python:3\n",
		"3 ARG[name=BASE] a/b:1 refused=the ARG stands below the first FROM, where none can name a base image (BASE of 0)\n",
	},
	{"several ARGs on one line", "Dockerfile", "#F\nARG A=a:1 B=b:1\nFROM $A\n", `
2 ARG[name=A] a/b:1 refused=the line has several ARGs: write each on a line of its own (A of 0)
2 ARG[name=B] a/b:1 refused=the line has several ARGs: write each on a line of its own (B of 0)
`},
	{"scratch", "Dockerfile", "#F\nFROM scratch\n", "2 FROM[0] a/b:1 refused=scratch is no image (FROM of 0)\n"},
	{"paused", "Dockerfile", "# imgstream: a/b:1  paused=\"wait for \\\"x\\\" <y>\" \nFROM «x:1|r/a:v2@NEW»\n", "2 FROM[0] a/b:1 paused=wait for \"x\" <y> (FROM of 0)\n"},
	{"markers above nothing", "Dockerfile", "#F\n\nFROM x:1\n#F\nRUN y\n#F\n", `
1 error: the marker stands above no FROM, and above no ARG that a FROM uses
4 error: the marker stands above no FROM, and above no ARG that a FROM uses
6 error: the marker stands above no FROM, and above no ARG that a FROM uses
`},
	{"a marker inside an instruction", "Dockerfile", "FROM \\\n#F\nx:1\nRUN <<E\n#F\nE\n", `
2 error: the marker stands above no FROM, and above no ARG that a FROM uses
5 notice: a marker in the text of an instruction binds nothing
`},
	{"commented out", "Dockerfile", "#F\n# FROM x:1\nFROM y:1\n", "1 notice: the marker stands above an instruction that is commented out\n"},
	{"two markers", "Dockerfile", "#F\n#G\nFROM y:1\n", "2 error: two markers above one FROM: b:2 here, a/b:1 on line 1\n"},
	{"wrong markers", "Dockerfile", strings.Join([]string{
		"#imgstream:python", "# imgstream:", "# imgstream: a/b:1:tag", "# imgstream: a/b:1 see there", "# imgstream: a/b:1 paused=why", "# imgstream: a/b:1 paused=\"\"", "#M", "FROM «x:1|r/a:v2@NEW»\n",
	}, "\n"), `
8 FROM[0] a/b:1 paused=no reason given (FROM of 0)
1 error: "python" is not [namespace/]stream:tag
2 error: "" is not [namespace/]stream:tag
3 error: a/b:1:tag: a marker in a Dockerfile is for the whole reference
4 error: behind the tag stands "see there"
5 error: behind the tag stands "paused=why"
6 notice: paused gives no reason
7 error: a Dockerfile has another marker
`},
	{"no Dockerfile", "Dockerfile", "#F\nFROM x\nRUN <<E\n", "broken: not a Dockerfile: the heredoc E has no end\n"},
	{"too large", "Dockerfile", "#F\n" + strings.Repeat("#\n", 1<<19), "broken: larger than 1048576 bytes\n"},

	{
		"behind a value", "main.tf", "x {\n  image = \"«quay.io/x/y:1|r/a:v2@NEW»\"  #M why\n  image = \"«quay.io/x/y|r/a@NEW»\" //M\n}\n",
		"2 image a/b:1 (image of 0)\n3 image[1] a/b:1 (image of 0)\n",
	},
	{"above a value", "a.json5", "{\n  //M\n  // why\n  \"image\": '«y:1|r/a:v2@NEW»', // was x:1\r\n}", "4 image a/b:1 (image of 0)\n"},
	{"parts", "x.toml", "#T\ntag = \"«1.2|v2»\"\nversion = '«1@OLD|v2@NEW»' #T\ndigest = \"«OLD|NEW»\" #D\nexport name=«quay.io/x/y|r/a»; #P\n", `
2 tag a/b:1 part=tag (tag of 0)
3 version a/b:1 part=tag (version of 0)
4 digest a/b:1 part=digest (digest of 0)
5 name a/b:1 part=name (name of 0)
`},
	{"a command", "run.sh", "docker run --rm -v /a:/b «localhost:5000/x:1|r/a:v2@NEW» sh #M\nIMAGE=«x:1|r/a:v2@NEW» #M", "1 docker a/b:1 (docker of 0)\n2 IMAGE a/b:1 (IMAGE of 0)\n"},
	{"other comments", "x.lua", "--M\nimage = '«x:1|r/a:v2@NEW»' -- M\n", "2 image a/b:1 (image of 0)\n"},
	{"an .ini", "x.ini", "[x]\n;M\nimage=«x:1|r/a:v2@NEW» ; more\n", "3 image a/b:1 (image of 0)\n"},
	{"where a comment is a part of the value", ".env.prod", "A=x:1 #M\n#M\nB=«x:1|r/a:v2@NEW»\n", `
3 B a/b:1 (B of 0)
1 error: in a file of this kind what stands behind a value is a part of it, the marker too
`},
	{"a quadlet", "web.container", "[Container]\n#M\nImage=«quay.io/x/y:1|r/a:v2@NEW»\n", "3 Image a/b:1 (Image of 0)\n"},
	{"a Makefile", "Makefile", "#M\nIMAGE ?= «quay.io/x/y:1|r/a:v2@NEW»\n", "2 IMAGE a/b:1 (IMAGE of 0)\n"},
	{"several references", "x.sh", "docker run x:1 8080:80 #M\ndocker tag a/b c/d #M\n", `
1 error: several values on the line can be image references
2 error: several values on the line can be image references
`},
	{"no reference", "x.tf", "image = \"python\" #M\nimage = var.x #M\nimage = \"https://x/y\" #M\n", `
1 error: no image reference stands on the line
2 error: no image reference stands on the line
3 error: no image reference stands on the line
`},
	{"expressions", "x.tf", "image = \"${var.r}/x:1\" #M\nimage = \"x:${var.t}\" #M\nimage = \"a/b:1\" + \"$x/y\" #M\ntag = \"${x}\" #T\n", `
1 error: the line holds an expression beside /x:1
2 error: the line holds an expression beside x:
3 error: the line holds an expression beside x/y
4 error: the value "${x}" is no tag of an image
`},
	{"a part that is none", "x.tf", "x = \"a/b\" #T\nx = \"a\", y = \"b\" #T\nx = \"y:1\" #P\nx = OLD #M\n", `
1 x a/b:1 part=tag refused=the value is no tag (x of 0)
3 x[1] a/b:1 part=name refused=the value shows more than a name: drop :name to have all of it written (x of 0)
4 x[2] a/b:1 refused=the value is a part of an image: write :tag or :digest behind the stream tag (x of 0)
2 error: the line is no KEY = VALUE with one value, as :tag needs it
`},
	{"strings", "x.tf", "x = \"a/b:1 #M\ny = \"a/b:1 # c\" + \"d:1\" //M\n", "1 error: a string does not end on the line\n2 error: a string does not end on the line\n"},
	{"lines above nothing", "x.tf", "#M\n\nx = \"y:1\"\n#M\n# x = \"y:1\"\n\n# x = \"y:1\" #M\nx #z M {\"$imagestream\": 1}\n#M", `
1 error: the marker stands above no value
4 notice: the marker stands above no value
7 notice: the marker stands behind a line that is commented out
8 notice: a marker that does not begin a comment binds nothing
9 error: the marker stands above no value
`},
	{"two markers on a line", "x.tf", "#M\nx = \"y:1\" #T\n", "2 error: two markers for one line: a/b:1 here, a/b:1 on line 1\n"},
	{"a marker that is wrong", "x.tf", "x = \"y:1\" # {\"$imagestream\": \"x\"}\n", "1 error: \"x\" is not [namespace/]stream:tag\n"},
	{
		"lookup", "x.tf", "x = \"«y:1|r/a:v2@NEW»\" # {\"$imagestream\": \"a/b:1\", \"lookup\": true}\n",
		"1 x a/b:1 (x of 0)\n1 notice: lookup has no effect on a single value\n",
	},
	{"no text", "x.tf", "x = \"y:1\" #M\n\x00", "broken: not text: it has a NUL byte\n"},
}

func plainText(s string) string {
	object := func(part string) string { return ` {"$imagestream": "a/b:1` + part + `"}` }
	s = strings.NewReplacer("#F", "# imgstream: a/b:1", "#G", "# imgstream: b:2", "#M", "#"+object(""), "//M", "//"+object(""), "--M", "--"+object(""), ";M", ";"+object(""),
		"#T", "#"+object(":tag"), "#D", "#"+object(":digest"), "#P", "#"+object(":name")).Replace(s)
	return withDigests(s)
}

func TestPlain(t *testing.T) {
	for _, c := range plainCases {
		t.Run(c.name, func(t *testing.T) {
			in, out := beforeAfter(plainText(c.in))
			file := Parse(c.file, []byte(in))
			want := strings.TrimPrefix(c.want, "\n")
			if diff := cmp.Diff(want, summary(file)); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
			if file == nil {
				return
			}
			r := Apply(c.file, []byte(in), moveAll(file, "r/a", "v2"))
			if diff := cmp.Diff(out, string(r.Src)); diff != "" {
				t.Errorf("moved (-want +got)\n%s", diff)
			}
			for i, err := range r.Errs {
				if refused := file.Uses[i].Refused != ""; refused != errors.Is(err, ErrUnproven) || !refused && err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(want, summary(Parse(c.file, r.Src))); diff != "" {
				t.Errorf("afterwards (-want +got)\n%s", diff)
			}
		})
	}
}

func moveAll(f *File, repository, tag string) []Want {
	var wants []Want
	for _, u := range f.Uses {
		wants = append(wants, Want{Use: u, Image: Image{Name: repository, Tag: tag, Digest: newDigest}})
	}
	return wants
}

func TestPlainRefusals(t *testing.T) {
	src := plainText("#F\nFROM x:1\n#F\nFROM y:1\n")
	uses := Parse("Dockerfile", []byte(src)).Uses
	img := Image{Name: "r/a", Tag: "v2", Digest: newDigest}
	other := uses[0]
	other.Ref = "b:2"
	r := Apply("Dockerfile", []byte(src), []Want{{Use: other, Image: img}, {Use: uses[0], Image: img}, {Use: uses[0], Image: img}, {Use: uses[1], Image: Image{Name: "r/a"}}})
	var got []string
	for _, err := range r.Errs {
		if err == nil {
			got = append(got, "done")
		} else {
			got = append(got, err.Error())
		}
	}
	if diff := cmp.Diff([]string{
		"line 2: no marker for b:2 binds FROM[0] here", "done", "line 2: two images for one place",
		`line 4: no image to write: repository "r/a", tag "", digest ""`,
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(plainText("#F\nFROM r/a:v2@")+newDigest+plainText("\n#F\nFROM y:1\n"), string(r.Src)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, src := range []string{"FROM x:1\n", "# imgstream: a/b:1\nRUN <<E"} {
		if r := Apply("Dockerfile", []byte(src), []Want{{Use: uses[0], Image: img}}); !errors.Is(r.Errs[0], ErrUnproven) || string(r.Src) != src {
			t.Errorf("%q: %v", src, r)
		}
	}
}

func TestPlainPause(t *testing.T) {
	for _, c := range []struct{ file, in, paused string }{
		{"Dockerfile", "#F\nFROM x:1\n#F\nFROM x:1 AS y\n", "#F\nFROM x:1\n#F paused=\"a \\\"b\\\" <c>\"\nFROM x:1 AS y\n"},
		{"x.tf", "x = \"y:1\" #M\ny = \"y:1\" #M more\n", "x = \"y:1\" #M\ny = \"y:1\" # {\"$imagestream\": \"a/b:1\", \"paused\": \"a \\\"b\\\" <c>\"} more\n"},
	} {
		in := plainText(c.in)
		u := Parse(c.file, []byte(in)).Uses[1]
		paused, err := Pause(c.file, []byte(in), u, `a "b" <c>`)
		if diff := cmp.Diff(plainText(c.paused), string(paused)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.file, err, diff)
			continue
		}
		resumed, err := Pause(c.file, paused, Parse(c.file, paused).Uses[1], "")
		if diff := cmp.Diff(in, string(resumed)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.file, err, diff)
		}
		if _, err := Pause(c.file, []byte("x"), u, "why"); !errors.Is(err, ErrUnproven) {
			t.Error(err)
		}
	}
}

// FuzzPlain moves every use of a file that is not YAML: each is refused, or the bytes of
// its value alone differ, and they say the image.
func FuzzPlain(f *testing.F) {
	for _, c := range plainCases {
		in, _ := beforeAfter(plainText(c.in))
		f.Add(c.file, in, "r/a", "v2")
	}
	f.Fuzz(func(t *testing.T, name, src, repository, tag string) {
		file := Parse(name, []byte(src))
		if file == nil || IsYAML(name) {
			return
		}
		for _, p := range file.Problems {
			if p.Line < 1 || p.Line > strings.Count(src, "\n")+1 || p.Message == "" {
				t.Fatalf("%+v", p)
			}
		}
		wants := moveAll(file, repository, tag)
		r := Apply(name, []byte(src), wants)
		want, done := "", 0
		for i, u := range file.Uses {
			if r.Errs[i] != nil {
				if !errors.Is(r.Errs[i], ErrUnproven) {
					t.Fatal(r.Errs[i])
				}
				continue
			}
			at := u.plain.value
			if text := src[at.Start:at.End]; text != u.value.text || strings.ContainsAny(text, " \t\r\n\"'$") || at.Start < done {
				t.Fatalf("%q is bound as %+v", text, u)
			}
			want += src[done:at.Start] + u.spell(wants[i].Image)
			done = at.End
			if now, ok := r.File.Find(u); !ok || now.Line != u.Line || !now.Shows(wants[i].Image) {
				t.Fatalf("%s does not show the image", u.Path)
			}
		}
		if want += src[done:]; want != string(r.Src) {
			t.Fatalf("got %q, want %q", r.Src, want)
		}
		for _, u := range file.Uses {
			if paused, err := Pause(name, []byte(src), u, "why"); err == nil && !pausesOnly(file, Parse(name, paused), u, "why") {
				t.Fatalf("paused as %q", paused)
			}
		}
	})
}
