package forge_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/gitstore/forge"
)

func TestParseGitHubAppKey(t *testing.T) {
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, headers map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("planted")})
	}
	const hint = ": use the .pem file that the app's settings gave"
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "the private key is not in PEM" + hint},
		{"other text", []byte("planted"), "the private key is not in PEM" + hint},
		{"encrypted", block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}), "the private key has a passphrase" + hint},
		{"encrypted PKCS #8", block("ENCRYPTED PRIVATE KEY", nil), "the private key has a passphrase" + hint},
		{"damaged", block("RSA PRIVATE KEY", nil), "the private key is damaged" + hint},
		{"damaged PKCS #8", block("PRIVATE KEY", nil), "the private key is damaged" + hint},
		{"elliptic", pkcs8(t, elliptical), "the private key is not an RSA key" + hint},
		{"certificate", block("CERTIFICATE", nil), "the file holds \"CERTIFICATE\" and no RSA private key" + hint},
		{"good", pkcs1(newKey(t)), "<nil>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := forge.ParseGitHubAppKey(c.data)
			if diff := cmp.Diff(c.want, fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseGitHubAppKey(f *testing.F) {
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := forge.ParseGitHubAppKey(data)
		if (key == nil) != (err != nil) {
			t.Errorf("got %v, %v", key, err)
		}
	})
}

func TestTokenIsRedacted(t *testing.T) {
	const token forge.Token = "ghs_planted"
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "token", token, "in", struct{ T forge.Token }{token})
	fmt.Fprintf(&out, "%v %s %q %x %#v %+v", token, token, token, token, token, struct{ T forge.Token }{token})
	if strings.Contains(out.String(), "planted") || strings.Contains(out.String(), fmt.Sprintf("%x", "planted")) {
		t.Error(out.String())
	}
}
