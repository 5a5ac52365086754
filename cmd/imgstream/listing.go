package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// listing is the things of one kind that can be shown, and how.
type listing[T any] struct {
	kind     string
	items    []T
	name     func(T) string
	means    func(item T, name string) bool // whether a name of the command line means it; nil: its own name does
	why      func(name string) string       // the end of a message that there is none
	document func(T) any
	table    func([]T, describe.Columns) string
	text     func(T) string // its description; nil: none is shown
}

// matching gives the items that a name of the command line means.
func (l listing[T]) matching(name string) []T {
	var found []T
	for _, item := range l.items {
		if l.name(item) == name || l.means != nil && l.means(item, name) {
			found = append(found, item)
		}
	}
	return found
}

func (s *scene) streams() listing[*stream.Stream] {
	l := listing[*stream.Stream]{
		kind:     imageStream,
		name:     func(one *stream.Stream) string { return one.Name },
		why:      s.elsewhere,
		document: func(one *stream.Stream) any { return s.tree.Document(one) },
		text:     func(one *stream.Stream) string { return describe.Stream(s.tree, one, s.now()) },
		table: func(streams []*stream.Stream, cols describe.Columns) string {
			documents := make([]stream.Document, len(streams))
			for i, one := range streams {
				documents[i] = s.tree.Document(one)
			}
			return describe.Streams(documents, cols, s.now())
		},
	}
	for _, one := range s.tree.Streams {
		if s.within(one.Namespace) {
			l.items = append(l.items, one)
		}
	}
	return l
}

func (s *scene) tags() listing[describe.Tag] {
	l := listing[describe.Tag]{
		kind:     imageStreamTag,
		name:     func(t describe.Tag) string { return t.Metadata.Name },
		why:      s.whyNoTag,
		document: func(t describe.Tag) any { return t.With(s.contents(t.Image.Metadata.Name)) },
		text:     func(t describe.Tag) string { return t.Text(s.contents(t.Image.Metadata.Name), s.now()) },
		table: func(tags []describe.Tag, cols describe.Columns) string {
			return describe.Tags(tags, cols, s.now())
		},
	}
	for _, one := range s.streams().items {
		l.items = append(l.items, describe.TagsOf(s.tree, one)...)
	}
	return l
}

func (s *scene) images() listing[describe.StreamImage] {
	l := listing[describe.StreamImage]{
		kind:     imageStreamImage,
		name:     func(i describe.StreamImage) string { return i.Metadata.Name },
		means:    describe.StreamImage.Means,
		why:      func(name string) string { of, _, _ := cutName(name); return s.whyNoStream(of) },
		document: func(i describe.StreamImage) any { return i.With(s.contents(i.Image.Metadata.Name)) },
		text:     func(i describe.StreamImage) string { return i.Text(s.contents(i.Image.Metadata.Name), s.now()) },
		table: func(images []describe.StreamImage, cols describe.Columns) string {
			return describe.Images(images, cols, s.now())
		},
	}
	for _, one := range s.streams().items {
		images := describe.ImagesOf(s.tree, one)
		l.items = append(l.items, images...)
		if s.named(one.Name) { // only a name can mean the images of an index: they are not listed
			l.items = append(l.items, s.children(images)...)
		}
	}
	return l
}

// children are the images of indexes that are no items themselves.
func (s *scene) children(images []describe.StreamImage) []describe.StreamImage {
	seen := map[string]bool{}
	for _, i := range images {
		seen[i.Metadata.Name] = true
	}
	var all []describe.StreamImage
	for _, i := range images {
		for _, child := range i.Children(s.contents(i.Image.Metadata.Name)) {
			if !seen[child.Metadata.Name] {
				seen[child.Metadata.Name] = true
				all = append(all, child)
			}
		}
	}
	return all
}

// named reports whether the command line names something of the stream.
func (s *scene) named(of string) bool {
	return slices.ContainsFunc(s.asked.names, func(name string) bool { stream, _, _ := cutName(name); return stream == of })
}

// contents reads what git holds of an image.
func (s *scene) contents(digest string) describe.Contents {
	file := stream.ImagePath(s.tree.Settings.Streams.StatusDirectory, digest)
	src, err := fs.ReadFile(s.files, file)
	if errors.Is(err, fs.ErrNotExist) {
		return describe.Contents{Missing: describe.NoContents(s.tree, digest)}
	}
	if err != nil {
		return describe.Contents{Missing: err.Error()}
	}
	m, err := stream.ParseImageMetadata(src)
	if err == nil && m.Digest != digest {
		err = fmt.Errorf("its metadata names %s", m.Digest)
	}
	if err != nil {
		return describe.Contents{Missing: fmt.Sprintf("%s cannot be used: %v; remove it, and the next pass writes it anew", file, err)}
	}
	return describe.Contents{ImageMetadata: m}
}

func (s *scene) imageTags() listing[describe.ImageTag] {
	l := listing[describe.ImageTag]{
		kind: imageTag,
		name: func(t describe.ImageTag) string { return t.Metadata.Name },
		why:  s.whyNoTag,
		document: func(t describe.ImageTag) any {
			if t.Image != nil {
				t = t.With(s.contents(t.Image.Metadata.Name))
			}
			return t
		},
		table: func(tags []describe.ImageTag, cols describe.Columns) string {
			return describe.ImageTags(tags, cols, s.now())
		},
	}
	for _, one := range s.streams().items {
		l.items = append(l.items, describe.ImageTagsOf(s.tree, one)...)
	}
	return l
}

// whyNoTag says why a tag cannot be shown.
func (s *scene) whyNoTag(name string) string {
	of, tag, _ := cutName(name)
	one := s.tree.Stream(s.namespace, of)
	if one != nil && one.Tag(tag) != nil {
		return ": the tag has no image yet"
	}
	return s.whyNoStream(of)
}

func (s *scene) whyNoStream(of string) string {
	if s.tree.Stream(s.namespace, of) == nil {
		return s.elsewhere(of)
	}
	return ""
}

// elsewhere says which other namespaces have a stream of that name.
func (s *scene) elsewhere(name string) string {
	var found []string
	for _, one := range s.tree.Streams {
		if one.Name == name {
			found = append(found, "-n "+one.Namespace)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return ": there is one with " + strings.Join(found, ", ")
}
