// Package sign signs commits with the private key of an operator: an SSH key or
// an OpenPGP key. It never reads a file, asks an agent, or verifies a signature.
package sign

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/crypto/ssh"

	"github.com/imgstream/imgstream/gitstore"
)

// Errors of Load that a caller may act on; the text around them says what to do.
var (
	// ErrPassphrase: the key is encrypted, and the passphrase is missing or wrong.
	ErrPassphrase = errors.New("the private key is encrypted")
	// ErrNoPrivateKey: the bytes are no private key of a kind that is known here.
	ErrNoPrivateKey = errors.New("not a private key")
)

// Key is a private key that can sign. It prints as its kind and fingerprint.
// It may be used from several goroutines.
type Key struct {
	name string // for people: kind and fingerprint
	sign func(payload []byte) (armored string, err error)
}

// Load reads a private key: that of an SSH key in OpenSSH's or a PEM format, or
// an armored OpenPGP key with one signing key. The passphrase counts only where
// the key is encrypted. An error is ErrPassphrase or ErrNoPrivateKey, or says why
// the key cannot sign; none holds any part of the key.
func Load(key []byte, passphrase gitstore.Secret) (*Key, error) {
	load := loadSSH
	if bytes.Contains(key, []byte("-----BEGIN PGP ")) {
		load = loadOpenPGP
	}
	k, err := load(key, []byte(passphrase))
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if _, err := k.Sign(nil); err != nil { // a weak or broken one shows now, not at the first commit
		return nil, err
	}
	return k, nil
}

// Sign returns a detached signature in the armor that git stores in a commit
// (gitformat-signature(5)).
func (k *Key) Sign(payload []byte) (armored string, err error) {
	armored, err = k.sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign with %s: %w", k.name, err)
	}
	return armored, nil
}

// String is the kind of the key and its fingerprint, both of them public.
func (k *Key) String() string { return k.name }

// LogValue is String.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.name) }

// public is the error for the half of the pair that anybody may have.
func public(kind string) error {
	return fmt.Errorf("%w: this is the public key; name the %s", ErrNoPrivateKey, kind)
}

func passphraseError(given []byte) error {
	if len(given) == 0 {
		return fmt.Errorf("%w: give its passphrase", ErrPassphrase)
	}
	return fmt.Errorf("%w: the passphrase is wrong", ErrPassphrase)
}

// unknown is the error for bytes that no parser takes. What they are is not
// shown: they may be a secret.
func unknown(key []byte) error {
	switch _, _, _, _, err := ssh.ParseAuthorizedKey(key); {
	case err == nil:
		return public("file without .pub beside it")
	case len(bytes.TrimSpace(key)) == 0:
		return fmt.Errorf("%w: it is empty", ErrNoPrivateKey)
	}
	return fmt.Errorf("%w: write an OpenSSH private key (ssh-keygen -t ed25519) or an armored OpenPGP key (gpg --armor --export-secret-keys)", ErrNoPrivateKey)
}
