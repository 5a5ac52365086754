package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// text shows problems as config check does.
func text(problems []stream.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
		if p.Hint != "" {
			b.WriteString("    " + p.Hint + "\n")
		}
	}
	return b.String()
}

func TestParseWhole(t *testing.T) {
	got, problems := config.Parse(readFile(t, "testdata/whole.yaml"))
	if len(problems) > 0 {
		t.Fatal(text(problems))
	}
	git := config.Git{
		UsernameFile: "etc/user", PasswordFile: "/secrets/password", CAFile: "etc/git.pem", Proxy: "http://proxy.example.com:3128",
		Committer:      config.Committer{Name: "Bot", Email: "bot@example.com"},
		SigningKeyFile: "etc/signing/key", SigningKeyPassphraseFile: "etc/signing/passphrase",
	}
	want := config.Config{
		APIVersion: "imgstream.dev/v1", Kind: "Config",
		Repositories: []config.Repository{
			{Name: "apps", URL: "https://git.example.com/team/apps.git", Branches: []string{"main", "prod"}, Interval: 30 * time.Second, Git: git},
			{Name: "infra", URL: "git@git.example.com:infra.git", Branches: []string{"main"}, Interval: 5 * time.Minute, Git: config.Git{
				SSHKeyFile: "etc/ssh/id_ed25519", SSHKeyPassphraseFile: "etc/ssh/passphrase", KnownHostsFile: "etc/ssh/known_hosts",
			}},
			{Name: "shop", URL: "https://github.com/example/shop", Branches: []string{"main"}, Interval: 30 * time.Second, Git: config.Git{
				GitHubApp: &config.GitHubApp{AppID: 1, InstallationID: 2, PrivateKeyFile: "etc/key.pem", APIURL: "https://github.example.com/api/v3"},
			}},
			{Name: "local", URL: "bare/local.git", Branches: []string{"main"}, Interval: 30 * time.Second},
		},
		Git: git,
		Registries: []config.Registry{
			{Host: "quay.io", Mirrors: []string{"mirror.example.com:5000/quay", "[::1]:5000"}, PlainHTTP: true, CAFile: "etc/quay.pem"},
			{Host: "quay.io", UsernameFile: "etc/quay/user", PasswordFile: "etc/quay/password", Namespaces: []string{"team-a"}, Paths: []string{"teams/a/**"}},
			{Host: "quay.io", TokenFile: "etc/quay/token", Namespaces: []string{"team-b"}},
		},
		AllowedRegistries: config.AllowList{{DomainName: "*.example.com:5000"}, {DomainName: "quay.io", Insecure: true}},
		LocalRegistry:     "registry.example.com:5000/imgstream",
		Hooks:             config.Hooks{Distribution: config.DistributionHook{TokenFile: "etc/hook-token", Host: "registry.example.com:5000"}},
		MinimumInterval:   2 * time.Minute,
		Listen:            ":8080",
		TokenFile:         "/run/secrets/api-token",
		Limits:            config.Limits{Concurrency: 16, HostConcurrency: 4, RepositoryTags: 500, Builds: 1000},
		Log:               config.Log{Format: "json", Level: "debug"},
	}
	before := got
	if diff := cmp.Diff(want, got.In("etc")); diff != "" {
		t.Error(diff)
	}
	if again, _ := config.Parse(readFile(t, "testdata/whole.yaml")); !cmp.Equal(again, before) {
		t.Error("In changed the configuration that it was called on")
	}
}

func TestParseDefaults(t *testing.T) {
	got, problems := config.Parse([]byte("apiVersion: imgstream.dev/v1\nkind: Config\ngit:\nlisten: ~\nrepositories: [{url: 'file:///srv/apps.git/', branches: [main], git: , name: }]\nregistries: [{host: Index.docker.io}]\n"))
	if len(problems) > 0 {
		t.Fatal(text(problems))
	}
	want := config.Default()
	want.APIVersion, want.Kind = "imgstream.dev/v1", "Config"
	want.Repositories = []config.Repository{{Name: "apps", URL: "file:///srv/apps.git/", Branches: []string{"main"}, Interval: config.DefaultInterval}}
	want.Registries = []config.Registry{{Host: "docker.io"}}
	if diff := cmp.Diff(want, got.In("etc")); diff != "" {
		t.Error(diff)
	}
	if got, _ := config.Parse([]byte("apiVersion: imgstream.dev/v1\nkind: Config\nlisten: ''\n")); got.Listen != "" {
		t.Errorf("listen is %q, want none", got.Listen)
	}
}

// TestParseManyProblems holds that all are found at once, and that none shows what
// may be a secret. UPDATE=1 writes the golden file.
func TestParseManyProblems(t *testing.T) {
	_, problems := config.Parse(readFile(t, "testdata/problems.yaml"))
	got := text(problems)
	const golden = "testdata/problems.golden"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(got, "planted") {
		t.Error("a problem shows a secret")
	}
}

func TestParseProblems(t *testing.T) {
	const head = "apiVersion: imgstream.dev/v1\nkind: Config\n"
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", "error: the file is empty"},
		{"kind", "apiVersion: imgstream.dev/v1\nkind: Repository\nhistory: {limit: 3}\n", ":2: error: this is not a configuration of imgstream"},
		{"version", "kind: Config\n", ":1: error: this is not a configuration of imgstream"},
		{"list", "- a\n", ":1: error: the file is not a mapping"},
		{"two documents", head + "---\nkind: Config\n", ":4: error: the file holds more than one document"},
		{"broken second document", head + "---\ngit: [\n", ":4: error: did not find expected node content"},
		{"broken", head + "git: [\n", ":3: error: did not find expected node content"},
		{"large", head + strings.Repeat("#", 1<<20), "error: the file has 1048618 bytes, more than the limit of 1048576"},
		{"twice", head + "git: {}\ngit: {}\n", ":4: error: git is there twice"},
		{"aliases", head + "git: &g {tokenFile: t}\nrepositories:\n- {url: 'https://example.com/a', branches: [main], git: *g}\n", ""},
		{
			"aliases that grow", head + "registries: [" + strings.Repeat("&r {host: a, mirrors: &m ["+strings.Repeat("x,", 500)+"]},", 1) + strings.Repeat("*r,", 3000) + "]\n",
			"error: document contains excessive aliasing",
		},
		{"circle", head + "git: &g {githubApp: *g}\n", ":3: error: unknown key git.githubApp.githubApp\n:3: error: git.githubApp.appID is missing\n" +
			":3: error: git.githubApp.installationID is missing\n:3: error: git.githubApp.privateKeyFile is missing"},
		{
			"ssh and https", head + "repositories: [{url: 'https://example.com/a', branches: [main]}, {url: 'ssh://git@example.com/b', branches: [main]}, {url: /c, branches: [main]}]\ngit: {tokenFile: t, caFile: c}\n",
			":3: error: repositories[1].url is ssh, and git.tokenFile is for http or https only\n" +
				":3: error: repositories[2].url is a local path, and git.tokenFile is for http or https only",
		},
		{"username and token", head + "git: {usernameFile: u, tokenFile: t}\n", ""},
		{"username alone", head + "git: {usernameFile: u}\n", ":3: error: git.usernameFile is there without a password or token"},
		{"committer", head + "git:\n  committer: {name: x}\n", ":4: error: git.committer needs a name and an email"},
		{"merge key", head + "git: &g {tokenFile: t}\nrepositories:\n- {<<: *g}\n", ":5: error: unknown key repositories[0].<<\n" +
			":5: error: repositories[0].url is missing\n:5: error: repositories[0].branches is missing"},
		{"port", head + "listen: ':65536'\n", `:3: error: listen is not host:port: ":65536"`},
		{"local registry", head + "localRegistry: 127.0.0.1:5000/\n", ""},
		{"local registry with a scheme", head + "localRegistry: https://registry.example.com\n", `:3: error: localRegistry is not a registry: "https://registry.example.com"`},
		{"local registry of one word", head + "\nlocalRegistry: registry/images\n", `:4: error: localRegistry is not a registry: "registry/images"`},
		{"local registry in capitals", head + "localRegistry: Registry.example.com/Images\n", `:3: error: localRegistry is not a registry: "Registry.example.com/Images"`},
		{"local registry with a password", head + "localRegistry: a:planted@example.com\n", `:3: error: localRegistry is not a registry`},
		{"hook without token", head + "hooks:\n  distribution: {host: 'https://registry'}\n", ":4: error: hooks.distribution.tokenFile is missing\n" +
			`:4: error: hooks.distribution.host is not the host of a registry: "https://registry"`},
		{"loopback", head + "git: {githubApp: {appID: 1, installationID: 2, privateKeyFile: k, apiURL: 'http://127.0.0.1:8080'}}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := config.Parse([]byte(c.src))
			for i := range problems {
				problems[i].Hint = ""
			}
			if diff := cmp.Diff(c.want, strings.TrimSuffix(text(problems), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	src := readFile(t, "testdata/whole.yaml")
	cfg, _ := config.Parse(src)
	lines := map[string]int{}
	for _, f := range cfg.Named() {
		lines[f.Key+" "+f.Path] = config.LineOf(src, f.Key)
	}
	want := map[string]int{
		"git.usernameFile user":                                   22,
		"git.passwordFile /secrets/password":                      23,
		"git.caFile git.pem":                                      24,
		"git.signingKeyFile signing/key":                          27,
		"git.signingKeyPassphraseFile signing/passphrase":         28,
		"repositories[1].git.sshKeyFile ssh/id_ed25519":           11,
		"repositories[1].git.sshKeyPassphraseFile ssh/passphrase": 12,
		"repositories[1].git.knownHostsFile ssh/known_hosts":      13,
		"repositories[2].git.githubApp.privateKeyFile key.pem":    17,
		"registries[0].caFile quay.pem":                           33,
		"registries[1].usernameFile quay/user":                    35,
		"registries[1].passwordFile quay/password":                36,
		"registries[2].tokenFile quay/token":                      40,
		"tokenFile /run/secrets/api-token":                        47,
		"hooks.distribution.tokenFile hook-token":                 51,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	wantFiles := []string{
		"/run/secrets/api-token", "/secrets/password", "git.pem", "hook-token", "key.pem", "quay.pem", "quay/password", "quay/token", "quay/user",
		"signing/key", "signing/passphrase", "ssh/id_ed25519", "ssh/known_hosts", "ssh/passphrase", "user",
	}
	if diff := cmp.Diff(wantFiles, cfg.Files()); diff != "" {
		t.Error(diff)
	}
	for _, f := range cfg.Named() {
		if want := map[string]string{"signing/key": "signing/passphrase", "ssh/id_ed25519": "ssh/passphrase"}[f.Path]; f.Passphrase != want {
			t.Errorf("the passphrase of %s is in %q, want %q", f.Path, f.Passphrase, want)
		}
	}
}

func TestMayUse(t *testing.T) {
	for _, c := range []struct {
		namespaces, paths []string
		namespace, file   string
		want              bool
	}{
		{nil, nil, "any", "any.yaml", true},
		{[]string{"a", "b"}, nil, "b", "any.yaml", true},
		{[]string{"a"}, nil, "b", "any.yaml", false},
		{nil, []string{"teams/a/**"}, "any", "teams/a/imagestreams/x.yaml", true},
		{nil, []string{"teams/a/**"}, "any", "teams/ab/imagestreams/x.yaml", false},
		{[]string{"a"}, []string{"x/*", "y/*"}, "a", "y/z.yaml", true},
		{[]string{"a"}, []string{"x/*", "y/*"}, "b", "y/z.yaml", false},
	} {
		r := config.Registry{Host: "quay.io", Namespaces: c.namespaces, Paths: c.paths}
		if got := r.MayUse(c.namespace, c.file); got != c.want {
			t.Errorf("%v %v: %s %s: got %v", c.namespaces, c.paths, c.namespace, c.file, got)
		}
	}
}

// FuzzParse holds that what is accepted is usable, and that every problem has a place
// in the file.
func FuzzParse(f *testing.F) {
	f.Add(readFile(f, "testdata/whole.yaml"))
	f.Add(readFile(f, "testdata/problems.yaml"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, problems := config.Parse(src)
		if len(problems) == 0 {
			usable(t, c)
		}
		lines := 2 + strings.Count(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(src)), "\n") // YAML's line breaks
		for _, p := range problems {
			if p.Message == "" || strings.Contains(p.Message, "\n") || p.Pos.Line < 0 || p.Pos.Line > lines {
				t.Errorf("problem %+v of %q", p, src)
			}
		}
	})
}

func usable(t *testing.T, c config.Config) {
	t.Helper()
	if c.Kind != "Config" || c.MinimumInterval <= 0 || c.Limits.Concurrency < 1 || c.Limits.HostConcurrency < 1 {
		t.Errorf("accepted %+v", c)
	}
	for _, r := range c.Repositories {
		if r.Name == "" || r.URL == "" || len(r.Branches) == 0 || r.Interval <= 0 {
			t.Errorf("accepted the repository %+v", r)
		}
	}
	for _, r := range c.Registries {
		if r.Host == "" || r.TokenFile != "" && r.PasswordFile != "" || (r.PasswordFile == "") != (r.UsernameFile == "") {
			t.Errorf("accepted the registry %+v", r)
		}
	}
	if c.Git.TokenFile != "" && (c.Git.PasswordFile != "" || c.Git.GitHubApp != nil || c.Git.SSHKeyFile != "") {
		t.Errorf("accepted %+v", c.Git)
	}
}
