package gitstore

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func line(key ssh.PublicKey, hosts string) string {
	return hosts + " " + key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + "\n"
}

// Each line of known_hosts with whether it makes the host known.
func TestKnownHosts(t *testing.T) {
	t.Parallel()
	signer, _ := newKey(t)
	other, _ := newKey(t)
	key, wrong := signer.PublicKey(), other.PublicKey()
	hashed := knownhosts.HashHostname("git.example.com")
	hashedPort := knownhosts.HashHostname("[git.example.com]:2222")
	const plain, port = "git.example.com:22", "git.example.com:2222"
	tests := []struct {
		name, address, lines string
		known                bool
	}{
		{"name", plain, line(key, "git.example.com"), true},
		{"name with a port", plain, line(key, "[git.example.com]:22"), false},
		{"another name", plain, line(key, "git.example.org"), false},
		{"case", plain, line(key, "Git.Example.COM"), true},
		{"list", plain, line(key, "a,git.example.com,10.0.0.1"), true},
		{"wildcard", plain, line(key, "*.example.com"), true},
		{"question mark", plain, line(key, "gi?.example.com"), true},
		{"stars", plain, line(key, "*t*e*m"), true},
		{"wildcard that ends too soon", plain, line(key, "*.example.co"), false},
		{"negated", plain, line(key, "*.example.com,!git.example.com"), false},
		{"negated elsewhere", plain, line(key, "!git.example.com,*.example.com") + line(key, "git.example.com"), true},
		{"hashed", plain, line(key, hashed), true},
		{"hashed, another port", port, line(key, hashed), false},
		{"port", port, line(key, "[git.example.com]:2222"), true},
		{"port left out", port, line(key, "git.example.com"), false},
		{"hashed port", port, line(key, hashedPort), true},
		{"IPv6", "[::1]:22", line(key, "::1"), true},
		{"IPv6 and a port", "[::1]:2222", line(key, "[::1]:2222"), true},
		{"comments", plain, "# a comment\n\n  \n" + strings.TrimSpace(line(key, "git.example.com")) + " ann@laptop\r\n", true},
		{"behind one that is broken", plain, "git.example.com ssh-ed25519 AAAA\n" + line(key, "git.example.com"), true},
		{"another key", plain, line(wrong, "git.example.com"), false},
		{"several keys", plain, line(wrong, "git.example.com") + line(key, "git.example.com"), true},
		{"revoked", plain, line(key, "git.example.com") + line(key, "@revoked *"), false},
		{"revoked for others", plain, line(key, "git.example.com") + line(key, "@revoked x"), false},
		{"another is revoked", plain, line(key, "git.example.com") + line(wrong, "@revoked *"), true},
		{"an authority is no key", plain, line(key, "@cert-authority *"), false},
		{"unknown marker", plain, line(key, "@new git.example.com"), false},
		{"broken hash", plain, line(key, "|1|x|y") + line(key, "|2|||") + line(key, "|1|"), false},
		{"nothing", plain, "", false},
	}
	for _, tt := range tests {
		hosts, err := parseKnownHosts(tt.lines, tt.address)
		if err == nil {
			err = hosts.check(tt.address, nil, key)
		}
		if (err == nil) != tt.known {
			t.Errorf("%s: %v", tt.name, err)
		}
		_, typed := errors.AsType[*hostKeyError](err)
		if !tt.known && (!typed || !strings.Contains(err.Error(), ssh.FingerprintSHA256(key))) {
			t.Errorf("%s: %v does not show the fingerprint", tt.name, err)
		}
	}
	if _, err := parseKnownHosts("\n@revoked * ssh-ed25519 AAAA\n", plain); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a revocation that cannot be read: %v", err)
	}
}

// What is said of a host that is not accepted, over a real connection.
func TestHostKeyErrors(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	host, port, _ := net.SplitHostPort(h.ssh.address)
	name := "[" + host + "]:" + port
	c, err := h.credentials()
	if err != nil {
		t.Fatal(err)
	}
	known, err := parseKnownHosts(c.KnownHosts, h.ssh.address)
	if err != nil {
		t.Fatal(err)
	}
	is := known.keys[0]
	signer, _ := newKey(t)
	other := signer.PublicKey()
	scan := fmt.Sprintf("ssh-keyscan -p %s %s >> known_hosts", port, host)
	for lines, want := range map[string]string{
		"": fingerprint(is) + " is not known: check this fingerprint with the people who run the server, then add the key: " + scan,
		name + " x y\n": fingerprint(is) + " is not known: check this fingerprint with the people who run the server, then add the key: " +
			scan + " (line 1 of known_hosts cannot be read)",
		line(other, name): fingerprint(is) + " is not what known_hosts has, " + fingerprint(other) + ": somebody may be in between; " +
			"if the server got a new key, check its fingerprint with the people who run it, then: ssh-keygen -f known_hosts -R '" + name + "' && " + scan,
		line(is, name) + line(is, "@revoked *"): fingerprint(is) + " is revoked in known_hosts",
	} {
		_, err := h.open(h.as(func(c *Credentials) { c.KnownHosts = lines })).Snapshot(t.Context())
		want = "read main of " + h.url + ": the host key of " + name + ", " + want
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	if h.ssh.connected.Load() != 0 {
		t.Error("somebody logged in")
	}
}

// A server with keys of every type shows the one that is known.
func TestHostKeyOfEachType(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	name := knownhosts.Normalize(h.ssh.address)
	keys := map[string]any{"rsa": rsaKey(t), "ecdsa": ecdsaKey(t)}
	c, err := h.credentials()
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{"ed25519": c.KnownHosts}
	for kind, key := range keys {
		signer, _ := keyOf(t, key)
		h.ssh.set(func(s *sshServer) { s.config.AddHostKey(signer) })
		lines[kind] = line(signer.PublicKey(), name)
	}
	for kind, line := range lines {
		s := h.open(h.as(func(c *Credentials) { c.KnownHosts = line }))
		if _, err := s.Snapshot(t.Context()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A host with a certificate of an authority that known_hosts names.
func TestHostCertificates(t *testing.T) {
	t.Parallel()
	authority, _ := newKey(t)
	stranger, _ := newKey(t)
	hostKey, _ := newKey(t)
	certify := func(by ssh.Signer, principal string, until time.Time) ssh.Signer {
		cert := &ssh.Certificate{
			Key: hostKey.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{principal},
			ValidBefore: uint64(until.Unix()),
		}
		if err := cert.SignCert(rand.Reader, by); err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.NewCertSigner(cert, hostKey)
		if err != nil {
			t.Fatal(err)
		}
		return signer
	}
	later := time.Now().Add(time.Hour)
	trusted := line(authority.PublicKey(), "@cert-authority [127.0.0.1]:*")
	tests := []struct {
		name  string
		shown ssh.Signer
		lines string
		want  string // a part of the error; "": none
	}{
		{"valid", certify(authority, "127.0.0.1", later), trusted, ""},
		{"another host's", certify(authority, "elsewhere", later), trusted, "certificate that does not count"},
		{"expired", certify(authority, "127.0.0.1", time.Now().Add(-time.Hour)), trusted, "certificate that does not count"},
		{"revoked key", certify(authority, "127.0.0.1", later), trusted + line(hostKey.PublicKey(), "@revoked *"), "certificate that does not count"},
		{"revoked authority", certify(authority, "127.0.0.1", later), trusted + line(authority.PublicKey(), "@revoked *"), "certificate that does not count"},
		{"of a stranger", certify(stranger, "127.0.0.1", later), trusted, "is not known"},
		{"of a stranger, key known", certify(stranger, "127.0.0.1", later), trusted + line(hostKey.PublicKey(), "[127.0.0.1]:*"), ""},
		{"authority of others", certify(authority, "127.0.0.1", later), line(authority.PublicKey(), "@cert-authority *.example.com"), "is not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newSSHHost(t)
			server := newSSHServer(t, tt.shown, hostKey)
			server.set(func(s *sshServer) { s.config.PublicKeyCallback = h.ssh.config.PublicKeyCallback })
			s := h.open(h.as(func(c *Credentials) { c.KnownHosts = tt.lines }), func(o *Options) {
				o.URL = "ssh://" + server.address + h.bare
			})
			_, err := s.Snapshot(t.Context())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDefaultKnownHosts(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	before, err := DefaultKnownHosts()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, ".ssh", "known_hosts")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("one"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := DefaultKnownHosts(); err != nil || got != "one\n"+before[strings.Index(before, "\n")+1:] {
		t.Errorf("got %q, %v", got, err)
	}
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := DefaultKnownHosts(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// A key counts only where a line holds it, and a revoked one never.
func FuzzKnownHosts(f *testing.F) {
	key := "AAAAC3NzaC1lZDI1NTE5AAAAI" + strings.Repeat("A", 43)
	f.Add("git.example.com ssh-ed25519 " + key + "\n@revoked * ssh-ed25519 " + key)
	f.Add("|1|AAAA|BBBB ssh-ed25519 " + key)
	f.Add("@cert-authority *,!x ssh-ed25519 " + key + " comment\r\n# x")
	f.Fuzz(func(t *testing.T, lines string) {
		known, err := parseKnownHosts(lines, "git.example.com:22")
		if err != nil {
			return
		}
		for _, key := range append(known.keys, known.authorities...) {
			text := base64.StdEncoding.EncodeToString(key.Marshal())
			if !strings.Contains(lines, strings.TrimRight(text, "=")[:len(text)-4]) {
				t.Errorf("%s is in no line", text)
			}
		}
		for _, key := range known.keys {
			revoked := false
			for _, r := range known.revoked {
				revoked = revoked || bytes.Equal(r.Marshal(), key.Marshal())
			}
			if err := known.check("", nil, key); (err == nil) == revoked {
				t.Errorf("revoked is %v: %v", revoked, err)
			}
		}
		if len(known.algorithms()) == 0 {
			t.Error("no algorithm is left")
		}
	})
}

// A pattern matches itself, what it stands for, and the order of its stars is
// no matter.
func FuzzWildcard(f *testing.F) {
	f.Add("*.example.com", "git.example.com")
	f.Add("a**b?c*", "aXbYc")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 10 || len(name) > 10 { // slowWildcard takes its time
			return
		}
		if got, want := wildcard(pattern, name), slowWildcard(pattern, name); got != want {
			t.Errorf("%q and %q: %v, want %v", pattern, name, got, want)
		}
	})
}

// slowWildcard tries everything.
func slowWildcard(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return slowWildcard(pattern[1:], name) || name != "" && slowWildcard(pattern, name[1:])
	}
	return name != "" && (pattern[0] == '?' || pattern[0] == name[0]) && slowWildcard(pattern[1:], name[1:])
}
