package edit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// document is the place of one ImageStream: in a file, and in a document of it.
type document struct {
	ref  stream.Ref
	path string
	file *yamledit.File
	doc  int
	at   yamledit.Path // of the ImageStream in the document; longer in a list
}

// locate finds the document of a stream. It refuses a stream that is not there, and one
// whose file cannot be edited with proof.
func (s *Specs) locate(ref stream.Ref) (*document, error) {
	now := s.stream(ref)
	if now == nil {
		return nil, s.missing(ref)
	}
	src, err := s.read(now.Pos.File)
	if err != nil {
		return nil, err
	}
	file, err := yamledit.Parse(src)
	if err != nil {
		return nil, refusal(now.Pos.File, err)
	}
	d := &document{ref: ref, path: now.Pos.File, file: file}
	var found []yamledit.Path
	for i, root := range file.Documents() {
		for _, at := range streamsIn(root, nil) {
			if s.names(now.Pos.File, nodeAt(root, at)) == ref {
				d.doc = i
				found = append(found, at)
			}
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: cannot tell which document is %s: change the file by hand", now.Pos.File, ref)
	}
	d.at = found[0]
	return d, nil
}

// missing says that there is no stream, and why it may seem so.
func (s *Specs) missing(ref stream.Ref) error {
	if err := s.absent(ref); err != nil {
		return err
	}
	return &NoStreamError{Ref: ref}
}

// NoStreamError says that no file has a stream.
type NoStreamError struct{ Ref stream.Ref }

func (e *NoStreamError) Error() string {
	return fmt.Sprintf("imagestreams.image.openshift.io %q not found in namespace %s", e.Ref.Name, e.Ref.Namespace)
}

func (s *Specs) read(path string) ([]byte, error) {
	if src, changed := s.files[path]; changed {
		return src, nil
	}
	return fs.ReadFile(s.fsys, path)
}

// streamsIn are the paths of the ImageStreams of a document: itself, or items of a list.
func streamsIn(n *yaml.Node, at yamledit.Path) []yamledit.Path {
	switch kind := text(n, "kind"); kind {
	case "ImageStream":
		return []yamledit.Path{at}
	case "List", "ImageStreamList":
		var all []yamledit.Path
		for i, item := range contentOf(value(n, "items")) {
			below := append(slices.Clone(at), "items", i)
			if kind == "ImageStreamList" && text(item, "kind") == "" {
				all = append(all, below)
				continue
			}
			all = append(all, streamsIn(item, below)...)
		}
		return all
	}
	return nil
}

// names is which stream a document is, with its effective namespace.
func (s *Specs) names(path string, n *yaml.Node) stream.Ref {
	meta := value(n, "metadata")
	return stream.Ref{
		Namespace: cmp.Or(text(meta, "namespace"), s.tree.Settings.NamespaceFor(path), stream.DefaultNamespace),
		Name:      text(meta, "name"),
	}
}

func nodeAt(n *yaml.Node, at yamledit.Path) *yaml.Node {
	for _, step := range at {
		switch step := step.(type) {
		case string:
			n = value(n, step)
		case int:
			n = contentOf(n)[step]
		}
	}
	return n
}

// value is what a mapping has for a key, or nil. Aliases are followed: where they matter,
// the edit refuses them.
func value(n *yaml.Node, key string) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node, key string) string {
	if v := value(n, key); v != nil && v.Kind == yaml.ScalarNode && v.ShortTag() != "!!null" {
		return v.Value
	}
	return ""
}

func contentOf(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// path is that of something in the ImageStream.
func (d *document) pathTo(steps ...any) yamledit.Path { return append(slices.Clone(d.at), steps...) }

// node is what stands at a path of the ImageStream, or nil.
func (d *document) node(steps ...any) *yaml.Node {
	n := nodeAt(d.file.Documents()[d.doc], d.at)
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			n = value(n, step)
		case int:
			n = contentOf(n)[step]
		}
	}
	return n
}

// has reports whether a key stands there with more than null.
func (d *document) has(steps ...any) bool {
	n := d.node(steps...)
	return n != nil && (n.Kind != yaml.ScalarNode || n.ShortTag() != "!!null")
}

// put gives the mapping at the path before the last step a value for that key.
func (d *document) put(v yamledit.Value, steps ...any) error {
	last := len(steps) - 1
	file, err := d.file.Put(d.doc, d.pathTo(steps[:last]...), steps[last].(string), v)
	return d.took(file, err)
}

func (d *document) remove(steps ...any) error {
	file, err := d.file.Remove(d.doc, d.pathTo(steps...))
	return d.took(file, err)
}

func (d *document) took(file *yamledit.File, err error) error {
	if err != nil {
		return refusal(d.path, err)
	}
	d.file = file
	return nil
}

// refusal says where and why an edit was refused.
func refusal(path string, err error) error {
	if bad, ok := errors.AsType[*yamledit.Error](err); ok {
		return fmt.Errorf("%s: %s: change the file by hand", stream.Pos{File: path, Line: bad.Line}, bad.Reason)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// keep takes the file over, after a second proof: its streams say what they said, but for
// the tag, and that says what is wanted. check compares the edited stream.
func (s *Specs) keep(d *document, check func(was, is *stream.Stream) error) error {
	was, err := s.read(d.path)
	if err != nil {
		return err
	}
	before, after := s.byRef(d.path, was), s.byRef(d.path, d.file.Bytes())
	for ref, old := range before {
		if ref != d.ref && !same(old, after[ref]) {
			return fmt.Errorf("%s: the edit would change %s too: change the file by hand", old.Pos, ref)
		}
	}
	if after[d.ref] == nil || len(before) != len(after) {
		return fmt.Errorf("%s: the edit would lose a stream: change the file by hand", d.path)
	}
	if err := check(before[d.ref], after[d.ref]); err != nil {
		return err
	}
	if p := newError(stream.ParseSpecs(was), stream.ParseSpecs(d.file.Bytes())); p != nil {
		if p.Hint == "" {
			return errors.New(p.Message)
		}
		return fmt.Errorf("%s: %s", p.Message, p.Hint)
	}
	s.files[d.path] = d.file.Bytes()
	return nil
}

func (s *Specs) byRef(path string, src []byte) map[stream.Ref]*stream.Stream {
	all := map[stream.Ref]*stream.Stream{}
	for _, found := range s.in(path, src) {
		all[found.Ref()] = found
	}
	return all
}

// newError is an error that the file has only after the edit, or nil.
func newError(before, after *stream.SpecFile) *stream.Problem {
	known := map[string]int{}
	if before != nil {
		for _, p := range before.Problems {
			known[p.Message]++
		}
	}
	for i, p := range after.Problems {
		if p.Severity != stream.Error {
			continue
		}
		if known[p.Message]--; known[p.Message] < 0 {
			return &after.Problems[i]
		}
	}
	return nil
}

// same reports whether two streams say the same, wherever they stand.
func same(a, b *stream.Stream) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.LookupLocal == b.LookupLocal && a.DockerImageRepository == b.DockerImageRepository &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		slices.EqualFunc(a.Tags, b.Tags, sameTag) &&
		slices.EqualFunc(a.Seed, b.Seed, func(x, y stream.Seed) bool { return x.Tag == y.Tag && slices.Equal(x.Items, y.Items) })
}

func sameTag(a, b stream.Tag) bool {
	return a.Name == b.Name && maps.Equal(a.Annotations, b.Annotations) && equal(a.From, b.From) && a.Reference == b.Reference &&
		a.Insecure == b.Insecure && equal(a.Scheduled, b.Scheduled) && a.ImportMode == b.ImportMode && a.ReferencePolicy == b.ReferencePolicy
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
