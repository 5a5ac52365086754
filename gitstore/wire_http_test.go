package gitstore

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
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
