package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

// Bounds of one build. They are counts of what it reads, never of time, so that one tree
// is built on every machine or on none. What is beyond them is not built.
const (
	maxFiles  = 300       // that are read, each time that they are included
	maxBytes  = 256 << 10 // of these files
	maxDepth  = 12        // kustomizations inside one another
	maxKinds  = 500       // objects, at the most
	maxGrowth = 4 << 20   // objects × bytes of what changes them
	maxWork   = 4 << 20   // bytes of objects × how often they are changed
	maxVars   = 16 << 10  // bytes of manifests with vars, which copy some into others
)

// Error says why a kustomization is not built.
type Error struct {
	File   string // that is to blame
	Line   int    // from 1; 0: the file as a whole
	Reason string // in words that are the same for all files of which it holds

	// Fails says that kustomize itself refuses to build it. Else it is not tried: it asks for
	// more than the tree, or it is too large.
	Fails bool
}

// Error gives place and reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Source is everything that the build of one kustomization reads.
type Source struct {
	Path      string // of the kustomization
	Component bool   // which only a kustomization that includes it can build

	dir     string
	files   map[string][]byte
	parsed  map[string]*types.Kustomization // by path
	within  []string                        // directories whose kustomizations are being read
	starts  []int                           // bytes, where the objects of each of these begin
	read    int
	bytes   int // of manifests, counted as often as they are included
	changes int // bytes of kustomizations, patches and the like, likewise
	work    int // bytes of manifests × operations on them
	kinds   int
	vars    bool
	copies  bool // by replacements
	schema  bool // it brings one

	key *[sha256.Size]byte // nil: not asked for yet
}

// Find gives the kustomization file of a directory; "" where there is none. Of several,
// which kustomize refuses, it is the first.
func Find(fsys fs.FS, dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if info, err := fs.Stat(fsys, path.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return path.Join(dir, name)
		}
	}
	return ""
}

// Collect reads what the build of the kustomization in a directory reads, and refuses
// what needs more than the tree, by an *Error: kustomize would ask git and HTTP servers
// and run programs. Another error is one of reading the tree.
func Collect(fsys fs.FS, dir string) (s *Source, err error) {
	s = &Source{Path: Find(fsys, dir), dir: dir, files: map[string][]byte{}, parsed: map[string]*types.Kustomization{}}
	if s.Path == "" {
		return nil, &Error{File: dir, Reason: "there is no kustomization", Fails: true}
	}
	defer recovered(s.Path, &err)
	c := collector{Source: s, fsys: fsys}
	if err := c.kustomization(dir, place{s.Path, 0}); err != nil {
		return nil, err
	}
	s.Component = s.parsed[s.Path].Kind == types.ComponentKind
	return s, c.bounded()
}

// Reads reports whether the build reads a file.
func (s *Source) Reads(file string) bool {
	_, ok := s.files[file]
	return ok
}

// Files are those that the build reads, sorted by path.
func (s *Source) Files() []string { return slices.Sorted(maps.Keys(s.files)) }

// Size is how much the build reads, in bytes; a file counts as often as it is included.
func (s *Source) Size() int { return s.bytes + s.changes }

// Key is the same for two Sources exactly where they have the same files with the same bytes.
func (s *Source) Key() [sha256.Size]byte {
	if s.key == nil {
		key := s.hash()
		s.key = &key
	}
	return *s.key
}

func (s *Source) hash() [sha256.Size]byte {
	h := sha256.New()
	write := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	write([]byte(s.Path))
	for _, name := range s.Files() {
		write([]byte(name))
		write(s.files[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Renames gives another kustomization of the build in which an entry of images: gives a new name
// to what the entry called name in a file is for, and that name; "" where none does.
func (s *Source) Renames(in, name string) (file, newName string) {
	for _, file := range slices.Sorted(maps.Keys(s.parsed)) {
		for _, image := range s.parsed[file].Images {
			if file != in && image.Name == name && image.NewName != "" && image.NewName != name {
				return file, image.NewName
			}
		}
	}
	return "", ""
}

// Changes gives the kustomization of the build that has an entry of images: for a name; "" where
// none has.
func (s *Source) Changes(name string) (file string) {
	for _, file := range slices.Sorted(maps.Keys(s.parsed)) {
		if slices.ContainsFunc(s.parsed[file].Images, func(i types.Image) bool { return i.Name == name }) {
			return file
		}
	}
	return ""
}

// collector is one call of Collect.
type collector struct {
	*Source
	fsys fs.FS
}

type place struct {
	file string
	line int
}

func (p place) refuse(format string, args ...any) *Error {
	return &Error{File: p.file, Line: p.line, Reason: fmt.Sprintf(format, args...)}
}

func (p place) fails(format string, args ...any) *Error {
	e := p.refuse(format, args...)
	e.Fails = true
	return e
}

// at is where a kustomization says a value; what it says is told by its line alone, since
// addresses may hold passwords.
func (c *collector) at(file, value string) place {
	before, _, found := bytes.Cut(c.files[file], []byte(firstLine(value)))
	if !found {
		return place{file, 0}
	}
	return place{file, bytes.Count(before, []byte("\n")) + 1}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// kustomization reads the one of a directory and everything below it.
func (c *collector) kustomization(dir string, from place) error {
	file, err := c.only(dir, from)
	if err != nil {
		return err
	}
	if slices.Contains(c.within, dir) {
		return from.fails("it includes itself")
	}
	if len(c.within) == maxDepth {
		return from.refuse("it lies more than %d kustomizations deep", maxDepth)
	}
	src, err := c.load(file, from)
	if err == nil {
		err = shallow(file, src)
	}
	if err != nil {
		return err
	}
	c.changes += len(src)
	k := c.parsed[file]
	if k == nil || len(k.Generators)+len(k.Transformers)+len(k.Validators) > 0 { // they are added to it
		k = &types.Kustomization{}
		if err := k.Unmarshal(src); err != nil {
			return place{file, 0}.fails("%s", words(err))
		}
		k.FixKustomization()
		c.parsed[file] = k
	}
	start := c.bytes
	if k.Kind == types.ComponentKind && len(c.starts) > 0 {
		start = c.starts[len(c.starts)-1] // it changes what is there already
	}
	c.within, c.starts = append(c.within, dir), append(c.starts, start)
	defer func() { c.within, c.starts = c.within[:len(c.within)-1], c.starts[:len(c.starts)-1] }()
	plugins, err := c.contents(file, dir, k)
	if err != nil {
		return err
	}
	c.work += (plugins + c.operations(file, k)) * (c.bytes - start)
	return nil
}

// only is the kustomization file of a directory.
func (c *collector) only(dir string, from place) (string, error) {
	found := ""
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		kind, err := c.kind(path.Join(dir, name), from)
		switch {
		case err != nil:
			return "", err
		case kind == isFile && found != "":
			return "", place{path.Join(dir, name), 0}.fails("%s lies beside it, and kustomize reads only one", path.Base(found))
		case kind == isFile:
			found = path.Join(dir, name)
		}
	}
	if found == "" {
		return "", from.fails("it names a directory without a kustomization")
	}
	return found, nil
}

// contents reads what a kustomization names, and counts its plugins.
func (c *collector) contents(file, dir string, k *types.Kustomization) (plugins int, err error) {
	if err := programs(place{file, 0}, k); err != nil {
		return 0, err
	}
	if err := c.schemas(file, dir, k); err != nil {
		return 0, err
	}
	if plugins, err = c.plugins(file, dir, k); err != nil {
		return 0, err
	}
	c.kinds += len(k.ConfigMapGenerator) + len(k.SecretGenerator)
	for _, patch := range inline(k) {
		if err := safe(file, []byte(patch)); err != nil {
			return 0, err
		}
	}
	c.vars, c.copies = c.vars || hasVars(k), c.copies || len(k.Replacements) > 0
	for _, r := range k.Resources {
		if err := c.resource(file, dir, r); err != nil {
			return 0, err
		}
	}
	for _, r := range k.Components {
		at := c.at(file, r)
		where, err := c.local(dir, r, at)
		if err == nil {
			err = c.kustomization(where, at)
		}
		if err != nil {
			return 0, err
		}
	}
	for _, f := range changing(k) {
		if err := c.changer(file, dir, f); err != nil {
			return 0, err
		}
	}
	for _, f := range generating(k) {
		if err := c.manifest(file, dir, f); err != nil {
			return 0, err
		}
	}
	return plugins, nil
}

// resource reads what resources: names: a file, or a directory with a kustomization.
func (c *collector) resource(file, dir, entry string) error {
	at := c.at(file, entry)
	where, err := c.local(dir, entry, at)
	if err != nil {
		return err
	}
	kind, err := c.kind(where, at)
	switch {
	case err != nil:
		return err
	case kind == isDir:
		return c.kustomization(where, at)
	}
	return c.objects(where, at)
}

func (c *collector) manifest(file, dir, entry string) error {
	at := c.at(file, entry)
	where, err := c.local(dir, entry, at)
	if err != nil {
		return err
	}
	return c.objects(where, at)
}

func (c *collector) objects(file string, at place) error {
	src, err := c.load(file, at)
	c.bytes += len(src)
	c.kinds += kinds(src)
	return err
}

func (c *collector) changer(file, dir, entry string) error {
	at := c.at(file, entry)
	where, err := c.local(dir, entry, at)
	if err != nil {
		return err
	}
	src, err := c.load(where, at)
	if err == nil {
		err = shallow(where, src)
	}
	c.changes += len(src)
	return err
}

// kinds is how many objects a file has at the most.
func kinds(src []byte) int {
	if bytes.Contains(src, []byte(`\x`)) || bytes.Contains(src, []byte(`\u`)) || bytes.Contains(src, []byte(`\U`)) {
		return bytes.Count(src, []byte(":")) // a key may be written in escapes
	}
	return bytes.Count(src, []byte("kind"))
}

// local is the path that an entry names. It refuses every address that kustomize would
// ask git or an HTTP server for (api/internal/git.NewRepoSpecFromURL, api/internal/loader.IsRemoteFile),
// and some that only look like one.
func (c *collector) local(dir, entry string, at place) (string, error) {
	lower := strings.ToLower(entry)
	switch {
	case strings.ContainsAny(entry, ":@?") || strings.HasPrefix(lower, "github.com"):
		return "", at.refuse("it needs what lies elsewhere, at a URL")
	case path.IsAbs(entry):
		return "", at.refuse("it names an absolute path")
	}
	where := path.Join(dir, entry)
	if !fs.ValidPath(where) || strings.ContainsAny(where, "\\\x00") {
		return "", at.refuse("it names a path outside of the repository")
	}
	return where, nil
}

// What a path is.
const (
	isNothing = iota
	isFile
	isDir
)

// kind says what lies at a path. Links and submodules are refused.
func (c *collector) kind(name string, at place) (int, error) {
	if _, known := c.files[name]; known {
		return isFile, nil
	}
	info, err := fs.Stat(c.fsys, name)
	var refused *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return isNothing, nil
	case errors.As(err, &refused) && isLink(c.fsys, name):
		return isNothing, at.refuse("it leads through a symbolic link or a submodule")
	case err != nil:
		return isNothing, fmt.Errorf("read %s: %w", name, err)
	case info.IsDir():
		return isDir, nil
	case info.Mode().IsRegular():
		return isFile, nil
	}
	return isNothing, at.refuse("it leads through a symbolic link or a submodule")
}

// isLink reports whether a path leads through something that is neither file nor directory.
func isLink(fsys fs.FS, name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := fs.Stat(fsys, dir); err == nil {
			return !info.IsDir() && !info.Mode().IsRegular()
		}
	}
	return false
}

// load reads a file that is included once more.
func (c *collector) load(name string, at place) ([]byte, error) {
	kind, err := c.kind(name, at)
	if err != nil {
		return nil, err
	}
	if kind != isFile {
		return nil, at.fails("it names what is not there")
	}
	if c.read++; c.read > maxFiles {
		return nil, place{c.Path, 0}.refuse("its build reads more than %d files", maxFiles)
	}
	src, known := c.files[name]
	if !known {
		if info, err := fs.Stat(c.fsys, name); err == nil && info.Size() > maxBytes {
			return nil, tooMuch(c.Path)
		}
		if src, err = fs.ReadFile(c.fsys, name); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err := safe(name, src); err != nil {
			return nil, err
		}
		c.files[name] = src
	}
	if c.bytes+c.changes+len(src) > maxBytes {
		return nil, tooMuch(c.Path)
	}
	return src, nil
}

func tooMuch(file string) error {
	return place{file, 0}.refuse("its build reads more than %d KB", maxBytes>>10)
}

// bounded refuses what would grow while it is built.
func (c *collector) bounded() error {
	switch at := (place{c.Path, 0}); {
	case c.kinds > maxKinds:
		return at.refuse("it may have more than %d objects", maxKinds)
	case c.kinds*c.changes > maxGrowth:
		return at.refuse("it changes too many objects by too much")
	case c.work > maxWork:
		return at.refuse("it changes objects that are too large too often")
	case c.vars && c.bytes > maxVars:
		return at.refuse("it has vars, and more than %d KB of manifests", maxVars>>10)
	case c.copies:
		return c.replacements()
	}
	return nil
}
