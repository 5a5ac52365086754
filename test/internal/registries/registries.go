// Package registries runs CNCF Distribution in the process, on loopback and in memory,
// and counts what it is asked. It is for tests.
package registries

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd" // auth.htpasswd of a configuration
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // storage.inmemory of a configuration
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"
)

// Login is what a registry asks for.
type Login struct{ Username, Password string }

// Registry is a running Distribution. Close ends it.
type Registry struct {
	Host string // host:port, as references name it

	app    *handlers.App
	http   *httptest.Server
	pusher *remote.Pusher
	mu     sync.Mutex
	counts map[string]int
}

// Plain starts a registry that anybody may use.
func Plain(ctx context.Context) (*Registry, error) {
	return start(ctx, nil, authn.Anonymous)
}

// Notifying starts a registry that anybody may use and that tells url of what happens in
// it, with a bearer token.
func Notifying(ctx context.Context, url, token string) (*Registry, error) {
	return start(ctx, nil, authn.Anonymous, configuration.Endpoint{
		Name: "imgstream", URL: url, Headers: http.Header{"Authorization": {"Bearer " + token}},
		Timeout: 5 * time.Second, Threshold: 3, Backoff: 100 * time.Millisecond,
	})
}

// Htpasswd starts a registry that asks for a login, whose password file lies in dir.
func Htpasswd(ctx context.Context, dir string, login Login) (*Registry, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(login.Password), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "htpasswd")
	if err := os.WriteFile(file, []byte(login.Username+":"+string(hash)+"\n"), 0o600); err != nil {
		return nil, err
	}
	auth := configuration.Auth{"htpasswd": {"realm": "images", "path": file}}
	return start(ctx, auth, &authn.Basic{Username: login.Username, Password: login.Password})
}

func start(ctx context.Context, auth configuration.Auth, pushAs authn.Authenticator, tell ...configuration.Endpoint) (*Registry, error) {
	logrus.SetLevel(logrus.PanicLevel) // Distribution logs with the process's one logger
	config := &configuration.Configuration{
		Auth: auth,
		Storage: configuration.Storage{
			"inmemory":    {},
			"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	config.HTTP.Secret = "shared by the requests of one upload"
	config.Catalog.MaxEntries = 1000
	config.Notifications.Endpoints = tell
	r := &Registry{app: handlers.NewApp(ctx, config), counts: map[string]int{}}
	r.http = httptest.NewServer(r)
	r.Host = strings.TrimPrefix(r.http.URL, "http://")
	var err error
	r.pusher, err = remote.NewPusher(remote.WithAuth(pushAs))
	return r, err
}

// Close ends the registry.
func (r *Registry) Close() {
	r.http.Close()
	_ = r.app.Shutdown()
}

// ServeHTTP counts a request and gives it to Distribution.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.counts[req.Method+" "+req.URL.Path]++
	r.mu.Unlock()
	r.app.ServeHTTP(w, req)
}

// Reset forgets the counts of requests, by "METHOD path", and gives them.
func (r *Registry) Reset() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	r.counts = map[string]int{}
	return counts
}

// Push puts a new random image under repository:tag, and gives its digest.
func (r *Registry) Push(ctx context.Context, repositoryTag string) (digest string, err error) {
	ref, err := name.ParseReference(r.Host + "/" + repositoryTag)
	if err != nil {
		return "", err
	}
	image, err := random.Image(16, 1)
	if err != nil {
		return "", err
	}
	hash, err := image.Digest()
	if err != nil {
		return "", err
	}
	return hash.String(), r.pusher.Push(ctx, ref, image)
}

// DockerConfig writes a docker configuration with a login for the registry into dir,
// which DOCKER_CONFIG then names.
func (r *Registry) DockerConfig(dir string, login Login) error {
	auth := base64.StdEncoding.EncodeToString([]byte(login.Username + ":" + login.Password))
	text, err := json.Marshal(map[string]any{"auths": map[string]any{r.Host: map[string]string{"auth": auth}}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600)
}
