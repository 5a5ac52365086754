package registry

import (
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Login is what a host is shown: a username and password, or a token that it gave out
// itself. The zero value is nobody.
type Login struct{ Username, Password, Token string }

// logins is a keychain of the operator's; a host that it has nothing for is the next
// one's.
type logins struct {
	of   func(host string) (Login, error)
	next authn.Keychain
}

// login is the operator's for a host, by the name that references have.
func (l logins) login(target authn.Resource) (Login, error) {
	host := target.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	return l.of(host)
}

// Resolve gives the operator's login, else the next keychain's.
func (l logins) Resolve(target authn.Resource) (authn.Authenticator, error) {
	login, err := l.login(target)
	switch {
	case err != nil:
		return nil, err
	case login == Login{}:
		return l.next.Resolve(target)
	}
	return authn.FromConfig(authn.AuthConfig{Username: login.Username, Password: login.Password, RegistryToken: login.Token}), nil
}
