package dockerfile

import (
	"regexp"
	"strings"
	"testing"
)

var begins = regexp.MustCompile(`(?i)^[\s\v\x{feff}]*(FROM|ARG)[ \t\v\f\r]`)

// FuzzReplace writes every reference that is an image: refused, or no other byte differs.
// By an own reading, each stands on a line of its own instruction.
func FuzzReplace(f *testing.F) {
	for _, c := range parseCases {
		f.Add(c.in, "r/a:v2@sha256:00")
	}
	f.Fuzz(func(t *testing.T, src, text string) {
		file, err := Parse([]byte(src))
		if err != nil {
			return
		}
		lines := strings.Split(src, "\n")
		for _, c := range file.Comments {
			if !strings.HasPrefix(c.Text, "#") || src[c.Start:c.End] != c.Text || !strings.Contains(lines[c.Line-1], c.Text) {
				t.Fatalf("%+v", c)
			}
		}
		for _, r := range file.References {
			if src[r.Start:r.End] != r.Text && r.End > r.Start {
				t.Fatalf("%+v", r)
			}
			out, err := file.Replace(Edit{r.Start, text})
			if err != nil {
				if out != nil {
					t.Fatal("refused, and yet something changed")
				}
				continue
			}
			first := lines[r.First-1]
			if r.Refused != "" || !begins.MatchString(first) && !strings.HasSuffix(strings.TrimRight(first, " \t\r"), string(file.escape)) || !strings.Contains(lines[r.Line-1], r.Text) {
				t.Fatalf("%+v was replaced", r)
			}
			if want := src[:r.Start] + text + src[r.End:]; string(out) != want {
				t.Fatalf("got %q, want %q", out, want)
			}
		}
	})
}
