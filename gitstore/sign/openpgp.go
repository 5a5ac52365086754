package sign

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func loadOpenPGP(key, passphrase []byte) (*Key, error) {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(key))
	if err != nil {
		return nil, fmt.Errorf("%w: OpenPGP: %w", ErrNoPrivateKey, err)
	}
	if len(ring) == 0 {
		return nil, fmt.Errorf("%w: OpenPGP: it holds no key", ErrNoPrivateKey)
	}
	if len(ring) > 1 {
		return nil, fmt.Errorf("the file holds %d OpenPGP keys: export the one that signs", len(ring))
	}
	entity := ring[0]
	signing, err := signingKey(entity)
	if err != nil {
		return nil, err
	}
	if signing.Encrypted {
		if err := entity.DecryptPrivateKeys(passphrase); err != nil || signing.Encrypted {
			return nil, passphraseError(passphrase)
		}
	}
	return &Key{
		name: fmt.Sprintf("OpenPGP key %X", entity.PrimaryKey.Fingerprint),
		sign: func(payload []byte) (string, error) {
			if _, err := signingKey(entity); err != nil {
				return "", err
			}
			var b bytes.Buffer
			err := openpgp.ArmoredDetachSign(&b, entity, bytes.NewReader(payload), &packet.Config{DefaultHash: crypto.SHA512})
			return b.String(), err
		},
	}, nil
}

// signingKey is what a signature of now is made with: the newest valid subkey
// for it, else the primary key.
func signingKey(entity *openpgp.Entity) (*packet.PrivateKey, error) {
	k, ok := entity.SigningKey(time.Now())
	switch {
	case entity.PrivateKey == nil && !ok, ok && k.PrivateKey == nil:
		return nil, public("one that gpg --armor --export-secret-keys prints")
	case !ok:
		return nil, errors.New("the OpenPGP key has no valid signing key: it may have expired or been revoked")
	case k.PrivateKey.Dummy():
		return nil, fmt.Errorf("%w: the export leaves out the secret part of the signing key %X", ErrNoPrivateKey, k.PublicKey.Fingerprint)
	}
	return k.PrivateKey, nil
}
