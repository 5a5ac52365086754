package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxSize is the largest file that is read at all, in bytes. Parsers have limits of their own.
const maxSize = 16 << 20

// dir is what one directory says: the files that say something, and the directories below.
type dir struct {
	name  string
	hash  string // "" when the tree has no hashes
	files []file
	dirs  []*dir
	says  bool // something below says anything
}

// file is what one file says, in the role that its path gives it.
type file struct {
	name   string
	hash   string
	specs  *stream.SpecFile
	status *status
	uses   *kustomize.File
	tooBig int64 // its size, when it is too large to be read
}

// status is a status file, or why it cannot be used.
type status struct {
	status *stream.Status
	err    error
}

func (f *file) says() bool {
	return f.specs != nil || f.status != nil || f.uses != nil || f.tooBig > 0
}

type reader struct {
	fsys     fs.FS
	settings stream.Settings
}

// dir folds one directory, taking over what earlier ones at the same place know.
func (r *reader) dir(name, hash string, earlier []*dir) (*dir, error) {
	for _, e := range earlier {
		if hash != "" && e.hash == hash {
			return e, nil
		}
	}
	entries, err := fs.ReadDir(r.fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	d := &dir{name: path.Base(name), hash: hash}
	for _, e := range entries {
		if err := r.entry(d, path.Join(name, e.Name()), e, earlier); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (r *reader) entry(d *dir, name string, e fs.DirEntry, earlier []*dir) error {
	switch {
	case e.IsDir() && e.Name() != ".git":
		sub, err := r.dir(name, hashOf(e), subdirs(earlier, e.Name()))
		if err != nil {
			return err
		}
		d.dirs = append(d.dirs, sub)
		d.says = d.says || sub.says
	case e.Type().IsRegular() && r.reads(name):
		f, err := r.file(name, e, earlier)
		if err != nil {
			return err
		}
		d.files = append(d.files, f)
		d.says = d.says || f.says()
	}
	return nil
}

// reads reports whether a file has any role.
func (r *reader) reads(name string) bool {
	return r.settings.IsStatusPath(name) || r.settings.IsSpecPath(name) || isYAML(name) && r.settings.Scans(name)
}

func isYAML(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml":
		return true
	}
	return path.Base(name) == "Kustomization"
}

func (r *reader) file(name string, e fs.DirEntry, earlier []*dir) (file, error) {
	hash := hashOf(e)
	if known := sameFile(earlier, e.Name(), hash); known != nil {
		return *known, nil
	}
	f := file{name: e.Name(), hash: hash}
	info, err := e.Info()
	if err != nil {
		return f, fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > maxSize {
		f.tooBig = info.Size()
		return f, nil
	}
	src, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return f, fmt.Errorf("read %s: %w", name, err)
	}
	r.parse(&f, name, src)
	return f, nil
}

func (r *reader) parse(f *file, name string, src []byte) {
	if r.settings.IsStatusPath(name) {
		st, err := stream.ParseStatus(src)
		f.status = &status{status: st, err: err}
		return
	}
	if r.settings.IsSpecPath(name) {
		f.specs = stream.ParseSpecs(src)
	}
	if isYAML(name) && r.settings.Scans(name) {
		f.uses = kustomize.Parse(path.Base(name), src)
	}
}

// collector gathers the facts of a tree with their paths, in the order of the walk.
type collector struct {
	specs    []stream.SpecAt
	statuses []stream.StatusAt
	files    []plan.File
	problems []stream.Problem
}

func (d *dir) collect(name string, c *collector) {
	if !d.says {
		return
	}
	for i := range d.files {
		d.files[i].collect(path.Join(name, d.files[i].name), c)
	}
	for _, sub := range d.dirs {
		sub.collect(path.Join(name, sub.name), c)
	}
	if name == "." {
		slices.SortFunc(c.files, func(a, b plan.File) int { return strings.Compare(a.Path, b.Path) })
	}
}

func (f *file) collect(name string, c *collector) {
	if f.specs != nil {
		c.specs = append(c.specs, stream.SpecAt{Path: name, File: f.specs})
	}
	if f.status != nil {
		c.statuses = append(c.statuses, stream.StatusAt{Path: name, Status: f.status.status, Err: f.status.err})
	}
	if f.uses != nil {
		c.files = append(c.files, plan.File{Path: name, File: f.uses})
	}
	if f.tooBig > 0 {
		c.problems = append(c.problems, stream.Problem{
			Severity: stream.Notice, Pos: stream.Pos{File: name},
			Message: fmt.Sprintf("not read: %d bytes are more than the limit of %d", f.tooBig, maxSize),
			Hint:    "leave it out with scan.exclude in " + stream.SettingsPath,
		})
	}
}

// hashOf is the git hash of an entry, "" where the tree has none.
func hashOf(entry any) string {
	if h, ok := entry.(interface{ Hash() string }); ok {
		return h.Hash()
	}
	return ""
}

func subdirs(earlier []*dir, name string) []*dir {
	var found []*dir
	for _, e := range earlier {
		i, ok := slices.BinarySearchFunc(e.dirs, name, func(d *dir, n string) int { return strings.Compare(d.name, n) })
		if ok {
			found = append(found, e.dirs[i])
		}
	}
	return found
}

func sameFile(earlier []*dir, name, hash string) *file {
	for _, e := range earlier {
		i, ok := slices.BinarySearchFunc(e.files, name, func(f file, n string) int { return strings.Compare(f.name, n) })
		if ok && hash != "" && e.files[i].hash == hash {
			return &e.files[i]
		}
	}
	return nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
