package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const secret = "s3cr3t-value"

func static(c Credentials) func() (Credentials, error) {
	return func() (Credentials, error) { return c, nil }
}

// guard answers 401 with a challenge unless Authorization is as wanted.
func guard(want *string, challenge ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Authorization") == *want {
			next.ServeHTTP(w, r)
			return
		}
		for _, c := range challenge {
			w.Header().Add("WWW-Authenticate", c)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func basic(user, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		give      Credentials
		userinfo  string // in the URL
		challenge []string
		want      string
	}{
		{"password", Credentials{Username: "bot", Password: secret}, "", []string{`Basic realm="git"`}, basic("bot", secret)},
		{"password in the URL", Credentials{}, "bot:" + secret + "@", []string{`Basic realm="git"`}, basic("bot", secret)},
		{"user in the URL", Credentials{Password: secret}, "bot@", []string{`Basic realm="git"`}, basic("bot", secret)},
		{"token as password", Credentials{Token: secret}, "", []string{`basic realm="git"`}, basic("x-access-token", secret)},
		{"token of a user", Credentials{Username: "bot", Token: secret}, "", []string{`Basic realm="git"`}, basic("bot", secret)},
		{"token as bearer", Credentials{Token: secret}, "", []string{`Bearer realm="git"`}, "Bearer " + secret},
		{"token, both offered", Credentials{Token: secret}, "", []string{`Bearer realm="git"`, `Basic realm="git"`}, basic("x-access-token", secret)},
		{"both in one header", Credentials{Token: secret}, "", []string{`Negotiate, Bearer realm="a, b"`}, "Bearer " + secret},
		{"no challenge", Credentials{Username: "bot", Password: secret}, "", nil, basic("bot", secret)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHTTPHost(t)
			h.handle(guard(&tt.want, tt.challenge...))
			s := h.open(func(o *Options) {
				o.URL = strings.Replace(h.url, "://", "://"+tt.userinfo, 1)
				if tt.give != (Credentials{}) {
					o.Credentials = static(tt.give)
				}
			})
			done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
			h.is(snapshot(t, s), done.Rev)
			before := h.requests.Load()
			snapshot(t, s)
			if n := h.requests.Load() - before; n != 1 {
				t.Errorf("%d requests for a look, want 1: the scheme is remembered", n)
			}
		})
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	base := snapshot(t, h.open()).Rev
	want := basic("bot", "right")
	h.handle(guard(&want, `Basic realm="git"`))
	for name, give := range map[string]Credentials{
		"wrong": {Username: "bot", Password: secret}, "none": {}, "token": {Token: secret},
	} {
		s := h.open(func(o *Options) {
			o.URL = strings.Replace(h.url, "://", "://bot:"+secret+"@", 1)
			o.Credentials = static(give)
		})
		_, err := s.Snapshot(t.Context())
		text := fmt.Sprintf("read main of %s: wrong or missing credentials (401 Unauthorized): "+
			"check the username and password or token, and what they may do", h.url)
		if !errors.Is(err, ErrUnauthorized) || err.Error() != text {
			t.Errorf("%s: %v\nwant: %s", name, err, text)
		}
	}
	// Reading is open, writing is not.
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.String(), receivePack) {
			guard(&want, "Basic")(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	s := h.open(func(o *Options) { o.Credentials = static(Credentials{Token: secret}) })
	_, err := s.Commit(t.Context(), base, []Commit{{Message: "x", Files: files("app.yaml", "1")}})
	rejected, ok := errors.AsType[*RejectedError](err)
	if !ok || !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "may write to this repository") || rejected.URL != h.url {
		t.Errorf("push: %v", err)
	}
}

// Credentials are read again when the server refuses the ones before.
func TestReplacedCredentials(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	want, now := basic("bot", "one"), Credentials{Username: "bot", Password: "one"}
	var readErr error
	h.handle(guard(&want, "Basic"))
	s := h.open(func(o *Options) { o.Credentials = func() (Credentials, error) { return now, readErr } })
	snapshot(t, s)
	want, now.Password = basic("bot", "two"), "two"
	h.change("app.yaml", "1")
	h.is(snapshot(t, s), h.head())
	want, now = "Bearer three", Credentials{Token: "three"}
	h.handle(guard(&want, "Bearer"))
	h.change("app.yaml", "2")
	h.is(snapshot(t, s), h.head())
	readErr = errors.New("no such file")
	if _, err := s.Snapshot(t.Context()); !errors.Is(err, readErr) {
		t.Errorf("got %v, want the error of reading the credentials", err)
	}
}

// A server's own CA has to be named. That it works then is in the conformance suite.
func TestOwnCA(t *testing.T) {
	t.Parallel()
	h := newHTTPSHost(t)
	_, err := h.open(func(o *Options) { o.CABundle = nil }).Snapshot(t.Context())
	want := fmt.Sprintf("read main of %s: tls: failed to verify certificate: x509: certificate signed by unknown authority: "+
		"name the server's CA with git.caFile, or add it to the system's", h.url)
	if err == nil || err.Error() != want {
		t.Errorf("without the CA: %v\nwant: %s", err, want)
	}
	if _, err := Open(Options{URL: h.url, Branch: "main", CABundle: []byte("nothing")}); err == nil {
		t.Error("a bundle without a certificate was accepted")
	}
}

// Redirects of the first request are followed, but credentials stay.
func TestRedirects(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	leaked := ""
	h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		leaked += r.Header.Get("Authorization")
		next.ServeHTTP(w, r)
	})
	want := basic("bot", secret)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard(&want, "Basic")(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := strings.Replace(h.url, "/repo.git", strings.Replace(r.URL.String(), "/old", "/repo.git", 1), 1)
			http.Redirect(w, r, to, http.StatusMovedPermanently)
		}))
	}))
	defer front.Close()
	s := h.open(func(o *Options) {
		o.URL = front.URL + "/old"
		o.Credentials = static(Credentials{Username: "bot", Password: secret})
	})
	done := publish(t, s, snapshot(t, s).Rev, "app.yaml", "ours\n")
	h.is(snapshot(t, s), done.Rev)
	if leaked != "" {
		t.Errorf("credentials were sent to another host: %s", leaked)
	}
	nobody := "nobody"
	h.handle(guard(&nobody, "Basic"))
	_, err := s.Snapshot(t.Context())
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "where no credentials are sent") {
		t.Errorf("the other host asks for credentials: %v", err)
	}
}

// A push is not redirected, not even to a request without its body.
func TestRedirectedPush(t *testing.T) {
	t.Parallel()
	h := newHTTPHost(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		reached := false
		h.handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			switch {
			case r.URL.Path == "/elsewhere":
				reached = true
			case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, receivePack):
				http.Redirect(w, r, "/elsewhere", status)
				return
			}
			next.ServeHTTP(w, r)
		})
		s := h.open()
		_, err := s.Commit(t.Context(), snapshot(t, s).Rev, []Commit{{Message: "x", Files: files("app.yaml", "1")}})
		if err == nil || reached || !strings.Contains(err.Error(), "must not be redirected") {
			t.Errorf("%d: %v (followed: %v)", status, err, reached)
		}
	}
}

func TestNotAGitServer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<h1>log in</h1>")
	}))
	defer srv.Close()
	s, err := Open(Options{URL: srv.URL + "/repo", Branch: "main"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Snapshot(t.Context())
	want := fmt.Sprintf(`read main of %s/repo: the answer is "text/html", not git's: check that the URL is that of a git repository over smart HTTP`, srv.URL)
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// A body that stops coming ends the request with the reason.
func TestStalledAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		body := stalling(ctx, cancel, io.NopCloser(silent{ctx}))
		start := time.Now()
		_, err := io.ReadAll(body)
		if err == nil || err.Error() != "no data for 1m0s" || time.Since(start) != stallTimeout {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// silent sends nothing until its request ends, as a connection does.
type silent struct{ ctx context.Context } //nolint:containedctx // stands for a connection

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c := Credentials{Username: "bot", Password: secret, Token: secret, SSHKey: secret, Passphrase: secret}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.Token, "credentials", c)
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{
		log.String(), string(data), fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c, c, c.Token),
	}
	for _, url := range []string{
		"https://bot:" + secret + "@127.0.0.1:1/x.git", "http://bot:" + secret + "@127.0.0.1:1/x.git",
		"https://bot:" + secret + "%zz@host/x", "https://bot:" + secret + "/y@host/x",
		"https://bot:" + secret + "@host/x?y", "https://host/x?private_token=" + secret, "ssh://bot:" + secret + "@host/x",
		"foo://bot:" + secret + "@host/x", "file://bot:" + secret + "@host/x", "https://bot:" + secret + "@", "https://bot:" + secret + "@/x",
	} {
		shown = append(shown, Redact(url))
		s, err := Open(Options{URL: url, Branch: "main"})
		if err == nil {
			_, err = s.Snapshot(t.Context())
		}
		if err == nil {
			t.Fatalf("%s was opened", url)
		}
		shown = append(shown, err.Error())
	}
	for _, text := range shown {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, url := range []string{
		"", "git@github.com:a/b.git", "bot:key@host/a", "git@host:", "git@host:-oProxy=x",
		"ssh://git@host/x", "ssh://git@host", "ssh:///x", "ssh://-host/x", "ssh://host/x?y", "ssh://host/a%0ab", "ssh://host:x/y", "git://host/x",
		"file://elsewhere/x", "https:///x", "https://host/x#y", "HTTPS://host/x",
	} {
		_, err := Open(Options{URL: url, Branch: "main"})
		got[url] = fmt.Sprint(err)
	}
	for _, branch := range []string{"", "a..b", "a b", "-x/../y", "x.lock"} {
		_, err := Open(Options{URL: "https://host/x", Branch: branch})
		got["branch "+branch] = fmt.Sprint(err)
	}
	want := map[string]string{
		"":                       "no repository is named: give its URL with --repo",
		"git@github.com:a/b.git": "<nil>",
		"bot:key@host/a":         "host/a: user and password need a scheme in front of them: write https://… or ssh://…",
		"git@host:":              "git@host:: the repository URL names no path",
		"git@host:-oProxy=x":     "git@host:-oProxy=x: the path of the repository is not valid",
		"ssh://git@host/x":       "<nil>",
		"ssh://git@host":         "ssh://host: the repository URL names no path",
		"ssh:///x":               "ssh:///x: the repository URL names no valid host",
		"ssh://-host/x":          "ssh://-host/x: the repository URL names no valid host",
		"ssh://host/x?y":         "ssh://host/x: a repository URL has neither ? nor #",
		"ssh://host/a%0ab":       "ssh://host/a%0ab: the path of the repository is not valid",
		"ssh://host:x/y":         "ssh://host:x/y is not a valid URL: percent-encode special characters of user and password",
		"git://host/x":           `git://host/x: scheme "git" is not supported; use https, ssh, or a local path`,
		"file://elsewhere/x":     "file://elsewhere/x names the host elsewhere: a file URL is file:///path",
		"https:///x":             "the repository URL names no host",
		"https://host/x#y":       "https://host/x: a repository URL has neither ? nor #",
		"HTTPS://host/x":         "<nil>",
		"branch ":                "no branch is named: give one with --branch",
		"branch a..b":            `"a..b" is not a valid branch name`,
		"branch a b":             `"a b" is not a valid branch name`,
		"branch -x/../y":         `"-x/../y" is not a valid branch name`,
		"branch x.lock":          `"x.lock" is not a valid branch name`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
