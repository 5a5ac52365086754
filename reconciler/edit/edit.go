// Package edit changes the specs of image streams as the verbs of the command line say:
// new files, tags, lookup. It turns the bytes of a repository into other bytes, proves
// that nothing but the intended values differs (package yamledit does), and refuses what
// it cannot prove. It never writes a file, and it decides nothing about what a tag
// resolves to.
package edit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Specs are the spec files of a repository and what is to be different in them. Edits
// build on those before; one that fails changes nothing.
type Specs struct {
	fsys  fs.FS
	tree  *stream.Tree
	files map[string][]byte
}

// Of gives the specs of a repository: its files, and what they say.
func Of(fsys fs.FS, tree *stream.Tree) *Specs {
	return &Specs{fsys: fsys, tree: tree, files: map[string][]byte{}}
}

// Files are the whole new bytes of the files that are to be different, by path.
func (s *Specs) Files() map[string][]byte { return maps.Clone(s.files) }

// Document is OpenShift's document of a stream as the edits leave it, with the status of
// its tags; the zero Document where there is no such stream.
func (s *Specs) Document(ref stream.Ref) stream.Document {
	if now := s.stream(ref); now != nil {
		return s.tree.Document(now)
	}
	return stream.Document{}
}

// Has reports whether there is such a stream, before or after the edits.
func (s *Specs) Has(ref stream.Ref) bool { return s.stream(ref) != nil }

// stream is a stream as the edits leave it, or nil.
func (s *Specs) stream(ref stream.Ref) *stream.Stream {
	for file, src := range s.files {
		for _, found := range s.in(file, src) {
			if found.Ref() == ref {
				return found
			}
		}
	}
	return s.tree.Stream(ref.Namespace, ref.Name)
}

// in are the streams of a file, with their effective namespaces.
func (s *Specs) in(file string, src []byte) []*stream.Stream {
	parsed := stream.ParseSpecs(src)
	if parsed == nil {
		return nil
	}
	for _, found := range parsed.Streams {
		found.Pos.File = file
		found.Namespace = cmp.Or(found.Namespace, s.tree.Settings.NamespaceFor(file), stream.DefaultNamespace)
	}
	return parsed.Streams
}

// Create adds a file with a stream that has no tags yet, and gives its path. It refuses
// where some file that cannot be read may hold the stream already.
func (s *Specs) Create(ref stream.Ref, lookupLocal bool) (string, error) {
	return s.Add(NewStream{Ref: ref, LookupLocal: lookupLocal})
}

// NewStream is a stream that is not there yet.
type NewStream struct {
	Ref         stream.Ref
	LookupLocal bool
	Tags        []stream.Tag // names must differ
	Cluster     bool         // it is for a cluster, too: without the marks that keep it out
}

// Add is Create with more to say.
func (s *Specs) Add(n NewStream) (string, error) {
	if err := s.absent(n.Ref); err != nil {
		return "", err
	}
	name, err := s.newPath(n.Ref)
	if err != nil {
		return "", err
	}
	src, err := n.encode()
	if err != nil {
		return "", err
	}
	s.files[name] = src
	return name, nil
}

// absent refuses a stream that is there, or that a broken file may hold.
func (s *Specs) absent(ref stream.Ref) error {
	if old := s.tree.Stream(ref.Namespace, ref.Name); old != nil {
		return fmt.Errorf("%s stands at %s already", ref, old.Pos)
	}
	for _, p := range s.tree.Problems {
		mayHold := p.Ref.Name == "" && s.tree.Settings.IsSpecPath(p.Pos.File) || p.Ref.Stream() == ref
		if p.Severity == stream.Error && mayHold {
			return fmt.Errorf("%s may stand in %s, which has an error: mend that first: %s", ref, p.Pos, p.Message)
		}
	}
	return nil
}

// newPath is where the file of a new stream goes: NAME.yaml in the first stream directory
// of the settings, else in imagestreams; NAMESPACE-NAME.yaml where that is taken.
func (s *Specs) newPath(ref stream.Ref) (string, error) {
	dir, err := s.directory()
	if err != nil {
		return "", err
	}
	for _, base := range []string{ref.Name, ref.Namespace + "-" + ref.Name} {
		file := path.Join(dir, base+".yaml")
		if base == "kustomization" || !s.tree.Settings.IsSpecPath(file) {
			continue
		}
		_, planned := s.files[file]
		_, err := fs.Stat(s.fsys, file)
		switch {
		case planned, err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		return file, nil
	}
	return "", fmt.Errorf("%s has no free place for %s: %s.yaml and %s-%s.yaml are taken; write the stream into a file by hand", dir, ref, ref.Name, ref.Namespace, ref.Name)
}

// defaultDirectory is where streams go when the settings name no directory.
const defaultDirectory = "imagestreams"

// directory is the first stream directory of the settings that is no pattern, but for
// "**/" before it.
func (s *Specs) directory() (string, error) {
	all := s.tree.Settings.Streams.Directories
	if len(all) == 0 {
		return defaultDirectory, nil
	}
	i := slices.IndexFunc(all, func(glob string) bool { return !strings.ContainsAny(strings.TrimPrefix(glob, "**/"), "*?[\\") })
	if i < 0 {
		return "", fmt.Errorf("%s: streams.directories has patterns only (%s), so nobody can tell where a new stream goes: add a directory, or write the file by hand",
			stream.SettingsPath, strings.Join(all, ", "))
	}
	return strings.TrimPrefix(all[i], "**/"), nil
}

const (
	skipMark    = "# +argocd:skip-file-rendering\n"
	localConfig = "  annotations:\n    config.kubernetes.io/local-config: \"true\"\n"
)

// encode is the canonical file of a stream: neutral to the deploy tools (product.md 2).
func (n NewStream) encode() ([]byte, error) {
	first, marks := skipMark, localConfig
	if n.Cluster {
		first, marks = "", ""
	}
	src := fmt.Appendf(nil, `%sapiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: %s
  namespace: %s
%sspec:
  lookupPolicy:
    local: %t
`, first, yamledit.Text(n.Ref.Name), yamledit.Text(n.Ref.Namespace), marks, n.LookupLocal)
	if len(n.Tags) == 0 {
		return src, nil
	}
	file, err := yamledit.Parse(src)
	if err != nil {
		return nil, err
	}
	entries := make([]yamledit.Value, len(n.Tags))
	for i, t := range n.Tags {
		entries[i] = entryOf(t)
	}
	if file, err = file.Put(0, yamledit.Path{"spec"}, "tags", yamledit.List(entries...)); err != nil {
		return nil, err
	}
	if p := newError(nil, stream.ParseSpecs(file.Bytes())); p != nil {
		return nil, errors.New(strings.TrimSuffix(p.Message+": "+p.Hint, ": "))
	}
	return file.Bytes(), nil
}
