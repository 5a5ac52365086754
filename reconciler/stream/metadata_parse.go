package stream

import (
	"fmt"
	"slices"
	"strconv"
)

// ParseImageMetadata reads the file of an image, strictly: the error is a *StatusError,
// for the first thing that Encode would not have written so.
func ParseImageMetadata(src []byte) (*ImageMetadata, error) {
	r := &reader{strict: true}
	docs, ok := r.documents(src)
	switch {
	case !ok:
		return nil, r.statusError()
	case len(docs) != 1:
		return nil, &StatusError{Reason: fmt.Sprintf("the file holds %d documents, not one", len(docs))}
	}
	if version := peek(docs[0], "apiVersion"); isNewer(version) {
		return nil, &StatusError{Line: docs[0].Line, Newer: true, Reason: "apiVersion " + version + ": written by a newer imgstream; left alone"}
	}
	m := r.image(field{line: docs[0].Line, value: notNull(docs[0])})
	if len(r.problems) > 0 {
		return nil, r.statusError()
	}
	return m, nil
}

func (r *reader) image(f field) *ImageMetadata {
	o := r.object(f, "", "apiVersion", "kind", "metadata", "dockerImageManifestMediaType", "dockerImageManifests",
		"dockerImageMetadata", "dockerImageLayers", "truncated")
	r.typed(o, imageKind)
	meta := r.object(o.at("metadata"), "metadata", "name", "annotations")
	r.object(meta.at("annotations"), "metadata.annotations", localConfig)
	m := &ImageMetadata{Digest: r.digest(meta, "name"), MediaType: r.text(o, "dockerImageManifestMediaType"), Truncated: r.on(o, "truncated")}
	for _, f := range r.list(o, "dockerImageManifests") {
		e := r.object(f, "dockerImageManifests[]", "digest", "mediaType", "manifestSize", "architecture", "os", "variant")
		m.Manifests = append(m.Manifests, ImageManifest{
			Digest: r.digest(e, "digest"), MediaType: r.text(e, "mediaType"), Size: r.bytes(e, "manifestSize"),
			Architecture: r.text(e, "architecture"), OS: r.text(e, "os"), Variant: r.text(e, "variant"),
		})
	}
	e := r.object(o.at("dockerImageMetadata"), "dockerImageMetadata", "Created", "Author", "Os", "Architecture", "Variant", "Size", "Config")
	m.Created, m.Author, m.Size = r.text(e, "Created"), r.text(e, "Author"), r.bytes(e, "Size")
	m.OS, m.Architecture, m.Variant = r.text(e, "Os"), r.text(e, "Architecture"), r.text(e, "Variant")
	m.Config = r.imageConfig(e)
	for _, f := range r.list(o, "dockerImageLayers") {
		e := r.object(f, "dockerImageLayers[]", "name", "size", "mediaType")
		m.Layers = append(m.Layers, ImageLayer{Name: r.digest(e, "name"), Size: r.bytes(e, "size"), MediaType: r.text(e, "mediaType")})
	}
	return m
}

func (r *reader) imageConfig(o object) ImageConfig {
	const place = "dockerImageMetadata.Config"
	e := r.object(o.at("Config"), place, "User", "WorkingDir", "Entrypoint", "Cmd", "ExposedPorts", "Volumes", "Labels", "Env")
	return ImageConfig{
		User: r.text(e, "User"), WorkingDir: r.text(e, "WorkingDir"),
		Entrypoint: r.entries(e, "Entrypoint"), Cmd: r.entries(e, "Cmd"), Env: r.entries(e, "Env"),
		ExposedPorts: r.members(e, "ExposedPorts"), Volumes: r.members(e, "Volumes"),
		Labels: r.strings(r.keyed(e, "Labels")),
	}
}

// entries gives a list of strings, empty ones included.
func (r *reader) entries(o object, name string) []string {
	var all []string
	for _, f := range r.list(o, name) {
		if s, ok := r.scalar(f, "an element of "+o.path(name)); ok {
			all = append(all, s)
		}
	}
	return all
}

// members gives the keys of a mapping to nothing, sorted.
func (r *reader) members(o object, name string) []string {
	var all []string
	for _, f := range r.keyed(o, name).fields {
		if e := r.object(f, o.path(name)+"."+f.name); len(e.fields) > 0 {
			r.errorf(f.line, "write {}", "%s holds something", e.place)
		}
		all = append(all, f.name)
	}
	slices.Sort(all)
	return all
}

// keyed is a mapping with keys of any name.
func (r *reader) keyed(o object, name string) object {
	set := r.object(o.at(name), o.path(name))
	for _, f := range set.fields {
		if len(f.name) > maxMetadataKey {
			r.errorf(f.line, "", "a key of %s is longer than %d bytes", set.place, maxMetadataKey)
		}
	}
	return set
}

// bytes gives a size, 0 where none is written.
func (r *reader) bytes(o object, name string) int64 {
	s := r.text(o, name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		r.errorf(o.at(name).line, "write a number of bytes", "%s %q is not one", o.path(name), s)
	}
	return n
}
