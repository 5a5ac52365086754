package registry

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// on is an image for a platform (os/arch) that says so itself.
func on(t *testing.T, os, arch string) v1.Image {
	t.Helper()
	cfg, err := mustImage(t).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg.OS, cfg.Architecture, cfg.Author = os, arch, "me"
	cfg.Created = v1.Time{Time: time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)}
	cfg.RootFS.DiffIDs, cfg.History = nil, nil
	cfg.Config = v1.Config{
		User: "1000", WorkingDir: "/w", Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"TOKEN=s3cret"},
		ExposedPorts: map[string]struct{}{"9090/tcp": {}, "8080/tcp": {}}, Volumes: map[string]struct{}{"/v": {}}, Labels: map[string]string{"a": "b"},
	}
	img, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), cfg)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := mustImage(t).Layers()
	if err == nil {
		img, err = mutate.AppendLayers(mutate.ConfigMediaType(img, types.OCIConfigJSON), layers[0], layers[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// says is what the image of on says, with the sizes that the registry has.
func says(t *testing.T, img v1.Image) *stream.ImageMetadata {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	d := &stream.ImageMetadata{
		Digest: digestOf(t, img), MediaType: string(types.OCIManifestSchema1), Created: "2026-11-01T10:00:00Z", Author: "me", OS: cfg.OS, Architecture: cfg.Architecture,
		Size: m.Config.Size + m.Layers[0].Size,
		Config: stream.ImageConfig{
			User: "1000", WorkingDir: "/w", Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"TOKEN=s3cret"},
			ExposedPorts: []string{"8080/tcp", "9090/tcp"}, Volumes: []string{"/v"}, Labels: map[string]string{"a": "b"},
		},
	}
	for _, l := range m.Layers {
		d.Layers = append(d.Layers, stream.ImageLayer{Name: l.Digest.String(), Size: l.Size, MediaType: string(l.MediaType)})
	}
	return d
}

func saysIndex(t *testing.T, index v1.ImageIndex, speaker *stream.ImageMetadata) *stream.ImageMetadata {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	d := *speaker
	d.Digest, d.MediaType = digestOf(t, index), string(m.MediaType)
	for _, c := range m.Manifests {
		d.Manifests = append(d.Manifests, stream.ImageManifest{
			Digest: c.Digest.String(), MediaType: string(c.MediaType), Size: c.Size, OS: c.Platform.OS, Architecture: c.Platform.Architecture,
		})
	}
	return &d
}

func TestWhatImagesSay(t *testing.T) {
	r := newRig(t)
	amd, arm := on(t, "linux", "amd64"), on(t, "linux", "arm64")
	index := indexOf(platform{"linux/amd64", amd}, platform{"linux/arm64", arm})
	r.store(t, "a/image:1", arm)
	r.store(t, "a/index:1", index)
	c := newClient(t, Options{})
	ask := func(q plan.Question) plan.Answer {
		q.Import.Reference = r.host + "/a/" + q.Import.Reference
		return c.Resolve(t.Context(), q)
	}
	all := []stream.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	for name, tt := range map[string]struct {
		q    plan.Question
		want plan.Answer
	}{
		"an image":         {plan.Question{Import: plan.Import{Reference: "image:1"}}, plan.Answer{Digest: digestOf(t, arm), Image: says(t, arm), Platforms: all[1:]}},
		"an index":         {plan.Question{Import: plan.Import{Reference: "index:1"}}, plan.Answer{Digest: digestOf(t, index), Image: saysIndex(t, index, says(t, amd)), Platforms: all}},
		"by preference":    {plan.Question{Import: plan.Import{Reference: "index:1", Prefer: "linux/s390x,linux/arm64"}}, plan.Answer{Digest: digestOf(t, index), Image: saysIndex(t, index, says(t, arm)), Platforms: all}},
		"known":            {plan.Question{Import: plan.Import{Reference: "index:1"}, Known: []string{digestOf(t, index)}}, plan.Answer{Digest: digestOf(t, index), Known: true}},
		"Legacy":           {plan.Question{Import: plan.Import{Reference: "index:1", Legacy: true}}, plan.Answer{Digest: digestOf(t, amd), Index: digestOf(t, index), Image: says(t, amd), Platforms: all}},
		"Legacy, arch":     {plan.Question{Import: plan.Import{Reference: "index:1", Legacy: true, Prefer: "/arm64,linux/amd64"}}, plan.Answer{Digest: digestOf(t, arm), Index: digestOf(t, index), Image: says(t, arm), Platforms: all}},
		"Legacy, no such":  {plan.Question{Import: plan.Import{Reference: "index:1", Legacy: true, Prefer: "windows/"}}, plan.Answer{Digest: digestOf(t, amd), Index: digestOf(t, index), Image: says(t, amd), Platforms: all}},
		"Legacy, an image": {plan.Question{Import: plan.Import{Reference: "image:1", Legacy: true}}, plan.Answer{Digest: digestOf(t, arm), Image: says(t, arm), Platforms: all[1:]}},
		"Legacy, the index known as an image": {
			plan.Question{Import: plan.Import{Reference: "index:1", Legacy: true}, Known: []string{digestOf(t, index), digestOf(t, amd)}},
			plan.Answer{Digest: digestOf(t, amd), Index: digestOf(t, index), Known: true, Platforms: all},
		},
		"Legacy, by digest": {
			plan.Question{Import: plan.Import{Reference: "index@" + digestOf(t, index), Legacy: true}, Known: []string{digestOf(t, index)}},
			plan.Answer{Digest: digestOf(t, amd), Index: digestOf(t, index), Image: says(t, amd), Platforms: all},
		},
	} {
		if diff := cmp.Diff(tt.want, ask(tt.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for request, n := range r.requests() {
		if strings.HasPrefix(request, "GET sha256:") && n != 1 {
			t.Errorf("%s was asked for %d times", request, n)
		}
	}
	if n := r.requests()["GET blob"]; n != 2 {
		t.Errorf("%d configurations were read, of two images", n)
	}
}

// An index that did not move costs one HEAD, and no content.
func TestLegacyOfAnIndexThatDidNotMove(t *testing.T) {
	r := newRig(t)
	amd := on(t, "linux", "amd64")
	index := indexOf(platform{"linux/amd64", amd})
	r.store(t, "a/x:1", index)
	im := plan.Import{Reference: r.host + "/a/x:1", Legacy: true}
	known := plan.Question{Import: im, Known: []string{digestOf(t, amd)}, Children: map[string]string{digestOf(t, index): digestOf(t, amd)}}
	want := plan.Answer{Digest: digestOf(t, amd), Index: digestOf(t, index), Known: true}
	wantAnswer(t, newClient(t, Options{}).Resolve(t.Context(), known), want)
	r.wantRequests(t, map[string]int{"HEAD 1": 1})

	byDigest := known
	byDigest.Import.Reference = r.host + "/a/x@" + digestOf(t, index)
	r.answers(nil)
	wantAnswer(t, newClient(t, Options{}).Resolve(t.Context(), byDigest), want)
	r.wantRequests(t, map[string]int{})
}

func TestLegacyFailures(t *testing.T) {
	r := newRig(t)
	amd := on(t, "linux", "amd64")
	r.store(t, "a/none:1", empty.Index)
	r.store(t, "a/x:1", indexOf(platform{"linux/amd64", amd}))
	c := newClient(t, Options{})
	ask := func(ref string) plan.Answer {
		return c.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: r.host + ref, Legacy: true}})
	}
	r.wantFailure(t, ask("/a/none:1"), stream.ReasonInvalid, "HOST/a/none:1 is an index without images, so that importMode: Legacy has none to take")
	r.answers(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, digestOf(t, amd)) {
			return false
		}
		serve(string(types.OCIManifestSchema1), `{"schemaVersion":2,"config":{}}`)(w, req)
		return true
	})
	r.wantFailure(t, ask("/a/x:1"), "", "HOST answered with content that does not match its digest "+digestOf(t, amd)+": it was thrown away; check the registry, or the cache before it")
	r.answers(gets(func(w http.ResponseWriter, req *http.Request) { status(http.StatusNotFound)(w, req) }))
	if got := ask("/a/x:1"); got.Failure == nil || got.Failure.Reason != "" {
		t.Errorf("%+v", got)
	}
}

// Whether a digest is still there is asked with one HEAD, also where its content is known.
func TestExists(t *testing.T) {
	r := newRig(t)
	img := on(t, "linux", "amd64")
	r.store(t, "a/x:1", img)
	digest := digestOf(t, img)
	c := newClient(t, Options{})
	q := plan.Question{Import: plan.Import{Reference: r.host + "/a/x@" + digest, Exists: true}, Known: []string{digest}}
	for range 2 {
		wantAnswer(t, c.Resolve(t.Context(), q), plan.Answer{Digest: digest, Known: true})
	}
	r.wantRequests(t, map[string]int{"HEAD " + digest: 2})

	q.Known = nil
	wantAnswer(t, c.Resolve(t.Context(), q), plan.Answer{Digest: digest})
	r.wantRequests(t, map[string]int{"HEAD " + digest: 2, "GET " + digest: 1, "GET blob": 1})
	r.answers(manifests(status(http.StatusNotFound)))
	r.wantFailure(t, c.Resolve(t.Context(), q), stream.ReasonNotFound,
		"HOST/a/x@"+digest+" does not exist (HOST answered 404 Not Found): check the repository and the tag")
}

// Two clients, as two sets of credentials have them, read an image once. A repository
// that does not have it is not believed to have it.
func TestSharedContents(t *testing.T) {
	r := newRig(t)
	img := on(t, "linux", "amd64")
	r.store(t, "a/x:1", img)
	shared := NewContents()
	for range 2 {
		c := newClient(t, Options{Contents: shared})
		if got := r.ask(t, c, "a/x:1"); cmp.Diff(says(t, img), got.Image) != "" {
			t.Errorf("%+v", got)
		}
		if got := r.ask(t, c, "b/y@"+digestOf(t, img)); got.Failure == nil {
			t.Errorf("%+v", got)
		}
	}
	want := map[string]int{"HEAD 1": 2, "GET " + digestOf(t, img): 1, "GET blob": 1, "HEAD " + digestOf(t, img): 2}
	r.wantRequests(t, want)
}

// A configuration that cannot be read for now is asked for again later, not each time.
func TestAnUnreadableConfigurationIsAskedForAgain(t *testing.T) {
	r := newRig(t)
	img := on(t, "linux", "amd64")
	r.store(t, "a/x:1", indexOf(platform{"linux/amd64", img}))
	now := time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)
	c := newClient(t, Options{Now: func() time.Time { return now }, Backoff: []time.Duration{}})
	r.answers(blobs(status(http.StatusInternalServerError)))
	for range 2 {
		if got := r.ask(t, c, "a/x:1"); got.Digest == "" || got.Image != nil || len(got.Platforms) != 1 {
			t.Errorf("%+v", got)
		}
	}
	before := r.requests()["GET blob"]
	now = now.Add(unreadable)
	r.answers(nil)
	if got := r.ask(t, c, "a/x:1"); got.Image == nil || got.Image.OS != "linux" {
		t.Errorf("%+v", got)
	}
	if before != 1 || r.requests()["GET blob"] != 1 {
		t.Errorf("%d requests, then %v", before, r.requests())
	}
}

// An image of an index that the registry does not have leaves its descriptors.
func TestAnIndexWithoutItsSpeaker(t *testing.T) {
	r := newRig(t)
	img := on(t, "linux", "amd64")
	index := indexOf(platform{"linux/amd64", img})
	r.store(t, "a/x:1", index)
	r.answers(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, digestOf(t, img)) {
			return false
		}
		status(http.StatusNotFound)(w, req)
		return true
	})
	want := saysIndex(t, index, &stream.ImageMetadata{})
	if diff := cmp.Diff(want, r.ask(t, newClient(t, Options{}), "a/x:1").Image); diff != "" {
		t.Error(diff)
	}
}

func TestContentsForget(t *testing.T) {
	c := NewContents()
	now := time.Now()
	big := &content{image: (&stream.ImageMetadata{Config: stream.ImageConfig{Cmd: []string{strings.Repeat("x", 4000)}}})}
	for i := range 3 * maxContents / 4000 {
		c.put(string(rune(i)), big)
		if c.get("\x00", now) == nil {
			t.Fatal("what is asked for is forgotten")
		}
	}
	kept := maps.Clone(c.fresh)
	maps.Copy(kept, c.stale)
	if n := len(kept); n > 2*maxContents/4000+2 {
		t.Errorf("%d contents are kept", n)
	}
	if c.get("\x01", now) != nil {
		t.Error("the second was not forgotten")
	}
}
