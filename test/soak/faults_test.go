package soak_test

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// faults makes requests fail, one in so many, and counts what it did.
type faults struct {
	mu       sync.Mutex
	random   *rand.Rand
	registry int // one request to the registry in so many fails; 0: none
	git      int // one moment of a request to git in so many is its last; 0: none
	race     func()
	counts   map[string]int
}

func newFaults() *faults {
	return &faults{random: rand.New(rand.NewPCG(2, 0)), counts: map[string]int{}}
}

// set says how much fails from now on. race, where set, happens once, when a push is
// under way.
func (f *faults) set(registry, git int, race func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.registry, f.git, f.race = registry, git, race
}

// strikes reports whether one of so many is hit, and chooses among n kinds.
func (f *faults) strikes(oneIn, n int) (kind int, hit bool) {
	if oneIn == 0 || f.random.IntN(oneIn) > 0 {
		return 0, false
	}
	return f.random.IntN(n), true
}

// tapGit breaks the connection at some moment of a request.
func (f *faults) tapGit(r *http.Request, m gitserver.Moment) (cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	step := gitserver.StepOf(r)
	if step == gitserver.Push && m == gitserver.Arrived && f.race != nil {
		race := f.race
		f.race = nil
		f.counts["git: another push is faster"]++
		race()
	}
	oneIn := f.git
	if step == gitserver.Push && oneIn > 0 {
		oneIn = max(oneIn/4, 2) // most requests are looks
	}
	if _, cut = f.strikes(oneIn, 1); cut {
		f.counts["git: reset, "+string(step)+" "+string(m)]++
	}
	return cut
}

// registryFaults are the ways in which a registry answers wrongly.
var registryFaults = []struct {
	name   string
	answer func(w http.ResponseWriter, right *httptest.ResponseRecorder)
}{
	{"429", status(http.StatusTooManyRequests, "")},
	{"429 with Retry-After", status(http.StatusTooManyRequests, "90")},
	{"500", status(http.StatusInternalServerError, "")},
	{"503 with Retry-After", status(http.StatusServiceUnavailable, "0")},
	{"404", status(http.StatusNotFound, "")},
	{"401", status(http.StatusUnauthorized, "")},
	{"403", status(http.StatusForbidden, "")},
	{"truncated", truncated},
	{"reset", func(http.ResponseWriter, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) }},
	{"wrong type", func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>log in</html>"))
	}},
	{"wrong content", func(w http.ResponseWriter, right *httptest.ResponseRecorder) {
		maps.Copy(w.Header(), right.Header())
		_, _ = w.Write([]byte(strings.Replace(right.Body.String(), "{", "[", 1)))
	}},
	{"redirects in a circle", func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		w.Header().Set("Location", "/v2/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}},
}

func status(code int, retryAfter string) func(http.ResponseWriter, *httptest.ResponseRecorder) {
	return func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "injected", code)
	}
}

func truncated(w http.ResponseWriter, right *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), right.Header())
	text := right.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	_, _ = w.Write(text)
	panic(http.ErrAbortHandler)
}

// tapRegistry gives a wrong answer to a request; next knows the right one.
func (f *faults) tapRegistry(next http.Handler) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		f.mu.Lock()
		kind, hit := f.strikes(f.registry, len(registryFaults))
		if hit {
			f.counts["registry: "+registryFaults[kind].name]++
		}
		f.mu.Unlock()
		if !hit {
			return false
		}
		right := httptest.NewRecorder()
		next.ServeHTTP(right, r)
		registryFaults[kind].answer(w, right)
		return true
	}
}
