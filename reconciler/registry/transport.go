package registry

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	maxRedirects = 5
	// longestWait is how long a request waits for a host that says Retry-After.
	longestWait = 5 * time.Second
)

// transport carries every request of the client: pings, token requests, redirects
// and manifests. It refuses what must not be sent, tries again where that helps,
// and gives back only answers that can be used.
type transport struct {
	policies map[string]policy
	maxBlob  int64 // the most that is read of a blob, in bytes
	backoff  []time.Duration
	now      func() time.Time
	shared   *http.Transport
	own      map[string]*http.Transport // hosts with their own authorities
	astray   sync.Map                   // registries whose API lies on another host
}

func newTransport(policies map[string]policy, opts Options) *transport {
	t := &transport{
		policies: policies,
		maxBlob:  maxConfig, // the only blobs that questions lead to are configurations
		backoff:  opts.Backoff,
		now:      opts.Now,
		shared:   newHTTP(opts),
		own:      map[string]*http.Transport{},
	}
	for host, p := range policies {
		if p.roots == nil {
			continue
		}
		own := newHTTP(opts)
		own.TLSClientConfig = &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12}
		t.own[host] = own
	}
	return t
}

func newHTTP(opts Options) *http.Transport {
	dialer := &net.Dialer{Timeout: opts.Timeouts.Dial, KeepAlive: 30 * time.Second, Control: refuseForbidden}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    opts.Timeouts.Dial,
		ResponseHeaderTimeout:  opts.Timeouts.Header,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    opts.HostConcurrency,
		IdleConnTimeout:        90 * time.Second,
	}
}

// refuseForbidden looks at the address that is really dialled, whatever name led
// to it.
func refuseForbidden(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if isForbidden(ap.Addr()) {
		return &forbiddenAddressError{address: ap.Addr().String()}
	}
	return nil
}

// CloseIdleConnections closes the kept connections of all hosts.
func (t *transport) CloseIdleConnections() {
	t.shared.CloseIdleConnections()
	for _, own := range t.own {
		own.CloseIdleConnections()
	}
}

// redirected says whether a registry sent us to another host for its API.
func (t *transport) redirected(registry string) bool {
	_, yes := t.astray.Load(registry)
	return yes
}

// RoundTrip sends one request, at most len(backoff) times more when that may help.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.guard(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	for try := 0; ; try++ {
		resp, err := t.to(req.URL).RoundTrip(req)
		wait, again := t.again(req, resp, err, try)
		if !again {
			if err != nil {
				return nil, err
			}
			return t.inspect(resp)
		}
		if resp != nil {
			discard(resp)
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

func (t *transport) to(u *url.URL) *http.Transport {
	if own, ok := t.own[u.Host]; ok {
		return own
	}
	return t.shared
}

// guard refuses a request before anything of it leaves the machine.
func (t *transport) guard(req *http.Request) error {
	first, hops := origin(req)
	if hops > maxRedirects {
		return errRedirects
	}
	// Behind a proxy the dialled address says nothing about where a request ends.
	if a, err := netip.ParseAddr(req.URL.Hostname()); err == nil && isForbidden(a) {
		return &forbiddenAddressError{address: a.String()}
	}
	if req.URL.Scheme == "http" && !mayBePlain(t.policies, req.URL.Host) {
		return &plainHTTPError{host: req.URL.Host}
	}
	if req.URL.Host == first.URL.Host {
		return nil
	}
	// net/http repeats the body on 307 and 308; ours holds a refresh token.
	if req.Body != nil && req.Body != http.NoBody {
		return errBodyRedirected
	}
	if first.URL.Path == "/v2/" {
		t.astray.Store(first.URL.Host, true)
	}
	return nil
}

// origin is the request at the start of a chain of redirects, and the chain's length.
func origin(req *http.Request) (first *http.Request, hops int) {
	for req.Response != nil && req.Response.Request != nil && hops <= maxRedirects {
		req = req.Response.Request
		hops++
	}
	return req, hops
}

// again says whether the same request should be sent once more, and when.
func (t *transport) again(req *http.Request, resp *http.Response, err error, try int) (time.Duration, bool) {
	if try >= len(t.backoff) || (req.Method != http.MethodGet && req.Method != http.MethodHead) {
		return 0, false
	}
	if err != nil {
		return t.backoff[try], isReset(err) && req.Context().Err() == nil
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if after, ok := retryAfter(resp.Header, t.now()); ok {
			return after, after <= longestWait
		}
		return t.backoff[try], resp.StatusCode != http.StatusTooManyRequests
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return t.backoff[try], true
	}
	return 0, false
}

// retryAfter reads the header in both forms of RFC 9110, 10.2.3; never negative.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// discard reads a little of a body, so that the connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}
