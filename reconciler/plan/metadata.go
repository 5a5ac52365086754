package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// isDescribed reports whether nothing more is to be known about an image: its metadata
// lies in git, or is not wanted there.
func (p *Present) isDescribed(digest string) bool {
	if p.settings().ImageMetadata == stream.MetadataNone {
		return true
	}
	_, there := slices.BinarySearch(p.tip.Images, digest)
	return there
}

// kept are the digests of a status whose metadata is to lie in git.
func (p *Present) kept(st *stream.Status) []string {
	var all []string
	for i, item := range itemsOf(st) {
		if item.Image != "" && (p.settings().ImageMetadata == stream.MetadataHistory || p.settings().ImageMetadata == stream.MetadataHead && i == 0) {
			all = append(all, item.Image)
		}
	}
	return all
}

// metadata is what becomes of the files of images in one pass.
type metadata struct {
	write  map[string]*stream.ImageMetadata // by digest; nil once a commit has it
	remove map[string]bool
	last   map[string]stream.Ref // the last stream to commit of those that leave a digest to be removed
}

// metadata decides which files of images are written and removed: one for each digest
// that a status names, as soon as an answer described it. A status that cannot be read
// may name any of them.
func (n *Next) metadata() *metadata {
	m := &metadata{write: map[string]*stream.ImageMetadata{}, remove: map[string]bool{}, last: map[string]stream.Ref{}}
	wanted := map[string]bool{}
	for _, t := range n.order {
		for _, digest := range n.kept(n.status(t.ref)) {
			wanted[digest] = true
		}
	}
	for _, a := range n.got {
		if a.Image != nil && wanted[a.Image.Digest] && !n.isDescribed(a.Image.Digest) {
			m.write[a.Image.Digest] = n.shown(a.Image)
		}
	}
	if len(n.tip.Tree.Broken) > 0 {
		return m
	}
	for _, digest := range n.tip.Images {
		if !wanted[digest] {
			m.remove[digest] = true
		}
	}
	return m
}

// shown is the metadata as the repository wants it: without the environment, unless the
// settings say so, and without users and passwords in URLs.
func (n *Next) shown(image *stream.ImageMetadata) *stream.ImageMetadata {
	m := *image
	if !n.settings().ImageEnv {
		m.Config.Env = nil
	}
	m.Config.Labels = maps.Clone(m.Config.Labels)
	for key, value := range m.Config.Labels {
		m.Config.Labels[key] = withoutUser(value)
	}
	return m.Fit()
}

// leave notes which stream's commit removes the files that nothing names any more: the
// last one that leaves them, so that reverting it brings them back.
func (e *editor) leave(streams []stream.Ref) {
	for _, s := range streams {
		for _, t := range e.streams[s] {
			for _, digest := range e.kept(t.old) {
				if e.remove[digest] && e.statusChange(t) != unchanged {
					e.last[digest] = s
				}
			}
		}
	}
}

// describe adds to the commit of a tag the metadata of the images that it brings, and
// takes away that of images that are gone with it.
func (e *editor) describe(c *Change, t *tag) {
	for _, digest := range e.kept(e.status(t.ref)) {
		if m := e.write[digest]; m != nil {
			c.Files[e.imagePath(digest)] = m.Encode()
			delete(e.write, digest)
		}
	}
	for _, digest := range e.kept(t.old) {
		if e.remove[digest] && e.last[digest] == t.ref.Stream() {
			c.Files[e.imagePath(digest)] = nil
			delete(e.remove, digest)
		}
	}
}

func (p *Present) imagePath(digest string) string {
	return stream.ImagePath(p.settings().Streams.StatusDirectory, digest)
}

// commitImages makes the one commit for the metadata that belongs to no other: of images
// that were there before they could be described, and of those that nothing names.
func (e *editor) commitImages() {
	c := Change{Files: map[string][]byte{}}
	var body strings.Builder
	for _, digest := range slices.Sorted(maps.Keys(e.write)) {
		c.Files[e.imagePath(digest)] = e.write[digest].Encode()
		fmt.Fprintf(&body, "  %s   described\n", abbreviate(digest))
	}
	for _, digest := range slices.Sorted(maps.Keys(e.remove)) {
		c.Files[e.imagePath(digest)] = nil
		fmt.Fprintf(&body, "  %s   no longer named\n", abbreviate(digest))
	}
	if len(c.Files) == 0 {
		return
	}
	c.Message = strings.TrimRight(render(e.settings().Commit, stream.Count(len(c.Files), "image"), body.String(), nil), "\n") + "\n"
	e.changes = append(e.changes, c)
}
