package forge

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

type stalled struct{}

func (stalled) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// An API that takes the request and says nothing is given up, in virtual time.
func TestStalledAPI(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	synctest.Test(t, func(t *testing.T) {
		app, err := NewGitHubApp(GitHubAppOptions{AppID: 1, InstallationID: 2, Key: func() ([]byte, error) { return text, nil }})
		if err != nil {
			t.Fatal(err)
		}
		app.client.Transport = stalled{}
		began := time.Now()
		_, err = app.Token(t.Context())
		if waited := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || waited != maxWait {
			t.Errorf("got %v after %v", err, waited)
		}
	})
}
