package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary is everything that Parse said, one line for each comment and reference.
func summary(src string) string {
	f, err := Parse([]byte(src))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, c := range f.Comments {
		inside := ""
		if c.Inside {
			inside = " inside"
		}
		fmt.Fprintf(&b, "%d %q%s\n", c.Line, src[c.Start:c.End], inside)
	}
	for _, r := range f.References {
		fmt.Fprintf(&b, "%d %s[%d] %s %q", r.Line, r.Keyword, r.Index, r.Name, src[r.Start:r.End])
		if r.First != r.Line {
			fmt.Fprintf(&b, " of line %d", r.First)
		}
		if r.Refused != "" {
			fmt.Fprintf(&b, " refused: %s", r.Refused)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestIs(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile": true, "a/Containerfile": true, "Dockerfile.dev": true, "Containerfile.x": true, "web.Dockerfile": true,
		"web.dockerfile": true, "web.Containerfile": true,
		"dockerfile": false, "Dockerfile.dockerignore": false, "Containerfile.containerignore": false, "MyDockerfile": false, "Dockerfile.5.md": false, "Dockerfile/README": false, "": false,
	} {
		if got := Is(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

var parseCases = []struct{ name, in, want string }{
	{"empty", "", ""},
	{"plain", "FROM python:3.12\n", "1 FROM[0]  \"python:3.12\"\n"},
	{"no final newline", "FROM python", "1 FROM[0]  \"python\"\n"},
	{"lower case, tabs, blanks at both ends", " \tfrom\t python:3.12 \t\n", "1 FROM[0]  \"python:3.12\"\n"},
	{"CRLF and BOM", "\ufeff# c\r\nFROM python:3.12\r\n", "1 \"# c\"\n2 FROM[0]  \"python:3.12\"\n"},
	{
		"stages", "FROM golang:1.26 AS Build\nFROM scratch\nFROM build as test\nFROM alpine:3 aS run\n",
		"1 FROM[0] Build \"golang:1.26\"\n2 FROM[1]  \"scratch\" refused: scratch is no image\n" +
			"3 FROM[2] test \"build\" refused: it names the stage that begins on line 1, not an image\n4 FROM[3] run \"alpine:3\"\n",
	},
	{
		"a stage with the name of its own image, and one named later", "FROM python AS python\nFROM later\nFROM x AS later\n",
		"1 FROM[0] python \"python\"\n2 FROM[1]  \"later\"\n3 FROM[2] later \"x\"\n",
	},
	{"platform", "FROM --platform=$BUILDPLATFORM --x=y golang AS b\n", "1 FROM[0] b \"golang\"\n"},
	{"quotes", "FROM \"python:3.12\"\nFROM 'a/b'\n", "1 FROM[0]  \"python:3.12\"\n2 FROM[1]  \"a/b\"\n"},
	{
		"quotes inside", "FROM py\"thon\"\nFROM pyth\\on\n",
		"1 FROM[0]  \"py\\\"thon\\\"\" refused: it is no plain image reference: py\"thon\"\n2 FROM[1]  \"pyth\\\\on\" refused: it is no plain image reference: pyth\\on\n",
	},
	{"text behind", "FROM python # why\nFROM\nFROM --platform=x\nFROM a AS\n", strings.Join([]string{
		"1 FROM[0]  \"\" refused: FROM takes IMAGE, or IMAGE AS NAME, and nothing behind it",
		"2 FROM[1]  \"\" refused: FROM takes IMAGE, or IMAGE AS NAME, and nothing behind it",
		"3 FROM[2]  \"\" refused: FROM takes IMAGE, or IMAGE AS NAME, and nothing behind it",
		"4 FROM[3]  \"\" refused: FROM takes IMAGE, or IMAGE AS NAME, and nothing behind it\n",
	}, "\n")},
	{"continued", "FROM \\\n  # why\n\n  --platform=x \\ \n python:3.12 \\\n AS b\n", "2 \"# why\" inside\n5 FROM[0] b \"python:3.12\" of line 1\n"},
	{"continued inside the reference", "FROM pyth\\\non\n", "1 FROM[0]  \"\" refused: the reference is broken over several lines\n"},
	{"continued directly behind the reference", "FROM python\\\n AS x\n", "1 FROM[0] x \"python\"\n"},
	{"continued at the end of the file", "FROM python \\", "1 FROM[0]  \"python\"\n"},
	{"an escape that is escaped", "RUN a \\\\\nFROM python\n", "2 FROM[0]  \"python\"\n"},
	{
		"escape directive", "# syntax=docker/dockerfile:1\n# Escape = `\nFROM `\n  python\nRUN dir c:\\\nFROM b\n",
		"1 \"# syntax=docker/dockerfile:1\"\n2 \"# Escape = `\"\n4 FROM[0]  \"python\" of line 3\n6 FROM[1]  \"b\"\n",
	},
	{"escape directive below a comment", "# c\n# escape=`\nFROM \\\n python\n", "1 \"# c\"\n2 \"# escape=`\"\n4 FROM[0]  \"python\" of line 3\n"},
	{"escape directive that says nothing", "# escape=x\n", "error: the escape directive must say \\ or `, once\n"},
	{"escape directive twice", "# escape=`\n# escape=`\n", "error: the escape directive must say \\ or `, once\n"},
	{"FROM in a RUN", "FROM a\nRUN echo \\\n  FROM b\n", "1 FROM[0]  \"a\"\n"},
	{
		"heredocs", "FROM a\nRUN <<EOF cat 3<<-'E2' && x\n# c\nFROM b\nEOF\nFROM c\n\tE2\nCOPY <<\"X\" /x\nFROM d\nX\nONBUILD RUN <<Y\nFROM e\nY\nFROM f\n",
		"1 FROM[0]  \"a\"\n14 FROM[1]  \"f\"\n",
	},
	{"heredoc of CRLF", "RUN <<EOF\r\nFROM b\r\nEOF\r\nFROM c\r\n", "4 FROM[0]  \"c\"\n"},
	{"no heredocs", "LABEL a=<<EOF\nFROM a\nRUN cat <<<x\nRUN \"<<EOF\"\nRUN a<<EOF\nRUN <<''\nFROM b\n", "2 FROM[0]  \"a\"\n7 FROM[1]  \"b\"\n"},
	{"blanks before the name of a heredoc", "RUN <<  EOF\nFROM a\nEOF\nRUN <<- X\nFROM b\nRUN << <<Y\nFROM c\n", "5 FROM[0]  \"b\"\n7 FROM[1]  \"c\"\n"},
	{"a quote without end is the shell's", "RUN echo <<EOF \"\nFROM b\n", "2 FROM[0]  \"b\"\n"},
	{"heredoc without end", "FROM a\nRUN <<EOF\nFROM b\n", "error: the heredoc EOF has no end\n"},
	{"ARG", "ARG BASE=python:3.12\nARG \"X\"\nFROM ${BASE}\n", strings.Join([]string{
		"1 ARG[0] BASE \"python:3.12\"",
		"2 ARG[1] \"X\" \"\" refused: the ARG has no default value: write ARG \"X\"=IMAGE",
		"3 FROM[0]  \"${BASE}\" refused: the reference is the value of ARG BASE: put the marker above line 1\n",
	}, "\n")},
	{"ARG in quotes, continued, used twice", "ARG \\\n BASE=\"python:3.12\"\nFROM $BASE AS a\nFROM \"${BASE}\"\n", strings.Join([]string{
		"2 ARG[0] BASE \"python:3.12\" of line 1",
		"3 FROM[0] a \"$BASE\" refused: the reference is the value of ARG BASE: put the marker above line 1",
		"4 FROM[1]  \"${BASE}\" refused: the reference is the value of ARG BASE: put the marker above line 1\n",
	}, "\n")},
	{"ARG that is a part", "ARG V=3.12\nFROM python:${V}\n", strings.Join([]string{
		"1 ARG[0] V \"3.12\" refused: it is a part of the reference on line 2: write the whole reference into the ARG",
		"2 FROM[0]  \"python:${V}\" refused: the reference is made of variables: write all of it as the default value of one ARG above the first FROM, and the marker above that\n",
	}, "\n")},
	{"ARG with a default in FROM", "FROM ${BASE:-python}\nFROM $BASE\n", strings.Join([]string{
		"1 FROM[0]  \"${BASE:-python}\" refused: the reference is made of variables: write all of it as the default value of one ARG above the first FROM, and the marker above that",
		"2 FROM[1]  \"$BASE\" refused: the reference is the value of the variable BASE: write ARG BASE=IMAGE above the first FROM, and the marker above that\n",
	}, "\n")},
	{"ARGs that cannot be bound", "ARG A=a\nARG B=b:1\nARG B=b:2\nARG C=${D}\nARG D=d\nARG E=e F=f\nFROM $B\nFROM $D\nARG G=g\n", strings.Join([]string{
		"1 ARG[0] A \"a\" refused: no FROM is ${A}",
		"2 ARG[1] B \"b:1\" refused: ARG B is set on line 3 too",
		"3 ARG[2] B \"b:2\" refused: ARG B is set on line 2 too",
		"4 ARG[3] C \"${D}\" refused: it is no plain image reference: ${D}",
		"5 ARG[4] D \"d\" refused: ARG C on line 4 is made of it: only what is a whole reference can be written",
		"6 ARG[5] E \"\" refused: the line has several ARGs: write each on a line of its own",
		"6 ARG[6] F \"\" refused: the line has several ARGs: write each on a line of its own",
		"7 FROM[0]  \"$B\" refused: the reference is the value of ARG B: put the marker above line 2",
		"8 FROM[1]  \"$D\" refused: the reference is the value of ARG D: put the marker above line 5",
		"9 ARG[7] G \"\" refused: the ARG stands below the first FROM, where none can name a base image\n",
	}, "\n")},
	{"ARG that names a stage", "ARG B=Build\nFROM x AS build\nFROM $B\n", strings.Join([]string{
		"1 ARG[0] B \"Build\" refused: it names the stage that begins on line 2, not an image",
		"2 FROM[0] build \"x\"",
		"3 FROM[1]  \"$B\" refused: the reference is the value of ARG B: put the marker above line 1\n",
	}, "\n")},
	{"ARG without a value", "ARG B=\nFROM $B\n", strings.Join([]string{
		"1 ARG[0] B \"\" refused: there is no reference",
		"2 FROM[0]  \"$B\" refused: the reference is the value of the variable B: write ARG B=IMAGE above the first FROM, and the marker above that\n",
	}, "\n")},
	{
		"templates", "FROM {{.Base}}\nFROM {%x%}\n",
		"1 FROM[0]  \"{{.Base}}\" refused: the reference is a template expression\n2 FROM[1]  \"{%x%}\" refused: the reference is a template expression\n",
	},
	{"comments", "  # a\n#b\nRUN x # no\n", "1 \"# a\"\n2 \"#b\"\n"},
}

func TestParse(t *testing.T) {
	for _, c := range parseCases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summary(c.in)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	src := "\ufeff# c\r\nARG B='b:1'\r\nFROM a:1 \\\r\n AS x\r\nFROM x\r\nFROM $B"
	f, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	a, b, stage := f.References[1].Start, f.References[0].Start, f.References[2].Start
	out, err := f.Replace(Edit{a, "a:2@sha256:0"}, Edit{b, "b:2"})
	if diff := cmp.Diff("\ufeff# c\r\nARG B='b:2'\r\nFROM a:2@sha256:0 \\\r\n AS x\r\nFROM x\r\nFROM $B", string(out)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for want, edits := range map[string][]Edit{
		"no reference begins there, or two edits are for one":    {{a + 1, "x"}},
		"it names the stage that begins on line 3, not an image": {{stage, "y"}},
		"the result says something else":                         {{a, "x y"}},
		"the result has other instructions":                      {{a, "x\nFROM y"}},
	} {
		if _, err := f.Replace(edits...); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", edits, err, want)
		}
	}
	if _, err := f.Replace(Edit{a, "x"}, Edit{a, "y"}); err == nil {
		t.Error("two edits for one reference")
	}
}
