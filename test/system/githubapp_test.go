package system_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

const appID, installationID = 4711, 815

// githubApp is the API of a GitHub App with one installation, in front of a git server
// that accepts the newest of its tokens alone.
type githubApp struct {
	key *rsa.PrivateKey
	git *httputil.ReverseProxy

	mu     sync.Mutex
	tokens []string
	old    int // requests to git with a token that is not the newest
}

// lifetime of a token: renewed five minutes before its end, it is used for a second.
const lifetime = 5*time.Minute + time.Second

func (a *githubApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if r.URL.Path == fmt.Sprintf("/api/app/installations/%d/access_tokens", installationID) {
		defer a.mu.Unlock()
		a.grant(w, r)
		return
	}
	username, password, loggedIn := r.BasicAuth()
	ok := len(a.tokens) > 0 && username == "x-access-token" && password == a.tokens[len(a.tokens)-1]
	if loggedIn && !ok {
		a.old++
	}
	a.mu.Unlock()
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	a.git.ServeHTTP(w, r)
}

func (a *githubApp) grant(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !a.signedIn(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		http.Error(w, `{"message": "A JSON web token could not be decoded"}`, http.StatusUnauthorized)
		return
	}
	a.tokens = append(a.tokens, fmt.Sprintf("ghs_%s%d", rand.Text(), len(a.tokens)))
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"token": a.tokens[len(a.tokens)-1], "expires_at": time.Now().Add(lifetime).UTC().Format(time.RFC3339),
	})
}

// signedIn checks the App's own token: RS256, by the key, of the App, for now.
func (a *githubApp) signedIn(jwt string) bool {
	signed, signature, _ := cutLast(jwt, ".")
	_, payload, _ := strings.Cut(signed, ".")
	mark, err1 := base64.RawURLEncoding.DecodeString(signature)
	text, err2 := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		Iss      json.RawMessage `json:"iss"`
		Iat, Exp int64
	}
	sum := sha256.Sum256([]byte(signed))
	now := time.Now().Unix()
	return err1 == nil && err2 == nil && json.Unmarshal(text, &claims) == nil &&
		strings.Trim(string(claims.Iss), `"`) == fmt.Sprint(appID) && claims.Iat <= now && now < claims.Exp &&
		rsa.VerifyPKCS1v15(&a.key.PublicKey, crypto.SHA256, sum[:], mark) == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// A daemon logs in to git with a GitHub App, and renews its token for as long as it runs.
func TestGitHubApp(t *testing.T) {
	w := newWorld(t, newRegistry(t), gitserver.Login{}, fixture.Shape{Streams: 2, PerUnit: 2, Manifests: 1})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(w.repo.URL)
	if err != nil {
		t.Fatal(err)
	}
	app := &githubApp{key: key, git: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})}
	front := httptest.NewServer(app)
	t.Cleanup(front.Close)
	secret := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, text := range map[string]string{"key.pem": string(secret), "config.yaml": fmt.Sprintf(`apiVersion: imgstream.dev/v1
kind: Config
repositories:
- name: apps
  url: %s%s
  branches: [%s]
  interval: 200ms
  git: {githubApp: {appID: %d, installationID: %d, privateKeyFile: key.pem, apiURL: %s/api}}
`, front.URL, to.Path, gitserver.Branch, appID, installationID, front.URL)} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	daemon, output := w.daemon(t, "run", "--config", filepath.Join(w.dir, "config.yaml"))
	w.eventually(t, "the first status", func() bool { return w.has(t, "imagestreams/status/team-000/app-00000/1.0.yaml") })
	w.eventually(t, "two renewals", func() bool {
		app.mu.Lock()
		defer app.mu.Unlock()
		return len(app.tokens) >= 3
	})
	w.commit(t, map[string]string{"imagestreams/late.yaml": "apiVersion: v1\nkind: ImageStream\nmetadata: {name: late, namespace: team-000}\nspec:\n  tags:\n" +
		"  - {name: \"1\", from: {kind: DockerImage, name: \"" + w.registry.Host + "/" + w.shape.All()[0].Repository + ":1.0\"}}\n"})
	w.eventually(t, "a push with a later token", func() bool { return w.has(t, "imagestreams/status/team-000/late/1.yaml") })
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	w.secrets = append(append(w.secrets, app.tokens...), strings.Split(string(secret), "\n")[1])
	w.noSecretIn(t, "what the daemon prints", output.String())
	if app.old > 0 {
		t.Errorf("%d requests had an old token", app.old)
	}
}

// daemon starts the binary. It is ended with the test at the latest.
func (w *world) daemon(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &output, &output
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "DOCKER_CONFIG=" + w.dir}, w.env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &output
}

// eventually waits for what has to come. The bound only ends a test that has failed.
func (w *world) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// has tells whether the branch has a file.
func (w *world) has(t *testing.T, path string) bool {
	t.Helper()
	return w.gitOut(t, "ls-tree", "-r", "--name-only", gitserver.Branch, "--", path) != ""
}
