package gitstore

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// defaultSSHUser is who logs in where nobody is named: what forges want.
const defaultSSHUser = "git"

// login is how one connection authenticates.
type login struct {
	user    string
	methods []ssh.AuthMethod
	offered []ssh.PublicKey
	from    string // what offered is from: "the SSH key", "ssh-agent"; "" if nothing is
	closer  io.Closer
}

// login takes the key, else the keys of ssh-agent, and a password besides.
func (w *sshWire) login(ctx context.Context, c Credentials) (*login, error) {
	l := &login{user: c.Username}
	if l.user == "" {
		l.user = defaultSSHUser
	}
	signers, err := l.signers(ctx, c, w.agent)
	if err != nil {
		return nil, err
	}
	for i, s := range signers {
		l.offered = append(l.offered, s.PublicKey())
		signers[i] = withSHA2(s)
	}
	if len(signers) > 0 {
		l.methods = append(l.methods, ssh.PublicKeys(signers...))
	}
	if c.Password != "" {
		l.methods = append(l.methods, ssh.Password(string(c.Password)))
	}
	return l, nil
}

func (l *login) signers(ctx context.Context, c Credentials, socket string) ([]ssh.Signer, error) {
	switch {
	case c.SSHKey != "":
		l.from = "the SSH key"
		signer, err := parseKey(c.SSHKey, c.Passphrase)
		return []ssh.Signer{signer}, err
	case socket == "" || c.Password != "":
		return nil, nil
	}
	l.from = "ssh-agent"
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("ask ssh-agent (SSH_AUTH_SOCK) for keys: %w", err)
	}
	l.closer = conn
	guard := watchOver(ctx, conn, connectTimeout)
	defer guard.end()
	signers, err := agent.NewClient(conn).Signers()
	if err = guard.cause(err); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("ask ssh-agent (SSH_AUTH_SOCK) for keys: %w", err)
	}
	return signers, nil
}

// close ends the connection to ssh-agent, and with it a question that nobody
// has answered there.
func (l *login) close() {
	if l.closer != nil {
		_ = l.closer.Close()
	}
}

// refused is the error where the server accepts none of what was offered.
func (l *login) refused() error {
	e := &statusError{status: "user " + l.user, err: ErrUnauthorized}
	switch {
	case len(l.offered) > 0:
		e.status += ", offered " + fingerprints(l.offered) + " of " + l.from
		e.hint = "register that key with the server, or give another key or user"
	case len(l.methods) > 0:
		e.status += ", offered a password"
		e.hint = "check the user and the password"
	case l.from != "":
		e.status += ", no key"
		e.hint = "ssh-agent has none: add one with ssh-add, or give a key"
	default:
		e.status += ", no key"
		e.hint = "give a key, or start ssh-agent"
	}
	return e
}

// parseKey reads a private key in PEM. Errors show nothing of it.
func parseKey(key, passphrase Secret) (ssh.Signer, error) {
	data := []byte(strings.TrimSpace(string(key)) + "\n")
	signer, err := ssh.ParsePrivateKey(data)
	if _, encrypted := errors.AsType[*ssh.PassphraseMissingError](err); encrypted {
		if passphrase == "" {
			return nil, &statusError{status: "the SSH key is encrypted", hint: "give its passphrase", err: ErrUnauthorized}
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, &statusError{status: "the passphrase does not open the SSH key", hint: "check both", err: ErrUnauthorized}
	case err != nil:
		return nil, &statusError{
			status: "the SSH key cannot be read", words: err.Error(),
			hint: "give a private key in PEM, as ssh-keygen writes it", err: ErrUnauthorized,
		}
	}
	return signer, nil
}

// withSHA2 keeps an RSA key from signing with SHA-1 (RFC 8332).
func withSHA2(s ssh.Signer) ssh.Signer {
	signer, ok := s.(ssh.AlgorithmSigner)
	if !ok || s.PublicKey().Type() != ssh.KeyAlgoRSA {
		return s
	}
	modern, err := ssh.NewSignerWithAlgorithms(signer, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
	if err != nil {
		return s
	}
	return modern
}
