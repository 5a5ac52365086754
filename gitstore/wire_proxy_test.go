package gitstore

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// proxy is an HTTP proxy: it forwards http and opens tunnels for https.
type proxy struct {
	url      string
	want     string // Proxy-Authorization; "": nothing
	requests atomic.Int64
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	switch {
	case r.Header.Get("Proxy-Authorization") != p.want:
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		p.tunnel(w, r)
	default:
		p.forward(w, r)
	}
}

func (p *proxy) forward(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Authorization")
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, buffered)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *host{"forwards http": newHTTPHost, "tunnels https": newHTTPSHost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := open(t), newProxy(t)
			p.want = basic("operator", secret)
			through := strings.Replace(p.url, "://", "://operator:"+secret+"@", 1)
			s := h.open(func(o *Options) { o.Proxy = through })
			done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
			h.is(snapshot(t, s), done.Rev)
			if p.requests.Load() == 0 {
				t.Error("the proxy saw nothing")
			}

			wrong := strings.Replace(p.url, "://", "://operator:"+secret+"x@", 1)
			_, err := h.open(func(o *Options) { o.Proxy = wrong }).Snapshot(t.Context())
			if err == nil || errors.Is(err, ErrUnauthorized) || strings.Contains(err.Error(), secret) ||
				!strings.HasSuffix(err.Error(), "407 Proxy Authentication Required: "+proxyHint) {
				t.Errorf("wrong credentials of the proxy: %v", err)
			}
		})
	}
}

// A proxy that cannot reach the server, and one that is not there.
func TestProxyErrors(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	open := func(proxy string) error {
		s, err := Open(Options{URL: "https://127.0.0.1:1/x.git", Branch: "main", Proxy: proxy})
		if err != nil {
			return err
		}
		_, err = s.Snapshot(t.Context())
		return err
	}
	err := open(p.url)
	want := "502 Bad Gateway: the proxy " + strings.TrimPrefix(p.url, "http://") + " opens no connection to 127.0.0.1:1"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	for _, raw := range []string{"operator:" + secret + "@127.0.0.1:1", "http://operator:" + secret + "@127.0.0.1:1"} {
		if err := open(raw); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), secret) {
			t.Errorf("no proxy there: %v", err)
		}
	}
	for raw, want := range map[string]string{
		"ftp://operator:" + secret + "@proxy":     `the proxy ftp://proxy: scheme "ftp" is not supported; use http, https or socks5`,
		"http://operator:" + secret + "%zz@proxy": "the proxy http://proxy is not a valid URL: percent-encode special characters of user and password",
		"http://": "the proxy http:// is not a valid URL: percent-encode special characters of user and password",
	} {
		if err := open(raw); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
