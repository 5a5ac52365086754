package plan

import (
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// View is what one commit says: its image streams and the places that name images.
type View struct {
	Tree   *stream.Tree
	Files  []File   // files with bindings, sorted by path
	Images []string // digests of the images whose metadata lies in git, sorted

	// Graph is the kustomizations and what of the manifests local lookup may have to do
	// with; nil when that is nothing.
	Graph *kustomize.Graph
	// Jobs are the images of Jobs that images: entries change.
	Jobs []kustomize.Reached
}

// File is one file with bindings.
type File struct {
	Path string
	*kustomize.File
}

// CanBind reports whether a file of that name can have bindings.
func CanBind(file string) bool { return kustomize.Reads(path.Base(file)) }

// Use is one binding in its repository: which tag it shows, and for whom.
type Use struct {
	kustomize.Use
	File      string
	Ref       stream.Ref // the effective namespace/stream:tag
	Namespace string     // the consumer's own namespace; "" when it is stated nowhere
	Err       error      // Ref cannot be read from the marker
}

// Pos is where the binding stands.
func (u *Use) Pos() stream.Pos { return stream.Pos{File: u.File, Line: u.Line} }

// binding is what makes two Uses of two commits the same one (semantics.md 6).
type binding struct {
	file, document, path string
	ref                  stream.Ref
}

func (u *Use) binding() binding {
	return binding{file: u.File, document: u.Document, path: u.Path, ref: u.Ref}
}

// eachUse gives every binding of the view with its effective tag. The effective
// namespace is the file's, else the settings' for its path, else the default.
func (v *View) eachUse(yield func(Use) bool) {
	for _, f := range v.files() {
		for _, u := range f.Uses {
			if !yield(bind(v.Tree.Settings, f.Path, u)) {
				return
			}
		}
	}
}

// uses are those of eachUse.
func (v *View) uses() []Use { return slices.Collect(v.eachUse) }

func (v *View) files() []File {
	if v == nil {
		return nil
	}
	return v.Files
}

func bind(settings stream.Settings, file string, u kustomize.Use) Use {
	own := u.Namespace
	if own == "" {
		own = settings.NamespaceFor(file)
	}
	fallback := own
	if fallback == "" {
		fallback = stream.DefaultNamespace
	}
	ref, err := stream.ParseTagRef(u.Ref, fallback)
	return Use{Use: u, File: file, Ref: ref, Namespace: own, Err: err}
}

// status is the status of a tag in the view, nil when there is none.
func (v *View) status(ref stream.Ref) *stream.Status {
	if v == nil || v.Tree == nil {
		return nil
	}
	return v.Tree.Status[ref]
}

// tag is a tag that the view's specs list, nil when there is none.
func (v *View) tag(ref stream.Ref) *tag {
	if v == nil || v.Tree == nil {
		return nil
	}
	s := v.Tree.Stream(ref.Namespace, ref.Name)
	if s == nil {
		return nil
	}
	if spec := s.Tag(ref.Tag); spec != nil {
		return &tag{ref: ref, stream: s, spec: spec}
	}
	return nil
}

func (v *View) file(path string) *File {
	files := v.files()
	i, ok := slices.BinarySearchFunc(files, path, func(f File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return nil
	}
	return &files[i]
}
