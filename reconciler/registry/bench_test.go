package registry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// BenchmarkHead is P3 of the performance bars: questions whose digest is known,
// against the same number of bare HTTP HEADs with the same concurrency at the same
// server. of-bare is the part of the bare rate that is reached; the bar is 0.35.
func BenchmarkHead(b *testing.B) {
	const concurrency = 16
	const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", docker2)
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Length", "500")
	}))
	defer server.Close()
	b.Setenv("DOCKER_CONFIG", b.TempDir())
	b.Setenv("HOME", "/nonexistent")
	c, err := New(Options{Concurrency: concurrency, HostConcurrency: concurrency})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
	defer bare.CloseIdleConnections()

	refs := make([]string, 256)
	for i := range refs {
		refs[i] = strings.TrimPrefix(server.URL, "http://") + "/a/x:" + string(rune('a'+i%16)) + string(rune('a'+i/16))
	}
	resolve := func(i int) {
		q := plan.Question{Import: plan.Import{Reference: refs[i%len(refs)]}, Known: []string{digest}}
		if a := c.Resolve(b.Context(), q); a.Digest != digest {
			b.Errorf("%+v", a.Failure)
		}
	}
	head := func(i int) {
		if err := bareHead(b.Context(), bare, server.URL+"/v2/a/x/manifests/"+refs[i%len(refs)]); err != nil {
			b.Error(err)
		}
	}
	timed(concurrency, concurrency, resolve) // connections, and the first ping
	timed(concurrency, concurrency, head)

	// They take turns, so that other work on the machine slows both.
	const turn = 512
	var ours, others time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= turn {
		ours += timed(min(turn, left), concurrency, resolve)
		b.StopTimer()
		others += timed(min(turn, left), concurrency, head)
		b.StartTimer()
	}
	b.ReportMetric(float64(others)/float64(ours), "of-bare")
}

func bareHead(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// timed does n pieces of work with so many workers, and gives the wall time.
func timed(n, workers int, work func(i int)) time.Duration {
	start := time.Now()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				work(i)
			}
		})
	}
	all.Wait()
	return time.Since(start)
}
