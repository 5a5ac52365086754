package gitstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// remote is a parsed repository URL: http or https, SSH, or a local directory.
type remote struct {
	url      *url.URL   // without user and password; nil for others
	ssh      *sshRemote // nil for others
	dir      string
	username string
	password Secret
}

func parseRemote(raw string) (remote, error) {
	scheme, _, isURL := strings.Cut(raw, "://")
	switch {
	case raw == "":
		return remote{}, errors.New("no repository is named: give its URL with --repo")
	case !isURL && scpLike.MatchString(raw):
		return parseSCP(raw)
	case !isURL:
		return parseDir(raw)
	}
	// The parser's own error can quote a piece of the password.
	u, err := url.Parse(raw)
	if err != nil {
		return remote{}, fmt.Errorf("%s is not a valid URL: percent-encode special characters of user and password", Redact(raw))
	}
	switch strings.ToLower(scheme) {
	case "ssh", "git+ssh", "ssh+git":
		return parseSSH(raw, u)
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return remote{}, fmt.Errorf("%s names the host %s: a file URL is file:///path", Redact(raw), u.Host)
		}
		return parseDir(u.Path)
	case "http", "https":
		return parseHTTP(u)
	}
	return remote{}, fmt.Errorf("%s: scheme %q is not supported; use https, ssh, or a local path", Redact(raw), scheme)
}

func parseDir(path string) (remote, error) {
	dir, err := filepath.Abs(filepath.FromSlash(path))
	if err != nil {
		return remote{}, fmt.Errorf("find %s: %w", path, err)
	}
	return remote{dir: dir}, nil
}

func parseHTTP(u *url.URL) (remote, error) {
	if u.Host == "" {
		return remote{}, errors.New("the repository URL names no host")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return remote{}, fmt.Errorf("%s: a repository URL has neither ? nor #", Redact(u.String()))
	}
	r := remote{url: u, username: u.User.Username()}
	if password, ok := u.User.Password(); ok {
		r.password = Secret(password)
	}
	u.User = nil
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return r, nil
}

func (r remote) redacted() string {
	switch {
	case r.url != nil:
		return r.url.String()
	case r.ssh != nil:
		return r.ssh.where
	}
	return r.dir
}

func (r remote) wire(opts Options) (wire, error) {
	switch {
	case r.url != nil:
		return newHTTPWire(r.url, opts.CABundle, opts.Proxy, r.credentials(opts.Credentials))
	case r.ssh != nil:
		return newSSHWire(*r.ssh, r.credentials(opts.Credentials)), nil
	}
	return &dirWire{dir: r.dir}, nil
}

// credentials are those given, with what they leave open from the URL.
func (r remote) credentials(given func() (Credentials, error)) func() (Credentials, error) {
	return func() (c Credentials, err error) {
		if given != nil {
			c, err = given()
		}
		if c.Username == "" {
			c.Username = r.username
		}
		if c.none() {
			c.Password = r.password
		}
		return c, err
	}
}

// Redact returns a repository URL without user, password and query, fit for
// logs and errors. Anything may be passed, valid or not.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return redactBare(raw)
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	// A password may hold a slash where it should be encoded: cut at the last @.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// redactBare takes away what stands before the last @ of user:password@host
// without a scheme, but leaves user@host:path.
func redactBare(raw string) string {
	head, _, _ := strings.Cut(raw, "/")
	colon, at := strings.IndexByte(head, ':'), strings.IndexByte(head, '@')
	if colon < 0 || at < colon {
		return raw
	}
	return raw[strings.LastIndexByte(head, '@')+1:]
}
