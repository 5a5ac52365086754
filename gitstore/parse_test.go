package gitstore

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// A tree that parses is written back byte for byte, if git wrote it.
func FuzzTree(f *testing.F) {
	h := strings.Repeat("\x01", 20)
	f.Add([]byte(""))
	f.Add([]byte("100644 a\x00" + h + "40000 b\x00" + h))
	f.Add([]byte("100664 a.b\x00" + h + "40000 a\x00" + h + "120000 a0\x00" + h))
	f.Add([]byte("100644 a\x00" + h + "100644 a\x00" + h))
	f.Add([]byte("100644 ../a\x00" + h))
	f.Add([]byte("100644 a\x00short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseTree(data)
		if err != nil {
			return
		}
		again, err := parseTree(parsed.encode())
		if err != nil {
			t.Fatalf("what was written does not parse: %v", err)
		}
		if len(parsed.encode()) != len(data) || !bytes.Equal(again.encode(), parsed.encode()) {
			t.Errorf("%q became %q", data, parsed.encode())
		}
		for _, e := range parsed.entries {
			if found, ok := parsed.find(e.name); !ok || found != e {
				t.Errorf("%q is not found", e.name)
			}
		}
	})
}

// Whatever a server sends, a reference that is reported has a name and a hash
// of the answer, and an answer that was cut is an error.
func FuzzReferences(f *testing.F) {
	hash := strings.Repeat("ab", 20)
	line := pkt
	f.Add([]byte(line("# service=git-upload-pack\n") + "0000" + line(hash+" refs/heads/main\x00 shallow atomic\n") + "0000"))
	f.Add([]byte(line("version 2\n") + line("ls-refs=unborn\n") + line("fetch=shallow filter\n") + line("object-format=sha1\n") + "0000"))
	f.Add([]byte(line(hash+" refs/heads/main\n") + line("unborn HEAD symref-target:refs/heads/main\n") + "0000"))
	f.Add([]byte(line(hash + " refs/heads/main\n")))
	f.Add([]byte(line("ERR access denied\n")))
	f.Add([]byte("zzzz"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		srv, err := parseV2(answer)
		if err != nil && srv != (server{}) {
			t.Error("an error and a server")
		}
		listed, listErr := parseRefs(answer)
		adv, advErr := parseV0(answer, "refs/heads/main")
		for _, got := range []map[string]plumbing.Hash{listed, adv.refs} {
			for name, h := range got {
				if name == "" || !bytes.Contains(bytes.ToLower(answer), []byte(h.String())) {
					t.Errorf("%q at %s", name, h)
				}
			}
		}
		if (listErr == nil || advErr == nil) && !bytes.Contains(answer, []byte("0000")) {
			t.Error("an answer without an end was taken")
		}
	})
}

func pkt(s string) string {
	const digits = "0123456789abcdef"
	n := len(s) + 4
	return string([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]}) + s
}

// A URL is opened or refused; neither its text nor the error shows what is
// before the host.
func FuzzRemote(f *testing.F) {
	for _, s := range []string{"https://u:SECRET@h/x", "git@h:x", "/a/b", "file:///x", "https://u:SECRET/@h", "x://SECRET@y?z#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRemote(raw)
		if !strings.Contains(raw, ":SECRET@") || !strings.Contains(raw, "://") || strings.Count(raw, "SECRET") != 1 {
			return
		}
		scheme, rest, _ := strings.Cut(raw, "://")
		userinfo, _, _ := strings.Cut(rest, "SECRET")
		if strings.Contains(scheme, "SECRET") || strings.ContainsAny(userinfo, "/?#") {
			return // a path that holds the text
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error shows the password: %v", err)
		}
		if err == nil && strings.Contains(r.redacted(), "SECRET") {
			t.Errorf("the URL shows the password: %s", r.redacted())
		}
	})
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                    "",
		"one\ntwo\n":                          "one\ntwo",
		"\x1b[31mred\x1b[0m\a":                "[31mred[0m",
		"a\tb\rc":                             "a b c",
		"\u202etrojan":                        "trojan",
		"bad \xff byte":                       "bad ? byte",
		strings.Repeat("x", maxWords+5) + "y": strings.Repeat("x", maxWords) + "…",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}
