package gitstore

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestSSHRemotes(t *testing.T) {
	t.Parallel()
	type parts struct{ User, Address, Path, Where string }
	want := map[string]parts{
		"git@github.com:a/b.git":             {"git", "github.com:22", "a/b.git", "git@github.com:a/b.git"},
		"github.com:/a/b":                    {"", "github.com:22", "/a/b", "github.com:/a/b"},
		"ann@corp@git.example.com:x":         {"ann@corp", "git.example.com:22", "x", "ann@corp@git.example.com:x"},
		"git@[::1]:a:b":                      {"git", "[::1]:22", "a:b", "git@[::1]:a:b"},
		"host:~ann/x":                        {"", "host:22", "~ann/x", "host:~ann/x"},
		"host:/~ann/x":                       {"", "host:22", "~ann/x", "host:/~ann/x"},
		"git@host:x@y":                       {"git", "host:22", "x@y", "git@host:x@y"},
		"ssh://git@Host/a/b.git":             {"git", "host:22", "/a/b.git", "ssh://Host/a/b.git"},
		"ssh://host:2222/a":                  {"", "host:2222", "/a", "ssh://host:2222/a"},
		"ssh://git:pw@[fe80::1]:2222/~git/a": {"git", "[fe80::1]:2222", "~git/a", "ssh://[fe80::1]:2222/~git/a"},
		"git+ssh://host/a%20b":               {"", "host:22", "/a b", "git+ssh://host/a%20b"},
	}
	got := map[string]parts{}
	for raw := range want {
		r, err := parseRemote(raw)
		if err != nil || r.ssh == nil {
			t.Fatalf("%s: %v", raw, err)
		}
		got[raw] = parts{r.username, r.ssh.address, r.ssh.path, r.redacted()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, dir := range []string{"./a:b", "/a:b", "C:/x", "a/b:c", "[x]:y"} {
		if r, err := parseRemote(dir); err != nil || r.ssh != nil || r.dir == "" {
			t.Errorf("%s: %+v, %v, want a directory", dir, r, err)
		}
	}
}

func TestRedactWithoutScheme(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"bot:" + secret + "@host/a":      "host/a",
		"bot:" + secret + "@host:80/a@b": "host:80/a@b",
		"git@host:a/b":                   "git@host:a/b",
		"git@host:a@b":                   "git@host:a@b",
		"/a:b@c":                         "/a:b@c",
	} {
		if got := Redact(raw); got != want {
			t.Errorf("Redact(%q) = %q, want %q", raw, got, want)
		}
	}
}

// What names an SSH remote gives an address, a path that is no option, and a
// command that a shell reads as two words.
func FuzzSSHRemote(f *testing.F) {
	for _, s := range []string{"git@h.x:a'b", "ssh://u@h:22/~a/!b", "[::1]:x", "h1:-x", "ssh://[::1]/a%00", "a@b@cc:\\x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRemote(raw)
		if err != nil || r.ssh == nil {
			return
		}
		host, port, err := net.SplitHostPort(r.ssh.address)
		if err != nil || host == "" || port == "" || strings.ContainsFunc(host, unsafe) {
			t.Errorf("%q has the address %q", raw, r.ssh.address)
		}
		path := r.ssh.path
		if path == "" || path[0] == '-' || strings.ContainsFunc(path+r.username, unicode.IsControl) {
			t.Errorf("%q has the path %q and user %q", raw, path, r.username)
		}
		if got := unquote(t, shellQuote(path)); got != path {
			t.Errorf("%q reaches the server as %q", path, got)
		}
	})
}

// unquote reads one word the way a shell does, where quotes and backslashes
// outside of them are all there is.
func unquote(t *testing.T, word string) string {
	t.Helper()
	var b strings.Builder
	quoted := false
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
			b.WriteByte(c)
		case c == '\\' && i+1 < len(word):
			i++
			b.WriteByte(word[i])
		default:
			t.Fatalf("%q is not quoted in %s", c, word)
		}
	}
	if quoted {
		t.Fatalf("%s has no end", word)
	}
	return b.String()
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a b": `'/a b'`, "it's": `'it'\''s'`, "!x": `''\!'x'`, "": "''",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%q is quoted %s, want %s", path, got, want)
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(path)).Output()
		if err != nil || string(out) != path {
			t.Errorf("the shell reads %q, %v, want %q", out, err, path)
		}
	}
}

// An advertisement is what was sent up to its first flush, and nothing that
// follows is taken.
func FuzzAdvertisement(f *testing.F) {
	f.Add([]byte(pkt("version 2\n")+"0000"), []byte("more"))
	f.Add([]byte(pkt("ERR no")+"0000"), []byte(""))
	f.Add([]byte("0003"), []byte(""))
	f.Add([]byte("Welcome"), []byte("0000"))
	f.Fuzz(func(t *testing.T, sent, behind []byte) {
		from := bytes.NewReader(append(bytes.Clone(sent), behind...))
		got, err := readAdvertisement(from)
		switch {
		case err == nil:
			rest, _ := io.ReadAll(from)
			if !bytes.HasSuffix(got, []byte("0000")) || !bytes.Equal(append(bytes.Clone(got), rest...), append(bytes.Clone(sent), behind...)) {
				t.Errorf("%q and %q were read as %q", sent, behind, got)
			}
		case got != nil || errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("%q with %v", got, err)
		}
	})
}
