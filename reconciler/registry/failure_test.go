package registry

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	docker2 = string(types.DockerManifestSchema2)
	zeros   = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// serve answers with content and the digest that a registry would name for it.
func serve(contentType, content string) http.HandlerFunc {
	sum := sha256.Sum256([]byte(content))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Docker-Content-Digest", "sha256:"+hex.EncodeToString(sum[:]))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, content)
		}
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", docker2)
	junk := make([]byte, 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(junk); err != nil {
			return
		}
	}
}

func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", docker2)
	w.Header().Set("Content-Length", "500")
	_, _ = io.WriteString(w, `{"schemaVersion": 2,`)
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func slow(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func trickle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", docker2)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func loop(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
}

func ping(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			status(code, header...)(w, r)
		}
		return r.URL.Path == "/v2/"
	}
}

func TestFailures(t *testing.T) {
	const (
		anonymous = "(asked without credentials: the docker configuration has none for it): log in with `docker login HOST` or check DOCKER_CONFIG; a private repository and one that does not exist look the same"
		unwell    = ": the registry is not well; it is asked again later"
		unusable  = "HOST gave an answer that cannot be used: check that it is an OCI registry, and where its redirects and its token service point"
		noAPI     = " to a request for its API or a token: check that it is an OCI registry"
		forbidden = "HOST leads to 169.254.169.254: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to"
		limit     = "it is asked again later; credentials often have a higher limit, and a longer interval asks less"
		brokeOff  = "HOST broke off its answer: it is asked again later; check the registry, or the proxy before it"
		notImage  = "HOST/a/x:1 is not an image: its content is no image manifest or index"
		late      = "HOST did not answer in time: it is asked again later; check the network"
	)
	for name, c := range map[string]struct {
		answers func(http.ResponseWriter, *http.Request) bool
		reason  string
		message string
		heads   int // 0: not compared
	}{
		"404":                  {manifests(status(404)), stream.ReasonNotFound, "HOST/a/x:1 does not exist (HOST answered 404 Not Found): check the repository and the tag", 1},
		"404 of the content":   {gets(status(404)), "", "HOST names the digest DIGEST for HOST/a/x:1, but does not have its content (404 Not Found): it is asked for again; push the image again if this stays", 1},
		"404 of the API":       {ping(404), "", "HOST answered 404 Not Found" + noAPI, 0},
		"401":                  {manifests(status(401)), "", "HOST answered 401 Unauthorized " + anonymous, 1},
		"403":                  {manifests(status(403)), "", "HOST answered 403 Forbidden " + anonymous, 1},
		"403 of the API":       {ping(403), "", "HOST answered 403 Forbidden " + anonymous, 0},
		"400":                  {manifests(status(400)), "", "HOST answered 400 Bad Request: check the registry, or the proxy before it", 1},
		"429":                  {manifests(status(429)), "", "HOST answered 429 Too Many Requests: " + limit, 1},
		"429 for a second":     {manifests(status(429, "Retry-After", "0")), "", "HOST answered 429 Too Many Requests: " + limit, 3},
		"429 for an hour":      {manifests(status(429, "Retry-After", "3600")), "", "HOST answered 429 Too Many Requests and wants to be left alone for 1h0m0s: " + limit, 1},
		"503 for an hour":      {manifests(status(503, "Retry-After", "3600")), "", "HOST answered 503 Service Unavailable and wants to be left alone for 1h0m0s: it is asked again later", 1},
		"500":                  {manifests(status(500)), "", "HOST answered 500 Internal Server Error" + unwell, 3},
		"502":                  {manifests(status(502)), "", "HOST answered 502 Bad Gateway" + unwell, 3},
		"503":                  {manifests(status(503)), "", "HOST answered 503 Service Unavailable: it is asked again later", 3},
		"504":                  {manifests(status(504)), "", "HOST answered 504 Gateway Timeout" + unwell, 3},
		"507":                  {manifests(status(507)), "", "HOST answered 507 Insufficient Storage" + unwell, 1},
		"reset":                {manifests(reset), "", brokeOff, 0},
		"truncated":            {gets(truncated), "", brokeOff, 1},
		"slow":                 {manifests(slow), "", late, 1},
		"trickle":              {gets(trickle), "", late, 1},
		"endless":              {gets(endless), "", "HOST answered with more than 4 MiB for HOST/a/x:1: no manifest is that large; check the registry", 1},
		"too long by its word": {gets(status(200, "Content-Type", docker2, "Content-Length", "5000000")), "", "HOST answered with more than 4 MiB for HOST/a/x:1: no manifest is that large; check the registry", 1},
		"other content":        {gets(serve(docker2, `{"schemaVersion": 2, "config": {}}`)), "", "HOST answered with content that does not match its digest DIGEST: it was thrown away; check the registry, or the cache before it", 1},
		"login page":           {manifests(serve("text/html; charset=utf-8", "<html>")), "", `HOST answered with content of type "text/html" instead of a manifest: check that it is a registry, and not a proxy or a login page`, 1},
		"schema 1":             {manifests(serve(string(types.DockerManifestSchema1Signed), `{"schemaVersion": 1}`)), stream.ReasonInvalid, "HOST/a/x:1 is an image of the old schema 1, which is not supported: push it again with a current tool", 1},
		"schema 1 inside":      {manifests(serve(docker2, `{"schemaVersion": 1, "config": {}}`)), stream.ReasonInvalid, notImage, 1},
		"other type":           {manifests(serve("application/vnd.example.thing+json", "{}")), stream.ReasonInvalid, `HOST/a/x:1 is not an image: its media type is "application/vnd.example.thing+json"`, 1},
		"not JSON":             {manifests(serve(docker2, "manifest")), stream.ReasonInvalid, notImage, 1},
		"an index said image":  {manifests(serve(docker2, `{"schemaVersion": 2, "manifests": []}`)), stream.ReasonInvalid, notImage, 1},
		"an image said index":  {manifests(serve(string(types.OCIImageIndex), `{"schemaVersion": 2, "config": {}}`)), stream.ReasonInvalid, notImage, 1},
		"both at once":         {manifests(serve(docker2, `{"schemaVersion": 2, "config": {}, "manifests": []}`)), stream.ReasonInvalid, notImage, 1},
		"two types":            {manifests(serve(docker2, `{"schemaVersion": 2, "config": {}, "mediaType": "application/vnd.oci.image.manifest.v1+json"}`)), stream.ReasonInvalid, notImage, 1},
		"redirect loop":        {manifests(loop), "", "HOST redirects more than 5 times: check the registry, or the proxy before it", 6},
		"redirect to metadata": {manifests(status(307, "Location", "http://169.254.169.254/latest/")), "", forbidden, 1},
		"redirect to a scheme": {manifests(status(307, "Location", "file:///etc/passwd")), "", unusable, 1},
		"ping to metadata":     {ping(307, "Location", "http://169.254.169.254/latest/"), "", forbidden, 0},
		"realm of metadata":    {ping(401, "WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="x"`), "", forbidden, 0},
		"realm in the clear":   {ping(401, "WWW-Authenticate", `Bearer realm="http://registry.invalid/token",service="x"`), "", "HOST leads to http://registry.invalid: plain HTTP is not allowed there; if that is wanted, set plainHTTP for registry.invalid in the configuration", 0},
		"realm missing":        {ping(401, "WWW-Authenticate", `Bearer service="x"`), "", unusable, 0},
		"realm of a file":      {ping(401, "WWW-Authenticate", `Bearer realm="file:///etc/passwd"`), "", unusable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			digest := r.push(t, "a/x:1")
			got := r.failed(t, name, c.answers)
			r.wantFailure(t, got, c.reason, strings.ReplaceAll(c.message, "DIGEST", digest))
			checkMessage(t, got.Failure.Message)
			if heads := r.requests()["HEAD 1"]; c.heads != 0 && heads != c.heads {
				t.Errorf("%d HEAD requests, want %d", heads, c.heads)
			}
		})
	}
}

// hangs are the answers that are waited for in vain, by the number of the request.
var hangs = map[string]int{"slow": 1, "trickle": 2}

// failed asks about the tag. One that hangs has a short time for it, and a longer one where
// a machine with much to do did not get as far as that.
func (r *rig) failed(t *testing.T, name string, answers func(http.ResponseWriter, *http.Request) bool) plan.Answer {
	t.Helper()
	var timeouts Timeouts
	if hangs[name] > 0 {
		timeouts.Question = 100 * time.Millisecond
	}
	for {
		r.answers(answers)
		got := r.ask(t, newClient(t, Options{Timeouts: timeouts}), "a/x:1")
		requests := 0
		for _, n := range r.requests() {
			requests += n
		}
		if requests >= hangs[name] || timeouts.Question > time.Minute {
			return got
		}
		timeouts.Question *= 4
	}
}

// checkMessage holds for every message: one printable line without words of others.
func checkMessage(t *testing.T, message string) {
	t.Helper()
	for _, bad := range []string{"\n", "s3cret", "request id", "47114711"} {
		if strings.Contains(message, bad) {
			t.Errorf("message holds %q: %s", bad, message)
		}
	}
}

func TestAStateThatPassesIsTriedAgain(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"500":                status(500),
		"503":                status(503),
		"reset":              reset,
		"429 for no time":    status(429, "Retry-After", "0"),
		"429 until the past": status(429, "Retry-After", "Fri, 20 Nov 2026 11:59:59 GMT"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			digest := r.push(t, "a/x:1")
			r.answers(func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method == http.MethodHead && r.requests()["HEAD 1"] == 1 {
					first(w, req)
					return true
				}
				return false
			})
			c := newClient(t, Options{Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }})
			wantDigest(t, r.ask(t, c, "a/x:1", digest), digest)
			r.wantRequests(t, map[string]int{"HEAD 1": 2})
		})
	}
}

func TestHostsThatCannotBeReached(t *testing.T) {
	gone := &rig{host: noRegistry}
	c := newClient(t, Options{})
	for ref, message := range map[string]string{
		gone.host + "/a/x:1":       gone.host + " refused the connection: check that the registry runs, and its port",
		"169.254.169.254/a/x:1":    "169.254.169.254 leads to 169.254.169.254: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to",
		"[fe80::1]:5000/a/x:1":     "[fe80::1]:5000 leads to fe80::1: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to",
		"[fd00:ec2::254]/a/x:1":    "[fd00:ec2::254] leads to fd00:ec2::254: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to",
		"100.100.100.200:80/a/x:1": "100.100.100.200:80 leads to 100.100.100.200: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to",
	} {
		got := c.Resolve(t.Context(), question(ref))
		if diff := cmp.Diff(plan.Answer{Failure: &plan.Failure{Message: message}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", ref, diff)
		}
	}
}

// Errors that no server on this machine can bring about.
func TestNetworkFailures(t *testing.T) {
	c := newClient(t, Options{})
	ref, err := c.parse("quay.io/a/x:1")
	if err != nil {
		t.Fatal(err)
	}
	for want, cause := range map[string]error{
		`quay.io has no address (DNS knows no "quay.io"): check the name of the registry`:                                             &net.DNSError{Name: "quay.io", IsNotFound: true},
		`the address of quay.io cannot be looked up: DNS does not answer for "quay.io"; check the resolver`:                           &net.DNSError{Name: "quay.io", IsTimeout: true},
		"quay.io cannot be reached: there is no route to it; check the network":                                                       &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH},
		"quay.io did not answer in time: it is asked again later; check the network":                                                  os.ErrDeadlineExceeded,
		"quay.io is HTTP only: set plainHTTP for it in the configuration":                                                             http.ErrSchemeMismatch,
		"quay.io does not complete a TLS handshake: check the port, and set plainHTTP for it in the configuration if it is HTTP only": tls.RecordHeaderError{},
		"the certificate of quay.io is not valid: x509: certificate has expired or is not yet valid: ":                                &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
	} {
		got := c.verdict(t.Context(), ref, &url.Error{Op: "Head", URL: "https://quay.io/v2/", Err: cause})
		if diff := cmp.Diff(verdict{kind: aboutHost, failure: plan.Failure{Message: want}}, *got, cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", cause, diff)
		}
	}
}

func TestWhatIsKnownOutlivesAFailure(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	c := newClient(t, Options{})
	r.answers(manifests(status(500)))
	if got := r.ask(t, c, "a/x:1", digest); got.Digest != "" || got.Failure == nil {
		t.Errorf("%+v", got)
	}
	r.answers(nil)
	wantDigest(t, r.ask(t, c, "a/x:1", digest), digest)
}

func TestAWrongDigestIsNotRemembered(t *testing.T) {
	r := newRig(t)
	digest := r.push(t, "a/x:1")
	c := newClient(t, Options{})
	r.answers(gets(serve(docker2, `{"schemaVersion": 2, "config": {}}`)))
	for range 2 {
		if got := r.ask(t, c, "a/x:1"); got.Failure == nil {
			t.Errorf("%+v", got)
		}
	}
	r.wantRequests(t, map[string]int{"HEAD 1": 2, "GET " + digest: 2})
	got := c.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: r.host + "/a/x@" + zeros}})
	if got.Failure == nil || !strings.Contains(got.Failure.Message, "does not match its digest "+zeros) {
		t.Errorf("%+v", got.Failure)
	}
}
