package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/config"
)

const whole = `apiVersion: imgstream.dev/v1
kind: Config
registries:
- host: quay.io
  mirrors: [mirror.example.com:5000/quay]
  plainHTTP: true
  caFile: quay.pem
git:
  usernameFile: user
  passwordFile: /secrets/password
  caFile: git.pem
  committer: {name: Bot, email: bot@example.com}
`

func TestParseWhole(t *testing.T) {
	got, problems := config.Parse([]byte(whole))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := config.Config{
		APIVersion: "imgstream.dev/v1", Kind: "Config",
		Registries: []config.Registry{{Host: "quay.io", Mirrors: []string{"mirror.example.com:5000/quay"}, PlainHTTP: true, CAFile: "etc/quay.pem"}},
		Git: config.Git{
			UsernameFile: "etc/user", PasswordFile: "/secrets/password", CAFile: "etc/git.pem",
			Committer: config.Committer{Name: "Bot", Email: "bot@example.com"},
		},
	}
	if diff := cmp.Diff(want, got.In("etc")); diff != "" {
		t.Error(diff)
	}
}

func TestParseProblems(t *testing.T) {
	const head = "apiVersion: imgstream.dev/v1\nkind: Config\n"
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", "error: the file is empty"},
		{"kind", "apiVersion: imgstream.dev/v1\nkind: Repository\n", ":2: error: this is not a configuration of imgstream"},
		{"list", "- a\n", ":1: error: the file is not a mapping"},
		{"two documents", head + "---\nkind: Config\n", ":4: error: the file holds more than one document"},
		{"broken", head + "git: [\n", ":3: error: did not find expected node content"},
		{"all at once", head + "gti: {}\nregistries:\n- mirrors: ['https://x']\n- host: a/b\n- host: quay.io\n- {host: quay.io, plainHTTP: perhaps}\ngit: {usernameFile: a}\n", strings.Join([]string{
			":3: error: unknown key gti",
			":5: error: a registry has no host",
			`:5: error: "https://x" is not a mirror`,
			`:6: error: "a/b" is not the host of a registry`,
			":8: error: cannot unmarshal !!str `perhaps` into bool",
			":8: error: the registry quay.io is there twice",
			":9: error: git has a usernameFile alone",
		}, "\n")},
		{"both secrets", head + "git: {usernameFile: a, passwordFile: b, tokenFile: c}\n", ":3: error: git has both a tokenFile and a passwordFile"},
		{"committer", head + "git:\n  committer: {name: x}\n", ":4: error: git.committer needs a name and an email"},
		{"twice", head + "git: {}\ngit: {}\n", `:4: error: mapping key "git" already defined at line 3`},
		{"large", head + strings.Repeat("#", 1<<20), "error: the file has 1048618 bytes, more than the limit of 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := config.Parse([]byte(c.src))
			var lines []string
			for _, p := range problems {
				p.Pos.File = ""
				lines = append(lines, p.String())
			}
			if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, problems := config.Parse(src)
		if len(problems) == 0 && (c.Kind != "Config" || c.Git.TokenFile != "" && c.Git.PasswordFile != "") {
			t.Errorf("accepted %q", src)
		}
		for _, p := range problems {
			if p.Message == "" || p.Pos.Line < 0 || p.Pos.Line > strings.Count(string(src), "\n")+2 {
				t.Errorf("problem %+v of %q", p, src)
			}
		}
	})
}
