package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// transport is how a repository is reached.
type transport string

const (
	overHTTP transport = "http or https"
	overSSH  transport = "ssh"
	overPath transport = "a local path"
)

// scpLike matches [user@]host:path, where no slash precedes the colon.
var scpLike = regexp.MustCompile(`^(?:[^/:@]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]{2,}):`)

// transportOf is "" for a scheme that is not known.
func transportOf(repository string) transport {
	scheme, _, isURL := strings.Cut(repository, "://")
	switch {
	case !isURL && scpLike.MatchString(repository):
		return overSSH
	case !isURL:
		return overPath
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return overHTTP
	case "ssh", "git+ssh", "ssh+git":
		return overSSH
	case "file":
		return overPath
	}
	return ""
}

func (p *parser) repositories(c Config) {
	names, served := map[string]bool{}, map[string]bool{}
	for i, key := range p.items("repositories", len(c.Repositories)) {
		r := c.Repositories[i]
		p.repository(key, r, served)
		if p.find(key+".git") != nil {
			p.git(key+".git", r.Git)
		}
		if names[r.Name] {
			p.errorf(key+".name", "give each repository a name of its own", "is %q, as that of another repository", r.Name)
		}
		names[r.Name] = r.URL != ""
	}
}

var nameSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (p *parser) repository(key string, r Repository, served map[string]bool) {
	switch {
	case r.URL == "":
		p.missing(key+".url", "write url: https://git.example.com/apps.git")
	case p.url(key+".url", r.URL):
		p.applies(key, r)
		if !nameSyntax.MatchString(r.Name) {
			p.errorf(key+".name", "write a name of letters, digits, dots, dashes and underscores", "is %q", r.Name)
		}
	}
	if len(r.Branches) == 0 {
		p.missing(key+".branches", "write branches: [main]")
	}
	for i, at := range p.items(key+".branches", len(r.Branches)) {
		b := r.Branches[i]
		branch := r.URL + "\n" + b
		switch {
		case strings.HasPrefix(b, "refs/heads/"):
			p.errorf(at, "write "+strings.TrimPrefix(b, "refs/heads/"), "is a reference, not the name of a branch")
		case !isBranch(b):
			p.errorf(at, "write the name of one branch", "is not the name of a branch: %q", b)
		case served[branch] && r.URL != "":
			p.errorf(at, "write it once", "is %s, which is served already", b)
		}
		served[branch] = true
	}
	p.positive(key+".interval", r.Interval)
}

var branchSyntax = regexp.MustCompile(`^[^-/.\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*$`)

// isBranch is git check-ref-format --branch, without its shorthands.
func isBranch(s string) bool {
	if !branchSyntax.MatchString(s) || strings.Contains(s, "..") || strings.Contains(s, "@{") || s == "@" || strings.HasSuffix(s, ".") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(s, "/"), func(part string) bool {
		return part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	})
}

// url checks that of a repository. What it holds is not shown: it may be a password.
func (p *parser) url(key, raw string) bool {
	before := len(p.problems)
	kind := transportOf(raw)
	_, _, isURL := strings.Cut(raw, "://")
	u, err := url.Parse(raw)
	switch {
	case kind == "":
		p.errorf(key, "write https://…, ssh://…, user@host:path, file:///… or a local path", "has a scheme that is not supported")
	case !isURL && kind == overSSH:
		if _, rest, _ := strings.Cut(raw, ":"); strings.Contains(rest, "@") {
			p.errorf(key, passwordHint, "carries a password")
		}
	case !isURL:
	case err != nil:
		p.errorf(key, "percent-encode special characters", "is not a URL")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		p.errorf(key, "leave them out", "has ? or #")
	case kind == overHTTP && u.User != nil:
		p.errorf(key, passwordHint, "carries a username or password")
	case kind == overSSH && hasPassword(u):
		p.errorf(key, passwordHint, "carries a password")
	case kind == overPath && (u.Path == "" || u.Host != "" && u.Host != "localhost"):
		p.errorf(key, "write file:///path", "is a file URL without path, or of another host")
	case kind != overPath && (!isRemoteHost(u.Host) || strings.Trim(u.Path, "/") == ""):
		p.errorf(key, "write "+strings.ToLower(u.Scheme)+"://host[:port]/path", "has no valid host and path")
	}
	return len(p.problems) == before
}

const passwordHint = "put it into a file, and name that in git.passwordFile (with usernameFile) or git.tokenFile"

// isRemoteHost takes underscores too: containers have them in their names.
func isRemoteHost(host string) bool { return isHost(strings.ReplaceAll(host, "_", "-")) }

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

// applies reports keys of the repository's git section that its URL has no use for; of
// the common section, which other repositories may need, only a way to authenticate.
func (p *parser) applies(key string, r Repository) {
	own, section, hint := true, key+".git", "change one of the two"
	if p.find(section) == nil {
		own, section, hint = false, "git", "give this repository a git section of its own"
	}
	for _, k := range []struct {
		name, value string
		over        transport
		common      bool // is looked at in the common section too
	}{
		{"tokenFile", r.Git.TokenFile, overHTTP, true},
		{"passwordFile", r.Git.PasswordFile, overHTTP, true},
		{"githubApp", appKey(r.Git), overHTTP, true},
		{"sshKeyFile", r.Git.SSHKeyFile, overSSH, true},
		{"knownHostsFile", r.Git.KnownHostsFile, overSSH, false},
		{"caFile", r.Git.CAFile, overHTTP, false},
		{"proxy", r.Git.Proxy, overHTTP, false},
	} {
		if k.value != "" && k.over != transportOf(r.URL) && (own || k.common) {
			p.errorf(key+".url", hint, "is %s, and %s.%s is for %s only", transportOf(r.URL), section, k.name, k.over)
		}
	}
}

func appKey(g Git) string {
	if g.GitHubApp == nil {
		return ""
	}
	return g.GitHubApp.PrivateKeyFile
}

func (p *parser) git(key string, g Git) {
	var ways []string
	for name, set := range g.ways() {
		if set {
			ways = append(ways, name)
		}
	}
	switch {
	case len(ways) > 1:
		p.errorf(key, "keep one of them", "has more than one way to authenticate: %s", strings.Join(ways, ", "))
	case g.PasswordFile != "" && g.UsernameFile == "":
		p.missing(key+".usernameFile", "a password needs the name of its user")
	case g.UsernameFile != "" && g.PasswordFile == "" && g.TokenFile == "":
		p.errorf(key+".usernameFile", "add passwordFile or tokenFile; the user of SSH stands in the URL", "is there without a password or token")
	}
	p.goesWith(key+".sshKeyPassphraseFile", g.SSHKeyPassphraseFile, key+".sshKeyFile", g.SSHKeyFile)
	p.goesWith(key+".signingKeyPassphraseFile", g.SigningKeyPassphraseFile, key+".signingKeyFile", g.SigningKeyFile)
	if g.GitHubApp != nil {
		p.githubApp(key+".githubApp", *g.GitHubApp)
	}
	p.proxy(key+".proxy", g.Proxy)
	p.committer(key+".committer", g.Committer)
}

// ways yields the ways to authenticate, in the order of the keys.
func (g Git) ways() func(yield func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		_ = yield("passwordFile", g.PasswordFile != "") && yield("tokenFile", g.TokenFile != "") &&
			yield("githubApp", g.GitHubApp != nil) && yield("sshKeyFile", g.SSHKeyFile != "")
	}
}

// goesWith reports a file that is of no use without another.
func (p *parser) goesWith(key, file, otherKey, other string) {
	if file != "" && other == "" {
		p.errorf(key, "add it, or remove this", "is there without %s", otherKey)
	}
}

func (p *parser) githubApp(key string, app GitHubApp) {
	p.id(key+".appID", app.AppID, "write the App ID of the app's settings")
	p.id(key+".installationID", app.InstallationID, "write the number at the end of the URL of the installation's settings")
	if app.PrivateKeyFile == "" {
		p.missing(key+".privateKeyFile", "name the .pem file that the app's settings gave")
	}
	if app.APIURL == "" {
		return
	}
	const hint = "write https://host[/path], as https://api.github.com or https://github.example.com/api/v3"
	switch u, err := url.Parse(app.APIURL); {
	case err != nil || u.RawQuery != "" || u.Fragment != "" || !isHost(u.Host):
		p.errorf(key+".apiURL", hint, "is not the URL of an API")
	case u.User != nil:
		p.errorf(key+".apiURL", "the app's key is all that it needs", "carries a username or password")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		p.errorf(key+".apiURL", hint, "is not encrypted")
	}
}

func (p *parser) id(key string, id int64, hint string) {
	switch {
	case id < 0 || id == 0 && p.find(key) != nil:
		p.errorf(key, hint, "is %d, and must be above 0", id)
	case id == 0:
		p.missing(key, hint)
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

func (p *parser) proxy(key, raw string) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err == nil && u.User != nil:
		p.errorf(key, "leave the key out, and give the process HTTPS_PROXY with the password, from a Secret", "carries a username or password")
	case err != nil || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) || !isRemoteHost(u.Host) ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		p.errorf(key, "write http://host:port", "is not the URL of a proxy")
	}
}

func (p *parser) committer(key string, c Committer) {
	unfit := func(r rune) bool { return r < ' ' || r == '<' || r == '>' || r == 0x7f }
	switch {
	case (c.Name == "") != (c.Email == ""):
		p.errorf(key, "write both, or leave both out", "needs a name and an email")
	case c.Name != "" && strings.TrimSpace(c.Name) == "" || strings.ContainsFunc(c.Name+c.Email, unfit):
		p.errorf(key, "write a name and an email without <, > and control characters", "is not an identity that git takes")
	}
}
