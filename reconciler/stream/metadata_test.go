package stream

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func fullImage() *ImageMetadata {
	return &ImageMetadata{
		Digest: digestOf("2b"), MediaType: "application/vnd.oci.image.index.v1+json",
		Manifests: []ImageManifest{
			{Digest: digestOf("a1"), MediaType: "application/vnd.oci.image.manifest.v1+json", Size: 1234, Architecture: "amd64", OS: "linux"},
			{Digest: digestOf("a2"), MediaType: "application/vnd.oci.image.manifest.v1+json", Size: 1233, Architecture: "arm64", OS: "linux", Variant: "v8"},
		},
		Created: "2026-11-01T10:00:00Z", Author: "Build <build@example.com>", OS: "linux", Architecture: "amd64", Variant: "v2", Size: 88817632,
		Config: ImageConfig{
			User: "1000", WorkingDir: "/opt/keycloak", Entrypoint: []string{"/opt/keycloak/bin/kc.sh"}, Cmd: []string{"start", "", "--spi=\n# x"},
			ExposedPorts: []string{"8080/tcp", "9000"}, Volumes: []string{"/data", "~"},
			Labels: map[string]string{"": "", "<<": "on", "io.k8s.description": "a: b # c\x00\u2028", "version": "25.0"},
			Env:    []string{"PATH=/usr/bin", "=", ""},
		},
		Layers:    []ImageLayer{{Name: digestOf("c1"), Size: 88000000, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip"}, {Name: digestOf("c2")}},
		Truncated: true,
	}
}

func TestImageMetadataGolden(t *testing.T) {
	golden := files(t, "images/*.yaml")
	for name, src := range golden {
		m, err := ParseImageMetadata(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(string(src), string(m.Encode())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(string(golden["testdata/images/full.yaml"]), string(fullImage().Encode())); diff != "" {
		t.Errorf("full (-want +got):\n%s", diff)
	}
}

// Each row edits the full file; the line is that of the edit.
func TestParseImageMetadataErrors(t *testing.T) {
	full := string(fullImage().Encode())
	for _, tt := range []struct{ old, new, want string }{
		{full, "", "the file holds 0 documents, not one"},
		{full, "a: [", "line 1: the file is not valid YAML: did not find expected node content"},
		{"imgstream.dev/v1\n", "imgstream.dev/v2\n", "line 2: apiVersion imgstream.dev/v2: written by a newer imgstream; left alone"},
		{"kind: ImageMetadata", "kind: Image", `line 3: kind "Image" is not known (write kind: ImageMetadata)`},
		{"name: " + digestOf("2b"), "name: sha256:2b", `line 5: metadata.name "sha256:2b" is not a digest (write sha256: and 64 hexadecimal digits)`},
		{"  Size: 88817632", "  Size: -1", `line 27: dockerImageMetadata.Size "-1" is not one (write a number of bytes)`},
		{"8080/tcp: {}", "8080/tcp: {a: b}", "line 38: dockerImageMetadata.Config.ExposedPorts.8080/tcp holds something (write {})"},
		{"truncated: true", "truncated: 1", "line 58: truncated is not a boolean (write true or false, without quotes)"},
		{"  Os: ", "  OS: ", "line 24: unknown field dockerImageMetadata.OS (did you mean Os?)"},
	} {
		if !strings.Contains(full, tt.old) {
			t.Fatalf("%q is not in the file", tt.old)
		}
		_, err := ParseImageMetadata([]byte(strings.Replace(full, tt.old, tt.new, 1)))
		if bad, ok := errors.AsType[*StatusError](err); !ok || err.Error() != tt.want || bad.Newer != strings.HasSuffix(tt.new, "/v2\n") {
			t.Errorf("%q for %q:\n got %v\nwant %s", tt.new, tt.old, err, tt.want)
		}
	}
}

func TestImagePaths(t *testing.T) {
	digest := digestOf("2b")
	path := ImagePath("imagestreams/status", digest)
	if want := "imagestreams/images/sha256/2b/" + digest[7:] + ".yaml"; path != want {
		t.Errorf("got %s, want %s", path, want)
	}
	if want := "images/sha512/0f/" + strings.Repeat("0f", 64) + ".yaml"; ImagePath("status", "sha512:"+strings.Repeat("0f", 64)) != want {
		t.Error("a status directory at the root")
	}
	set := DefaultSettings()
	if got, ok := ParseImagePath("imagestreams/status", path); !ok || got != digest || !set.IsImagePath(path) || set.IsSpecPath(path) || set.Scans(path) || set.IsStatusPath(path) {
		t.Errorf("%s is not known: %q", path, got)
	}
	for _, other := range []string{
		"", "x/" + path, path + ".yaml", strings.TrimSuffix(path, ".yaml"), strings.Replace(path, "/2b/", "/2c/", 1), strings.Replace(path, "/2b/", "/", 1),
		strings.Replace(path, "sha256", "sha1", 1), strings.ToUpper(path), strings.Replace(path, "/2b/", "/2b2/", 1), "imagestreams/images/README.md",
	} {
		if set.IsImagePath(other) {
			t.Errorf("%q is taken for metadata", other)
		}
	}
	set.Streams = Layout{Directories: []string{"specs"}, StatusDirectory: "specs/of/state"}
	if own := ImagePath("specs/of/state", digest); !set.IsImagePath(own) || set.IsSpecPath(own) || set.Scans(own) {
		t.Errorf("%s has another role", own)
	}
}

func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringMatching(`[-a-z0-9.:# "'\\\n{}=<~?&*]{0,20}`), rapid.Map(rapid.IntRange(0, 9000), func(n int) string { return strings.Repeat("é\x01", n/3) }))
}

func images() *rapid.Generator[ImageMetadata] {
	digest := rapid.StringMatching(`sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}`)
	text, size := texts(), rapid.Int64Range(0, 1<<62)
	return rapid.Custom(func(t *rapid.T) ImageMetadata {
		list := rapid.SliceOfN(text, 0, 9)
		m := ImageMetadata{
			Digest: digest.Draw(t, "digest"), MediaType: text.Draw(t, "type"), Created: text.Draw(t, "created"), Author: text.Draw(t, "author"),
			OS: text.Draw(t, "os"), Architecture: text.Draw(t, "architecture"), Variant: text.Draw(t, "variant"), Size: size.Draw(t, "size"),
			Config: ImageConfig{
				User: text.Draw(t, "user"), WorkingDir: text.Draw(t, "dir"), Entrypoint: list.Draw(t, "entrypoint"), Cmd: list.Draw(t, "cmd"),
				ExposedPorts: list.Draw(t, "ports"), Volumes: list.Draw(t, "volumes"), Env: list.Draw(t, "env"),
				Labels: rapid.MapOfN(text, text, 0, 9).Draw(t, "labels"),
			},
		}
		if n := rapid.IntRange(0, 600).Draw(t, "manifests"); n > 0 {
			m.Manifests = slices.Repeat([]ImageManifest{{Digest: m.Digest, MediaType: "m", Size: 3, OS: m.OS}}, n)
		}
		if n := rapid.IntRange(0, 600).Draw(t, "layers"); n > 0 {
			m.Layers = slices.Repeat([]ImageLayer{{Name: m.Digest, Size: 4, MediaType: m.MediaType}}, n)
		}
		return m
	})
}

// Whatever an image says, its file is within the limit and says after reading what was
// written; making it fit twice changes nothing.
func TestImageMetadataRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fit := images().Draw(t, "image").Fit()
		src := fit.Encode()
		if len(src) > MaxImageMetadata {
			t.Fatalf("%d bytes", len(src))
		}
		got, err := ParseImageMetadata(src)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		if diff := cmp.Diff(fit, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if again := got.Fit(); !bytes.Equal(again.Encode(), src) {
			t.Fatalf("fitting again changes it:\n%s", cmp.Diff(got, again))
		}
	})
}

// The environment goes first, then labels, then layers; how to run it stays.
func TestFitCuts(t *testing.T) {
	m := ImageMetadata{Digest: digestOf("2b"), Config: ImageConfig{Cmd: []string{"run"}, Labels: map[string]string{}}}
	for i := range 20 {
		m.Config.Labels[fmt.Sprint("label", i)] = strings.Repeat("l", 3000)
		m.Config.Env = append(m.Config.Env, strings.Repeat("e", 3000))
		m.Layers = append(m.Layers, ImageLayer{Name: digestOf("c1")})
	}
	m.Config.Labels[strings.Repeat("k", 300)] = "a key that YAML readers refuse"
	fit := m.Fit()
	if !fit.Truncated || len(fit.Config.Cmd) != 1 || len(fit.Layers) != 20 || len(fit.Config.Labels) != 20 || len(fit.Config.Env) != 0 {
		t.Errorf("kept %d layers, %d labels, %d variables", len(fit.Layers), len(fit.Config.Labels), len(fit.Config.Env))
	}
	long := strings.Repeat("\x01", 1<<20)
	m = ImageMetadata{
		Digest: digestOf("2b"), MediaType: long, Created: long, Author: long, OS: long, Architecture: long, Variant: long,
		Config: ImageConfig{User: long, WorkingDir: long, Cmd: []string{long, long, long, long}},
	}
	if src := m.Fit().Encode(); len(src) > MaxImageMetadata {
		t.Errorf("%d bytes", len(src))
	}
	if m := (ImageMetadata{Digest: digestOf("2b"), Config: ImageConfig{Volumes: []string{"b", "a", "b"}}}).Fit(); m.Truncated || !slices.Equal(m.Config.Volumes, []string{"a", "b"}) {
		t.Errorf("%+v", m)
	}
}

// A file that is accepted, however it is laid out, says after rewriting what it said.
func FuzzParseImageMetadata(f *testing.F) {
	for _, src := range files(f, "images/*.yaml") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := ParseImageMetadata(src)
		if err != nil {
			if bad, ok := errors.AsType[*StatusError](err); !ok || bad.Reason == "" || strings.Contains(bad.Reason, "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		again, err := ParseImageMetadata(m.Encode())
		if err != nil {
			t.Fatalf("%v\n%s", err, m.Encode())
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("%s", diff)
		}
	})
}
