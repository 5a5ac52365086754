package stream

import (
	"maps"
	"slices"
	"strconv"
)

const imageKind = "ImageMetadata"

// Encode writes the file of an image, format version 1: the same value gives the same
// bytes, and ParseImageMetadata gives back a value that went through Fit.
func (m *ImageMetadata) Encode() []byte {
	w := &writer{}
	w.line(skipMark)
	w.field("", "apiVersion", groupVersion)
	w.field("", "kind", imageKind)
	w.line("metadata:")
	w.field("  ", "name", m.Digest)
	w.line("  annotations:")
	w.field("    ", localConfig, "true")
	w.field("", "dockerImageManifestMediaType", m.MediaType)
	list(w, "dockerImageManifests:", m.Manifests, (*writer).manifest)
	w.image(m)
	list(w, "dockerImageLayers:", m.Layers, (*writer).layer)
	if m.Truncated {
		w.line("truncated: true")
	}
	return w.Bytes()
}

func list[T any](w *writer, heading string, all []T, write func(*writer, T)) {
	if len(all) > 0 {
		w.line(heading)
	}
	for _, e := range all {
		write(w, e)
	}
}

func (w *writer) manifest(m ImageManifest) {
	w.element("digest", m.Digest, "mediaType", m.MediaType)
	w.number("  ", "manifestSize", m.Size)
	w.field("  ", "architecture", m.Architecture)
	w.field("  ", "os", m.OS)
	w.field("  ", "variant", m.Variant)
}

func (w *writer) layer(l ImageLayer) {
	w.element("name", l.Name)
	w.number("  ", "size", l.Size)
	w.field("  ", "mediaType", l.MediaType)
}

func (w *writer) number(indent, key string, n int64) {
	w.line(indent + key + ": " + strconv.FormatInt(n, 10))
}

// image writes what the configuration says, and nothing where that is nothing.
func (w *writer) image(m *ImageMetadata) {
	body := &writer{}
	body.field("  ", "Created", m.Created)
	body.field("  ", "Author", m.Author)
	body.field("  ", "Os", m.OS)
	body.field("  ", "Architecture", m.Architecture)
	body.field("  ", "Variant", m.Variant)
	if m.Size > 0 {
		body.number("  ", "Size", m.Size)
	}
	body.config(m.Config)
	if body.Len() > 0 {
		w.line("dockerImageMetadata:")
		w.Write(body.Bytes())
	}
}

func (w *writer) config(c ImageConfig) {
	body := &writer{}
	body.field("    ", "User", c.User)
	body.field("    ", "WorkingDir", c.WorkingDir)
	list(body, "    Entrypoint:", c.Entrypoint, (*writer).entry)
	list(body, "    Cmd:", c.Cmd, (*writer).entry)
	list(body, "    ExposedPorts:", c.ExposedPorts, (*writer).member)
	list(body, "    Volumes:", c.Volumes, (*writer).member)
	list(body, "    Labels:", slices.Sorted(maps.Keys(c.Labels)), func(w *writer, key string) { w.label(key, c.Labels[key]) })
	list(body, "    Env:", c.Env, (*writer).entry)
	if body.Len() > 0 {
		w.line("  Config:")
		w.Write(body.Bytes())
	}
}

func (w *writer) entry(s string)          { w.line("    - " + scalar(s)) }
func (w *writer) member(key string)       { w.line("      " + scalar(key) + ": {}") }
func (w *writer) label(key, value string) { w.line("      " + scalar(key) + ": " + scalar(value)) }
