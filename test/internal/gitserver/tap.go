package gitserver

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// Step is what a request of imgstream is for.
type Step string

// The steps of reading and writing a branch.
const (
	Look     Step = "look"     // where is the branch
	Fetch    Step = "fetch"    // objects, please
	Announce Step = "announce" // where is the branch, before a push
	Push     Step = "push"
)

// StepOf tells the steps apart.
func StepOf(r *http.Request) Step {
	service := Request{Path: r.URL.Path, Query: r.URL.RawQuery}.Service()
	switch {
	case service == "git-receive-pack" && r.Method == http.MethodGet:
		return Announce
	case service == "git-receive-pack":
		return Push
	case r.Method == http.MethodGet, r.Header.Get("Git-Protocol") == "version=2":
		return Look
	}
	return Fetch
}

// Moment is a point in the life of a request.
type Moment string

// The moments of a request, in order.
const (
	Arrived    Moment = "arrived"     // git has nothing of it
	HalfBody   Moment = "half"        // git has half of its body
	WholeBody  Moment = "whole"       // git has all of it, and is at work
	Executed   Moment = "executed"    // git has done it; nothing is answered
	HalfAnswer Moment = "half answer" // half of the answer is sent
)

// Tap is told of the moments of each request, in the request's goroutine. Where it gives
// true, git gets no more of the request, does with what it has what it does, and the
// connection is reset.
type Tap func(r *http.Request, m Moment) (cut bool)

// SetTap has the requests from now on tapped; nil: no more.
func (s *Server) SetTap(t Tap) {
	if t == nil {
		s.tap.Store(nil)
		return
	}
	s.tap.Store(&t)
}

func (s *Server) tapped(w http.ResponseWriter, r *http.Request, tap Tap) {
	if tap(r, Arrived) {
		reset(w)
		return
	}
	body := &tappedBody{ReadCloser: r.Body, left: r.ContentLength, half: r.ContentLength / 2}
	body.tap = func(m Moment) bool { return tap(r, m) }
	r.Body = body
	if r.ContentLength > 0 {
		r.ContentLength = -1 // told the length, http-backend waits for ever for a body that ends early
	}
	answer := httptest.NewRecorder()
	s.git.ServeHTTP(answer, r)
	if body.cut || tap(r, Executed) {
		reset(w)
		return
	}
	text := answer.Body.Bytes()
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(answer.Code)
	half := len(text) / 2
	_, _ = w.Write(text[:half])
	_ = http.NewResponseController(w).Flush()
	if tap(r, HalfAnswer) {
		reset(w)
		return
	}
	_, _ = w.Write(text[half:])
}

// tappedBody stops halfway, and at its end, for the tap.
type tappedBody struct {
	io.ReadCloser
	tap        func(Moment) bool
	left, half int64 // negative left: the length is not known
	cut        bool
}

func (b *tappedBody) Read(p []byte) (int, error) {
	if b.left > b.half && int64(len(p)) > b.left-b.half {
		p = p[:b.left-b.half] // up to the middle
	}
	n, err := b.ReadCloser.Read(p)
	middle := b.left > b.half && b.left-int64(n) == b.half
	b.left -= int64(n)
	switch {
	case middle && b.tap(HalfBody):
		b.cut = true
		return n, io.ErrUnexpectedEOF
	case b.left == 0 && n > 0 && b.tap(WholeBody):
		b.cut = true
	}
	return n, err
}

// reset ends a connection without a word.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
