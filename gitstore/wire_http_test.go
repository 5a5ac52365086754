package gitstore

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// newHTTPSHost is a TLS server with a CA of its own, which speaks HTTP/2.
func newHTTPSHost(tb testing.TB) *host {
	tb.Helper()
	h := newFileHost(tb)
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.Config.ConnState = h.count
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	tb.Cleanup(srv.Close)
	h.url = srv.URL + "/repo.git"
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	h.options = func(o *Options) { o.CABundle = ca }
	return h
}

// A server that cannot be reached: the error says what to check.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	host := strings.TrimPrefix(gone.URL, "http://")
	_, key := newKey(t)
	for _, url := range []string{gone.URL + "/apps.git", "ssh://git@" + host + "/apps.git"} {
		store, err := Open(Options{URL: url, Branch: "main", Credentials: static(Credentials{SSHKey: key})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Snapshot(t.Context())
		want := "connection refused: check that the server runs, and its port"
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want ...%s", url, err, want)
		}
	}
	err := explainDial(&net.DNSError{Err: "no such host", Name: "git.example.com", IsNotFound: true})
	if want := "lookup git.example.com: no such host: check the name of the host"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
