package web

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/imgstream/imgstream/reconciler/hooks"
)

// Hook is an endpoint below /hooks/ to which one kind of sender posts.
type Hook struct {
	// Token gives the bearer token that the sender shows. It is read at each request; "":
	// nobody gets in.
	Token func() string
	// Read gives the hints of a payload.
	Read func(body []byte) ([]hooks.Hint, error)
	// Deliver takes hints on; it must not wait.
	Deliver func([]hooks.Hint)
}

// Of one hook's requests these many are taken at once, and then each second. A registry
// that is told to wait sends again.
const (
	hookBurst = 1000
	hookRate  = 200
)

// hook serves one Hook. A sender who is not known causes no work: nothing of what it
// sends is read.
func (s *site) hook(name string, h Hook) http.Handler {
	limit := &bucket{left: hookBurst, last: s.Now()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, message := http.StatusAccepted, "taken"
		switch {
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", "POST")
			status, message = http.StatusMethodNotAllowed, "send notifications with POST"
		case !hooks.Bears(r.Header.Get("Authorization"), h.Token()):
			w.Header().Set("WWW-Authenticate", `Bearer realm="imgstream"`)
			status, message = http.StatusUnauthorized, "send the token of this hook: Authorization: Bearer …"
		case !limit.take(s.Now()):
			w.Header().Set("Retry-After", "1")
			status, message = http.StatusTooManyRequests, "too many notifications: send this one again"
		default:
			status, message = h.take(w, r)
		}
		s.Metrics.hook(name, status)
		answer(w, status, "text/plain; charset=utf-8", message+"\n")
	})
}

// take reads one payload and hands its hints on.
func (h Hook) take(w http.ResponseWriter, r *http.Request) (status int, message string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hooks.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge, "no notification is larger than 1 MiB"
	}
	if err != nil {
		return http.StatusBadRequest, "the notification did not arrive whole"
	}
	hints, err := h.Read(body)
	if err != nil {
		return http.StatusBadRequest, "this is no notification that is known here"
	}
	if len(hints) > 0 {
		h.Deliver(hints)
	}
	return http.StatusAccepted, "taken"
}

// bucket lets hookRate requests a second through, and hookBurst at once.
type bucket struct {
	mu   sync.Mutex
	left float64
	last time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := now.Sub(b.last); since > 0 {
		b.left = min(b.left+hookRate*since.Seconds(), hookBurst)
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
