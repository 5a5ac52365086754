package adopt

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// file is one file of the repository that may show images or say how they are chosen.
type file struct {
	path  string
	src   []byte
	yaml  *yamledit.File // nil: not YAML
	spots []kustomize.Spot
}

// repo is what is read of a repository.
type repo struct {
	fsys     fs.FS
	settings stream.Settings
	asked    []string
	files    []*file // by path
	byPath   map[string]*file
	dirs     map[string]bool
	objects  []object
	layers   map[string]*layer       // kustomizations by directory
	named    map[string][]*layer     // by path: the kustomizations that name it
	stated   map[string][]string     // by file: the namespaces of its objects
	deploys  func(dir string) string // to which namespace; "" = nobody says
	problems []stream.Problem
	charts   map[string]int // files of templates, by the directory of the chart
}

// read reads all files that may matter; hidden ones only where they lie on the way to a path
// that was asked for. An error is one of reading the tree.
func read(fsys fs.FS, settings stream.Settings, asked []string) (*repo, error) {
	r := &repo{
		fsys: fsys, settings: settings, asked: asked, byPath: map[string]*file{}, dirs: map[string]bool{".": true},
		layers: map[string]*layer{}, named: map[string][]*layer{}, stated: map[string][]string{}, charts: map[string]int{},
	}
	if err := r.walk("."); err != nil {
		return nil, err
	}
	slices.SortFunc(r.files, func(a, b *file) int { return strings.Compare(a.path, b.path) })
	for _, f := range r.files {
		r.byPath[f.path] = f
		if f.yaml == nil {
			continue
		}
		for _, o := range objects(f.path, f.yaml.Documents()) {
			r.objects = append(r.objects, o)
			if o.head.Metadata.Namespace != "" {
				r.stated[f.path] = append(r.stated[f.path], o.head.Metadata.Namespace)
			}
		}
		if kustomize.IsKustomization(f.path) && len(f.yaml.Documents()) > 0 {
			r.addLayer(f)
		}
	}
	r.link()
	r.reportCharts()
	return r, nil
}

func (r *repo) walk(dir string) error {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && r.hides(name):
		case e.IsDir():
			r.dirs[name] = true
			if err := r.walk(name); err != nil {
				return err
			}
		case e.Type().IsRegular() && r.mayMatter(name):
			if err := r.add(name, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// hides reports whether a file or directory is for tools that work on the repository, as its
// name says, and is not on the way to what was asked for.
func (r *repo) hides(name string) bool {
	return strings.HasPrefix(path.Base(name), ".") && !slices.ContainsFunc(r.asked, func(asked string) bool { return below(asked, name) })
}

func (r *repo) mayMatter(name string) bool {
	base := path.Base(name)
	switch {
	case r.hides(name) && !kustomize.IsOverride(base), !r.settings.Scans(name):
		return false
	}
	return kustomize.IsYAML(name) || dockerfile.Is(base)
}

// add reads a file. One that cannot be read is listed where it may show an image.
func (r *repo) add(name string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > kustomize.MaxSize {
		if !kustomize.IsJSON(name) { // of that size it is data
			r.leave(stream.Notice, stream.Pos{File: name}, fmt.Sprintf("not read: larger than %d bytes", kustomize.MaxSize), "")
		}
		return nil
	}
	src, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !kustomize.MayHold(name, src) || r.settings.IsSpecPath(name) && stream.ParseSpecs(src) != nil {
		return nil
	}
	f := &file{path: name, src: src}
	f.spots, err = kustomize.Spots(path.Base(name), src)
	if err == nil && kustomize.IsYAML(name) {
		f.yaml, err = yamledit.Parse(src)
	}
	switch {
	case err == nil:
		r.files = append(r.files, f)
		r.reportTexts(f)
	case r.isTemplate(name, src):
	case showsImages(src):
		r.leave(stream.Warning, stream.Pos{File: name, Line: lineOf(err)}, "nothing is bound here: "+reasonOf(err), "")
	}
	return nil
}

// imageText is a line of a text that would show an image if it were YAML of its own.
var imageText = regexp.MustCompile(`(?m)^[ \t]*(?:- )?image:[ \t]*["']?([a-z0-9][\w.-]*[/:][^\s"']+)`)

// reportTexts lists the images that stand in blocks of text: patches, values of Helm, data
// of ConfigMaps.
func (r *repo) reportTexts(f *file) {
	if f.yaml == nil {
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, c := range n.Content {
			walk(c)
		}
		if n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			return
		}
		for _, is := range imagesIn(n.Value) {
			r.leave(stream.Notice, stream.Pos{File: f.path, Line: n.Line + is.line}, "not bound: "+is.image+": the image stands in a block of text, which is no YAML to any reader of the file", "move it into a file of its own, or into a value")
		}
	}
	for _, doc := range f.yaml.Documents() {
		walk(doc)
	}
}

// shownIn is an image that a text shows, and the line of the text.
type shownIn struct {
	line  int
	image string
}

// imagesIn are the images that a text would show if it were a file.
func imagesIn(text string) []shownIn {
	var found []shownIn
	spots, err := kustomize.Spots("text.yaml", []byte(text))
	y, broken := yamledit.Parse([]byte(text))
	if err != nil || broken != nil {
		for _, at := range imageText.FindAllStringSubmatchIndex(text, -1) {
			found = append(found, shownIn{1 + strings.Count(text[:at[0]], "\n"), text[at[2]:at[3]]})
		}
		return found
	}
	for _, s := range spots {
		if s.Repository != "" && (s.Tag != "" || s.Digest != "" || s.Kind != kustomize.SpotGroup) {
			found = append(found, shownIn{s.Line, s.Image})
		}
	}
	for _, doc := range y.Documents() {
		if doc.Kind == yaml.ScalarNode {
			continue // one value, and not a file's text
		}
		for _, l := range looseIn(doc, false) {
			if l.whole != nil && !slices.ContainsFunc(found, func(is shownIn) bool { return is.line == l.line }) {
				found = append(found, shownIn{l.line, l.whole.Value})
			}
		}
	}
	return found
}

// isTemplate counts the templates of a Helm chart, which are bound by their values.
func (r *repo) isTemplate(name string, src []byte) bool {
	if !bytes.Contains(src, []byte("{{")) {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		chart := path.Dir(dir)
		if path.Base(dir) != "templates" {
			continue
		}
		if _, err := fs.Stat(r.fsys, path.Join(chart, "Chart.yaml")); err == nil {
			if showsImages(src) {
				r.charts[dir]++
			}
			return true
		}
	}
	return false
}

func (r *repo) reportCharts() {
	for dir, n := range r.charts {
		r.leave(stream.Notice, stream.Pos{File: dir}, stream.Count(n, "template")+" of a Helm chart with images: nothing is bound here", "what shows the image are the chart's values, or those of its release")
	}
}

// showsImages says whether a file that cannot be read may show an image.
func showsImages(src []byte) bool {
	return bytes.Contains(src, []byte("image:")) || bytes.Contains(src, []byte(`"image"`)) || bytes.Contains(src, []byte("newTag:")) || bytes.Contains(src, []byte("newName:"))
}

// leave lists something that is left as it is.
func (r *repo) leave(s stream.Severity, pos stream.Pos, message, hint string) {
	r.problems = append(r.problems, stream.Problem{Severity: s, Pos: pos, Message: message, Hint: hint})
}

// valueAt is the value at a path of keys of the first document, or nil.
func (f *file) valueAt(keys ...string) *yaml.Node {
	if f.yaml == nil || len(f.yaml.Documents()) == 0 {
		return nil
	}
	n := f.yaml.Documents()[0]
	for _, key := range keys {
		if n = valueOf(n, key); n == nil {
			return nil
		}
	}
	return n
}

// valueOf is what a mapping has for a key, or nil.
func valueOf(n *yaml.Node, key string) *yaml.Node {
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
