// Package forge speaks to the APIs of forges. It gets the tokens of a GitHub App,
// and knows nothing of git or image streams.
package forge

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"
)

// GitHubAPI is where GitHub's own API is; a GitHub Enterprise Server has another.
const GitHubAPI = "https://api.github.com"

const (
	renewBefore = 5 * time.Minute  // a token is replaced this long before it expires
	askAgain    = 30 * time.Second // after a renewal that failed, while the token still holds
	maxWait     = 30 * time.Second // one request for a token
	maxBody     = 64 << 10         // bytes of an answer
	maxWords    = 200              // bytes of a server's text in an error
	maxSkew     = time.Minute      // between two clocks, above which an error tells of it
)

// GitHubAppOptions say which installation of which GitHub App.
type GitHubAppOptions struct {
	AppID          int64
	InstallationID int64
	APIURL         string // "": GitHubAPI

	// Key gives the App's private key in PEM. It is asked each time a token is
	// fetched, so that the key can be replaced while running.
	Key func() ([]byte, error)

	CABundle []byte           // PEM, trusted in addition to the system's CAs
	Proxy    string           // URL of a proxy; "": as HTTPS_PROXY, HTTP_PROXY and NO_PROXY have it
	Now      func() time.Time // nil: time.Now
}

// GitHubApp gives the tokens of one installation of a GitHub App. It is safe for
// concurrent use.
type GitHubApp struct {
	opts     GitHubAppOptions
	endpoint string
	client   *http.Client
	fetching singleflight.Group

	mu      sync.Mutex
	token   Token // "" until the first is fetched
	expires time.Time
	renew   time.Time // when the next one is asked for
}

// NewGitHubApp asks nobody yet.
func NewGitHubApp(opts GitHubAppOptions) (*GitHubApp, error) {
	if opts.AppID <= 0 || opts.InstallationID <= 0 || opts.Key == nil {
		return nil, errors.New("a GitHub App needs its ID, the ID of an installation, and a key")
	}
	if opts.APIURL == "" {
		opts.APIURL = GitHubAPI
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	api, err := url.Parse(opts.APIURL)
	if err != nil || api.Host == "" || api.User != nil || api.Scheme != "https" && api.Scheme != "http" {
		return nil, errors.New("the API's URL of the GitHub App is not valid: write https://host[/path], without user and password")
	}
	transport, err := newTransport(opts.CABundle, opts.Proxy)
	if err != nil {
		return nil, err
	}
	return &GitHubApp{
		opts:     opts,
		endpoint: api.JoinPath("app", "installations", strconv.FormatInt(opts.InstallationID, 10), "access_tokens").String(),
		client: &http.Client{
			Transport: transport,
			// What signs in must not follow a redirect to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport(caBundle []byte, proxy string) (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: maxWait}
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil || u.Host == "" {
			return nil, errors.New("the URL of the proxy is not valid: write http://host:port")
		}
		t.Proxy = http.ProxyURL(u)
	}
	if len(caBundle) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(caBundle) {
			return nil, errors.New("the CA bundle holds no certificate in PEM")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, nil
}

// Token gives a token that holds for at least some minutes more: the one it has, else
// a new one. Several callers wait for one request; the end of a caller's ctx ends
// only its own wait. While the old token holds, an API that does not answer is no error.
func (a *GitHubApp) Token(ctx context.Context) (Token, error) {
	if token := a.cached(); token != "" {
		return token, nil
	}
	answer := a.fetching.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxWait)
		defer cancel()
		return a.renewed(ctx)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token of GitHub App %d: %w", a.opts.AppID, ctx.Err())
	case got := <-answer:
		token, _ := got.Val.(Token)
		return token, got.Err
	}
}

func (a *GitHubApp) cached() Token {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opts.Now().Before(a.renew) {
		return a.token
	}
	return ""
}

func (a *GitHubApp) renewed(ctx context.Context) (Token, error) {
	if token := a.cached(); token != "" { // of a request that ended meanwhile
		return token, nil
	}
	token, lifetime, err := a.fetch(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.opts.Now()
	switch {
	case err == nil:
		a.token, a.expires, a.renew = token, now.Add(lifetime), now.Add(lifetime-renewBefore)
	case a.token != "" && now.Add(askAgain).Before(a.expires):
		a.renew = now.Add(askAgain)
	default:
		return "", fmt.Errorf("get a token of GitHub App %d for installation %d: %w", a.opts.AppID, a.opts.InstallationID, err)
	}
	return a.token, nil
}

// fetch asks for a new token. Its lifetime is counted by the server's clock, so that
// it is right by ours too.
func (a *GitHubApp) fetch(ctx context.Context) (Token, time.Duration, error) {
	key, err := a.key()
	if err != nil {
		return "", 0, err
	}
	signed, err := signJWT(key, a.opts.AppID, a.opts.Now())
	if err != nil {
		return "", 0, err
	}
	got, err := a.post(ctx, signed)
	if err != nil {
		return "", 0, err
	}
	if got.code != http.StatusCreated {
		return "", 0, a.refusal(got, words(got.body, signed))
	}
	var grant struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	// The decoder's error may quote the body, which holds a token.
	if json.Unmarshal(got.body, &grant) != nil || grant.Token == "" || grant.ExpiresAt.IsZero() {
		return "", 0, fmt.Errorf("the answer of %s is not that of GitHub's API: check the API's URL", a.host())
	}
	return Token(grant.Token), grant.ExpiresAt.Sub(got.date), nil
}

func (a *GitHubApp) key() (*rsa.PrivateKey, error) {
	pem, err := a.opts.Key()
	if err != nil {
		return nil, fmt.Errorf("read its private key: %w", err)
	}
	return ParseGitHubAppKey(pem)
}

// answer is what the API said.
type answer struct {
	code   int
	status string    // with the code: 404 Not Found
	date   time.Time // by the server's clock; by ours where it does not tell
	body   []byte
}

func (a *GitHubApp) post(ctx context.Context, jwt Token) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+string(jwt))
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "imgstream")
	resp, err := a.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer of %s: %w", a.host(), err)
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = a.opts.Now()
	}
	return answer{code: resp.StatusCode, status: resp.Status, date: date, body: body}, nil
}

// refusal says what a status other than 201 means, and what to do.
func (a *GitHubApp) refusal(got answer, words string) error {
	said := a.host() + " answered " + got.status
	if words != "" {
		said += ", " + words
	}
	ahead := a.opts.Now().Sub(got.date)
	switch {
	case got.code == http.StatusUnauthorized && ahead.Abs() > maxSkew:
		direction := "ahead of"
		if ahead < 0 {
			direction = "behind"
		}
		return fmt.Errorf("%s: the clock of this machine is %v %s the server's: set it", said, ahead.Abs().Round(time.Second), direction)
	case got.code == http.StatusUnauthorized:
		return fmt.Errorf("%s: the private key is not one of app %d: check the app's ID and its keys in the app's settings", said, a.opts.AppID)
	case got.code == http.StatusForbidden:
		return fmt.Errorf("%s: the installation may be suspended, or the API's rate limit used up", said)
	case got.code == http.StatusNotFound:
		return fmt.Errorf("%s: app %d has no installation %d: take the number at the end of the URL of the installation's settings", said, a.opts.AppID, a.opts.InstallationID)
	case got.code >= 300 && got.code < 400:
		return fmt.Errorf("%s: redirects are not followed: write the API's URL as it is", said)
	}
	return errors.New(said)
}

func (a *GitHubApp) host() string {
	u, err := url.Parse(a.endpoint)
	if err != nil {
		return "the server"
	}
	return u.Host
}

// words is the message of an error's body: one printable line, without the secret.
func words(body []byte, secret Token) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(bytes.TrimSpace(body), &answer) != nil {
		return ""
	}
	text := strings.ReplaceAll(answer.Message, string(secret), redacted)
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), maxWords)], "")
}
