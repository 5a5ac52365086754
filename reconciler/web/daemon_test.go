package web_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/web"
)

// passes is a Passer that gives the same view each time, and fails while err is set.
type passes struct {
	view *plan.View
	err  atomic.Pointer[string]
	n    atomic.Int64
}

func (p *passes) Pass(context.Context, reconciler.Request) (reconciler.Report, error) {
	p.n.Add(1)
	if err := p.err.Load(); err != nil {
		return reconciler.Report{Attempts: 2}, errors.New(*err)
	}
	return reconciler.Report{View: p.view, Streams: 2, Attempts: 1, Problems: p.view.Tree.Problems}, nil
}

// served runs a Loop until the test ends, and gives the handler over its State.
func served(t *testing.T, passer daemon.Passer, interval time.Duration) (*daemon.Loop, http.Handler, *web.Metrics) {
	t.Helper()
	metrics := web.NewMetrics("v1.2.3", nil)
	loop := daemon.New("apps/main", passer, interval, 0, slog.New(slog.DiscardHandler))
	loop.Observe = metrics.Pass(loop.Name)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { loop.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return loop, web.New(web.Options{
		States:  func() []*daemon.State { return []*daemon.State{loop.State()} },
		Metrics: metrics, Stale: 5 * time.Minute,
	}), metrics
}

func TestReadiness(t *testing.T) {
	view := repository(t, "apps/main").View
	synctest.Test(t, func(t *testing.T) {
		down := "fetch main: the forge is down\n  remote: come back\n\nlater"
		p := &passes{view: view}
		p.err.Store(&down)
		loop, h, _ := served(t, p, 0)
		for _, step := range []struct {
			after  time.Duration
			err    *string
			status int
			body   string
		}{
			{time.Second / 2, &down, 503, "apps/main: no good pass yet: fetch main: the forge is down; remote: come back; later\n"},
			{time.Minute, nil, 503, "apps/main: no good pass yet: fetch main: the forge is down; remote: come back; later\n"},
			{10 * time.Minute, nil, 200, "ok\n"},
			{time.Hour, &down, 200, "ok\n"},
			{4 * time.Minute, &down, 200, "ok\n"},
			{6*time.Minute - time.Second/2, nil, 503, "apps/main: the last good pass was AGE ago: fetch main: the forge is down; remote: come back; later\n"},
			{10 * time.Minute, nil, 200, "ok\n"},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			want := strings.Replace(step.body, "AGE", time.Since(loop.State().Good).Round(time.Second).String(), 1)
			if status, body := get(t, h, "/readyz"); status != step.status || body != want {
				t.Errorf("after %v: %d %q, want %d %q", step.after, status, body, step.status, want)
			}
			if status, body := get(t, h, "/healthz"); status != http.StatusOK || body != "ok\n" {
				t.Errorf("/healthz: %d %q", status, body)
			}
			p.err.Store(step.err)
		}
	})
}

// Each branch that is not ready has its line; none at all is not ready either.
func TestReadinessOfSeveral(t *testing.T) {
	all := states(t)
	if status, body := get(t, web.New(options()), "/readyz"); status != 503 || body != "no branch is served yet\n" {
		t.Errorf("%d %q", status, body)
	}
	if status, body := get(t, web.New(options(all...)), "/readyz"); status != 503 || body != "new/main: no good pass yet: repository not found\n" {
		t.Errorf("%d %q", status, body)
	}
	opts := options(all...)
	opts.Stale = 30 * time.Second
	status, body := get(t, web.New(opts), "/readyz")
	if want := `apps/main: the last good pass was 1m0s ago
apps/release: the last good pass was 1m0s ago: push to release of https://git.example.com/apps was refused: pre-receive hook declined; remote: no bots; allow release to be pushed to
new/main: no good pass yet: repository not found
`; status != 503 || body != want {
		t.Errorf("%d %q", status, body)
	}
	opts.Stale = 0
	if status, body := get(t, web.New(opts), "/readyz"); status != 503 || strings.Count(body, "\n") != 1 {
		t.Errorf("without a bound: %d %q", status, body)
	}
}

// Whatever a request does, passes and branches come and go meanwhile.
func TestRequestsDuringPasses(t *testing.T) {
	p := &passes{view: repository(t, "apps/main").View}
	loop, h, metrics := served(t, p, time.Millisecond)
	resolver := metrics.Resolver(answers{})
	var asking sync.WaitGroup
	for _, path := range paths {
		asking.Go(func() {
			for range 20 {
				request(t, h, http.MethodGet, path)
				loop.Poke()
				metrics.Step("apps/main")(reconciler.StepRead, time.Millisecond)
				metrics.Pass("apps/other")(reconciler.Report{}, nil, time.Second)
				resolver.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: "quay.io/a/b:1"}})
				metrics.Forget("apps/other")
			}
		})
	}
	asking.Wait()
	if p.n.Load() == 0 {
		t.Error("no pass ran")
	}
}

type answers map[string]plan.Answer

func (a answers) Resolve(_ context.Context, q plan.Question) plan.Answer {
	return a[q.Import.Reference]
}

// What a repository URL holds beside its host and path is in no answer, however the
// pass fails.
func TestNoSecretIsServed(t *testing.T) {
	secret := "s3cret" + rand.Text()
	for name, forge := range map[string]http.HandlerFunc{
		"wrong credentials": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		},
		"no repository": http.NotFound,
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://user:"+secret+"@127.0.0.1:1/elsewhere?token="+secret, http.StatusFound)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"reset":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(forge)
			defer server.Close()
			repository := strings.Replace(server.URL, "http://", "http://user:"+secret+"@", 1) + "/apps.git"
			store, err := gitstore.Open(gitstore.Options{URL: repository, Branch: "main"})
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan struct{}, 1)
			metrics := web.NewMetrics("v1.2.3", nil)
			loop := daemon.New("apps/main", &reconciler.Reconciler{Repo: store, Now: time.Now}, 0, 0, slog.New(slog.DiscardHandler))
			observe := metrics.Pass(loop.Name)
			loop.Observe = func(report reconciler.Report, err error, took time.Duration) {
				observe(report, err, took)
				failed <- struct{}{}
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { loop.Run(ctx) })
			<-failed
			cancel()
			running.Wait()

			state := loop.State()
			if state.Err == nil {
				t.Fatal("the pass did not fail")
			}
			opts := options(state)
			opts.Metrics = metrics
			for _, path := range paths {
				_, body := get(t, web.New(opts), path)
				if strings.Contains(body, secret) {
					t.Errorf("%s:\n%s", path, body)
				}
			}
			if _, body := get(t, web.New(opts), "/api/v1/problems"); !strings.Contains(body, server.URL) {
				t.Errorf("the failed pass is not told:\n%s", body)
			}
		})
	}
}
