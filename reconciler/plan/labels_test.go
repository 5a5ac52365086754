package plan

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzLabels(f *testing.F) {
	for _, s := range []string{
		"https://user:token@example.com/a@b", "\nImage-Stream-Tag: x", "@everyone", "![](http://x)", "[skip ci]",
		"fixes #1", "\xff\u2028\u202e", strings.Repeat("#", 300), strings.Repeat("é", 300), "a_b _c @d e@f",
	} {
		f.Add(s)
	}
	line := regexp.MustCompile(`^    (source  |revision|version )  [^\s#!$&*<>\[\]\\^{|}~` + "`" + `\p{C}\p{Z}]+$`)
	begins := regexp.MustCompile(`(^|[^0-9A-Za-z])[@_]`)
	f.Fuzz(func(t *testing.T, s string) {
		text := Labels{Source: s, Revision: s, Version: s}.text()
		if !utf8.ValidString(text) {
			t.Errorf("not UTF-8: %q", text)
		}
		for l := range strings.Lines(text) {
			l = strings.TrimSuffix(l, "\n")
			value := l[min(len(l), len("    revision  ")):]
			if !line.MatchString(l) || begins.MatchString(value) || utf8.RuneCountInString(value) > maxLabel {
				t.Errorf("%q makes the line %q", s, l)
			}
		}
	})
}

func TestSourceWithoutUser(t *testing.T) {
	for source, want := range map[string]string{
		"https://example.com/a":               "https://example.com/a",
		"https://user:to@ken@example.com/a@b": "https://example.com/a@b",
		"https://token@example.com":           "https://example.com",
		"https://example.com?a=b@c":           "https://example.com?a=b@c",
		"git@example.com:a/b":                 "git@example.com:a/b",
		"://@":                                "://",
		"":                                    "",
	} {
		if got := withoutUser(source); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}
