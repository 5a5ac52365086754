package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	remoteerr "github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// kind says what a failure is about, and so what follows from it.
type kind int

const (
	aboutReference kind = iota // a fact: it becomes a condition of the tag
	aboutAnswer                // this repository or this answer only: credentials, wrong content
	aboutHost                  // the host as a whole: it counts towards leaving the host alone
)

// verdict is what an error of a lookup means.
type verdict struct {
	kind       kind
	failure    plan.Failure
	retryAfter time.Duration // what the host asked for
}

// Causes that have nothing more to say. None of these texts is shown to people.
var (
	errRedirects      = errors.New("too many redirects")
	errBodyRedirected = errors.New("request with credentials redirected to another host")
	errTooLarge       = errors.New("body too large")
	errHeadUnusable   = errors.New("HEAD tells no digest")
	errNotClean       = errors.New("repository with empty or upward parts")
	errNotAManifest   = errors.New("not an image manifest")
	errNoImages       = errors.New("index without images")
)

type forbiddenAddressError struct{ address string }

func (e *forbiddenAddressError) Error() string { return "forbidden address " + e.address }

type plainHTTPError struct{ host string }

func (e *plainHTTPError) Error() string { return "plain HTTP to " + e.host }

type busyError struct {
	host       string
	status     int
	retryAfter time.Duration // 0: not said
}

func (e *busyError) Error() string { return http.StatusText(e.status) }

type mediaTypeError struct{ got types.MediaType }

func (e *mediaTypeError) Error() string { return "media type " + string(e.got) }

type digestError struct{ want string }

func (e *digestError) Error() string { return "content is not " + e.want }

type goneError struct{ digest string }

func (e *goneError) Error() string { return "no content for " + e.digest }

func invalidReference(ref string) *plan.Failure {
	return &plan.Failure{
		Reason:  stream.ReasonInvalid,
		Message: fmt.Sprintf("%q is not an image reference: write HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST", ref),
	}
}

func stopped(host string) *plan.Failure {
	return &plan.Failure{Message: fmt.Sprintf("stopped before %s answered", display(host))}
}

// display is a registry's name as people write it.
func display(registry string) string {
	if registry == name.DefaultRegistry {
		return "docker.io"
	}
	return registry
}

// verdict reads an error. Its messages come from this file alone: other people's
// text (error bodies, redirect URLs, token answers) may hold secrets and request
// ids. What is about the host names no reference, since it answers for others too.
func (c *Client) verdict(ctx context.Context, ref name.Reference, err error) *verdict {
	host := display(ref.Context().RegistryStr())
	if v := listVerdict(ref.Context(), host, err); v != nil {
		return v
	}
	if v := contentVerdict(ref, host, err); v != nil {
		return v
	}
	if v := refusalVerdict(host, err); v != nil {
		return v
	}
	if v := c.tlsVerdict(ref, host, err); v != nil {
		return v
	}
	if v := c.statusVerdict(ctx, ref, host, err); v != nil {
		return v
	}
	if v := networkVerdict(host+via(host, err), err); v != nil {
		return v
	}
	// Last, since an HTTPS failure comes together with the refused plain HTTP.
	if plain, ok := errors.AsType[*plainHTTPError](err); ok {
		return answer("%s leads to http://%s: plain HTTP is not allowed there; if that is wanted, set plainHTTP for %[2]s in the configuration", host, plain.host)
	}
	return answer("%s gave an answer that cannot be used%s: check that it is an OCI registry, and where its redirects and its token service point", host, via(host, err))
}

// pushVerdict reads an error of writing to a registry: never a fact about what is written.
func (c *Client) pushVerdict(ctx context.Context, ref name.Reference, err error) *verdict {
	host, repo := display(ref.Context().RegistryStr()), ref.Context().RepositoryStr()
	status := 0
	if terr, ok := errors.AsType[*remoteerr.Error](err); ok {
		status = terr.StatusCode
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return answer("%s answered %d %s to a push to %s: check that its entry in registries, or the docker configuration, has credentials that may push there", host, status, http.StatusText(status), repo)
	case http.StatusNotFound:
		return answer("%s answered 404 Not Found to a push to %s: create the repository or project there, if it is not created by a push", host, repo)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusMethodNotAllowed:
		return answer("%s answered %d %s to a push to %s: check what it accepts", host, status, http.StatusText(status), repo)
	}
	v := c.verdict(ctx, ref, err)
	if v.kind == aboutReference {
		v.kind, v.failure.Reason = aboutAnswer, ""
	}
	return v
}

func fact(reason, format string, args ...any) *verdict {
	return &verdict{kind: aboutReference, failure: plan.Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}}
}

func answer(format string, args ...any) *verdict {
	return &verdict{kind: aboutAnswer, failure: plan.Failure{Message: fmt.Sprintf(format, args...)}}
}

func down(format string, args ...any) *verdict {
	return &verdict{kind: aboutHost, failure: plan.Failure{Message: fmt.Sprintf(format, args...)}}
}

// via names the other host that an error happened at: of a redirect or a token
// service.
func via(host string, err error) string {
	var at string
	var terr *remoteerr.Error
	var uerr *url.Error
	switch {
	case errors.As(err, &terr) && terr.Request != nil:
		at = terr.Request.URL.Host
	case errors.As(err, &uerr):
		if u, err := url.Parse(uerr.URL); err == nil {
			at = u.Host
		}
	}
	if at == "" || display(at) == host {
		return ""
	}
	return " (at " + at + ")"
}

// contentVerdict is about what was, or was not, behind the reference.
func contentVerdict(ref name.Reference, host string, err error) *verdict {
	var mediaType *mediaTypeError
	var digest *digestError
	var gone *goneError
	shown := shown(ref)
	switch {
	case isNotFound(err):
		return fact(stream.ReasonNotFound, "%s does not exist (%s answered 404 Not Found): check the repository and the tag", shown, host)
	case errors.Is(err, errNotAManifest):
		return fact(stream.ReasonInvalid, "%s is not an image: its content is no image manifest or index", shown)
	case errors.As(err, &mediaType) && mediaType.got.IsSchema1():
		return fact(stream.ReasonInvalid, "%s is an image of the old schema 1, which is not supported: push it again with a current tool", shown)
	case errors.Is(err, errNoImages):
		return fact(stream.ReasonInvalid, "%s is an index without images, so that importMode: Legacy has none to take", shown)
	case errors.As(err, &mediaType) && isForeign(mediaType.got):
		return fact(stream.ReasonInvalid, "%s is not an image: its media type is %q", shown, mediaType.got)
	case errors.As(err, &mediaType):
		return answer("%s answered with content of type %q instead of a manifest: check that it is a registry, and not a proxy or a login page", host, mediaType.got)
	case errors.As(err, &digest):
		return answer("%s answered with content that does not match its digest %s: it was thrown away; check the registry, or the cache before it", host, digest.want)
	case errors.As(err, &gone):
		return answer("%s names the digest %s for %s, but does not have its content (404 Not Found): it is asked for again; push the image again if this stays", host, gone.digest, shown)
	case errors.Is(err, errTooMany):
		return fact(stream.ReasonInvalid, "%s is not an image: it consists of more than %d manifests, or of more than %d MiB of them", shown, maxManifests, maxManifestBytes>>20)
	case isStatus(err, http.StatusNotFound) && isBlob(err):
		return answer("%s does not have all blobs of %s (404 Not Found): push the image again if this stays", host, shown)
	case errors.Is(err, errTooLarge):
		return answer("%s answered with more than %d MiB for %s: no manifest is that large; check the registry", host, maxBody>>20, shown)
	}
	return nil
}

func shown(ref name.Reference) string {
	repo := display(ref.Context().RegistryStr()) + "/" + ref.Context().RepositoryStr()
	if _, ok := ref.(name.Digest); ok {
		return repo + "@" + ref.Identifier()
	}
	return repo + ":" + ref.Identifier()
}

// refusalVerdict is about what imgstream itself would not do.
func refusalVerdict(host string, err error) *verdict {
	var forbidden *forbiddenAddressError
	var credentials *credentialsError
	switch {
	case errors.As(err, &forbidden):
		return answer("%s leads to %s: link-local and cloud metadata addresses are never asked; check the reference, its DNS name, and where the registry redirects to", host, forbidden.address)
	case errors.As(err, &credentials):
		return answer("the credentials for %s cannot be read: %v; check DOCKER_CONFIG or ~/.docker/config.json", host, credentials)
	case errors.Is(err, errBodyRedirected):
		return answer("the token service of %s redirects to another host: credentials are not sent there", host)
	case errors.Is(err, errRedirects):
		return answer("%s redirects more than %d times: check the registry, or the proxy before it", host, maxRedirects)
	}
	return nil
}

// tlsVerdict is about HTTPS. Of a host that may be asked without, the answer over
// plain HTTP is what counts, unless there is a certificate to look at.
func (c *Client) tlsVerdict(ref name.Reference, host string, err error) *verdict {
	var unknown x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		return down("the certificate of %s%s is signed by an unknown authority: set caFile for it in the configuration", host, via(host, err))
	case errors.As(err, &certificate):
		return down("the certificate of %s%s is not valid: %v", host, via(host, err), certificate.Err)
	case mayBePlain(c.policies, ref.Context().RegistryStr()):
		return nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return down("%s%s is HTTP only: set plainHTTP for it in the configuration", host, via(host, err))
	case errors.As(err, &header), errors.As(err, &alert):
		return down("%s%s does not complete a TLS handshake: check the port, and set plainHTTP for it in the configuration if it is HTTP only", host, via(host, err))
	}
	return nil
}

// statusVerdict is about an HTTP status other than those of contentVerdict.
func (c *Client) statusVerdict(ctx context.Context, ref name.Reference, host string, err error) *verdict {
	if busy, ok := errors.AsType[*busyError](err); ok {
		return busyVerdict(host, busy)
	}
	var terr *remoteerr.Error
	if !errors.As(err, &terr) {
		return nil
	}
	status := fmt.Sprintf("%d %s", terr.StatusCode, http.StatusText(terr.StatusCode))
	who := host + via(host, err)
	switch code := terr.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return c.accessVerdict(ctx, ref, who, status)
	case code == http.StatusNotFound:
		return answer("%s answered %s to a request for its API or a token: check that it is an OCI registry", who, status)
	case code >= 500:
		return down("%s answered %s: the registry is not well; it is asked again later", who, status)
	}
	return answer("%s answered %s: check the registry, or the proxy before it", who, status)
}

func busyVerdict(host string, busy *busyError) *verdict {
	status := fmt.Sprintf("%d %s", busy.status, http.StatusText(busy.status))
	if display(busy.host) != host {
		host += " (at " + busy.host + ")"
	}
	until := ""
	if busy.retryAfter > 0 {
		until = fmt.Sprintf(" and wants to be left alone for %v", busy.retryAfter)
	}
	next := "it is asked again later"
	if busy.status == http.StatusTooManyRequests {
		next += "; credentials often have a higher limit, and a longer interval asks less"
	}
	v := down("%s answered %s%s: %s", host, status, until, next)
	v.retryAfter = busy.retryAfter
	return v
}

// accessVerdict says which credentials did not do: the operator's, or those of the docker configuration, by their entry.
func (c *Client) accessVerdict(ctx context.Context, ref name.Reference, who, status string) *verdict {
	host := ref.Context().RegistryStr()
	login := "docker login " + display(host)
	if host == name.DefaultRegistry {
		login = "docker login"
	}
	if c.transport.redirected(host) {
		return answer("%s answered %s (asked without credentials: the registry redirects its API to another host, which gets none): name that host in the reference", who, status)
	}
	if c.keychain.ofOperator(ref.Context()) {
		return answer("%s answered %s (asked with the operator's credentials for %s): check what its entry in registries names, and that it may pull %s", who, status, display(host), ref.Context().RepositoryStr())
	}
	entry := c.keychain.entry(ctx, ref.Context())
	if entry == "" {
		return answer("%s answered %s (asked without credentials: the docker configuration has none for it): log in with `%s` or check DOCKER_CONFIG; a private repository and one that does not exist look the same", who, status, login)
	}
	return answer("%s answered %s (asked with the entry %q of the docker configuration): check that it may pull %s, log in again with `%s`, or check DOCKER_CONFIG", who, status, entry, ref.Context().RepositoryStr(), login)
}

// networkVerdict is about a host that could not be reached or broke off.
func networkVerdict(host string, err error) *verdict {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return down("%s has no address (DNS knows no %q): check the name of the registry", host, dns.Name)
	case errors.As(err, &dns):
		return down("the address of %s cannot be looked up: DNS does not answer for %q; check the resolver", host, dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return down("%s refused the connection: check that the registry runs, and its port", host)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return down("%s cannot be reached: there is no route to it; check the network", host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return down("%s did not answer in time: it is asked again later; check the network", host)
	case isReset(err):
		return down("%s broke off its answer: it is asked again later; check the registry, or the proxy before it", host)
	}
	return nil
}

// isReset says that a connection ended before the answer did.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isBlob says that an error is of a request for a blob.
func isBlob(err error) bool {
	terr, ok := errors.AsType[*remoteerr.Error](err)
	return ok && terr.Request != nil && blobOf(terr.Request) != ""
}
