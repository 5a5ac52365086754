package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	realregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// rig is a real registry behind a handler that counts requests and, where a test
// wants it, answers in the registry's place.
type rig struct {
	host   string
	real   http.Handler
	server *httptest.Server

	mu      sync.Mutex
	counts  map[string]int
	instead func(w http.ResponseWriter, r *http.Request) bool // true: it answered
}

// noRegistry is where nobody listens: a port that no system gives away.
const noRegistry = "127.0.0.1:1"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := unstarted()
	r.server.Start()
	r.host = strings.TrimPrefix(r.server.URL, "http://")
	t.Cleanup(r.server.Close)
	return r
}

func newTLSRig(t *testing.T) *rig {
	t.Helper()
	r := unstarted()
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.server.StartTLS()
	r.host = strings.TrimPrefix(r.server.URL, "https://")
	t.Cleanup(r.server.Close)
	return r
}

func unstarted() *rig {
	r := &rig{
		real:   realregistry.New(realregistry.Logger(log.New(io.Discard, "", 0))),
		counts: map[string]int{},
	}
	r.server = httptest.NewUnstartedServer(r)
	return r
}

// ServeHTTP counts every request, then lets the test or the registry answer.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.counts[req.Method+" "+req.URL.Path]++
	instead := r.instead
	r.mu.Unlock()
	if instead != nil && instead(w, req) {
		return
	}
	r.real.ServeHTTP(w, req)
}

// answers sets who answers in the registry's place, and forgets the counts.
func (r *rig) answers(f func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instead, r.counts = f, map[string]int{}
}

// requests are the counts without pings: "HEAD latest" and the like by the last
// part of the path, "GET blob" for blobs.
func (r *rig) requests() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for k, n := range r.counts {
		method, path, _ := strings.Cut(k, " ")
		switch {
		case path == "/v2/":
		case strings.Contains(path, "/blobs/"):
			out[method+" blob"] += n
		default:
			out[method+" "+path[strings.LastIndex(path, "/")+1:]] += n
		}
	}
	return out
}

func (r *rig) wantRequests(t *testing.T, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, r.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// push stores a new image without counting, and gives its digest.
func (r *rig) push(t *testing.T, repoTag string) string {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.store(t, repoTag, img)
	return digestOf(t, img)
}

func (r *rig) store(t *testing.T, repoTag string, content remote.Taggable) {
	t.Helper()
	side := httptest.NewServer(r.real)
	defer side.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(side.URL, "http://") + "/" + repoTag)
	if err != nil {
		t.Fatal(err)
	}
	if index, ok := content.(v1.ImageIndex); ok {
		err = remote.WriteIndex(ref, index)
	} else {
		err = remote.Write(ref, content.(v1.Image))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func digestOf(t *testing.T, img interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// ask puts one question about a repository of the rig.
func (r *rig) ask(t *testing.T, c *Client, repoTag string, known ...string) plan.Answer {
	t.Helper()
	return c.Resolve(t.Context(), question(r.host+"/"+repoTag, known...))
}

func question(ref string, known ...string) plan.Question {
	return plan.Question{Import: plan.Import{Reference: ref}, Known: known}
}

// newClient has short waits and no docker configuration of the machine's.
func newClient(t *testing.T, opts Options) *Client {
	t.Helper()
	if os.Getenv("DOCKER_CONFIG") == "" || os.Getenv("HOME") != "/nonexistent" {
		dockerConfig(t, nil)
	}
	if opts.Backoff == nil {
		opts.Backoff = []time.Duration{time.Millisecond, time.Millisecond}
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// dockerConfig makes a docker configuration of entry → user:password the only one.
func dockerConfig(t *testing.T, entries map[string]string) {
	t.Helper()
	dir := t.TempDir()
	auths := map[string]any{}
	for entry, userPassword := range entries {
		auths[entry] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(userPassword))}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("HOME", "/nonexistent")
}

// wantFailure compares a whole answer: HOST in the message stands for the rig's.
func (r *rig) wantFailure(t *testing.T, got plan.Answer, reason, message string) {
	t.Helper()
	want := plan.Answer{Failure: &plan.Failure{Reason: reason, Message: strings.ReplaceAll(message, "HOST", r.host)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// wantDigest compares an answer without content, known or not.
func wantDigest(t *testing.T, got plan.Answer, digest string) {
	t.Helper()
	wantAnswer(t, got, plan.Answer{Digest: digest, Known: got.Known})
}

// manifests matches requests for manifests, and lets everything else pass.
func manifests(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		f(w, r)
		return true
	}
}

// gets matches only the requests with a body in their answer.
func gets(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			return false
		}
		return manifests(f)(w, r)
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, `{"errors":[{"code":"UNKNOWN","message":"token=s3cret request id 47114711"}]}`)
	}
}
