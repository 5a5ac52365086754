package gitstore

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// credentials are those that a host takes.
func (h *host) credentials() (Credentials, error) {
	var o Options
	h.options(&o)
	return o.Credentials()
}

// as changes the credentials of a host.
func (h *host) as(change func(*Credentials)) func(*Options) {
	return func(o *Options) {
		c, err := o.Credentials()
		if err != nil {
			h.t.Fatal(err)
		}
		change(&c)
		o.Credentials = static(c)
	}
}

func rsaKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func ecdsaKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestSSHKeys(t *testing.T) {
	t.Parallel()
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := rsaKey(t)
	for name, key := range map[string]any{"ed25519": ed25519Key, "ecdsa": ecdsaKey(t), "rsa": rsaKey} {
		signer, plain := keyOf(t, key)
		locked, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string]Credentials{
			"plain":       {SSHKey: plain},
			"no line end": {SSHKey: Secret(strings.TrimSpace(string(plain))), Passphrase: "needless"},
			"locked":      {SSHKey: Secret(pem.EncodeToMemory(locked)), Passphrase: secret},
		}
		if name == "rsa" {
			forms["PKCS 1"] = Credentials{SSHKey: Secret(pem.EncodeToMemory(&pem.Block{
				Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey),
			}))}
		}
		for form, give := range forms {
			t.Run(name+" "+form, func(t *testing.T) {
				t.Parallel()
				h := newSSHHost(t)
				h.ssh.set(func(s *sshServer) {
					s.config.PublicKeyAuthAlgorithms = []string{
						ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
					}
				})
				h.ssh.allow("bot", signer.PublicKey())
				s := h.open(h.as(func(c *Credentials) {
					c.Username, c.SSHKey, c.Passphrase = "bot", give.SSHKey, give.Passphrase
				}))
				h.is(snapshot(t, s), h.head())
			})
		}
	}
}

func TestSSHKeyRefused(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	other, key := newKey(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("right"))
	if err != nil {
		t.Fatal(err)
	}
	lockedKey := Secret(pem.EncodeToMemory(locked))
	for want, give := range map[string]Credentials{
		"(user git, offered ssh-ed25519 " + ssh.FingerprintSHA256(other.PublicKey()) +
			" of the SSH key): register that key with the server, or give another key or user": {SSHKey: key},
		"(user ann, offered ssh-ed25519 " + ssh.FingerprintSHA256(other.PublicKey()) +
			" of the SSH key): register that key with the server, or give another key or user": {SSHKey: key, Username: "ann"},
		"(user git, no key): give a key, or start ssh-agent":                                                  {},
		"(user git, offered a password): check the user and the password":                                     {Password: secret},
		"(the SSH key is encrypted): give its passphrase":                                                     {SSHKey: lockedKey},
		"(the passphrase does not open the SSH key): check both":                                              {SSHKey: lockedKey, Passphrase: secret},
		"(the SSH key cannot be read): ssh: no key found: give a private key in PEM, as ssh-keygen writes it": {SSHKey: secret},
	} {
		s := h.open(h.as(func(c *Credentials) {
			c.Username, c.Password, c.SSHKey, c.Passphrase = give.Username, give.Password, give.SSHKey, give.Passphrase
		}))
		_, err := s.Snapshot(t.Context())
		want = "read main of " + h.url + ": wrong or missing credentials " + want
		if !errors.Is(err, ErrUnauthorized) || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestSSHPassword(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	h.ssh.set(func(s *sshServer) {
		s.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != "bot" || string(password) != secret {
				return nil, errors.New("wrong")
			}
			return &ssh.Permissions{}, nil
		}
	})
	s := h.open(h.as(func(c *Credentials) { c.SSHKey = "" }), func(o *Options) {
		o.URL = strings.Replace(h.url, "://", "://bot:"+secret+"@", 1)
	})
	h.is(snapshot(t, s), h.head())
}

func TestSSHAgent(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	keys := agent.NewKeyring()
	other, registered := ecdsaKey(t), rsaKey(t)
	signer, _ := keyOf(t, registered)
	h.ssh.allow("git", signer.PublicKey())
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, conn) }()
		}
	}()
	s := h.open(h.as(func(c *Credentials) { c.SSHKey = "" }))
	s.wire.(*sshWire).agent = socket
	_, err = s.Snapshot(t.Context())
	if !errors.Is(err, ErrUnauthorized) || !strings.HasSuffix(err.Error(), "ssh-agent has none: add one with ssh-add, or give a key") {
		t.Errorf("an agent without keys: %v", err)
	}
	for _, key := range []any{other, registered} {
		if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	h.is(snapshot(t, s), h.head())
	s.Close()
	if err := keys.Remove(signer.PublicKey()); err != nil {
		t.Fatal(err)
	}
	_, err = s.Snapshot(t.Context())
	otherSigner, _ := keyOf(t, other)
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), ssh.FingerprintSHA256(otherSigner.PublicKey())+" of ssh-agent") {
		t.Errorf("an agent with another key: %v", err)
	}
	_ = listener.Close()
	if _, err := s.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "SSH_AUTH_SOCK") {
		t.Errorf("no agent: %v", err)
	}
}

// A new key is used at once, not only where the connection breaks.
func TestReplacedSSHKey(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	next, key := newKey(t)
	var now Credentials
	var readErr error
	s := h.open(func(o *Options) {
		now, _ = o.Credentials()
		o.Credentials = func() (Credentials, error) { return now, readErr }
	})
	snapshot(t, s)
	h.ssh.allow("bot", next.PublicKey())
	now.SSHKey, now.Username = key, "bot"
	snapshot(t, s)
	if n := h.ssh.connected.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	// The files change between reading them and using them.
	old, _ := newKey(t)
	stale := now
	_, stale.SSHKey = newKey(t)
	reads := 0
	s = h.open(func(o *Options) {
		o.Credentials = func() (Credentials, error) {
			if reads++; reads == 1 {
				return stale, nil
			}
			return now, nil
		}
	})
	h.is(snapshot(t, s), h.head())
	h.ssh.allow("bot", old.PublicKey())
	readErr = errors.New("no such file")
	s = h.open(func(o *Options) { o.Credentials = func() (Credentials, error) { return now, readErr } })
	if _, err := s.Snapshot(t.Context()); !errors.Is(err, readErr) {
		t.Errorf("got %v, want the error of reading the credentials", err)
	}
}
