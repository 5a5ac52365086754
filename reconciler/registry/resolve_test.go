package registry

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/singleflight"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func TestAKnownDigestCostsOneHead(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "sso/keycloak:25.0")
	c := newClient(t, Options{})
	wantDigest(t, r.ask(t, c, "sso/keycloak:25.0", digest), digest)
	r.wantRequests(t, map[string]int{"HEAD 25.0": 1})
}

func TestANewDigestIsFetchedOnce(t *testing.T) {
	r := newRig(t)
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"a/x:1", "a/x:2", "b/y:3"} {
		r.store(t, tag, img)
	}
	digest := digestOf(t, img)
	c := newClient(t, Options{})
	var all sync.WaitGroup
	for _, tag := range []string{"a/x:1", "a/x:2", "b/y:3"} {
		all.Go(func() { wantDigest(t, r.ask(t, c, tag), digest) })
	}
	all.Wait()
	wantDigest(t, r.ask(t, c, "a/x:1"), digest)
	r.wantRequests(t, map[string]int{"HEAD 1": 2, "HEAD 2": 1, "HEAD 3": 1, "GET " + digest: 1, "GET blob": 1})
}

// Two tags may be asked for, and lead to one digest, before its content is here.
func TestContentIsFetchedOnceHoweverLateTheSecondComes(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	c := newClient(t, Options{})
	for _, repo := range []string{"/a/x", "/b/y"} {
		ref, err := c.parse(r.host + repo + "@" + digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.content(t.Context(), ref.(name.Digest), nil); err != nil {
			t.Error(err)
		}
	}
	r.wantRequests(t, map[string]int{"GET " + digest: 1, "GET blob": 1})
}

func TestAReferenceByDigest(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	ref := "a/x@" + digest
	t.Run("known", func(t *testing.T) {
		r.answers(nil)
		wantDigest(t, r.ask(t, newClient(t, Options{}), ref, digest), digest)
		r.wantRequests(t, map[string]int{})
	})
	t.Run("new", func(t *testing.T) {
		r.answers(nil)
		c := newClient(t, Options{})
		wantDigest(t, r.ask(t, c, ref), digest)
		r.wantRequests(t, map[string]int{"GET " + digest: 1, "GET blob": 1})
		wantDigest(t, r.ask(t, c, ref), digest)
		r.wantRequests(t, map[string]int{"GET " + digest: 1, "GET blob": 1, "HEAD " + digest: 1})
	})
	t.Run("verified in another repository, absent in this one", func(t *testing.T) {
		c := newClient(t, Options{})
		wantDigest(t, r.ask(t, c, ref), digest)
		r.wantFailure(t, r.ask(t, c, "b/y@"+digest), stream.ReasonNotFound,
			"HOST/b/y@"+digest+" does not exist (HOST answered 404 Not Found): check the repository and the tag")
	})
}

func TestARegistryWithoutHead(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	for name, head := range map[string]http.HandlerFunc{
		"405":             status(http.StatusMethodNotAllowed),
		"501":             status(http.StatusNotImplemented),
		"no digest":       status(http.StatusOK, "Content-Type", string(types.DockerManifestSchema2), "Content-Length", "2"),
		"no type":         status(http.StatusOK, "Content-Type", "", "Docker-Content-Digest", digest, "Content-Length", "2"),
		"no length":       status(http.StatusOK, "Content-Type", string(types.DockerManifestSchema2), "Docker-Content-Digest", digest, "Transfer-Encoding", "chunked"),
		"a broken digest": status(http.StatusOK, "Content-Type", string(types.DockerManifestSchema2), "Content-Length", "2", "Docker-Content-Digest", "sha256:12"),
	} {
		t.Run(name, func(t *testing.T) {
			r.answers(func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method == http.MethodHead {
					head(w, req)
				}
				return req.Method == http.MethodHead
			})
			wantDigest(t, r.ask(t, newClient(t, Options{}), "a/x:1", digest), digest)
			r.wantRequests(t, map[string]int{"HEAD 1": 1, "GET 1": 1})
			c := newClient(t, Options{})
			for range 2 {
				wantDigest(t, r.ask(t, c, "a/x:1"), digest)
			}
			r.wantRequests(t, map[string]int{"HEAD 1": 3, "GET 1": 3, "GET blob": 1})
		})
	}
}

func TestAnIndexKeepsItsOwnDigest(t *testing.T) {
	r := newRig(t)
	index, err := random.Index(64, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	r.store(t, "a/x:1", index)
	wantDigest(t, r.ask(t, newClient(t, Options{}), "a/x:1"), digestOf(t, index))
}

func TestCallersAtTheSameTimeShareOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g singleflight.Group
		var works atomic.Int64
		answer := make(chan string)
		for range 20 {
			go func() {
				got, err := once(t.Context(), &g, "key", func() (string, error) {
					works.Add(1)
					return <-answer, nil
				})
				if got != "digest" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			}()
		}
		synctest.Wait() // one works, nineteen wait for it
		answer <- "digest"
		synctest.Wait()
		if works.Load() != 1 {
			t.Errorf("%d callers did the work", works.Load())
		}
	})
}

func TestAnErrorIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g singleflight.Group
		answers := make(chan error)
		var failed, worked atomic.Int64
		for range 3 {
			go func() {
				_, err := once(t.Context(), &g, "key", func() (string, error) { return "", <-answers })
				if err != nil {
					failed.Add(1)
				} else {
					worked.Add(1)
				}
			}()
		}
		synctest.Wait()
		answers <- context.Canceled // of the first caller
		synctest.Wait()
		answers <- nil
		synctest.Wait()
		if failed.Load() != 1 || worked.Load() != 2 {
			t.Errorf("%d failed, %d worked", failed.Load(), worked.Load())
		}
	})
}

func TestAnEndedContext(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	ctx, cancel := context.WithCancel(t.Context())
	r.answers(manifests(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	}))
	c := newClient(t, Options{})
	r.wantFailure(t, c.Resolve(ctx, question(r.host+"/a/x:1")), "", "stopped before HOST answered")
	r.wantFailure(t, c.Resolve(ctx, question(r.host+"/a/x:1")), "", "stopped before HOST answered")
	r.answers(nil)
	wantDigest(t, r.ask(t, c, "a/x:1"), digest)
}

func TestInvalidReferences(t *testing.T) {
	c := newClient(t, Options{})
	for _, ref := range []string{"", "quay.io/UPPER/x:1", "quay.io/x@sha256:12", "quay.io/x@md5:d41d8cd98f00b204e9800998ecf8427e", "quay.io/x@sha384:" + strings.Repeat("a", 96), "quay.io/x:" + strings.Repeat("t", 129), "a b/c:1", "quay.io/a/../b:1", "quay.io/a//b:1", "quay.io/./b:1"} {
		got := c.Resolve(t.Context(), question(ref))
		if got.Failure == nil || got.Failure.Reason != stream.ReasonInvalid || !strings.Contains(got.Failure.Message, "write HOST/REPOSITORY:TAG") {
			t.Errorf("%q: %+v", ref, got.Failure)
		}
	}
}

// Questions asked at the same time, of hosts that are up and down: each gets its own answer.
func TestConcurrentQuestions(t *testing.T) {
	good, dead := newRig(t), &rig{host: noRegistry}
	one, two := good.push(t, "a/x:1"), good.push(t, "a/x:2")
	want := plan.Answers{
		{Reference: good.host + "/a/x:1"}: {Digest: one},
		{Reference: good.host + "/a/x:2"}: {Digest: two},
		{Reference: dead.host + "/a/x:1"}: {Failure: &plan.Failure{Message: dead.host + " refused the connection: check that the registry runs, and its port"}},
		{Reference: good.host + "/a/x:3"}: {Failure: &plan.Failure{Reason: stream.ReasonNotFound, Message: good.host + "/a/x:3 does not exist (" + good.host + " answered 404 Not Found): check the repository and the tag"}},
	}
	c := newClient(t, Options{})
	got := plan.Answers{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 3 {
		for im := range want {
			all.Go(func() {
				answer := c.Resolve(t.Context(), plan.Question{Import: im})
				answer.Image, answer.Platforms = nil, nil
				mu.Lock()
				defer mu.Unlock()
				got[im] = answer
			})
		}
	}
	all.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
