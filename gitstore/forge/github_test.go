package forge_test

import (
	"bytes"
	"context"
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
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/gitstore/forge"
)

const appID, installationID = 123, 456

// start is when every test begins, by both clocks.
var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// newKey makes the key pair of an App.
func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs1(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// github is GitHub's endpoint for tokens: it gives one for an hour to who proves to
// have the App's key, and refuses as GitHub does.
type github struct {
	t *testing.T

	mu      sync.Mutex
	public  *rsa.PublicKey
	now     time.Time     // by the server's clock
	before  func()        // called in each request; nil: nothing
	broken  http.Handler  // answers instead; nil: nobody
	granted int           // tokens so far
	life    time.Duration // of a token
}

func newGitHub(t *testing.T, key *rsa.PrivateKey) *github {
	t.Helper()
	return &github{t: t, public: &key.PublicKey, now: start, life: time.Hour}
}

// change sets what the server does from now on.
func (g *github) change(f func(*github)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g)
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.before != nil {
		g.before()
	}
	w.Header().Set("Date", g.now.Format(http.TimeFormat))
	if g.broken != nil {
		g.broken.ServeHTTP(w, r)
		return
	}
	jwt, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var status int
	var body map[string]any
	switch err := g.verify(jwt); {
	case err != nil:
		// GitHub does not repeat what it got; a proxy in between may.
		status, body = http.StatusUnauthorized, map[string]any{"message": err.Error() + "\n" + jwt}
	case r.Method != http.MethodPost || r.URL.Path != "/api/v3/app/installations/"+strconv.Itoa(installationID)+"/access_tokens":
		status, body = http.StatusNotFound, map[string]any{"message": "Not Found"}
	default:
		g.granted++
		status, body = http.StatusCreated, map[string]any{"token": fmt.Sprintf("ghs_%d", g.granted), "expires_at": g.now.Add(g.life)}
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		g.t.Error(err)
	}
}

// verify checks a JWT as GitHub's documentation says, "Generating a JSON Web Token
// (JWT) for a GitHub App".
func (g *github) verify(jwt string) error {
	unsigned, signature, ok := cutLast(jwt, ".")
	head, payload, ok2 := strings.Cut(unsigned, ".")
	if !ok || !ok2 {
		return errors.New("A JSON web token could not be decoded")
	}
	var header struct{ Alg, Typ string }
	var claims struct {
		Iat, Exp int64
		Iss      string
	}
	if err := errors.Join(decode(head, &header), decode(payload, &claims)); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	digest := sha256.Sum256([]byte(unsigned))
	switch {
	case err != nil, header.Alg != "RS256", header.Typ != "JWT", claims.Iss != strconv.Itoa(appID),
		rsa.VerifyPKCS1v15(g.public, crypto.SHA256, digest[:], raw) != nil:
		return errors.New("A JSON web token could not be decoded")
	case claims.Iat > g.now.Unix():
		return errors.New("'Issued at' claim ('iat') must be in the past")
	case claims.Exp <= g.now.Unix():
		return errors.New("'Expiration time' claim ('exp') must be in the future")
	case claims.Exp > g.now.Add(10*time.Minute).Unix():
		return errors.New("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// clock is the time by the App's machine.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// install gives an App that asks the server, and its clock.
func install(t *testing.T, g *github, key []byte) (*forge.GitHubApp, *clock) {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	c := &clock{now: start}
	app, err := forge.NewGitHubApp(forge.GitHubAppOptions{
		AppID: appID, InstallationID: installationID, APIURL: server.URL + "/api/v3/",
		Key: func() ([]byte, error) { return key, nil }, Now: c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return app, c
}

// wantToken asks and compares.
func wantToken(t *testing.T, app *forge.GitHubApp, want string) {
	t.Helper()
	got, err := app.Token(t.Context())
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %s", string(got), err, want)
	}
}

// wantError asks, compares, and searches the error for the secrets that were around.
func wantError(t *testing.T, app *forge.GitHubApp, want string) {
	t.Helper()
	got, err := app.Token(t.Context())
	if err == nil {
		t.Fatalf("got %q, want the error %s", string(got), want)
	}
	const prefix = "get a token of GitHub App 123 for installation 456: "
	text := strings.TrimPrefix(err.Error(), prefix)
	if text == err.Error() || !strings.Contains(text, want) {
		t.Errorf("got %s\nwant %s…%s", err, prefix, want)
	}
	for _, secret := range []string{"ghs_", "eyJ", "BEGIN"} {
		if strings.Contains(text, secret) {
			t.Errorf("the error shows a secret: %s", text)
		}
	}
}

func TestTokenIsKeptUntilFiveMinutesBeforeItsEnd(t *testing.T) {
	key := newKey(t)
	for name, pem := range map[string][]byte{"PKCS #1": pkcs1(key), "PKCS #8": pkcs8(t, key)} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t, key)
			app, c := install(t, g, pem)
			pass := func(d time.Duration) {
				c.advance(d)
				g.change(func(g *github) { g.now = g.now.Add(d) })
			}
			wantToken(t, app, "ghs_1")
			pass(55*time.Minute - time.Second)
			wantToken(t, app, "ghs_1")
			pass(time.Second)
			wantToken(t, app, "ghs_2")
			pass(54 * time.Minute)
			wantToken(t, app, "ghs_2")
		})
	}
}

func TestTokenOutlivesAnAPIThatIsDown(t *testing.T) {
	key := newKey(t)
	g := newGitHub(t, key)
	app, c := install(t, g, pkcs1(key))
	wantToken(t, app, "ghs_1")
	asked := 0
	g.change(func(g *github) {
		g.before = func() { asked++ }
		g.broken = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	})
	c.advance(56 * time.Minute)
	for range 3 {
		wantToken(t, app, "ghs_1")
	}
	c.advance(3*time.Minute + 29*time.Second)
	wantToken(t, app, "ghs_1")
	c.advance(30 * time.Second)
	wantError(t, app, "answered 502 Bad Gateway")
	g.change(func(g *github) { g.broken, g.now = nil, c.Now() })
	wantToken(t, app, "ghs_2")
	if asked != 4 {
		t.Errorf("asked %d times, want twice in the last minutes, once at the end and once again", asked)
	}
}

func TestKeyIsReadForEachToken(t *testing.T) {
	key := newKey(t)
	g := newGitHub(t, key)
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	next := []func() ([]byte, error){
		func() ([]byte, error) { return nil, errors.New("open key.pem: not there") },
		func() ([]byte, error) { return pkcs1(newKey(t)), nil },
		func() ([]byte, error) { return pkcs1(key), nil },
	}
	app, err := forge.NewGitHubApp(forge.GitHubAppOptions{
		AppID: appID, InstallationID: installationID, APIURL: server.URL + "/api/v3", Now: func() time.Time { return start },
		Key: func() ([]byte, error) {
			read := next[0]
			next = next[1:]
			return read()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, app, "read its private key: open key.pem: not there")
	wantError(t, app, "the private key is not one of app 123")
	wantToken(t, app, "ghs_1")
}

func TestManyCallersAskOnce(t *testing.T) {
	key := newKey(t)
	g := newGitHub(t, key)
	entered, goOn := make(chan struct{}), make(chan struct{})
	g.before = func() { close(entered); <-goOn } // a second request would panic
	app, _ := install(t, g, pkcs1(key))

	impatient, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := app.Token(impatient)
		gaveUp <- err
	}()
	<-entered
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	tokens := make(chan string)
	for range 20 {
		go func() {
			token, err := app.Token(t.Context())
			tokens <- fmt.Sprint(string(token), err)
		}()
	}
	close(goOn)
	for range 20 {
		if got := <-tokens; got != "ghs_1<nil>" {
			t.Error(got)
		}
	}
}

func TestClocks(t *testing.T) {
	key := newKey(t)
	for _, c := range []struct {
		ahead time.Duration
		want  string // "": a token
	}{
		{0, ""},
		{59 * time.Second, ""},
		{-8 * time.Minute, ""},
		{2 * time.Minute, "the clock of this machine is 2m0s ahead of the server's: set it"},
		{-time.Hour, "the clock of this machine is 1h0m0s behind the server's: set it"},
	} {
		t.Run(c.ahead.String(), func(t *testing.T) {
			app, clock := install(t, newGitHub(t, key), pkcs1(key))
			clock.advance(c.ahead)
			if c.want != "" {
				wantError(t, app, c.want)
				return
			}
			wantToken(t, app, "ghs_1")
			clock.advance(54 * time.Minute)
			wantToken(t, app, "ghs_1")
		})
	}
}

func TestRefusals(t *testing.T) {
	key := newKey(t)
	answer := func(code int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		})
	}
	for _, c := range []struct {
		name   string
		broken http.Handler
		want   string
	}{
		{"installation", answer(404, `{"message":"Not Found"}`), "answered 404 Not Found, Not Found: app 123 has no installation 456: take the number"},
		{"suspended", answer(403, `{"message":"This installation has been\n suspended"}`), "answered 403 Forbidden, This installation has been suspended: the installation may be suspended"},
		{"redirect", http.RedirectHandler("https://example.com/", http.StatusPermanentRedirect), "answered 308 Permanent Redirect: redirects are not followed"},
		{"another server", answer(201, `<html>ghs_planted</html>`), "is not that of GitHub's API: check the API's URL"},
		{"no token", answer(201, `{"expires_at":"2026-11-20T13:00:00Z"}`), "is not that of GitHub's API"},
		{"no end", answer(201, `{"token":"ghs_planted"}`), "is not that of GitHub's API"},
		{"endless", answer(201, `{"token":"`+strings.Repeat("ghs_planted", 1<<14)+`","expires_at":"2026-11-20T13:00:00Z"}`), "is not that of GitHub's API"},
		{"long words", answer(500, `{"message":"`+strings.Repeat("é", 1000)+`"}`), "answered 500 Internal Server Error, " + strings.Repeat("é", 100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGitHub(t, key)
			g.broken = c.broken
			app, _ := install(t, g, pkcs1(key))
			wantError(t, app, c.want)
		})
	}
}

func TestOwnCA(t *testing.T) {
	key := newKey(t)
	server := httptest.NewTLSServer(newGitHub(t, key))
	t.Cleanup(server.Close)
	opts := forge.GitHubAppOptions{
		AppID: appID, InstallationID: installationID, APIURL: server.URL + "/api/v3",
		Key: func() ([]byte, error) { return pkcs1(key), nil }, Now: func() time.Time { return start },
	}
	app, err := forge.NewGitHubApp(opts)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, app, "certificate")
	opts.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if app, err = forge.NewGitHubApp(opts); err != nil {
		t.Fatal(err)
	}
	wantToken(t, app, "ghs_1")
}

func TestProxy(t *testing.T) {
	key := newKey(t)
	g := newGitHub(t, key)
	var asked string
	g.before = func() { asked = "the proxy" }
	proxy := httptest.NewServer(g) // gets the whole URL, and answers in the server's place
	t.Cleanup(proxy.Close)
	app, err := forge.NewGitHubApp(forge.GitHubAppOptions{
		AppID: appID, InstallationID: installationID, APIURL: "http://github.example.com/api/v3", Proxy: proxy.URL,
		Key: func() ([]byte, error) { return pkcs1(key), nil }, Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	wantToken(t, app, "ghs_1")
	if asked != "the proxy" {
		t.Error("the proxy was not asked")
	}
}

func TestOptions(t *testing.T) {
	good := forge.GitHubAppOptions{AppID: 1, InstallationID: 2, Key: func() ([]byte, error) { return nil, nil }}
	for _, c := range []struct {
		name   string
		change func(*forge.GitHubAppOptions)
		want   string
	}{
		{"good", func(*forge.GitHubAppOptions) {}, "<nil>"},
		{"no app", func(o *forge.GitHubAppOptions) { o.AppID = 0 }, "a GitHub App needs its ID, the ID of an installation, and a key"},
		{"password", func(o *forge.GitHubAppOptions) { o.APIURL = "https://a:secret@example.com" }, "the API's URL of the GitHub App is not valid: write https://host[/path], without user and password"},
		{"scheme", func(o *forge.GitHubAppOptions) { o.APIURL = "api.github.com" }, "the API's URL of the GitHub App is not valid: write https://host[/path], without user and password"},
		{"proxy", func(o *forge.GitHubAppOptions) { o.Proxy = "proxy" }, "the URL of the proxy is not valid: write http://host:port"},
		{"CA", func(o *forge.GitHubAppOptions) { o.CABundle = []byte("x") }, "the CA bundle holds no certificate in PEM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := good
			c.change(&opts)
			_, err := forge.NewGitHubApp(opts)
			if diff := cmp.Diff(c.want, fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
