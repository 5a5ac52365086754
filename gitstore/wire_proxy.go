package gitstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const proxyHint = "the proxy wants credentials: give user and password in its URL"

// proxyFor finds the proxy of a request. Its errors show no credentials.
func proxyFor(raw string) (func(*http.Request) (*url.URL, error), error) {
	if raw == "" {
		return proxyOfEnvironment, nil
	}
	full := raw
	if !strings.Contains(raw, "://") { // as the environment may have it
		full = "http://" + raw
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the proxy %s is not a valid URL: percent-encode special characters of user and password", Redact(full))
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	}
	return nil, fmt.Errorf("the proxy %s: scheme %q is not supported; use http, https or socks5", Redact(full), u.Scheme)
}

func proxyOfEnvironment(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy that the environment names is not a valid URL: check HTTPS_PROXY and HTTP_PROXY")
	}
	return u, nil
}

// checkProxy explains a proxy that opens no tunnel.
func checkProxy(_ context.Context, proxy *url.URL, req *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &statusError{status: resp.Status, hint: fmt.Sprintf("the proxy %s opens no connection to %s", proxy.Host, req.Host)}
	if resp.StatusCode == http.StatusProxyAuthRequired {
		e.hint = proxyHint
	}
	return e
}
