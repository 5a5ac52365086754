package registry

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
)

const secret = "pa55word"

// witness is an HTTP server of somebody else that records what it is sent.
type witness struct {
	host string
	mu   sync.Mutex
	sent []string
}

func newWitness(t *testing.T, answer http.HandlerFunc) *witness {
	t.Helper()
	w := &witness{}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.mu.Lock()
		w.sent = append(w.sent, fmt.Sprintf("%s %s %v %v", r.Method, r.URL.Path, r.Header["Authorization"], r.PostForm))
		w.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(s.Close)
	// Another name than the registry's, as net/http compares hosts by name, and no
	// address, which go-containerregistry would refuse to be redirected to.
	w.host = strings.Replace(strings.TrimPrefix(s.URL, "http://"), "127.0.0.1", "localhost", 1)
	return w
}

func (w *witness) want(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.sent); diff != "" {
		t.Errorf("sent to the other host (-want +got):\n%s", diff)
	}
}

// basic asks for basic authentication of u.
func basic(r *rig) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if user, password, _ := req.BasicAuth(); user == "u" && password == secret {
			return false
		}
		status(401, "WWW-Authenticate", `Basic realm="`+r.host+`"`)(w, req)
		return true
	}
}

// bearer gives tokens at /token to u (and to anybody when open), and asks for them.
func bearer(r *rig, open bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			if user, password, _ := req.BasicAuth(); !open && (user != "u" || password != secret) {
				status(401)(w, req)
				return true
			}
			fmt.Fprintf(w, `{"token": "of %s"}`, req.FormValue("scope"))
			return true
		}
		repo, _, ok := strings.Cut(req.URL.Path, "/manifests/")
		if ok && req.Header.Get("Authorization") == "Bearer of repository:"+strings.TrimPrefix(repo, "/v2/")+":pull" {
			return false
		}
		status(401, "WWW-Authenticate", `Bearer realm="http://`+r.host+`/token",service="x"`)(w, req)
		return true
	}
}

const (
	refused   = `HOST answered 401 Unauthorized (asked with the entry "HOST" of the docker configuration): check that it may pull a/x, log in again with ` + "`docker login HOST`, or check DOCKER_CONFIG"
	operators = "HOST answered 401 Unauthorized (asked with the operator's credentials for HOST): check what its entry in registries names, and that it may pull a/x"
	nobody    = "HOST answered 401 Unauthorized (asked without credentials: the docker configuration has none for it): log in with `docker login HOST` or check DOCKER_CONFIG; a private repository and one that does not exist look the same"
)

func TestCredentials(t *testing.T) {
	for name, scheme := range map[string]func(*rig) func(http.ResponseWriter, *http.Request) bool{
		"basic":  basic,
		"bearer": func(r *rig) func(http.ResponseWriter, *http.Request) bool { return bearer(r, false) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			digest := r.push(t, "a/x:1")
			r.answers(scheme(r))
			t.Run("of the host", func(t *testing.T) {
				dockerConfig(t, map[string]string{r.host: "u:" + secret})
				wantDigest(t, r.ask(t, newClient(t, Options{}), "a/x:1"), digest)
			})
			t.Run("of the repository", func(t *testing.T) {
				dockerConfig(t, map[string]string{r.host + "/a/x": "u:" + secret, r.host: "v:other"})
				wantDigest(t, r.ask(t, newClient(t, Options{}), "a/x:1"), digest)
			})
			t.Run("wrong", func(t *testing.T) {
				dockerConfig(t, map[string]string{r.host: "u:" + secret + "x"})
				r.wantFailure(t, r.ask(t, newClient(t, Options{}), "a/x:1"), "", refused)
			})
			t.Run("wrong, of the repository", func(t *testing.T) {
				dockerConfig(t, map[string]string{r.host + "/a/x": "v:" + secret, r.host: "u:" + secret})
				r.wantFailure(t, r.ask(t, newClient(t, Options{}), "a/x:1"), "", strings.Replace(refused, `entry "HOST"`, `entry "HOST/a/x"`, 1))
			})
			t.Run("wrong, of the operator", func(t *testing.T) {
				dockerConfig(t, map[string]string{r.host: "u:" + secret})
				login := func(string) (Login, error) { return Login{Username: "v", Password: secret}, nil }
				r.wantFailure(t, r.ask(t, newClient(t, Options{Login: login}), "a/x:1"), "", operators)
			})
			t.Run("none", func(t *testing.T) {
				dockerConfig(t, map[string]string{"elsewhere.example": "u:" + secret})
				r.wantFailure(t, r.ask(t, newClient(t, Options{}), "a/x:1"), "", nobody)
			})
		})
	}
}

func TestAuthenticationIsReused(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	r.answers(bearer(r, false))
	dockerConfig(t, map[string]string{r.host: "u:" + secret})
	c := newClient(t, Options{})
	for range 5 {
		wantDigest(t, r.ask(t, c, "a/x:1", digest), digest)
	}
	r.wantRequests(t, map[string]int{"GET token": 1, "HEAD 1": 5})
}

func TestChangedCredentialsAreReadAgain(t *testing.T) {
	for name, scheme := range map[string]func(*rig) func(http.ResponseWriter, *http.Request) bool{
		"basic":  basic,
		"bearer": func(r *rig) func(http.ResponseWriter, *http.Request) bool { return bearer(r, false) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			digest := r.push(t, "a/x:1")
			r.answers(scheme(r))
			dockerConfig(t, nil)
			clock := &clock{at: time.Unix(1_000_000, 0)}
			c := newClient(t, Options{Now: clock.now})
			r.wantFailure(t, r.ask(t, c, "a/x:1"), "", nobody)
			dockerConfig(t, map[string]string{r.host: "u:" + secret})
			clock.at = clock.at.Add(credentialAge)
			wantDigest(t, r.ask(t, c, "a/x:1"), digest)
		})
	}
}

func TestABrokenDockerConfiguration(t *testing.T) {
	r := newRig(t)
	cut := `{"auths":`
	for content, cause := range map[string]string{
		cut: "",
		`{"auths": {"` + r.host + `": {"auth": 47114711}}}`:     "an entry cannot be decoded, or its credential helper declined",
		`{"auths": {"` + r.host + `": {"auth": "s3cret!"}}}`:    "an entry cannot be decoded, or its credential helper declined",
		`{"credHelpers": {"` + r.host + `": "no-such-helper"}}`: "",
	} {
		dockerConfig(t, nil)
		if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got := r.ask(t, newClient(t, Options{}), "a/x:1")
		if got.Failure == nil || got.Failure.Reason != "" ||
			!strings.HasPrefix(got.Failure.Message, "the credentials for "+r.host+" cannot be read: "+cause) ||
			!strings.HasSuffix(got.Failure.Message, "; check DOCKER_CONFIG or ~/.docker/config.json") {
			t.Errorf("%s: %+v", content, got.Failure)
			continue
		}
		checkMessage(t, got.Failure.Message)
	}
	r.wantRequests(t, map[string]int{})
}

// Each way a registry could have credentials sent elsewhere.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	redirect := func(w *witness) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://"+w.host+r.URL.Path, http.StatusTemporaryRedirect)
		}
	}
	t.Run("manifest, basic", func(t *testing.T) {
		r, other := newRig(t), newWitness(t, status(404))
		dockerConfig(t, map[string]string{r.host: "u:" + secret})
		auth := basic(r)
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			return auth(w, req) || manifests(redirect(other))(w, req)
		})
		r.ask(t, newClient(t, Options{}), "a/x:1")
		other.want(t, "HEAD /v2/a/x/manifests/1 [] map[]")
	})
	t.Run("manifest, bearer", func(t *testing.T) {
		r, other := newRig(t), newWitness(t, status(404))
		dockerConfig(t, map[string]string{r.host: "u:" + secret})
		auth := bearer(r, false)
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			return auth(w, req) || manifests(redirect(other))(w, req)
		})
		r.ask(t, newClient(t, Options{}), "a/x:1")
		other.want(t, "HEAD /v2/a/x/manifests/1 [] map[]")
	})
	t.Run("token", func(t *testing.T) {
		r, other := newRig(t), newWitness(t, status(404))
		dockerConfig(t, map[string]string{r.host: "u:" + secret})
		auth := bearer(r, false)
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/token" {
				redirect(other)(w, req)
				return true
			}
			return auth(w, req)
		})
		r.ask(t, newClient(t, Options{}), "a/x:1")
		other.want(t, "GET /token [] map[]")
	})
	t.Run("refresh token in a body", func(t *testing.T) {
		r, other := newRig(t), newWitness(t, status(404))
		auth := bearer(r, false)
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/token" {
				redirect(other)(w, req)
				return true
			}
			return auth(w, req)
		})
		got := r.ask(t, newClient(t, Options{Keychain: identity{}}), "a/x:1")
		r.wantFailure(t, got, "", "the token service of HOST redirects to another host: credentials are not sent there")
		other.want(t)
	})
	t.Run("API on another host with its own token service", func(t *testing.T) {
		var other *witness
		r := newRig(t)
		other = newWitness(t, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/token" {
				fmt.Fprint(w, `{"token": "anonymous"}`)
				return
			}
			status(401, "WWW-Authenticate", `Bearer realm="http://`+other.host+`/token",service="x"`)(w, req)
		})
		dockerConfig(t, map[string]string{r.host: "u:" + secret})
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/v2/" {
				redirect(other)(w, req)
				return true
			}
			return manifests(status(401))(w, req)
		})
		got := r.ask(t, newClient(t, Options{}), "a/x:1")
		r.wantFailure(t, got, "", "HOST answered 401 Unauthorized (asked without credentials: the registry redirects its API to another host, which gets none): name that host in the reference")
		other.want(t, "GET /v2/ [] map[]", "GET /token [] map[]")
	})
}

// identity is a keychain with a refresh token, as credential helpers give.
type identity struct{}

func (identity) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{IdentityToken: secret}), nil
}

func TestMessagesNeverHoldASecret(t *testing.T) {
	r := newRig(t)
	dockerConfig(t, map[string]string{r.host: "u:" + secret})
	encoded := base64.StdEncoding.EncodeToString([]byte("u:" + secret))
	for _, code := range []int{400, 401, 403, 404, 429, 500} {
		r.answers(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/v2/" {
				status(401, "WWW-Authenticate", `Basic realm="x"`)(w, req)
				return true
			}
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"%v"}]}`, req.Header)
			return true
		})
		got := r.ask(t, newClient(t, Options{}), "a/x:1")
		if m := got.Failure.Message; strings.Contains(m, secret) || strings.Contains(m, encoded) {
			t.Errorf("%d: %s", code, m)
		}
	}
}

func TestTLS(t *testing.T) {
	r := newTLSRig(t)
	digest := r.push(t, "a/x:1")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("own authority", func(t *testing.T) {
		c := newClient(t, Options{Hosts: []Host{{Name: r.host, CAFile: ca}}})
		wantDigest(t, r.ask(t, c, "a/x:1"), digest)
	})
	t.Run("unknown authority", func(t *testing.T) {
		r.wantFailure(t, r.ask(t, newClient(t, Options{}), "a/x:1"), "",
			"the certificate of HOST is signed by an unknown authority: set caFile for it in the configuration")
	})
	t.Run("another host's authority", func(t *testing.T) {
		c := newClient(t, Options{Hosts: []Host{{Name: "other.example", CAFile: ca}}})
		r.wantFailure(t, r.ask(t, c, "a/x:1"), "",
			"the certificate of HOST is signed by an unknown authority: set caFile for it in the configuration")
	})
}
