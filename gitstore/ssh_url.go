package gitstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// sshRemote is a repository behind an SSH server.
type sshRemote struct {
	where   string // as it was named, redacted
	address string // host:port
	path    string // as the server's shell gets it, not yet quoted
}

// scpLike matches [user@]host:path, where no slash precedes the colon. A host
// of one letter is a drive; an IPv6 address stands in brackets.
var scpLike = regexp.MustCompile(`(?s)^(?:([^/:]+)@)?(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]{2,}):(.*)$`)

const defaultSSHPort = "22"

func parseSCP(raw string) (remote, error) {
	m := scpLike.FindStringSubmatch(raw)
	user, host, path := m[1], strings.Trim(m[2], "[]"), m[3]
	if first, _, _ := strings.Cut(path, "/"); user == "" && strings.Contains(first, "@") {
		return remote{}, fmt.Errorf("%s: user and password need a scheme in front of them: write https://… or ssh://…", Redact(raw))
	}
	return newSSHRemote(raw, user, "", host, defaultSSHPort, path)
}

func parseSSH(raw string, u *url.URL) (remote, error) {
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return remote{}, fmt.Errorf("%s: a repository URL has neither ? nor #", Redact(raw))
	}
	port := u.Port()
	if port == "" {
		port = defaultSSHPort
	}
	password, _ := u.User.Password()
	return newSSHRemote(raw, u.User.Username(), Secret(password), u.Hostname(), port, u.Path)
}

// newSSHRemote checks the parts of both spellings. /~user/… is seen from that
// user's home directory, as git has it.
func newSSHRemote(raw, user string, password Secret, host, port, path string) (remote, error) {
	if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	var err error
	switch {
	case host == "" || strings.HasPrefix(host, "-") || strings.ContainsFunc(host, unsafe):
		err = errors.New("the repository URL names no valid host")
	case path == "":
		err = errors.New("the repository URL names no path")
	case strings.HasPrefix(path, "-") || strings.ContainsFunc(path, unicode.IsControl):
		err = errors.New("the path of the repository is not valid")
	case strings.ContainsFunc(user, unicode.IsControl):
		err = errors.New("the user of the repository URL is not valid")
	}
	if err != nil {
		return remote{}, fmt.Errorf("%s: %w", Redact(raw), err)
	}
	return remote{
		username: user, password: password,
		ssh: &sshRemote{where: Redact(raw), address: net.JoinHostPort(strings.ToLower(host), port), path: path},
	}, nil
}

func unsafe(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }

// shellQuote is how git quotes a path for the server's shell: csh takes ! even
// where it is quoted.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer(`'`, `'\''`, `!`, `'\!'`).Replace(s) + "'"
}
