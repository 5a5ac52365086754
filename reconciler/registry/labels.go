package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imgstream/imgstream/reconciler/plan"
)

const (
	// maxConfig is the most that is read of an image's configuration.
	maxConfig = 8 << 20
	// maxLabel is the most that is kept of a label, in bytes.
	maxLabel = 4 << 10
)

// Labels that are read (OCI image specification 1.1, "Annotations").
const (
	labelSource   = "org.opencontainers.image.source"
	labelRevision = "org.opencontainers.image.revision"
	labelVersion  = "org.opencontainers.image.version"
)

// labels reads the labels of an image, or of one image of an index, with at most two
// requests more. They are not needed for an import: what cannot be read counts as
// none. The error is that ctx ended, and nothing was learnt.
func (c *Client) labels(ctx context.Context, repo name.Repository, m *manifest) (plan.Labels, error) {
	bounded, cancel := context.WithTimeout(ctx, c.opts.Timeouts.Question/2)
	defer cancel()
	labels, err := c.readLabels(bounded, repo, m)
	switch {
	case err == nil:
		return labels, nil
	case ctx.Err() != nil:
		return plan.Labels{}, ctx.Err()
	}
	c.opts.Logger.DebugContext(ctx, "image configuration not read", "host", display(repo.RegistryStr()), "repository", repo.RepositoryStr(), "digest", m.digest)
	return plan.Labels{}, nil
}

func (c *Client) readLabels(ctx context.Context, repo name.Repository, m *manifest) (plan.Labels, error) {
	if m.mediaType.IsIndex() {
		child := childOf(m.bytes)
		if child == nil {
			return plan.Labels{}, nil
		}
		var err error
		if m, err = c.fetch(ctx, repo.Digest(child.Digest.String())); err != nil {
			return plan.Labels{}, err
		}
	}
	config := configOf(m)
	if config == nil {
		return plan.Labels{}, nil
	}
	blob, err := c.puller.Layer(ctx, repo.Digest(config.Digest.String()))
	if err != nil {
		return plan.Labels{}, err
	}
	body, err := blob.Compressed() // as it lies there: a configuration is not compressed
	if err != nil {
		return plan.Labels{}, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		return plan.Labels{}, err
	}
	return parseLabels(text)
}

// childOf is the image of an index whose labels speak for it: that for linux/amd64,
// else the first; nil when it has none. Attestations, which are images by their type
// alone, have an unknown platform.
func childOf(index []byte) *v1.Descriptor {
	list, err := v1.ParseIndexManifest(bytes.NewReader(index))
	if err != nil {
		return nil
	}
	var first *v1.Descriptor
	for i := range list.Manifests {
		d := &list.Manifests[i]
		var on v1.Platform
		if d.Platform != nil {
			on = *d.Platform
		}
		switch {
		case !d.MediaType.IsImage() || on.OS == "unknown":
		case on.OS == "linux" && on.Architecture == "amd64":
			return d
		case first == nil:
			first = d
		}
	}
	return first
}

// configOf is the configuration of an image; nil for an artifact of another kind, and
// for one that is too large.
func configOf(m *manifest) *v1.Descriptor {
	if !m.mediaType.IsImage() {
		return nil
	}
	image, err := v1.ParseManifest(bytes.NewReader(m.bytes))
	if err != nil || !image.Config.MediaType.IsConfig() || image.Config.Size > maxConfig {
		return nil
	}
	return &image.Config
}

// parseLabels reads a configuration (OCI image specification 1.1, "Image Configuration").
func parseLabels(config []byte) (plan.Labels, error) {
	var image struct {
		Config struct {
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
	}
	if err := json.Unmarshal(config, &image); err != nil {
		return plan.Labels{}, err
	}
	label := func(key string) string {
		text := image.Config.Labels[key]
		return strings.Clone(text[:min(len(text), maxLabel)])
	}
	return plan.Labels{Source: label(labelSource), Revision: label(labelRevision), Version: label(labelVersion)}, nil
}
