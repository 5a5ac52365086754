package web_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
	"github.com/imgstream/imgstream/reconciler/web"
)

var now = time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)

func clock() time.Time { return now }

// repository is the State of a branch with the files of testdata/repo.txtar.
func repository(t *testing.T, name string) *daemon.State {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/repo.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	read, err := survey.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return &daemon.State{
		Name: name, View: &read.View, Good: now.Add(-time.Minute),
		Report: reconciler.Report{Rev: "1f0c6a2e9b7d4c5e8f00112233445566778899aa", Problems: read.View.Tree.Problems},
	}
}

// states are a branch that works, one that worked, and one that never did.
func states(t *testing.T) []*daemon.State {
	t.Helper()
	failing := repository(t, "apps/release")
	failing.Err, failing.Failures = errors.New("push to release of https://git.example.com/apps was refused: pre-receive hook declined\n  remote: no bots\nallow release to be pushed to"), 3
	failing.Report.Problems = append([]stream.Problem{{
		Severity: stream.Warning, Pos: stream.Pos{File: "apps/prod/kustomization.yaml", Line: 3}, Ref: stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"},
		Message: "held: <changed> by hand", Hint: "imgstream resume apps/prod/kustomization.yaml:3",
	}}, failing.Report.Problems...)
	return []*daemon.State{
		repository(t, "apps/main"),
		failing,
		{Name: "new/main", Err: errors.New("repository not found"), Failures: 1},
	}
}

func options(states ...*daemon.State) web.Options {
	return web.Options{
		States:  func() []*daemon.State { return states },
		Metrics: web.NewMetrics("v1.2.3", clock), Stale: 5 * time.Minute, Now: clock,
	}
}

// request asks without a network; headers are "Name: value".
func request(t *testing.T, h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(t *testing.T, h http.Handler, target string) (status int, body string) {
	t.Helper()
	w := request(t, h, http.MethodGet, target)
	return w.Code, w.Body.String()
}

// golden compares with a file of testdata, or writes it with UPDATE=1.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestAPI(t *testing.T) {
	h := web.New(options(states(t)...))
	for name, target := range map[string]string{
		"streams.json":         "/api/v1/streams?branch=apps/main",
		"streams-one.json":     "/api/v1/streams?namespace=sso&name=keycloak&branch=apps/release",
		"streams-none.json":    "/api/v1/streams?namespace=nobody",
		"problems.json":        "/api/v1/problems",
		"problems-branch.json": "/api/v1/problems?branch=new/main",
	} {
		status, body := get(t, h, target)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", target, status, body)
		}
		golden(t, name, body)
	}
}

// Every branch, stream and tag is there, and the answer is the same bytes each time.
func TestAPIIsStable(t *testing.T) {
	h := web.New(options(states(t)...))
	_, first := get(t, h, "/api/v1/streams")
	for range 20 {
		if _, again := get(t, h, "/api/v1/streams"); again != first {
			t.Fatal(cmp.Diff(first, again))
		}
	}
	var all struct {
		Branches []struct {
			Branch  string
			Streams []struct{ Tags []struct{ Tag string } }
		}
	}
	if err := json.Unmarshal([]byte(first), &all); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range all.Branches {
		tags := 0
		for _, s := range b.Streams {
			tags += len(s.Tags)
		}
		got = append(got, fmt.Sprintf("%s %d %d", b.Branch, len(b.Streams), tags))
	}
	if want := "apps/main 2 6, apps/release 2 6, new/main 0 0"; strings.Join(got, ", ") != want {
		t.Errorf("branches, streams and tags: %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestErrors(t *testing.T) {
	h := web.New(options(states(t)...))
	for target, want := range map[string]string{
		"/":                              "404 text/plain; charset=utf-8 no such path\n",
		"/hooks":                         "404 text/plain; charset=utf-8 no such path\n",
		"/apis":                          "404 text/plain; charset=utf-8 no such path\n",
		"/api":                           "404 application/json {\n    \"error\": \"no such path: there are /api/v1/streams and /api/v1/problems\"\n}\n",
		"/api/v1/streams/x":              "404 application/json {\n    \"error\": \"no such path: there are /api/v1/streams and /api/v1/problems\"\n}\n",
		"/api/v1/streams?namspace=x":     "400 application/json {\n    \"error\": \"unknown parameter: there is branch, namespace, name\"\n}\n",
		"/api/v1/problems?namespace=sso": "400 application/json {\n    \"error\": \"unknown parameter: there is branch\"\n}\n",
		"/api/v1/problems?branch=%zz":    "400 application/json {\n    \"error\": \"read the query: invalid URL escape \\\"%zz\\\"\"\n}\n",
	} {
		w := request(t, h, http.MethodGet, target)
		got := fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", target, got, want)
		}
	}
}

var paths = []string{"/healthz", "/readyz", "/metrics", "/api/v1/streams", "/api/v1/problems", "/api/none", "/none"}

func TestMethodsAndHeaders(t *testing.T) {
	h := web.New(options(repository(t, "apps/main")))
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			w := request(t, h, method, path)
			refused := w.Code == http.StatusMethodNotAllowed
			if mayRead := method == "GET" || method == "HEAD"; mayRead == refused {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			if refused && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: Allow: %s", method, path, w.Header().Get("Allow"))
			}
			got := map[string]string{}
			for _, name := range []string{"Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"} {
				got[name] = w.Header().Get(name)
			}
			want := map[string]string{"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", method, path, diff)
			}
			if w.Header().Get("Content-Type") == "" {
				t.Errorf("%s %s: no Content-Type", method, path)
			}
		}
	}
}

func TestToken(t *testing.T) {
	token := rand.Text()
	configured := token
	opts := options(repository(t, "apps/main"))
	opts.Token = func() string { return configured }
	h := web.New(opts)

	expect := func(open bool, headers ...string) {
		t.Helper()
		for _, path := range paths {
			guarded := path == "/metrics" || strings.HasPrefix(path, "/api/")
			w := request(t, h, http.MethodGet, path, headers...)
			if unauthorized := w.Code == http.StatusUnauthorized; unauthorized != (guarded && !open) {
				t.Errorf("%s with %q: %d", path, headers, w.Code)
			} else if unauthorized && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: WWW-Authenticate: %s", path, w.Header().Get("WWW-Authenticate"))
			}
			if strings.Contains(w.Body.String(), token) {
				t.Errorf("%s shows the token", path)
			}
		}
	}
	expect(false)
	expect(false, "Authorization: Bearer")
	expect(false, "Authorization: Bearer "+token+"x")
	expect(false, "Authorization: Bearer "+token[1:])
	expect(false, "Authorization: Basic "+token)
	expect(false, "Authorization: "+token)
	expect(true, "Authorization: Bearer "+token)
	expect(true, "Authorization: bearer "+token)

	configured = rand.Text() // it was replaced
	expect(false, "Authorization: Bearer "+token)
	expect(true, "Authorization: Bearer "+configured)

	configured = "" // a file that is empty for a moment opens nothing
	expect(false, "Authorization: Bearer ")
	expect(false)
}

// The server answers, and no more than its limits.
func TestServer(t *testing.T) {
	server := web.Server("127.0.0.1:0", web.New(options(repository(t, "apps/main"))))
	for name, limit := range map[string]time.Duration{
		"header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("timeout of %s: %v", name, limit)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	for size, want := range map[int]int{100: http.StatusOK, 100_000: http.StatusRequestHeaderFieldsTooLarge} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Long", strings.Repeat("x", size))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes: %s", size, resp.Status)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
