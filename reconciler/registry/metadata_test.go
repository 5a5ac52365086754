package registry

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// labelled is a new image with one version in its labels.
func labelled(t *testing.T, version string) v1.Image {
	t.Helper()
	img, err := random.Image(64, 1)
	if err == nil {
		img, err = mutate.Config(img, v1.Config{Labels: map[string]string{
			labelSource: "https://example.com/app", labelRevision: strings.Repeat("a1", 20), labelVersion: version,
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func labels(version string) plan.Labels {
	return plan.Labels{Source: "https://example.com/app", Revision: strings.Repeat("a1", 20), Version: version}
}

// wantAnswer compares everything but what the image says of itself.
func wantAnswer(t *testing.T, got, want plan.Answer) {
	t.Helper()
	got.Image, got.Platforms = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

type taggable interface {
	remote.Taggable
	Digest() (v1.Hash, error)
}

// platform is one image of an index.
type platform struct {
	on    string // os/arch; "" for none
	image v1.Image
}

func indexOf(images ...platform) v1.ImageIndex {
	var index v1.ImageIndex = empty.Index
	for _, p := range images {
		add := mutate.IndexAddendum{Add: p.image}
		if os, arch, ok := strings.Cut(p.on, "/"); ok {
			add.Platform = &v1.Platform{OS: os, Architecture: arch}
		}
		index = mutate.AppendManifests(index, add)
	}
	return index
}

// Index, manifest and configuration: no more than three GETs for a new digest, and none
// afterwards, whoever asks.
func TestLabelsAreReadOnce(t *testing.T) {
	one, two, unknown := labelled(t, "1.0"), labelled(t, "2.0"), labelled(t, "unknown")
	for name, c := range map[string]struct {
		content taggable
		child   v1.Image // whose manifest is read besides
		labels  plan.Labels
	}{
		"an image":                   {one, nil, labels("1.0")},
		"linux/amd64 of an index":    {indexOf(platform{"linux/arm64", one}, platform{"linux/amd64", two}), two, labels("2.0")},
		"else the first":             {indexOf(platform{"linux/arm64", one}, platform{"linux/s390x", two}), one, labels("1.0")},
		"one that names no platform": {indexOf(platform{"", one}), one, labels("1.0")},
		"no attestation":             {indexOf(platform{"unknown/unknown", unknown}, platform{"linux/arm64", two}), two, labels("2.0")},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.store(t, "a/x:1", c.content)
			r.store(t, "b/y:2", c.content)
			client, digest := newClient(t, Options{}), digestOf(t, c.content)
			for _, tag := range []string{"a/x:1", "b/y:2", "a/x:1"} {
				wantAnswer(t, r.ask(t, client, tag), plan.Answer{Digest: digest, Labels: c.labels})
			}
			want := map[string]int{"HEAD 1": 2, "HEAD 2": 1, "GET " + digest: 1, "GET blob": 1}
			if c.child != nil {
				want["GET "+digestOf(t, c.child)] = 1
			}
			r.wantRequests(t, want)
		})
	}
}

// What has no configuration of an image has no labels, and is not asked for one.
func TestNoLabels(t *testing.T) {
	artifact := mutate.ConfigMediaType(labelled(t, "1.0"), "application/vnd.cncf.helm.config.v1+json")
	for name, c := range map[string]struct {
		content taggable
		gets    int // manifests
		blobs   int
	}{
		"an artifact":            {artifact, 1, 0},
		"an index of artifacts":  {indexOf(platform{"linux/amd64", artifact}), 2, 0},
		"an index of nothing":    {empty.Index, 1, 0},
		"an index of indexes":    {mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: indexOf(platform{"linux/amd64", labelled(t, "1")})}), 1, 0},
		"an image without them":  {mustImage(t), 1, 1},
		"an OCI image with none": {mutate.ConfigMediaType(mutate.MediaType(mustImage(t), types.OCIManifestSchema1), types.OCIConfigJSON), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.store(t, "a/x:1", c.content)
			wantDigest(t, r.ask(t, newClient(t, Options{}), "a/x:1"), digestOf(t, c.content))
			gets, blobs := 0, 0
			for request, n := range r.requests() {
				switch {
				case request == "GET blob":
					blobs += n
				case strings.HasPrefix(request, "GET "):
					gets += n
				}
			}
			if gets != c.gets || blobs != c.blobs {
				t.Errorf("%d manifests and %d blobs were read, want %d and %d", gets, blobs, c.gets, c.blobs)
			}
		})
	}
}

func mustImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// blobs answers requests for blobs, and lets everything else pass.
func blobs(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		f(w, r)
		return true
	}
}

// An import does not need a configuration, and what is not the configuration is not read
// for one.
func TestAConfigurationThatCannotBeRead(t *testing.T) {
	forged := `{"config": {"Labels": {"org.opencontainers.image.version": "forged"}}}`
	for name, blob := range map[string]http.HandlerFunc{
		"404":             status(http.StatusNotFound),
		"401":             status(http.StatusUnauthorized),
		"429":             status(http.StatusTooManyRequests),
		"500":             status(http.StatusInternalServerError),
		"other content":   serve("application/octet-stream", forged),
		"no content":      serve("application/octet-stream", ""),
		"metadata server": status(http.StatusTemporaryRedirect, "Location", "http://169.254.169.254/latest"),
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil || r.Context().Err() != nil {
					return
				}
			}
			t.Error("64 MiB were read")
		},
		"hanging": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			img := labelled(t, "1.0")
			r.store(t, "a/x:1", img)
			r.answers(blobs(blob))
			c := newClient(t, Options{})
			got := plan.Answer{Failure: &plan.Failure{Message: "not asked"}}
			if name == "hanging" { // half of the time is the configuration's; the other may be short where there is much to do
				for question := time.Second; got.Failure != nil && question < time.Minute; question *= 3 {
					c = newClient(t, Options{Timeouts: Timeouts{Question: question}})
					got = r.ask(t, c, "a/x:1")
				}
			} else {
				got = r.ask(t, c, "a/x:1")
			}
			wantDigest(t, got, digestOf(t, img))
			r.answers(nil)
			wantDigest(t, r.ask(t, c, "a/x:1"), digestOf(t, img))
			r.wantRequests(t, map[string]int{"HEAD 1": 1})
		})
	}
}

// A question that ends with its context has learnt nothing: the next one reads labels.
func TestAnEndedContextForgetsNoLabels(t *testing.T) {
	r := newRig(t)
	img := labelled(t, "1.0")
	r.store(t, "a/x:1", img)
	ctx, cancel := context.WithCancel(t.Context())
	r.answers(blobs(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	}))
	c := newClient(t, Options{})
	r.wantFailure(t, c.Resolve(ctx, question(r.host+"/a/x:1")), "", "stopped before HOST answered")
	r.answers(nil)
	wantAnswer(t, r.ask(t, c, "a/x:1"), plan.Answer{Digest: digestOf(t, img), Labels: labels("1.0")})
}

func TestConfigure(t *testing.T) {
	long := strings.Repeat("x", maxLabel)
	for text, want := range map[string]plan.Labels{
		``:                             {},
		`[]`:                           {},
		`{}`:                           {},
		`{"config": {"Labels": null}}`: {},
		`{"config": {"Labels": {"a": "b", "org.opencontainers.image.source": "s"}}}`:                                     {Source: "s"},
		`{"created": 3, "config": {"Cmd": "x", "Labels": {"a": 1, "org.opencontainers.image.source": "s"}, "User": []}}`: {Source: "s"},
		fmt.Sprintf(`{"config": {"Labels": {"org.opencontainers.image.version": %q}}}`, long+"y"):                        {Version: long},
	} {
		if diff := cmp.Diff(want, configure(&stream.ImageMetadata{}, []byte(text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
