// Package web serves what the daemon knows over HTTP: health, metrics and a read-only
// API, and takes the notifications of registries. It reads the states that the Loops publish
// and hands hints on; it never calls git or a registry, changes nothing, and shows no more of an
// error than its text.
package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/hooks"
)

// Options say what is served, and to whom.
type Options struct {
	States  func() []*daemon.State // of the branches that are served, sorted by name
	Metrics *Metrics

	// Stale is how old the last good pass of a branch may be before /readyz says so;
	// 0: any age.
	Stale time.Duration

	// Token gives the bearer token that /api and /metrics ask for. It is read at each
	// request. nil: they are open; "": nobody gets in.
	Token func() string

	Hooks map[string]Hook // by what stands behind /hooks/

	Now func() time.Time // nil: time.Now
}

// Limits of a connection. No request of a client in good faith comes near them.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// Server is an HTTP server whose connections are bounded in time and size.
func Server(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: handler, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
	}
}

// New makes the handler of the daemon (product.md 5). /healthz and /readyz are always
// open; the rest asks for the token where there is one.
func New(opts Options) http.Handler {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &site{opts}
	mux := http.NewServeMux()
	mux.Handle("/healthz", reading(http.HandlerFunc(s.health)))
	mux.Handle("/readyz", reading(http.HandlerFunc(s.ready)))
	mux.Handle("/metrics", reading(s.guarded(opts.Metrics.handler())))
	mux.Handle("/api/v1/streams", reading(s.guarded(http.HandlerFunc(s.streams))))
	mux.Handle("/api/v1/problems", reading(s.guarded(http.HandlerFunc(s.problems))))
	for _, path := range []string{"/api", "/api/"} {
		mux.Handle(path, reading(s.guarded(http.HandlerFunc(notFound))))
	}
	for name, h := range opts.Hooks {
		mux.Handle("/hooks/"+name, s.hook(name, h))
	}
	mux.Handle("/", reading(http.HandlerFunc(notFound)))
	return secured(mux)
}

// site is what the handlers share.
type site struct{ Options }

// secured sets the headers that every answer has (reliability.md 2).
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// reading lets only GET and HEAD through.
func reading(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, r, http.StatusMethodNotAllowed, "this is read-only: use GET or HEAD")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guarded asks for the token.
func (s *site) guarded(next http.Handler) http.Handler {
	if s.Token == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hooks.Bears(r.Header.Get("Authorization"), s.Token()) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="imgstream"`)
			fail(w, r, http.StatusUnauthorized, "send the token of the daemon's configuration: Authorization: Bearer …")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	if isAPI(r) {
		fail(w, r, http.StatusNotFound, "no such path: there are /api/v1/streams and /api/v1/problems")
		return
	}
	fail(w, r, http.StatusNotFound, "no such path")
}

func isAPI(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
}

// fail answers with an error: in JSON below /api, else as text.
func fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if !isAPI(r) {
		answer(w, status, "text/plain; charset=utf-8", message+"\n")
		return
	}
	answerJSON(w, status, struct {
		Error string `json:"error"`
	}{message})
}

func answerJSON(w http.ResponseWriter, status int, document any) {
	text, err := describe.JSON(document)
	if err != nil {
		answer(w, http.StatusInternalServerError, "text/plain; charset=utf-8", "encode the answer: "+err.Error()+"\n")
		return
	}
	answer(w, status, "application/json", text)
}

func answer(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}
