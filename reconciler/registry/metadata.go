package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	// maxConfig is the most that is read of an image's configuration.
	maxConfig = 8 << 20
	// maxLabel is the most that is kept of a label for the message of a commit, in bytes.
	maxLabel = 4 << 10
	// unreadable is how long a configuration that could not be read is left alone.
	unreadable = time.Hour
)

// Labels that are read (OCI image specification 1.1, "Annotations").
const (
	labelSource   = "org.opencontainers.image.source"
	labelRevision = "org.opencontainers.image.revision"
	labelVersion  = "org.opencontainers.image.version"
)

// learn takes in a verified manifest: of an index its descriptors, of an image what it
// says of itself, with one request more. An import does not need that: what cannot be
// read is left out. The error is that ctx ended, and nothing was learnt.
func (c *Client) learn(ctx context.Context, repo name.Repository, m *manifest) (*content, error) {
	if m.mediaType.IsIndex() {
		children := childrenOf(m.bytes)
		return &content{index: true, children: children, image: (&stream.ImageMetadata{
			Digest: m.digest, MediaType: string(m.mediaType), Manifests: children,
		})}, nil
	}
	image, err := v1.ParseManifest(bytes.NewReader(m.bytes))
	if err != nil {
		return &content{image: &stream.ImageMetadata{Digest: m.digest, MediaType: string(m.mediaType)}}, nil //nolint:nilerr // an image of which nothing is known
	}
	d := described(m, image)
	if !image.Config.MediaType.IsConfig() || image.Config.Size > maxConfig {
		return &content{image: d.Fit()}, nil // an artifact of another kind, or too large
	}
	bounded, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Question/2)
	defer cancel()
	text, err := c.configuration(bounded, repo.Digest(image.Config.Digest.String()))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		c.opts.Logger.DebugContext(ctx, "image configuration not read", "host", display(repo.RegistryStr()), "repository", repo.RepositoryStr(), "digest", m.digest)
		return &content{again: c.opts.Now().Add(unreadable)}, nil
	}
	labels := configure(d, text)
	return &content{image: d.Fit(), labels: labels}, nil
}

// configuration reads a blob. One that the registry does not have is empty.
func (c *Client) configuration(ctx context.Context, d name.Digest) ([]byte, error) {
	blob, err := c.puller.Layer(ctx, d)
	if err != nil {
		return nil, err
	}
	body, err := blob.Compressed() // as it lies there: a configuration is not compressed
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// childrenOf are the images of an index. Attestations, which are images by their type
// alone, have an unknown platform.
func childrenOf(index []byte) []stream.ImageManifest {
	list, err := v1.ParseIndexManifest(bytes.NewReader(index))
	if err != nil {
		return nil
	}
	var all []stream.ImageManifest
	for _, d := range list.Manifests {
		var on v1.Platform
		if d.Platform != nil {
			on = *d.Platform
		}
		if !d.MediaType.IsImage() || on.OS == "unknown" || !stream.IsDigest(d.Digest.String()) {
			continue
		}
		all = append(all, stream.ImageManifest{
			Digest: d.Digest.String(), MediaType: string(d.MediaType), Size: max(d.Size, 0),
			Architecture: on.Architecture, OS: on.OS, Variant: on.Variant,
		})
	}
	return all
}

// preferred is the image of an index that wants ask for, the most wanted first, then
// linux/amd64, then the first (openshift.md 2.9); "" when it has none.
func (c *content) preferred(wants []stream.Platform) string {
	for _, want := range append(slices.Clip(wants), stream.Platform{OS: "linux", Architecture: "amd64"}) {
		for _, m := range c.children {
			if want.Wants(platformOf(m)) {
				return m.Digest
			}
		}
	}
	if len(c.children) == 0 {
		return ""
	}
	return c.children[0].Digest
}

// spokenFor is what an index says, with what one of its images says of itself; nil when
// that could not be read for now.
func (c *content) spokenFor(child *content) *stream.ImageMetadata {
	if child == nil {
		return c.image.Fit()
	}
	if child.image == nil {
		return nil
	}
	whole := *child.image
	whole.Digest, whole.MediaType, whole.Manifests = c.image.Digest, c.image.MediaType, c.children
	return whole.Fit()
}

// described is what a manifest says of its image.
func described(m *manifest, image *v1.Manifest) *stream.ImageMetadata {
	d := &stream.ImageMetadata{Digest: m.digest, MediaType: string(m.mediaType), Size: max(image.Config.Size, 0)}
	counted := map[string]bool{}
	for _, l := range image.Layers {
		digest, size := l.Digest.String(), max(l.Size, 0)
		if !stream.IsDigest(digest) {
			continue
		}
		if !counted[digest] {
			counted[digest] = true
			d.Size += size
		}
		d.Layers = append(d.Layers, stream.ImageLayer{Name: digest, Size: size, MediaType: string(l.MediaType)})
	}
	return d
}

// configure adds what a configuration says (OCI image specification 1.1, "Image
// Configuration"), as far as it can be read, and gives the labels for commits.
func configure(d *stream.ImageMetadata, text []byte) plan.Labels {
	var image struct {
		Created      string `json:"created"`
		Author       string `json:"author"`
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		Variant      string `json:"variant"`
		Config       struct {
			User         string
			WorkingDir   string
			Entrypoint   []string
			Cmd          []string
			Env          []string
			ExposedPorts map[string]struct{}
			Volumes      map[string]struct{}
			Labels       map[string]string
		} `json:"config"`
	}
	// One field of another type keeps none of the others away.
	if err := json.Unmarshal(text, &image); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
		return plan.Labels{}
	}
	d.Created, d.Author, d.OS, d.Architecture, d.Variant = image.Created, image.Author, image.OS, image.Architecture, image.Variant
	c := image.Config
	d.Config = stream.ImageConfig{
		User: c.User, WorkingDir: c.WorkingDir, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, Labels: c.Labels,
		ExposedPorts: slices.Sorted(maps.Keys(c.ExposedPorts)), Volumes: slices.Sorted(maps.Keys(c.Volumes)),
	}
	label := func(key string) string {
		text := c.Labels[key]
		return strings.Clone(text[:min(len(text), maxLabel)])
	}
	return plan.Labels{Source: label(labelSource), Revision: label(labelRevision), Version: label(labelVersion)}
}
