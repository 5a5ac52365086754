package gitstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// remote is a parsed repository URL: http or https, or a local directory.
type remote struct {
	url      *url.URL // without user and password; nil for a directory
	dir      string
	username string
	password Secret
}

// scpLike matches [user@]host:path, where no slash precedes the colon.
var scpLike = regexp.MustCompile(`^([^/:@]+@)?[^/:]{2,}:`)

var errSSH = errors.New("ssh remotes are not supported yet; use the https URL")

func parseRemote(raw string) (remote, error) {
	scheme, _, isURL := strings.Cut(raw, "://")
	switch {
	case raw == "":
		return remote{}, errors.New("no repository is named: give its URL with --repo")
	case !isURL && scpLike.MatchString(raw):
		return remote{}, fmt.Errorf("%s: %w", Redact(raw), errSSH)
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
		return remote{}, fmt.Errorf("%s: %w", Redact(raw), errSSH)
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return remote{}, fmt.Errorf("%s names the host %s: a file URL is file:///path", Redact(raw), u.Host)
		}
		return parseDir(u.Path)
	case "http", "https":
		return parseHTTP(u)
	}
	return remote{}, fmt.Errorf("%s: scheme %q is not supported; use https, or a local path", Redact(raw), scheme)
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
	if r.url == nil {
		return r.dir
	}
	return r.url.String()
}

func (r remote) wire(opts Options) (wire, error) {
	if r.url == nil {
		return &dirWire{dir: r.dir}, nil
	}
	credentials := opts.Credentials
	if credentials == nil {
		credentials = func() (Credentials, error) { return Credentials{}, nil }
	}
	return newHTTPWire(r.url, opts.CABundle, func() (Credentials, error) {
		c, err := credentials()
		if c.Username == "" {
			c.Username = r.username
		}
		if c.Password == "" && c.Token == "" {
			c.Password = r.password
		}
		return c, err
	})
}

// Redact returns a repository URL without user, password and query, fit for
// logs and errors. Anything may be passed, valid or not.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	// A password may hold a slash where it should be encoded: cut at the last @.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}
