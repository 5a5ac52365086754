package gitstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

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
				h.ssh.config.PublicKeyAuthAlgorithms = []string{
					ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
				}
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
	h.ssh.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != "bot" || string(password) != secret {
			return nil, errors.New("wrong")
		}
		return &ssh.Permissions{}, nil
	}
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

// Connections that break between two requests, and a server that allows one
// session on each, cost nothing but new connections.
func TestSSHReconnects(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	s := h.open()
	for i := range 3 {
		h.pull()
		rev := h.change("app.yaml", fmt.Sprint("theirs ", i))
		h.is(snapshot(t, s), rev)
		publish(t, s, rev, "app.yaml", fmt.Sprint("ours ", i))
		h.ssh.cut()
	}
	if n := h.ssh.connected.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
	h = newSSHHost(t)
	h.ssh.sessions = 1
	s = h.open()
	rev := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n").Rev
	h.is(snapshot(t, s), rev)
}

// Connections end with Close, and each session once its request is answered.
func TestSSHLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *host{"v2": newSSHHost, "v0": newOldSSHHost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			s := h.open()
			w := s.wire.(*sshWire)
			publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
			if w.resting == nil || w.resting.session != nil {
				t.Errorf("after a push there rests %+v, want a connection alone", w.resting)
			}
			for _, service := range []string{uploadPack, receivePack} {
				if _, err := s.ask(t.Context(), service, service == uploadPack); err != nil {
					t.Fatal(err)
				}
				kept := w.resting
				if kept == nil || kept.session == nil {
					t.Fatalf("no %s waits for its request", service)
				}
				w.expire(kept)
				if w.resting == nil || w.resting.session != nil || w.resting.conn != kept.conn {
					t.Errorf("%s was not ended, or the connection not kept", service)
				}
			}
			w.expire(w.resting)
			for h.ssh.open() > 0 {
				time.Sleep(time.Millisecond)
			}
			snapshot(t, s)
			s.Close()
			for h.ssh.open() > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// Whatever a server leaves out, a request ends with its context.
func TestSSHEndsWithTheContext(t *testing.T) {
	t.Parallel()
	why := errors.New("shutting down")
	silent := newFileHost(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	silent.url = "ssh://" + listener.Addr().String() + "/x"
	hosts := map[string]*host{"no greeting": silent}
	for name, said := range map[string]string{
		"no advertisement": "", "half an advertisement": "000eversion 2\n00", "no answer": "000eversion 2\n000cls-refs\n0000",
	} {
		h := newSSHHost(t)
		h.ssh.exec = func(c ssh.Channel, _ string) uint32 {
			_, _ = io.WriteString(c, said)
			_, _ = io.Copy(io.Discard, c)
			for { // until the connection ends
				if _, err := c.SendRequest("there?", true, nil); err != nil {
					return 0
				}
				time.Sleep(time.Millisecond)
			}
		}
		hosts[name] = h
	}
	for name, h := range hosts {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		_, err := h.open().Snapshot(ctx)
		if !errors.Is(err, why) {
			t.Errorf("%s: %v, want the cause", name, err)
		}
		timer.Stop()
		cancel(nil)
	}
}

// closed tells when it was closed.
type closed chan time.Time

func (c closed) Close() error {
	c <- time.Now()
	return nil
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn, start := make(closed, 1), time.Now()
		w := watchOver(t.Context(), conn, time.Minute)
		time.Sleep(50 * time.Second)
		w.again(time.Minute)
		if at := <-conn; at.Sub(start) != 110*time.Second {
			t.Errorf("closed after %s, want 110 s", at.Sub(start))
		}
		if err := w.cause(io.EOF); err == nil || err.Error() != "no data for 1m0s" {
			t.Errorf("the cause is %v", err)
		}
		w.end()
		w = watchOver(t.Context(), conn, time.Minute)
		w.end()
		time.Sleep(time.Hour)
		select {
		case <-conn:
			t.Error("closed after its end")
		default:
		}
	})
}

// What servers say instead of an advertisement, on standard error but for the last.
func TestSSHRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, out, stderr string
		want              string
		is                error
	}{
		{"git", "", "fatal: '/x' does not appear to be a git repository", "repository not found (git-upload-pack ended with status 7): " +
			"fatal: '/x' does not appear to be a git repository: check the path, and that the key may read the repository", ErrRepositoryNotFound},
		{"GitHub", "", "ERROR: Repository not found.", "repository not found (git-upload-pack ended with status 7): " +
			"ERROR: Repository not found.: check the path, and that the key may read the repository", ErrRepositoryNotFound},
		{
			"GitLab", "", "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.",
			"", ErrRepositoryNotFound,
		},
		{"denied", "", "ERROR: access denied\x1b[0m", "wrong or missing credentials (git-upload-pack ended with status 7): " +
			"ERROR: access denied[0m: check the user and the key, and what they may do", ErrUnauthorized},
		{"overloaded", "", "fatal: out of memory", "git-upload-pack ended with status 7: fatal: out of memory", nil},
		{"nothing", "", "", "git-upload-pack ended with status 7", nil},
		{"as a line of the protocol", pkt("ERR access denied"), "", "wrong or missing credentials (git-upload-pack ended with status 7): " +
			"the server says: access denied: check the user and the key, and what they may do", ErrUnauthorized},
		{"a login script", "Welcome!\n", "", `the answer is not git's, it begins with "Welcome!": check the path, and that login scripts print nothing`, nil},
		{"cut", pkt("version 2\n") + "00", "", "git-upload-pack ended with status 7", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newSSHHost(t)
			h.ssh.exec = func(c ssh.Channel, _ string) uint32 {
				_, _ = io.WriteString(c, tt.out)
				_, _ = io.WriteString(c.Stderr(), tt.stderr)
				return 7
			}
			_, err := h.open().Snapshot(t.Context())
			want := "read main of " + h.url + ": " + tt.want
			if err == nil || tt.want != "" && err.Error() != want || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if tt.is == nil && (errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrRepositoryNotFound)) {
				t.Errorf("%v is taken for more than it says", err)
			}
		})
	}
}

// A key that may read and not write.
func TestSSHReadOnly(t *testing.T) {
	t.Parallel()
	h := newSSHHost(t)
	s := h.open()
	base := snapshot(t, s).Rev
	h.ssh.cut()
	h.ssh.exec = func(c ssh.Channel, line string) uint32 {
		if strings.HasPrefix(line, uploadPack) {
			return shell(t, c, nil, line)
		}
		_, _ = io.WriteString(c.Stderr(), "ERROR: The key you are authenticating with has been marked as read only.\n")
		return 1
	}
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "ours\n")}})
	rejected, ok := errors.AsType[*RejectedError](err)
	if !ok || !errors.Is(err, ErrUnauthorized) || !strings.Contains(rejected.Reason, "marked as read only") {
		t.Errorf("got %v", err)
	}
}

// Names that a shell would take for something else.
func TestSSHPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"it's", "a b", "!!", `$(touch x)`, "`x`;x", `back\slash`, `"q"`, "ümlaut", "a&b|c>d"} {
		h := newSSHHost(t)
		odd := filepath.Join(filepath.Dir(h.bare), name)
		git(t, h.bare, "clone", "-q", "--bare", ".", odd)
		s := h.open(func(o *Options) {
			o.URL = "ssh://" + h.ssh.address + strings.NewReplacer("%", "%25", " ", "%20", "?", "%3f").Replace(odd)
		})
		done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
		if got := git(t, odd, "rev-parse", "main"); got != string(done.Rev) {
			t.Errorf("%s is at %s, want %s", name, got, done.Rev)
		}
	}
}
