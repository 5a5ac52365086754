package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/hooks"
	"github.com/imgstream/imgstream/reconciler/web"
)

const notification = `{"events":[{"action":"push","target":{"repository":"build/app","tag":"1"},"request":{"host":"r.io"}}]}`

// counted tells how much of a body was read.
type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

// hooked is a handler with the hook distribution, its token, and what it delivers.
func hooked(at func() time.Time) (h http.Handler, token *string, delivered *[]hooks.Hint) {
	token, delivered = new(string), new([]hooks.Hint)
	return web.New(web.Options{Metrics: web.NewMetrics("v1", clock), Now: at, Hooks: map[string]web.Hook{
		"distribution": {
			Token: func() string { return *token }, Read: hooks.Distribution,
			Deliver: func(found []hooks.Hint) { *delivered = append(*delivered, found...) },
		},
	}}), token, delivered
}

func TestHook(t *testing.T) {
	hint := []hooks.Hint{{Host: "r.io", Repository: "build/app", Tag: "1"}}
	for _, c := range []struct {
		name, method, path, authorization, body string
		status                                  int
		want                                    []hooks.Hint
	}{
		{"known", "POST", "/hooks/distribution", "Bearer s3cret", notification, 202, hint},
		{"unknown", "POST", "/hooks/distribution", "Bearer other", notification, 401, nil},
		{"nobody", "POST", "/hooks/distribution", "", notification, 401, nil},
		{"get", "GET", "/hooks/distribution", "Bearer s3cret", "", 405, nil},
		{"elsewhere", "POST", "/hooks/other", "Bearer s3cret", notification, 405, nil},
		{"nothing pushed", "POST", "/hooks/distribution", "Bearer s3cret", `{"events":[]}`, 202, nil},
		{"not known", "POST", "/hooks/distribution", "Bearer s3cret", `{"hello":1}`, 400, nil},
		{"too large", "POST", "/hooks/distribution", "Bearer s3cret", strings.Repeat(" ", hooks.MaxBody+1), 413, nil},
		{"just not too large", "POST", "/hooks/distribution", "Bearer s3cret", notification + strings.Repeat(" ", hooks.MaxBody-len(notification)), 202, hint},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, token, delivered := hooked(clock)
			*token = "s3cret"
			body := &counted{Reader: strings.NewReader(c.body)}
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, body)
			r.Header.Set("Authorization", c.authorization)
			r.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if diff := cmp.Diff(c.want, *delivered); diff != "" {
				t.Error(diff)
			}
			if c.status == 401 && body.read > 0 {
				t.Errorf("%d bytes of a sender who is not known were read", body.read)
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Error("the answer shows the token")
			}
		})
	}
}

// TestHookWithoutToken holds that nobody gets in where no token can be read, and that the
// token is read at each request.
func TestHookWithoutToken(t *testing.T) {
	h, token, _ := hooked(clock)
	send := func(bearer string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/distribution", strings.NewReader(notification))
		r.Header.Set("Authorization", "Bearer "+bearer)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	got := []int{send(""), send("new")}
	*token = "new"
	got = append(got, send("new"), send("old"))
	if diff := cmp.Diff([]int{401, 401, 202, 401}, got); diff != "" {
		t.Error(diff)
	}
}

// TestHookFlood holds that a flood is told to wait, and that the hook recovers.
func TestHookFlood(t *testing.T) {
	at := now
	h, token, delivered := hooked(func() time.Time { return at })
	*token = "s3cret"
	statuses := map[int]int{}
	send := func(n int) {
		for range n {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/distribution", strings.NewReader(notification))
			r.Header.Set("Authorization", "Bearer s3cret")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			statuses[w.Code]++
		}
	}
	send(1500)
	at = at.Add(time.Second)
	send(500)
	if diff := cmp.Diff(map[int]int{202: 1200, 429: 800}, statuses); diff != "" || len(*delivered) != 1200 {
		t.Error(diff, len(*delivered))
	}
}
