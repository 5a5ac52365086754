package stream

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// ImageMetadata is what an image says of itself, by the names that OpenShift's Image
// gives it: kind ImageMetadata of imgstream.dev/v1 (product.md 2). Its strings are other
// people's text.
type ImageMetadata struct {
	Digest    string // of the manifest or index
	MediaType string // of the manifest or index

	// Manifests are the images of an index. The fields below are then those of one of
	// them: the one for the platform of the settings.
	Manifests []ImageManifest

	Created      string // as the configuration has it; "" where it has none
	Author       string
	OS           string
	Architecture string
	Variant      string
	Size         int64 // in bytes: the configuration and each distinct layer, as they lie in the registry
	Config       ImageConfig
	Layers       []ImageLayer // the lowest first

	// Truncated says that something was left out or cut to keep the file within MaxImageMetadata.
	Truncated bool
}

// ImageManifest is one image of an index. Its platform may be unknown.
type ImageManifest struct {
	Digest, MediaType         string
	Size                      int64 // of the manifest alone, in bytes
	Architecture, OS, Variant string
}

// ImageConfig is how the image is run.
type ImageConfig struct {
	User         string
	WorkingDir   string
	Entrypoint   []string
	Cmd          []string
	ExposedPorts []string // 8080/tcp; sorted, unique
	Volumes      []string // paths; sorted, unique
	Labels       map[string]string
	Env          []string // NAME=value; only where the settings say so
}

// ImageLayer is one layer of an image.
type ImageLayer struct {
	Name      string // its digest
	Size      int64  // in bytes, as it lies in the registry
	MediaType string
}

// ImagesDirectory is where the metadata of images lies: beside the status directory.
func ImagesDirectory(statusDirectory string) string {
	return path.Join(path.Dir(statusDirectory), "images")
}

// ImagePath is where the metadata of an image lies: sharded by its first two digits.
func ImagePath(statusDirectory, digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return path.Join(ImagesDirectory(statusDirectory), algorithm, hex[:min(2, len(hex))], hex+".yaml")
}

// ParseImagePath is the inverse of ImagePath; ok is false for every other path.
func ParseImagePath(statusDirectory, file string) (digest string, ok bool) {
	rest, ok := strings.CutPrefix(file, ImagesDirectory(statusDirectory)+"/")
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, ".yaml")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || !strings.HasPrefix(parts[2], parts[1]) || len(parts[1]) != 2 {
		return "", false
	}
	digest = parts[0] + ":" + parts[2]
	return digest, IsDigest(digest)
}

// IsImagePath says whether a file is the metadata of an image, by its path alone.
func (s Settings) IsImagePath(file string) bool {
	_, ok := ParseImagePath(s.Streams.StatusDirectory, file)
	return ok
}

// Bounds of what is kept of an image's metadata.
const (
	MaxImageMetadata = 64 << 10 // bytes of a file (product.md 2)

	maxMetadataText = 4 << 10 // bytes of one value in a list or mapping
	maxMetadataWord = 1 << 10 // bytes of any other value; all of them, escaped, are within the limit
	maxMetadataKey  = 256     // bytes of one key; YAML has a limit of 1024 for what is written
)

// Fit gives the metadata as it can be written: within the bounds, every string valid
// and every list in its order. What goes first when there is too much of it is the same
// each time: environment, labels, layers, then the rest from its end.
func (m ImageMetadata) Fit() *ImageMetadata {
	f := fitter{truncated: m.Truncated}
	for _, s := range []*string{&m.MediaType, &m.Created, &m.Author, &m.OS, &m.Architecture, &m.Variant, &m.Config.User, &m.Config.WorkingDir} {
		*s = f.cut(*s, maxMetadataWord)
	}
	rest := m
	rest.Manifests, rest.Layers, rest.Config, rest.Truncated = nil, nil, ImageConfig{User: m.Config.User, WorkingDir: m.Config.WorkingDir}, true
	f.left = MaxImageMetadata - len(rest.Encode()) - headings
	m.Manifests = keep(&f, m.Manifests, func(d ImageManifest) ImageManifest {
		for _, s := range []*string{&d.MediaType, &d.Architecture, &d.OS, &d.Variant} {
			*s = f.text(*s)
		}
		return d
	}, (*writer).manifest)
	c := &m.Config
	c.Entrypoint = keep(&f, c.Entrypoint, f.text, (*writer).entry)
	c.Cmd = keep(&f, c.Cmd, f.text, (*writer).entry)
	c.ExposedPorts = keep(&f, f.keys(c.ExposedPorts), f.text, (*writer).member)
	c.Volumes = keep(&f, f.keys(c.Volumes), f.text, (*writer).member)
	m.Layers = keep(&f, m.Layers, func(l ImageLayer) ImageLayer { l.MediaType = f.text(l.MediaType); return l }, (*writer).layer)
	c.Labels = f.labels(c.Labels)
	c.Env = keep(&f, c.Env, f.text, (*writer).entry)
	m.Truncated = f.truncated
	return &m
}

// headings is more than the keys of all lists take, in bytes.
const headings = 512

// fitter counts down the bytes that a file may still have.
type fitter struct {
	left      int
	truncated bool
}

// cut is s as it can be written and read again.
func (f *fitter) cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	f.truncated = true
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

func (f *fitter) text(s string) string { return f.cut(s, maxMetadataText) }

// keys are those that can be keys of a mapping, sorted, each once.
func (f *fitter) keys(all []string) []string {
	var kept []string
	for _, key := range all {
		if len(key) > maxMetadataKey {
			f.truncated = true
			continue
		}
		kept = append(kept, strings.ToValidUTF8(key, "\uFFFD"))
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

func (f *fitter) labels(labels map[string]string) map[string]string {
	fresh := map[string]string{}
	for _, key := range f.keys(slices.Collect(maps.Keys(labels))) {
		value := f.text(labels[key])
		if f.takes(func(w *writer) { w.label(key, value) }) {
			fresh[key] = value
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return fresh
}

// keep gives the elements, each made fit, up to the first that there is no room for.
func keep[T any](f *fitter, list []T, fit func(T) T, write func(*writer, T)) []T {
	var kept []T
	for _, e := range list {
		e = fit(e)
		if !f.takes(func(w *writer) { write(w, e) }) {
			break
		}
		kept = append(kept, e)
	}
	return kept
}

// takes reports whether there is room for what is written, and takes it.
func (f *fitter) takes(write func(*writer)) bool {
	w := &writer{}
	write(w)
	if w.Len() > f.left {
		f.truncated = true
		return false
	}
	f.left -= w.Len()
	return true
}
