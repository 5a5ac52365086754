package forge

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// Token is a secret that signs in. It prints as [redacted] everywhere but where its
// value is taken with string(t).
type Token string

const redacted = "[redacted]"

// String hides the value.
func (Token) String() string { return redacted }

// GoString hides the value.
func (Token) GoString() string { return redacted }

// LogValue hides the value.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// GitHub takes a JWT that was issued in the past and expires within ten minutes. A
// minute is left for clocks that differ.
const (
	issuedBefore = time.Minute
	validFor     = 9 * time.Minute
)

// signJWT makes what an App shows to prove that it has the key (RFC 7519, RS256).
func signJWT(key *rsa.PrivateKey, appID int64, now time.Time) (Token, error) {
	claims, err := json.Marshal(map[string]any{
		"iat": now.Add(-issuedBefore).Unix(),
		"exp": now.Add(validFor).Unix(),
		"iss": strconv.FormatInt(appID, 10),
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	unsigned := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(unsigned))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign with the private key: %w", err)
	}
	return Token(unsigned + "." + encode(signature)), nil
}

const keyHint = "use the .pem file that the app's settings gave"

// ParseGitHubAppKey reads an RSA key in PEM, PKCS #1 (as GitHub gives it) or PKCS #8,
// without a passphrase. Its errors show nothing of the file but what kind of PEM it is.
func ParseGitHubAppKey(data []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return nil, errors.New("the private key is not in PEM: " + keyHint)
	case block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the private key has a passphrase: " + keyHint)
	case block.Type == "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the private key is damaged: " + keyHint)
		}
		return key, nil
	case block.Type == "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the private key is damaged: " + keyHint)
		}
		if key, ok := key.(*rsa.PrivateKey); ok {
			return key, nil
		}
		return nil, errors.New("the private key is not an RSA key: " + keyHint)
	}
	return nil, fmt.Errorf("the file holds %q and no RSA private key: %s", block.Type, keyHint)
}
