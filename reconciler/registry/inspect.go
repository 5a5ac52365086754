package registry

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxBody is the most that is read of any answer but an image's configuration.
// Registries take manifests up to 4 MiB (OCI distribution specification 1.1,
// "Pushing Manifests").
const maxBody = 4 << 20

var realm = regexp.MustCompile(`(?i)realm="?([^",]+)`)

// inspect turns answers that must not be used into errors with a type, and bounds
// and verifies the body of the others.
func (t *transport) inspect(resp *http.Response) (*http.Response, error) {
	if err := t.problem(resp); err != nil {
		discard(resp)
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, left: t.maxOf(resp.Request), check: checkOf(resp)}
	return resp, nil
}

func (t *transport) problem(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK:
		return problemOfManifest(resp)
	case http.StatusUnauthorized:
		return problemOfChallenge(resp.Header)
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return problemOfURL(resp.Header.Get("Location"))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after, _ := retryAfter(resp.Header, t.now())
		return &busyError{host: resp.Request.URL.Host, status: resp.StatusCode, retryAfter: after}
	}
	return nil
}

// problemOfChallenge refuses a token service at a forbidden address before the
// challenge is followed.
func problemOfChallenge(h http.Header) error {
	for _, challenge := range h.Values("WWW-Authenticate") {
		if m := realm.FindStringSubmatch(challenge); m != nil {
			if err := problemOfURL(m[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// problemOfURL looks at addresses only. A name that leads to a forbidden one is
// refused when it is dialled.
func problemOfURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return nil //nolint:nilerr // who follows it will say so
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && isForbidden(a) {
		return &forbiddenAddressError{address: a.String()}
	}
	return nil
}

func problemOfManifest(resp *http.Response) error {
	if manifestOf(resp.Request) == "" {
		return nil
	}
	mediaType := mediaTypeOf(resp.Header)
	accepted := mediaType.IsImage() || mediaType.IsIndex()
	if resp.Request.Method != http.MethodHead {
		switch {
		case !accepted:
			return &mediaTypeError{got: mediaType}
		case resp.ContentLength > maxBody:
			return errTooLarge
		}
		return nil
	}
	if !accepted && isForeign(mediaType) {
		return &mediaTypeError{got: mediaType}
	}
	if _, err := v1.NewHash(resp.Header.Get("Docker-Content-Digest")); err != nil || !accepted || resp.ContentLength < 0 {
		return errHeadUnusable
	}
	return nil
}

func mediaTypeOf(h http.Header) types.MediaType {
	mt, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return types.MediaType(mt)
}

// isForeign tells the registered type of some other content, or of schema 1, from
// what a proxy or a login page says.
func isForeign(mt types.MediaType) bool {
	return strings.HasPrefix(string(mt), "application/vnd.")
}

// manifestOf is the tag or digest that a request asks a manifest for, "" when it
// asks for something else. Redirects count as what was asked first.
func manifestOf(req *http.Request) string {
	first, _ := origin(req)
	before, after, ok := strings.Cut(first.URL.Path, "/manifests/")
	if !ok || !strings.HasPrefix(before, "/v2/") {
		return ""
	}
	// A repository may have a component called manifests.
	return after[strings.LastIndexByte(after, '/')+1:]
}

// blobOf is the digest of the blob that a request asks for, "" when it asks for
// something else.
func blobOf(req *http.Request) string {
	first, _ := origin(req)
	before, digest, ok := strings.Cut(first.URL.Path, "/blobs/")
	if !ok || !strings.HasPrefix(before, "/v2/") || !strings.Contains(digest, ":") {
		return ""
	}
	return digest[strings.LastIndexByte(digest, '/')+1:]
}

// maxOf is the most that is read of the answer to a request.
func (t *transport) maxOf(req *http.Request) int64 {
	if blobOf(req) != "" {
		return t.maxBlob
	}
	return maxBody
}

// body bounds what is read and, for content asked by its digest, ends in an error
// instead of io.EOF when the bytes are others.
type body struct {
	io.ReadCloser
	left  int64
	check *check
}

type check struct {
	hash hash.Hash
	want v1.Hash
}

// checkOf gives nil when the answer is not content with a known digest.
func checkOf(resp *http.Response) *check {
	if resp.Request.Method != http.MethodGet || resp.StatusCode != http.StatusOK {
		return nil
	}
	want, err := v1.NewHash(cmp.Or(manifestOf(resp.Request), blobOf(resp.Request)))
	if err != nil {
		return nil
	}
	if want.Algorithm == "sha512" {
		return &check{hash: sha512.New(), want: want}
	}
	return &check{hash: sha256.New(), want: want}
}

// Read reads at most so many bytes in all.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	if b.check != nil {
		b.check.hash.Write(p[:n])
		if errors.Is(err, io.EOF) && hex.EncodeToString(b.check.hash.Sum(nil)) != b.check.want.Hex {
			return n, &digestError{want: b.check.want.String()}
		}
	}
	return n, err
}

// shape is what tells an image manifest from an index, and both from other JSON.
type shape struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Config        json.RawMessage `json:"config"`
	Manifests     json.RawMessage `json:"manifests"`
}

// checkManifest says whether bytes are the kind of manifest that their media type
// announces. Content that could be read as both kinds is refused, as in OCI's
// advisory on ambiguous manifests (GHSA-77vh-xpmg-72qh).
func checkManifest(announced types.MediaType, manifest []byte) error {
	var s shape
	if err := json.Unmarshal(manifest, &s); err != nil {
		return errNotAManifest
	}
	isImage := s.Config != nil && s.Manifests == nil
	isIndex := s.Manifests != nil && s.Config == nil
	switch {
	case s.SchemaVersion != 2,
		s.MediaType != "" && s.MediaType != announced,
		announced.IsImage() && !isImage,
		announced.IsIndex() && !isIndex:
		return errNotAManifest
	}
	return nil
}
