package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// credentialAge is how long credentials are used before the keychain is asked
// again, so that a changed docker configuration needs no restart.
const credentialAge = time.Minute

// keychain gives each repository the credentials of the inner one, re-read from
// time to time, and none at all where they could reach another host.
type keychain struct {
	inner      authn.Keychain
	now        func() time.Time
	redirected func(registry string) bool
}

// Resolve is ResolveContext for callers without a context.
func (k *keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext looks the credentials up once, so that an unreadable
// configuration is an error before anything is sent.
func (k *keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	c := &credential{keychain: k, target: r}
	if _, err := c.AuthorizationContext(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// entry names the entry of the docker configuration that is used for a
// repository; "" when there is none. It never shows what the entry holds.
func (k *keychain) entry(ctx context.Context, repo name.Repository) string {
	used, err := k.lookup(ctx, repo)
	if err != nil || *used == (authn.AuthConfig{}) {
		return ""
	}
	if ofHost, err := k.lookup(ctx, repo.Registry); err == nil && *ofHost == *used {
		return display(repo.RegistryStr())
	}
	return repo.String()
}

// ofOperator reports whether a repository is asked with credentials that the operator
// gave for its host (Options.Login), and not with those of the docker configuration.
func (k *keychain) ofOperator(repo name.Repository) bool {
	l, ok := k.inner.(logins)
	if !ok {
		return false
	}
	login, err := l.login(repo)
	return err == nil && login != Login{}
}

func (k *keychain) lookup(ctx context.Context, r authn.Resource) (*authn.AuthConfig, error) {
	a, err := authn.Resolve(ctx, k.inner, r)
	if err != nil {
		return nil, &credentialsError{host: r.RegistryStr(), err: err}
	}
	config, err := authn.Authorization(ctx, a)
	if err != nil {
		return nil, &credentialsError{host: r.RegistryStr(), err: err}
	}
	return config, nil
}

// credential is the authenticator of one repository.
type credential struct {
	keychain *keychain
	target   authn.Resource

	mu   sync.Mutex
	got  *authn.AuthConfig
	read time.Time
}

// Authorization is AuthorizationContext for callers without a context.
func (c *credential) Authorization() (*authn.AuthConfig, error) {
	return c.AuthorizationContext(context.Background())
}

// AuthorizationContext gives nothing once the registry sent us to another host for
// its API: the token service named there is not the registry's word.
func (c *credential) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	if c.keychain.redirected(c.target.RegistryStr()) {
		return &authn.AuthConfig{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.keychain.now()
	if c.got != nil && now.Sub(c.read) < credentialAge {
		return c.got, nil
	}
	got, err := c.keychain.lookup(ctx, c.target)
	if err != nil {
		return nil, err
	}
	c.got, c.read = got, now
	return got, nil
}

// credentialsError says that the docker configuration could not be used. Its
// message holds no words of a credential helper and no value of the file.
type credentialsError struct {
	host string
	err  error
}

// Error leaves out what may hold a secret.
func (e *credentialsError) Error() string {
	var syntax *json.SyntaxError
	var path *fs.PathError
	var helper *exec.Error
	switch {
	case errors.As(e.err, &syntax):
		return fmt.Sprintf("it is not valid JSON (%v)", syntax)
	case errors.As(e.err, &path):
		return path.Error()
	case errors.As(e.err, &helper):
		return helper.Error()
	}
	return "an entry cannot be decoded, or its credential helper declined"
}
