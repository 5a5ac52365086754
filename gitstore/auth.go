package gitstore

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Secret is a password or token. It prints as [redacted] everywhere but where
// its value is taken with string(s).
type Secret string

const redactedSecret = "[redacted]"

// String hides the value.
func (Secret) String() string { return redactedSecret }

// GoString hides the value.
func (Secret) GoString() string { return redactedSecret }

// LogValue hides the value.
func (Secret) LogValue() slog.Value { return slog.StringValue(redactedSecret) }

// MarshalText hides the value.
func (Secret) MarshalText() ([]byte, error) { return []byte(redactedSecret), nil }

// Credentials are what a server may ask for; all empty means none. Two that
// are equal are the same credentials.
//
// Over HTTP they are a username and password, or a token, which goes out as the
// server asks for it: as password of a basic login (of Username, else
// x-access-token) or as bearer token.
//
// Over SSH they are a username (else that of the URL, else git) with a key,
// else the keys of ssh-agent (SSH_AUTH_SOCK), or a password. A token means
// nothing there.
type Credentials struct {
	Username string
	Password Secret
	Token    Secret

	SSHKey     Secret // private key in PEM: ed25519, ecdsa or rsa
	Passphrase Secret // of SSHKey, where that is encrypted
	KnownHosts string // lines of known_hosts files; a host that they do not name is refused
}

// none tells that neither a password nor a token is there.
func (c Credentials) none() bool { return c.Password == "" && c.Token == "" }

// header is the value of Authorization for a scheme the server offers, "" if
// these credentials do not fit it.
func (c Credentials) header(scheme string) string {
	switch {
	case scheme == "bearer" && c.Token != "":
		return "Bearer " + string(c.Token)
	case scheme == "basic" && !c.none():
		user, password := c.Username, c.Password
		if c.Token != "" {
			password = c.Token
			if user == "" {
				user = "x-access-token"
			}
		}
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, string(password))
		return r.Header.Get("Authorization")
	}
	return ""
}

// authTransport adds credentials to requests for one origin and to no others,
// whatever redirects say. It sends none until the server asks, learns from
// that challenge which scheme it wants, and remembers it.
type authTransport struct {
	next        http.RoundTripper
	origin      *url.URL
	credentials func() (Credentials, error)

	mu     sync.Mutex
	scheme string // "" until the server asked
}

func (t *authTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != t.origin.Scheme || req.URL.Host != t.origin.Host {
		return t.next.RoundTrip(req)
	}
	sent, err := t.header(t.known())
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(withAuthorization(req, sent))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	// The server asks for the first time, or the credentials were replaced.
	scheme, fresh, err := t.answer(challenges(resp.Header))
	if err == nil && (fresh == "" || fresh == sent) {
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxWords))
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	again := withAuthorization(req, fresh)
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	resp, err = t.next.RoundTrip(again)
	if err == nil && resp.StatusCode != http.StatusUnauthorized {
		t.remember(scheme)
	}
	return resp, err
}

// CloseIdleConnections is for [http.Client].
func (t *authTransport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func (t *authTransport) known() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.scheme
}

func (t *authTransport) remember(scheme string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scheme = scheme
}

func (t *authTransport) header(scheme string) (string, error) {
	if scheme == "" {
		return "", nil
	}
	c, err := t.credentials()
	if err != nil {
		return "", fmt.Errorf("read the credentials: %w", err)
	}
	return c.header(scheme), nil
}

// answer picks the first of basic and bearer that is offered and fits.
func (t *authTransport) answer(offered map[string]bool) (scheme, header string, err error) {
	for _, scheme := range []string{"basic", "bearer"} {
		if !offered[scheme] {
			continue
		}
		if header, err := t.header(scheme); header != "" || err != nil {
			return scheme, header, err
		}
	}
	return "", "", nil
}

// challenges are the schemes a 401 offers, in lower case (RFC 9110, 11.6.1).
// A server that names none means basic, as git takes it.
func challenges(h http.Header) map[string]bool {
	offered := map[string]bool{}
	for _, value := range h.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(value, ",") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			offered[strings.ToLower(scheme)] = true
		}
	}
	if len(offered) == 0 {
		offered["basic"] = true
	}
	return offered
}

func withAuthorization(req *http.Request, value string) *http.Request {
	if value == "" {
		return req
	}
	with := req.Clone(req.Context())
	with.Header.Set("Authorization", value)
	return with
}
