package registry

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// copied is the copy of an image of source into the repository sso/app of target.
func copied(source, target *rig, digest string) plan.Copy {
	return plan.Copy{From: source.host + "/org/app@" + digest, To: target.host + "/images/sso/app"}
}

func wantCopied(t *testing.T, f *plan.Failure) {
	t.Helper()
	if f != nil {
		t.Fatalf("not copied: %+v", *f)
	}
}

// TestCopy copies an index with all of its images: whole, verified, and once.
func TestCopy(t *testing.T) {
	source, target := newRig(t), newRig(t)
	index, err := random.Index(2000, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	source.store(t, "org/app:1", index)
	digest := digestOf(t, index)
	c := newClient(t, Options{})
	var mu sync.Mutex
	var last, total int64
	told := func(done, of int64) {
		mu.Lock()
		defer mu.Unlock()
		last, total = max(last, done), of
	}
	wantCopied(t, c.Copy(t.Context(), copied(source, target, digest), c, told))
	if total < 3*3*2000 || last != total {
		t.Errorf("told %d of %d bytes", last, total)
	}
	ref, err := name.NewDigest(target.host + "/images/sso/app@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	there, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(there); err != nil {
		t.Error(err)
	}
	source.answers(nil)
	target.answers(nil)
	wantCopied(t, c.Copy(t.Context(), copied(source, target, digest), c, nil))
	source.wantRequests(t, map[string]int{})
	target.wantRequests(t, map[string]int{"HEAD " + digest: 1})
}

// TestCopyLeavesOutWhatIsThere pushes an image whose base the repository has already.
func TestCopyLeavesOutWhatIsThere(t *testing.T) {
	source, target := newRig(t), newRig(t)
	first, second := source.push(t, "org/app:1"), ""
	c := newClient(t, Options{})
	wantCopied(t, c.Copy(t.Context(), copied(source, target, first), c, nil))
	second = sharing(t, source, "org/app:1", "org/app:2")
	source.answers(nil)
	target.answers(nil)
	wantCopied(t, c.Copy(t.Context(), copied(source, target, second), c, nil))
	source.wantRequests(t, map[string]int{"GET " + second: 1, "GET blob": 1})
	if got := target.requests()["POST blob"]; got != 1 {
		t.Errorf("%d uploads, want that of the configuration: %v", got, target.requests())
	}
}

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// nested is an index of one index.
func nested(index v1.ImageIndex) v1.ImageIndex {
	return mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})
}

// sharing stores an image with the layers of another one, and gives its digest.
func sharing(t *testing.T, r *rig, of, to string) string {
	t.Helper()
	ref, err := name.ParseReference(r.host + "/" + of)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	labelled, err := mutate.Config(image, v1.Config{Labels: map[string]string{labelVersion: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	r.store(t, to, labelled)
	return digestOf(t, labelled)
}

// TestCopyFromAMirror reads the image where the mirror has it: the source is not there.
func TestCopyFromAMirror(t *testing.T) {
	mirror, target := newRig(t), newRig(t)
	digest := mirror.push(t, "copies/org/app:1")
	c := newClient(t, Options{Hosts: []Host{{Name: "gone.example.com", Mirrors: []string{mirror.host + "/copies"}}}})
	wantCopied(t, c.Copy(t.Context(), plan.Copy{From: "gone.example.com/org/app@" + digest, To: target.host + "/sso/app"}, c, nil))
}

// TestCopyAsTwo reads and writes with the credentials of different tags.
func TestCopyAsTwo(t *testing.T) {
	source, target := newRig(t), newRig(t)
	digest := source.push(t, "org/app:1")
	source.answers(basic(source))
	target.answers(basic(target))
	login := func(host string) func(string) (Login, error) {
		return func(h string) (Login, error) {
			if h != host {
				return Login{}, nil
			}
			return Login{Username: "u", Password: secret}, nil
		}
	}
	reader, writer := newClient(t, Options{Login: login(source.host)}), newClient(t, Options{Login: login(target.host)})
	wantCopied(t, writer.Copy(t.Context(), copied(source, target, digest), reader, nil))
	f := reader.Copy(t.Context(), plan.Copy{From: source.host + "/org/app@" + digest, To: target.host + "/sso/other"}, reader, nil)
	if f == nil || f.Reason != "" || !strings.Contains(f.Message, "401") {
		t.Errorf("without credentials: %+v", f)
	}
}

// TestCopyFailures lets each side fail: a fact is only what the source says of the image.
func TestCopyFailures(t *testing.T) {
	for _, c := range []struct {
		name           string
		source, target func(w http.ResponseWriter, r *http.Request) bool
		reason, want   string
	}{
		{"gone", answering("GET /manifests/", http.StatusNotFound), nil, stream.ReasonNotFound, "SOURCE/org/app@DIGEST does not exist (SOURCE answered 404 Not Found): check the repository and the tag"},
		{"source is ill", answering("GET /manifests/", http.StatusInternalServerError), nil, "", "SOURCE answered 500 Internal Server Error: the registry is not well; it is asked again later"},
		{"blobs are gone", answering("GET /blobs/", http.StatusNotFound), nil, "", "SOURCE does not have all blobs of SOURCE/org/app@DIGEST (404 Not Found): push the image again if this stays"},
		{"other blobs", otherBlobs, nil, "", "SOURCE answered with content that does not match its digest BLOB: it was thrown away; check the registry, or the cache before it"},
		{"no push", nil, answering("POST /blobs/", http.StatusForbidden), "", "TARGET answered 403 Forbidden to a push to images/sso/app: check that its entry in registries, or the docker configuration, has credentials that may push there"},
		{"no project", nil, answering("POST /blobs/", http.StatusNotFound), "", "TARGET answered 404 Not Found to a push to images/sso/app: create the repository or project there, if it is not created by a push"},
		{"manifest refused", nil, answering("PUT /manifests/", http.StatusBadRequest), "", "TARGET answered 400 Bad Request to a push to images/sso/app: check what it accepts"},
		{"target is full", nil, answering("PATCH /blobs/", http.StatusInsufficientStorage), "", "TARGET answered 507 Insufficient Storage: the registry is not well; it is asked again later"},
		{"target is slow", nil, func(_ http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPatch && wait(r) }, "", "SOURCE/org/app@DIGEST was not copied within 300ms: the next try goes on with the blobs that are missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, target := newRig(t), newRig(t)
			digest := source.push(t, "org/app:1")
			source.answers(c.source)
			target.answers(c.target)
			timeouts := Timeouts{}
			if c.name == "target is slow" {
				timeouts.Copy = 300 * time.Millisecond
			}
			client := newClient(t, Options{Timeouts: timeouts})
			got := client.Copy(t.Context(), copied(source, target, digest), client, nil)
			if got == nil {
				t.Fatal("copied")
			}
			message := strings.NewReplacer("SOURCE", source.host, "TARGET", target.host, "DIGEST", digest).Replace(c.want)
			got.Message = digests.ReplaceAllStringFunc(got.Message, func(d string) string {
				if strings.Contains(message, d) {
					return d
				}
				return "BLOB"
			})
			if diff := cmp.Diff(plan.Failure{Reason: c.reason, Message: message}, *got); diff != "" {
				t.Error(diff)
			}
			checkMessage(t, got.Message)
			source.answers(nil)
			target.answers(nil)
			client.opts.Timeouts.Copy = time.Minute
			wantCopied(t, client.Copy(t.Context(), copied(source, target, digest), newClient(t, Options{}), nil))
		})
	}
}

// answering answers requests of a method to a part of the API with a status.
func answering(what string, status int) func(http.ResponseWriter, *http.Request) bool {
	method, part, _ := strings.Cut(what, " ")
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, part) {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

func otherBlobs(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		return false
	}
	_, _ = io.Copy(w, bytes.NewReader(make([]byte, 100)))
	return true
}

// wait holds a request until its sender gives up.
func wait(r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	return true
}

// TestCopyOfTooMuch refuses an index that nests itself deeper than any real one.
func TestCopyOfTooMuch(t *testing.T) {
	source, target := newRig(t), newRig(t)
	index := v1.ImageIndex(indexOf(platform{"linux/amd64", mustImage(t)}))
	for range maxNesting + 1 {
		index = nested(index)
	}
	source.store(t, "org/app:1", index)
	c := newClient(t, Options{})
	f := c.Copy(t.Context(), copied(source, target, digestOf(t, index)), c, nil)
	if f == nil || f.Reason != stream.ReasonInvalid {
		t.Errorf("got %+v, want a fact", f)
	}
	target.wantRequests(t, map[string]int{"HEAD " + digestOf(t, index): 1})
}

func TestBlobIsNoWholeLayer(t *testing.T) {
	b := &blob{}
	if _, err := b.DiffID(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := b.Uncompressed(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
