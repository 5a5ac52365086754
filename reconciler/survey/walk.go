package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxSize is the largest file that is read at all, in bytes. Parsers have limits of their own.
const maxSize = 16 << 20

// dir is what one directory says: the files that say something, and the directories below.
type dir struct {
	name   string
	hash   string // "" when the tree has no hashes
	files  []file
	images []string // digests of the images whose metadata lies here; the files are not read
	dirs   []*dir
	says   bool // something below says anything; known once settled
	names  bool // something below may matter to local lookup; known once settled
	known  bool // settled
}

// file is what one file says, in the role that its path gives it.
type file struct {
	name   string
	hash   string
	specs  *stream.SpecFile
	status *status
	uses   *kustomize.File
	tooBig int64 // its size, when it is too large to be read

	names *kustomize.Mentions // of manifests: what local lookup may want to know more of
	more  *more               // nil until local lookup asked
}

// status is a status file, or why it cannot be used.
type status struct {
	status *stream.Status
	err    error
}

func (f *file) says() bool {
	return f.specs != nil || f.status != nil || f.uses != nil || f.tooBig > 0
}

// matters reports whether the file may matter to local lookup.
func (f *file) matters() bool { return f.names != nil || kustomize.IsKustomization(f.name) }

// reader folds one tree. The walk is one goroutine's; files are read and parsed by as
// many as there are processors.
type reader struct {
	fsys     fs.FS
	settings stream.Settings
	parsing  errgroup.Group
	kept     kept
}

// tree folds the whole tree, taking over what earlier ones know.
func (r *reader) tree(hash string, earlier []*dir) (*dir, error) {
	r.parsing.SetLimit(runtime.GOMAXPROCS(0))
	root, err := r.dir(".", hash, earlier)
	if failed := r.parsing.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	root.settle()
	return root, nil
}

// settle finds out what of the directories that were read says anything.
func (d *dir) settle() {
	if d.known {
		return
	}
	d.known = true
	d.says = len(d.images) > 0 || slices.ContainsFunc(d.files, func(f file) bool { return f.says() })
	d.names = slices.ContainsFunc(d.files, func(f file) bool { return f.matters() })
	for _, sub := range d.dirs {
		sub.settle()
		d.says, d.names = d.says || sub.says, d.names || sub.names
	}
}

// same reports whether two directories say the same in the same places. Both were read
// by the same settings; names says that what matters to local lookup counts too.
func (d *dir) same(o *dir, names bool) bool {
	if d == o || d.hash != "" && d.hash == o.hash {
		return true
	}
	return slices.Equal(d.images, o.images) &&
		slices.EqualFunc(d.saying(names), o.saying(names), func(a, b *file) bool { return a.name == b.name && a.hash != "" && a.hash == b.hash }) &&
		slices.EqualFunc(d.sayingDirs(names), o.sayingDirs(names), func(a, b *dir) bool { return a.name == b.name && a.same(b, names) })
}

// saying are the files that say something.
func (d *dir) saying(names bool) []*file {
	var all []*file
	for i := range d.files {
		if d.files[i].says() || names && d.files[i].matters() {
			all = append(all, &d.files[i])
		}
	}
	return all
}

// sayingDirs are the directories below which something says anything.
func (d *dir) sayingDirs(names bool) []*dir {
	return slices.DeleteFunc(slices.Clone(d.dirs), func(sub *dir) bool { return !sub.says && (!names || !sub.names) })
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
	var files []fs.DirEntry
	for _, e := range entries {
		below := path.Join(name, e.Name())
		switch {
		case e.IsDir() && e.Name() != ".git":
			sub, err := r.dir(below, hashOf(e), subdirs(earlier, e.Name()))
			if err != nil {
				return nil, err
			}
			d.dirs = append(d.dirs, sub)
		case !e.Type().IsRegular():
		case r.settings.IsImagePath(below):
			digest, _ := stream.ParseImagePath(r.settings.Streams.StatusDirectory, below)
			d.images = append(d.images, digest)
		case r.reads(below):
			files = append(files, e)
		}
	}
	d.files = make([]file, len(files))
	for i, e := range files {
		r.file(&d.files[i], path.Join(name, e.Name()), e, earlier)
	}
	return d, nil
}

// reads reports whether a file has any role.
func (r *reader) reads(name string) bool {
	return r.settings.IsStatusPath(name) || r.settings.IsSpecPath(name) || r.scans(name) || kustomize.IsKustomization(name)
}

func (r *reader) scans(name string) bool { return kustomize.Reads(name) && r.settings.Scans(name) }

// file fills in one file, now where an earlier one is the same, else in its turn.
func (r *reader) file(f *file, name string, e fs.DirEntry, earlier []*dir) {
	hash := hashOf(e)
	if known := sameFile(earlier, e.Name(), hash); known != nil {
		*f = *known
		return
	}
	f.name, f.hash = e.Name(), hash
	r.parsing.Go(func() error { return r.load(f, name, e) })
}

// load reads and parses one file.
func (r *reader) load(f *file, name string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > maxSize {
		f.tooBig = info.Size()
		return nil
	}
	src, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	r.parse(f, name, src)
	return nil
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
	if r.scans(name) {
		f.uses = kustomize.Parse(path.Base(name), src)
		f.names = kustomize.Mention(name, src)
	}
	if f.matters() {
		r.kept.add(f, src)
	}
}

// collector gathers the facts of a tree with their paths, in the order of the walk.
type collector struct {
	specs    []stream.SpecAt
	statuses []stream.StatusAt
	files    []plan.File
	images   []string
	problems []stream.Problem
}

func (d *dir) collect(name string, c *collector) {
	if !d.says {
		return
	}
	for i := range d.files {
		d.files[i].collect(path.Join(name, d.files[i].name), c)
	}
	c.images = append(c.images, d.images...)
	for _, sub := range d.dirs {
		sub.collect(path.Join(name, sub.name), c)
	}
	if name == "." {
		slices.Sort(c.images)
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
	if f.tooBig > 0 && !kustomize.IsJSON(name) { // of that size it is data
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
