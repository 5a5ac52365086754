package describe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/stream"
)

var image = stream.ImageMetadata{
	Digest: digest("1"), MediaType: "application/vnd.oci.image.manifest.v1+json",
	Created: "2026-11-01T10:00:00Z", Author: "Build <build@example.com>", OS: "linux", Architecture: "amd64", Size: 84_712_345,
	Config: stream.ImageConfig{
		User: "1000", WorkingDir: "/opt/keycloak", Entrypoint: []string{"/opt/kc.sh"}, Cmd: []string{"start", "--a\x1b[1m"},
		ExposedPorts: []string{"8080/tcp", "9000"}, Volumes: []string{"/data", "/logs"},
		Labels: map[string]string{"version": "25.0", "io.k8s.description": "a\n\tb"}, Env: []string{"PATH=/usr/bin", "A=b"},
	},
	Layers: []stream.ImageLayer{{Name: digest("a"), Size: 84_000_000, MediaType: "m"}, {Name: digest("b"), Size: 712_345}, {Name: digest("c")}},
}

// index is that of images of three platforms.
func index() stream.ImageMetadata {
	m := image
	m.MediaType = "application/vnd.oci.image.index.v1+json"
	m.Manifests = []stream.ImageManifest{
		{Digest: digest("d"), MediaType: "m", Size: 1234, OS: "linux", Architecture: "amd64"},
		{Digest: digest("e"), MediaType: "m", Size: 1233, OS: "linux", Architecture: "arm64", Variant: "v8"},
		{Digest: digest("f"), MediaType: "m", Size: 1232},
	}
	return m
}

func TestImageText(t *testing.T) {
	tree := treeOf(t, "describe.txtar")
	tag := TagsOf(tree, tree.Stream("sso", "keycloak"))[0]
	of := index()
	truncated := stream.ImageMetadata{Digest: digest("1"), Size: 999, Truncated: true, Layers: image.Layers[:1]}
	for name, c := range map[string]Contents{
		"image":           {ImageMetadata: &image},
		"image-index":     {ImageMetadata: &of},
		"image-truncated": {ImageMetadata: &truncated},
		"image-missing":   {Missing: NoContents(tree, digest("1"))},
	} {
		golden(t, name+".txt", tag.Text(c, now))
		y, err := YAML(tag.With(c))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".yaml", y)
	}
}

func TestNoContents(t *testing.T) {
	tree := treeOf(t, "describe.txtar")
	for _, test := range []struct{ setting, digest, want string }{
		{"head", digest("1"), "no pass has written it yet"},
		{"head", digest("e"), "imageMetadata: head in .imgstream.yaml keeps that of the newest image of each tag alone"},
		{"history", digest("e"), "no pass has written it yet"},
		{"none", digest("1"), "imageMetadata: none in .imgstream.yaml keeps none"},
	} {
		tree.Settings.ImageMetadata = test.setting
		if diff := cmp.Diff(test.want, NoContents(tree, test.digest)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHumanSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0B", 999: "999B", 1000: "1kB", 84_712_345: "84.71MB", 84_700_000: "84.7MB", 999_960_000: "1000MB", 5e15: "5000TB",
	} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d: got %s, want %s", bytes, got, want)
		}
	}
}

func TestMeans(t *testing.T) {
	i := StreamImage{Metadata: Metadata{Name: "keycloak@" + digest("a")}}
	for name, want := range map[string]bool{
		"keycloak@" + digest("a"):              true,
		"keycloak@sha256:" + digest("a")[7:20]: true,
		"keycloak@" + digest("a")[7:20]:        true,
		"keycloak@sha256":                      true,
		"keycloak@":                            false,
		"keycloak@sha256:f":                    false,
		"other@" + digest("a"):                 false,
		"keycloak@sha512:" + digest("a")[7:]:   false,
	} {
		if got := i.Means(name); got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestChildren(t *testing.T) {
	of := index()
	i := StreamImage{
		Metadata: Metadata{Name: "keycloak@" + digest("1"), Namespace: "sso", CreationTimestamp: "2026-11-20T12:00:01Z"},
		Image:    Image{DockerImageReference: "quay.io/k/k@" + digest("1"), Metadata: Metadata{Name: digest("1")}},
	}
	var got []string
	for _, c := range i.Children(Contents{ImageMetadata: &of}) {
		got = append(got, c.Metadata.Name+" "+c.Image.DockerImageReference)
	}
	want := []string{}
	for _, letter := range []string{"d", "e", "f"} {
		want = append(want, "keycloak@"+digest(letter)+" quay.io/k/k@"+digest(letter))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none := i.Children(Contents{}); none != nil {
		t.Errorf("without a file: %v", none)
	}
}

// Other people's text stays on its line and steers no terminal.
func FuzzImageText(f *testing.F) {
	f.Add("a\x1b[31m", "b\n\tc", "d\x00")
	f.Fuzz(func(t *testing.T, author, label, env string) {
		m := image
		m.Author, m.Config.Env = author, []string{env}
		m.Config.Labels = map[string]string{label: author}
		text := Image{}.text("", Contents{ImageMetadata: &m}, now)
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
			t.Errorf("%q could steer a terminal", text)
		}
		if lines := strings.Count(text, "\n"); lines != 20 {
			t.Errorf("%d lines:\n%s", lines, text)
		}
	})
}
