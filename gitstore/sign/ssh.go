package sign

import (
	"bytes"
	"crypto/x509"
	"errors"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// sshNamespace keeps a signature from being taken for that of anything but a
// commit or tag (git-config(1), gpg.format).
const sshNamespace = "git"

func loadSSH(key, passphrase []byte) (*Key, error) {
	signer, err := ssh.ParsePrivateKey(key)
	if _, encrypted := errors.AsType[*ssh.PassphraseMissingError](err); encrypted {
		if len(passphrase) == 0 {
			return nil, passphraseError(nil)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, passphrase)
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, passphraseError(passphrase)
	case err != nil:
		return nil, unknown(key)
	}
	return &Key{
		name: "SSH key " + ssh.FingerprintSHA256(signer.PublicKey()),
		sign: func(payload []byte) (string, error) {
			sig, err := sshsig.Sign(bytes.NewReader(payload), signer, sshsig.HashSHA512, sshNamespace)
			if err != nil {
				return "", err
			}
			return string(sshsig.Armor(sig)), nil
		},
	}, nil
}
