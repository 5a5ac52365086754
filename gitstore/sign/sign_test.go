package sign_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/gitstore/sign"
)

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "sign")
	if err != nil {
		panic(err)
	}
	for k, v := range map[string]string{
		"HOME": home, "GNUPGHOME": home, "SSH_AUTH_SOCK": "", "SSH_ASKPASS": "", "LC_ALL": "C",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
		"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
	} {
		if err := os.Setenv(k, v); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// run runs a program in a directory and returns what it prints.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// need skips, by name, where the machine lacks a program.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not on this machine", program)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, name, data string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sshKey makes a key pair with ssh-keygen and returns the path of its private half.
func sshKey(t *testing.T, passphrase string, args ...string) string {
	t.Helper()
	need(t, "ssh-keygen")
	file := filepath.Join(t.TempDir(), "key")
	run(t, "", "ssh-keygen", append([]string{"-q", "-N", passphrase, "-C", "bot", "-f", file}, args...)...)
	return file
}

// gpgHome makes GnuPG's directory a new one for one test.
func gpgHome(t *testing.T) {
	t.Helper()
	need(t, "gpg")
	home, err := os.MkdirTemp("/tmp", "gpg") //nolint:usetesting // short: the path of a socket has 107 bytes at the most
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--homedir", home, "--kill", "all") //nolint:noctx // the test's context has ended
		_ = cmd.Run()
		_ = os.RemoveAll(home)
	})
}

// gpgKey makes a key in GnuPG's directory and exports both halves.
func gpgKey(t *testing.T, passphrase string, algorithms ...string) (private, public []byte) {
	t.Helper()
	gpg := func(args ...string) string {
		return run(t, "", "gpg", append([]string{"--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)...)
	}
	usage := "sign"
	if len(algorithms) > 1 {
		usage = "cert"
	}
	gpg("--quick-gen-key", "--yes", "Bot <bot@example.com>", algorithms[0], usage, "never")
	for _, algorithm := range algorithms[1:] {
		list := gpg("--list-keys", "--with-colons")
		_, fpr, _ := strings.Cut(list, "\nfpr:::::::::")
		fpr, _, _ = strings.Cut(fpr, ":")
		gpg("--quick-add-key", fpr, algorithm, "sign", "never")
	}
	return []byte(gpg("--armor", "--export-secret-keys")), []byte(gpg("--armor", "--export"))
}

func load(t *testing.T, key []byte, passphrase gitstore.Secret) *sign.Key {
	t.Helper()
	k, err := sign.Load(key, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// repository makes a bare one with a first commit, and a store whose commits are signed.
func repository(t *testing.T, signer gitstore.Signer) (bare string, s *gitstore.Store, tip gitstore.Rev) {
	t.Helper()
	need(t, "git")
	bare, work := filepath.Join(t.TempDir(), "repo.git"), t.TempDir()
	run(t, "", "git", "init", "-q", "--bare", "-b", "main", bare)
	run(t, work, "git", "init", "-q", "-b", "main")
	run(t, work, "git", "commit", "-q", "--allow-empty", "-m", "first")
	run(t, work, "git", "push", "-q", bare, "main")
	s, err := gitstore.Open(gitstore.Options{URL: bare, Branch: "main", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bare, s, snap.Rev
}

// chain publishes three commits that the key signs, and returns the repository.
func chain(t *testing.T, key *sign.Key) (bare string) {
	t.Helper()
	bare, s, tip := repository(t, key)
	_, err := s.Commit(t.Context(), tip, []gitstore.Commit{
		{Message: "one\n\nwith a body\n\n and gpgsig in it\n\n\n", Files: map[string][]byte{"a": []byte("1")}},
		{Message: "two", Files: map[string][]byte{"a": []byte("2")}, Author: gitstore.Identity{Name: "Zoë", Email: "z@example.com"}},
		{Message: "three", Files: map[string][]byte{"a": nil}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := run(t, bare, "git", "fsck", "--strict", "--full"); out != "" {
		t.Errorf("git fsck --strict: %s", out)
	}
	return bare
}

// verify asks git for each of our commits; it fails if one is not signed, or
// not by a key that the configuration trusts.
func verify(t *testing.T, bare string, config ...string) {
	t.Helper()
	revs := strings.Fields(run(t, bare, "git", "rev-list", "main", "--committer=imgstream@imgstream.dev"))
	if len(revs) != 3 {
		t.Fatalf("%d commits are ours, want 3", len(revs))
	}
	for _, rev := range revs {
		out := run(t, bare, "git", append(config, "verify-commit", "-v", rev)...)
		if !strings.Contains(out, "Good ") || !strings.Contains(out, "bot@example.com") {
			t.Errorf("git verify-commit %s: %s", rev, out)
		}
	}
}

func TestSSH(t *testing.T) {
	for name, tt := range map[string]struct {
		passphrase string
		args       []string
	}{
		"ed25519":               {"", []string{"-t", "ed25519"}},
		"ed25519 passphrase":    {"correct horse", []string{"-t", "ed25519"}},
		"ecdsa":                 {"", []string{"-t", "ecdsa", "-b", "384"}},
		"rsa":                   {"", []string{"-t", "rsa", "-b", "2048"}},
		"rsa in PEM":            {"", []string{"-t", "rsa", "-b", "2048", "-m", "PEM"}},
		"rsa in PEM passphrase": {"correct horse", []string{"-t", "rsa", "-b", "2048", "-m", "PEM"}},
		"ecdsa in PKCS8":        {"", []string{"-t", "ecdsa", "-m", "PKCS8"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := sshKey(t, tt.passphrase, tt.args...)
			key := load(t, readFile(t, file), gitstore.Secret(tt.passphrase))
			if want := strings.Fields(run(t, "", "ssh-keygen", "-lf", file))[1]; key.String() != "SSH key "+want {
				t.Errorf("the key is %s, ssh-keygen says %s", key, want)
			}
			signers := filepath.Join(t.TempDir(), "allowed")
			writeFile(t, signers, `bot@example.com namespaces="git" `+string(readFile(t, file+".pub")))
			verify(t, chain(t, key), "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile="+signers)
		})
	}
}

func TestOpenPGP(t *testing.T) {
	for name, tt := range map[string]struct {
		passphrase string
		algorithms []string
	}{
		"ed25519":           {"", []string{"ed25519"}},
		"rsa passphrase":    {"correct horse", []string{"rsa2048"}},
		"subkey passphrase": {"correct horse", []string{"ed25519", "ed25519"}},
	} {
		t.Run(name, func(t *testing.T) {
			gpgHome(t)
			private, public := gpgKey(t, tt.passphrase, tt.algorithms...)
			key := load(t, private, gitstore.Secret(tt.passphrase))
			bare := chain(t, key)
			gpgHome(t)
			file := filepath.Join(t.TempDir(), "public.asc")
			writeFile(t, file, string(public))
			run(t, "", "gpg", "--batch", "--quiet", "--import", file)
			if list := run(t, "", "gpg", "--list-keys"); !strings.Contains(list, strings.TrimPrefix(key.String(), "OpenPGP key ")) {
				t.Errorf("the key is %s, gpg says %s", key, list)
			}
			verify(t, bare)
		})
	}
}

// A signature that was made for another payload is not good: verify-commit is
// not satisfied by any signature at all.
func TestVerifyNotices(t *testing.T) {
	file := sshKey(t, "", "-t", "ed25519")
	signers := filepath.Join(t.TempDir(), "allowed")
	writeFile(t, signers, "bot@example.com "+string(readFile(t, file+".pub")))
	bare := chain(t, load(t, readFile(t, file), ""))
	changed := filepath.Join(t.TempDir(), "commit")
	writeFile(t, changed, strings.Replace(run(t, bare, "git", "cat-file", "commit", "main")+"\n", "three", "3", 1))
	rev := run(t, bare, "git", "hash-object", "-t", "commit", "-w", changed)
	cmd := exec.CommandContext(t.Context(), "git", "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", rev)
	cmd.Dir = bare
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("a changed commit is verified: %s", out)
	}
}

type signer func() (string, error)

func (s signer) Sign([]byte) (string, error) { return s() }

// Where a signature cannot be had, nothing is pushed unsigned.
func TestNoSignatureNoCommit(t *testing.T) {
	cause := errors.New("the key has expired")
	for name, tt := range map[string]struct {
		signer signer
		want   string
	}{
		"fails": {func() (string, error) { return "", cause }, "the key has expired"},
		"empty": {func() (string, error) { return "\n", nil }, "the signer's signature is empty or not armored"},
		"CRLF":  {func() (string, error) { return "-----BEGIN\r\n", nil }, "the signer's signature is empty or not armored"},
	} {
		t.Run(name, func(t *testing.T) {
			bare, s, tip := repository(t, tt.signer)
			_, err := s.Commit(t.Context(), tip, []gitstore.Commit{{Message: "one", Files: map[string][]byte{"a": []byte("1")}}})
			if err == nil || err.Error() != "write the commits for main: "+tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if at := run(t, bare, "git", "rev-parse", "main"); at != string(tip) {
				t.Errorf("the branch moved to %s", at)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	file := sshKey(t, "correct horse", "-t", "ed25519")
	plain := sshKey(t, "", "-t", "ed25519")
	cases := map[string]struct {
		key        []byte
		passphrase gitstore.Secret
		want       string
		is         error
	}{
		"empty":                {nil, "", "not a private key: it is empty", sign.ErrNoPrivateKey},
		"ssh, no passphrase":   {readFile(t, file), "", "the private key is encrypted: give its passphrase", sign.ErrPassphrase},
		"ssh, wrong":           {readFile(t, file), "battery", "the private key is encrypted: the passphrase is wrong", sign.ErrPassphrase},
		"ssh, public":          {readFile(t, file+".pub"), "", "not a private key: this is the public key; name the file without .pub beside it", sign.ErrNoPrivateKey},
		"something else":       {[]byte("hunter2\n"), "", "not a private key: write an OpenSSH private key (ssh-keygen -t ed25519) or an armored OpenPGP key (gpg --armor --export-secret-keys)", sign.ErrNoPrivateKey},
		"cut off":              {readFile(t, plain)[:100], "", "not a private key: write an OpenSSH private key (ssh-keygen -t ed25519) or an armored OpenPGP key (gpg --armor --export-secret-keys)", sign.ErrNoPrivateKey},
		"OpenPGP, not decoded": {[]byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----\n"), "", "not a private key: OpenPGP: it holds no key", sign.ErrNoPrivateKey},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := sign.Load(tt.key, tt.passphrase)
			if !errors.Is(err, tt.is) {
				t.Fatalf("got %v, want %v", err, tt.is)
			}
			if diff := cmp.Diff("read the signing key: "+tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadOpenPGPErrors(t *testing.T) {
	gpgHome(t)
	private, public := gpgKey(t, "correct horse", "ed25519", "ed25519")
	subkeys := run(t, "", "gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "correct horse", "--armor", "--export-secret-subkeys")
	if key := load(t, []byte(subkeys), "correct horse"); key.String() != load(t, private, "correct horse").String() {
		t.Errorf("the subkey alone is %s", key)
	}
	gpgHome(t)
	gpgKey(t, "", "ed25519")
	two, _ := gpgKey(t, "", "ed25519")
	for name, tt := range map[string]struct {
		key        []byte
		passphrase gitstore.Secret
		want       string
	}{
		"no passphrase": {private, "", "the private key is encrypted: give its passphrase"},
		"wrong":         {private, "battery", "the private key is encrypted: the passphrase is wrong"},
		"public":        {public, "", "not a private key: this is the public key; name the one that gpg --armor --export-secret-keys prints"},
		"two keys":      {two, "", "the file holds 2 OpenPGP keys: export the one that signs"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sign.Load(tt.key, tt.passphrase)
			if err == nil || err.Error() != "read the signing key: "+tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// What is printed of a key is public, however it is printed.
func TestKeyIsRedacted(t *testing.T) {
	file := sshKey(t, "", "-t", "ed25519")
	key := load(t, readFile(t, file), "")
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("signing", "key", key)
	logged := fmt.Sprintf("%v %+v %s %s", key, key, key, b.String())
	if n := strings.Count(logged, key.String()); n != 4 {
		t.Errorf("the fingerprint stands %d times in %s", n, logged)
	}
	for line := range strings.Lines(string(readFile(t, file))) {
		if strings.Contains(logged, strings.TrimSpace(line)) {
			t.Errorf("a line of the key is printed: %s", logged)
		}
	}
}

// FuzzLoad looks for bytes that make a parser fail in any way but with an error
// that shows nothing of them.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----\n"), "x")
	f.Add([]byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFgEZ0I=\n=aaaa\n-----END PGP PRIVATE KEY BLOCK-----\n"), "")
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ bot"), "")
	f.Fuzz(func(t *testing.T, key []byte, passphrase string) {
		k, err := sign.Load(key, gitstore.Secret(passphrase))
		if (k == nil) == (err == nil) {
			t.Fatalf("got %v and %v", k, err)
		}
		if err == nil {
			if _, err := k.Sign([]byte("payload")); err != nil {
				t.Errorf("a key that was loaded cannot sign: %v", err)
			}
		}
	})
}
