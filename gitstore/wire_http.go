package gitstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds of the phases of a request. The whole of it is bounded by the
// caller's context.
const (
	connectTimeout = 30 * time.Second
	answerTimeout  = 2 * time.Minute // until the first byte; hooks run before a push is answered
	stallTimeout   = time.Minute     // between two reads of a body; git sends keepalives every 5 s
)

// userAgent starts with git/, as some servers want it.
const userAgent = "git/imgstream"

// httpWire is smart HTTP. Connections are kept between requests.
type httpWire struct {
	client *http.Client
	url    *url.URL
	moved  atomic.Pointer[url.URL] // where the last advertisement was redirected to; nil: url
}

func newHTTPWire(u *url.URL, caBundle []byte, proxy string, credentials func() (Credentials, error)) (*httpWire, error) {
	roots, err1 := trust(caBundle)
	through, err2 := proxyFor(proxy)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                  through,
		OnProxyConnectResponse: checkProxy,
		DialContext:            (&net.Dialer{Timeout: connectTimeout, KeepAlive: connectTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        5 * time.Minute,
		ForceAttemptHTTP2:      true,
	}
	return &httpWire{url: u, client: &http.Client{
		Transport:     &authTransport{next: transport, origin: u, credentials: credentials},
		CheckRedirect: checkRedirect,
	}}, nil
}

func (w *httpWire) stateless() bool { return true }

func (w *httpWire) close() { w.client.CloseIdleConnections() }

// trust returns the system's CAs and those of the bundle; nil means the system's alone.
func trust(caBundle []byte) (*x509.CertPool, error) {
	if len(caBundle) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(caBundle) {
		return nil, errors.New("the CA bundle holds no PEM certificate")
	}
	return roots, nil
}

// checkRedirect follows what git follows by default (http.followRedirects =
// initial): the advertisement, never from https to http.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodGet:
		return errors.New("the server redirects a request that must not be redirected")
	case len(via) >= 10:
		return errors.New("too many redirects")
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("the server redirects from https to %s://%s", req.URL.Scheme, req.URL.Host)
	}
	return nil
}

const advertisePath = "/info/refs"

func (w *httpWire) advertise(ctx context.Context, service string, v2 bool) (io.ReadCloser, error) {
	u := *w.url
	u.Path += advertisePath
	if u.RawPath != "" {
		u.RawPath += advertisePath
	}
	u.RawQuery = "service=" + service
	resp, err := w.do(ctx, http.MethodGet, &u, v2, nil, "application/x-"+service+"-advertisement")
	if err != nil {
		return nil, err
	}
	base := *resp.Request.URL
	if !strings.HasSuffix(base.Path, advertisePath) {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("redirected to %s, which is not a git repository", Redact(base.String()))
	}
	base.Path, base.RawPath = strings.TrimSuffix(base.Path, advertisePath), strings.TrimSuffix(base.RawPath, advertisePath)
	base.RawQuery, base.User = "", nil
	w.moved.Store(&base)
	return resp.Body, nil
}

func (w *httpWire) call(ctx context.Context, service string, v2 bool, request []byte) (io.ReadCloser, error) {
	u := *w.url
	if moved := w.moved.Load(); moved != nil {
		u = *moved
	}
	u.Path += "/" + service
	if u.RawPath != "" {
		u.RawPath += "/" + service
	}
	resp, err := w.do(ctx, http.MethodPost, &u, v2, request, "application/x-"+service+"-result")
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (w *httpWire) do(ctx context.Context, method string, u *url.URL, v2 bool, body []byte, accept string) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", accept)
	if v2 {
		req.Header.Set("Git-Protocol", "version=2")
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", strings.TrimSuffix(accept, "-result")+"-request")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		cancel(nil)
		return nil, explainHTTP(err)
	}
	resp.Body = stalling(ctx, cancel, resp.Body)
	if err := w.check(resp, accept); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// check turns an answer that is not git's into an error with a next step.
func (w *httpWire) check(resp *http.Response, accept string) error {
	if resp.StatusCode == http.StatusOK {
		got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if got != accept {
			return fmt.Errorf("the answer is %q, not git's: check that the URL is that of a git repository over smart HTTP", got)
		}
		return nil
	}
	e := &statusError{status: resp.Status, words: serverText(resp)}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.err, e.hint = ErrUnauthorized, "check the username and password or token, and what they may do"
		if host := resp.Request.URL.Host; host != w.url.Host {
			e.hint = "redirected to " + host + ", where no credentials are sent: use that URL"
		}
	case http.StatusProxyAuthRequired:
		e.hint = proxyHint
	case http.StatusNotFound, http.StatusGone:
		e.err, e.hint = ErrRepositoryNotFound, "check the URL, and that the credentials may read the repository"
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.hint = "the server is busy or not well: try again later"
	}
	return e
}

// serverText is the body of an error answer if it is meant for people.
func serverText(resp *http.Response) string {
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if got != "text/plain" {
		return ""
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxWords))
	return printable(string(body))
}

// explainHTTP drops the request line of net/http, whose URL says more than is
// needed, and adds what to do.
func explainHTTP(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w: name the server's CA with git.caFile, or add it to the system's", err)
	}
	return explainDial(err)
}

// stallReader ends a body that sends nothing for stallTimeout, and leaves the
// connection fit for the next request when it is closed.
type stallReader struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the one request whose body this is
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func stalling(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser) *stallReader {
	return &stallReader{body: body, ctx: ctx, cancel: cancel, timer: time.AfterFunc(stallTimeout, func() {
		cancel(fmt.Errorf("no data for %s", stallTimeout))
	})}
}

func (r *stallReader) Read(p []byte) (int, error) {
	r.timer.Reset(stallTimeout)
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	return n, err
}

func (r *stallReader) Close() error {
	_, _ = io.CopyN(io.Discard, r, maxWords)
	r.timer.Stop()
	err := r.body.Close()
	r.cancel(nil)
	return err
}
