package stream

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestScalar(t *testing.T) {
	for in, want := range map[string]string{
		"keycloak:25.0": "keycloak:25.0", "12:30": `"12:30"`, "1:30.5": `"1:30.5"`, "12:61": "12:61", "25.0.3": "25.0.3",
		"25.0": `"25.0"`, "1.10": `"1.10"`, "1e3": `"1e3"`, "1_000": `"1_000"`, "_1": "_1", "0x1F": `"0x1F"`, "0o17": `"0o17"`, "0b1": `"0b1"`,
		".5": `".5"`, "5.": `"5."`, "+1": `"+1"`, ".inf": `".inf"`, ".NaN": `".NaN"`, "1f": "1f",
		"True": `"True"`, "false": `"false"`, "yes": `"yes"`, "Off": `"Off"`, "y": `"y"`, "null": `"null"`, "~": `"~"`, "": `""`, "=": `"="`, "<<": `"<<"`,
		"2026-11-20T12:00:03Z": `"2026-11-20T12:00:03Z"`, "2026-11-20": `"2026-11-20"`, "2026-11-20-rc1": "2026-11-20-rc1",
		"a: b": `"a: b"`, "a #b": `"a #b"`, "a#b": "a#b", "a:": `"a:"`, "- a": `"- a"`, "-a": "-a", "-": `"-"`, "[a": `"[a"`, "a[0]": "a[0]",
		"it's": "it's", `say "x"`: `say "x"`, `"x"`: `"\"x\""`, " a": `" a"`, "a ": `"a "`, "a\nb": `"a\nb"`, "a\tb": `"a\u0009b"`, "ü": "ü", "\u2028": `"\u2028"`,
		"\xff": "\ufffd", "@a": `"@a"`, "%a": `"%a"`,
	} {
		if got := scalar(in); got != want {
			t.Errorf("scalar(%q) = %s, want %s", in, got, want)
		}
	}
}

// Whatever is written is read back as the same text.
func TestScalarRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-+]?[0-9._:exobEaTZ -]{0,12}`), rapid.StringMatching(`[-?:,\[\]{}#&*!|>'"%@ a\\]{1,6}`))
	rapid.Check(t, func(t *rapid.T) {
		want := text.Draw(t, "text")
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte("- k: "+scalar(want)+"\n"), &doc); err != nil {
			t.Fatalf("%q is written as %s: %v", want, scalar(want), err)
		}
		got := doc.Content[0].Content[0].Content[1]
		if got.Tag != "!!str" || got.Value != want {
			t.Fatalf("%q is written as %s and read as %s %q", want, scalar(want), got.Tag, got.Value)
		}
	})
}

// The short cut never takes for text what is something else.
func TestIsText(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9+./:_-]{0,12}`), rapid.StringMatching(`[0-9_]{4,6}-[0-9_]{1,3}-[0-9_]{1,3}[Tt /]?[a-z/]{0,3}`))
	rapid.Check(t, func(t *rapid.T) {
		if s := text.Draw(t, "text"); isText(s) && notText.MatchString(strings.ReplaceAll(s, "_", "")) {
			t.Fatalf("%q", s)
		}
	})
	for _, s := range []string{"sha256:1f", "quay.io/a/b", "127.0.0.1:5000/a:1", "DockerImage"} {
		if !isText(s) {
			t.Errorf("%q is not known", s)
		}
	}
	if isText("2026_-11-20T/") {
		t.Error("an underscore hides a time")
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"form": "from", "frm": "from", "From": "from", "fro": "from", "tgs": "tags", "annotatoins": "annotations", "anotation": "annotations", "kind": "", "x": "", "importpolicy": "importPolicy",
	} {
		if got := nearest(word, []string{"from", "tags", "annotations", "importPolicy"}); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
