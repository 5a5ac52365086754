package stream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	someDigest = "sha256:" + strings.Repeat("1f", 32)
	longDigest = "sha512:" + strings.Repeat("2e", 64)
)

func TestParseImage(t *testing.T) {
	for in, want := range map[string]Image{
		"mysql":                        {"docker.io", "library/mysql", "latest", ""},
		"mysql:8":                      {"docker.io", "library/mysql", "8", ""},
		"my.image":                     {"docker.io", "library/my.image", "latest", ""},
		"localhost-app:1":              {"docker.io", "library/localhost-app", "1", ""},
		"localhost:5000":               {"docker.io", "library/localhost", "5000", ""},
		"localhost/app":                {"localhost", "app", "latest", ""},
		"localhost:5000/app:1":         {"localhost:5000", "app", "1", ""},
		"host:5000/a/b:1":              {"host:5000", "a/b", "1", ""},
		"[::1]:5000/a":                 {"[::1]:5000", "a", "latest", ""},
		"centos/python":                {"docker.io", "centos/python", "latest", ""},
		"a/b/c":                        {"docker.io", "a/b/c", "latest", ""},
		"r.io/a/b/c":                   {"r.io", "a/b/c", "latest", ""},
		"index.docker.io/mysql":        {"docker.io", "library/mysql", "latest", ""},
		"registry-1.docker.io/x/y":     {"docker.io", "x/y", "latest", ""},
		"docker.io/mysql":              {"docker.io", "library/mysql", "latest", ""},
		"Quay.IO/a/b":                  {"quay.io", "a/b", "latest", ""},
		"quay.io/a__b/c--d_e.f":        {"quay.io", "a__b/c--d_e.f", "latest", ""},
		"quay.io/a/b@" + someDigest:    {"quay.io", "a/b", "", someDigest},
		"quay.io/a/b:25@" + someDigest: {"quay.io", "a/b", "25", someDigest},
		"a@" + longDigest:              {"docker.io", "library/a", "", longDigest},
	} {
		got, err := ParseImage(in)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseImageErrors(t *testing.T) {
	digestForm := "the digest must be sha256: and 64, or sha512: and 128 lower-case hexadecimal digits"
	for in, want := range map[string]string{
		"":                                    "it is empty",
		"https://quay.io/a":                   "leave out https://",
		"quay.io/":                            "the repository name is missing",
		":8":                                  "the repository name is missing",
		"quay.io/Foo/bar":                     "repository name must be lowercase",
		"Foo/bar":                             "repository name must be lowercase",
		"a b":                                 `"a b" is not a repository name`,
		"quay.io/a//b":                        `"a//b" is not a repository name`,
		"quay.io/a-/b":                        `"a-/b" is not a repository name`,
		"quay.io/" + strings.Repeat("a", 256): "repository name is longer than 255 characters",
		"a:b:c":                               `"b:c" is not a tag`,
		"a:":                                  `"" is not a tag`,
		"a:" + strings.Repeat("t", 129):       `"` + strings.Repeat("t", 129) + `" is not a tag`,
		"-x.io/a":                             `"-x.io" is not a registry host`,
		"x.io:port/a":                         `"x.io:port" is not a registry host`,
		"a@sha256:12":                         digestForm,
		"a@" + strings.ToUpper(someDigest):    digestForm,
		"a@sha384:" + strings.Repeat("3", 96): digestForm,
		"a@" + someDigest + "@" + someDigest:  digestForm,
	} {
		_, err := ParseImage(in)
		if err == nil {
			t.Errorf("%q: no error", in)
			continue
		}
		_, got, _ := strings.Cut(err.Error(), `": `)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestImageForms(t *testing.T) {
	img := Image{"quay.io", "a/b", "25", ""}
	got := []string{img.Name(), img.String(), img.Pull(someDigest)}
	img.Digest = someDigest
	got = append(got, img.String())
	want := []string{"quay.io/a/b", "quay.io/a/b:25", "quay.io/a/b@" + someDigest, "quay.io/a/b@" + someDigest}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is printed is a reference to the same image, and nothing is left to default.
func FuzzParseImage(f *testing.F) {
	for _, s := range []string{"mysql", "a:b@" + someDigest, "localhost:5000/app", "[::1]:5000/a", "docker.io/docker.io/x", "Quay.IO/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		img, err := ParseImage(s)
		if err != nil {
			return
		}
		if img.Registry == "" || img.Repository == "" || img.Tag == "" && img.Digest == "" {
			t.Errorf("%q leaves something open: %+v", s, img)
		}
		again, err := ParseImage(img.String())
		if err != nil {
			t.Fatal(err)
		}
		if img.Digest != "" {
			img.Tag = ""
		}
		if img != again {
			t.Errorf("%q is %+v, printed and read again %+v", s, img, again)
		}
	})
}
