package gitstore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// DefaultKnownHosts reads the files that ssh reads by default, the user's and
// the system's, those that are there: what [Credentials] takes as KnownHosts.
func DefaultKnownHosts() (string, error) {
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, files...)
	}
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read the known hosts: %w", err)
		}
		fmt.Fprintf(&all, "%s\n", data)
	}
	return all.String(), nil
}

// knownHosts is what known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) says
// about one host.
type knownHosts struct {
	address     string // host:port
	keys        []ssh.PublicKey
	authorities []ssh.PublicKey // whose certificates of the host count
	revoked     []ssh.PublicKey // of any host
	unread      int             // the first line that cannot be read; 0: none
}

// parseKnownHosts keeps what concerns the host. A line that cannot be read is
// passed over, as ssh does, but not where it revokes a key.
func parseKnownHosts(data, address string) (knownHosts, error) {
	known := knownHosts{address: address}
	name := strings.ToLower(knownhosts.Normalize(address))
	n := 0
	for line := range strings.Lines(data) {
		n++
		marker, patterns, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
		matches := err == nil && matchHost(patterns, name)
		switch {
		case errors.Is(err, io.EOF): // empty, or a comment
		case err != nil && strings.HasPrefix(strings.TrimSpace(line), "@revoked"):
			return known, fmt.Errorf("line %d of known_hosts revokes a key that cannot be read: correct or remove it", n)
		case marker == "revoked":
			known.revoked = append(known.revoked, key)
		case err != nil || marker != "" && marker != "cert-authority":
			if known.unread == 0 {
				known.unread = n
			}
		case matches && marker != "":
			known.authorities = append(known.authorities, key)
		case matches:
			known.keys = append(known.keys, key)
		}
	}
	return known, nil
}

// matchHost tells whether a list of patterns names a host. One pattern with a
// ! in front that fits excludes it, whatever the others say.
func matchHost(patterns []string, name string) bool {
	matched := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(strings.TrimSpace(p), "!")
		switch {
		case !matchPattern(p, name):
		case negated:
			return false
		default:
			matched = true
		}
	}
	return matched
}

func matchPattern(pattern, name string) bool {
	if strings.HasPrefix(pattern, "|") {
		return matchHashed(pattern, name)
	}
	return wildcard(strings.ToLower(pattern), name)
}

// matchHashed compares with |1|salt|hash, a HMAC-SHA1 of the name.
func matchHashed(pattern, name string) bool {
	parts := strings.Split(pattern, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	want, err2 := base64.StdEncoding.DecodeString(parts[3])
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return errors.Join(err1, err2) == nil && hmac.Equal(mac.Sum(nil), want)
}

// wildcard matches * and ?, which know no separators.
func wildcard(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

const certSuffix = "-cert-v01@openssh.com"

// algorithms is in which order the host is asked for its keys: those first
// that can be checked, since a host with several keys shows only one.
func (k knownHosts) algorithms() []string {
	rank := func(algorithm string) int {
		switch {
		case strings.HasSuffix(algorithm, certSuffix):
			return 0
		case slices.ContainsFunc(k.keys, func(key ssh.PublicKey) bool { return key.Type() == keyType(algorithm) }):
			return 1
		case algorithm == ssh.KeyAlgoED25519: // what servers publish first
			return 2
		}
		return 3
	}
	all := slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(a string) bool {
		return strings.HasSuffix(a, certSuffix) && len(k.authorities) == 0
	})
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}

// keyType is the type of the key that an algorithm signs with (RFC 8332).
func keyType(algorithm string) string {
	if algorithm == ssh.KeyAlgoRSASHA256 || algorithm == ssh.KeyAlgoRSASHA512 {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// check is an ssh.HostKeyCallback. Its errors are *hostKeyError.
func (k knownHosts) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		if has(k.authorities, cert.SignatureKey) {
			return k.checkCertificate(remote, cert)
		}
		key = cert.Key
	}
	switch {
	case has(k.revoked, key):
		return k.refuse("%s is revoked in known_hosts", fingerprint(key))
	case has(k.keys, key):
		return nil
	case len(k.keys) == 0:
		return k.refuse("%s is not known: check this fingerprint with the people who run the server, then add the key: %s",
			fingerprint(key), k.keyscan())
	}
	return k.refuse("%s is not what known_hosts has, %s: somebody may be in between; if the server got a new key, "+
		"check its fingerprint with the people who run it, then: ssh-keygen -f known_hosts -R '%s' && %s",
		fingerprint(key), fingerprints(k.keys), knownhosts.Normalize(k.address), k.keyscan())
}

func (k knownHosts) checkCertificate(remote net.Addr, cert *ssh.Certificate) error {
	checker := ssh.CertChecker{
		IsHostAuthority: func(key ssh.PublicKey, _ string) bool { return has(k.authorities, key) },
		IsRevoked: func(c *ssh.Certificate) bool {
			return has(k.revoked, c.Key) || has(k.revoked, c.SignatureKey)
		},
	}
	if err := checker.CheckHostKey(k.address, remote, cert); err != nil {
		return k.refuse("%s has a certificate that does not count: %w", fingerprint(cert.Key), err)
	}
	return nil
}

func (k knownHosts) keyscan() string {
	host, port, _ := net.SplitHostPort(k.address)
	if port == defaultSSHPort {
		return fmt.Sprintf("ssh-keyscan %s >> known_hosts", host)
	}
	return fmt.Sprintf("ssh-keyscan -p %s %s >> known_hosts", port, host)
}

// hostKeyError is a host key that was not accepted.
type hostKeyError struct{ err error }

func (e *hostKeyError) Error() string { return e.err.Error() }
func (e *hostKeyError) Unwrap() error { return e.err }

func (k knownHosts) refuse(format string, args ...any) error {
	err := fmt.Errorf("the host key of %s, "+format, append([]any{knownhosts.Normalize(k.address)}, args...)...)
	if k.unread > 0 {
		err = fmt.Errorf("%w (line %d of known_hosts cannot be read)", err, k.unread)
	}
	return &hostKeyError{err}
}

func has(keys []ssh.PublicKey, key ssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) })
}

// fingerprint is a key as ssh-keygen -l shows it: type and SHA256:….
func fingerprint(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

func fingerprints(keys []ssh.PublicKey) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = fingerprint(key)
	}
	return strings.Join(all, ", ")
}
