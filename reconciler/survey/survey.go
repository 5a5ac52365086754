// Package survey reads a whole repository: it walks a tree, gives each file to the
// parser that its path calls for, and puts together what the commit says. It
// remembers what it read by git hash, position by position, so that a later tree
// costs what changed since the earlier one. It decides nothing.
package survey

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// SettingsError says that the settings are there and are not valid: nothing may be
// decided without them.
type SettingsError struct{ Problems []stream.Problem }

// Error lists the errors among the problems, each with what to do next.
func (e *SettingsError) Error() string {
	var lines []string
	for _, p := range e.Problems {
		if p.Severity != stream.Error {
			continue
		}
		lines = append(lines, p.String())
		if p.Hint != "" {
			lines = append(lines, "    "+p.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// Survey is what one commit says. It never changes.
type Survey struct {
	View     plan.View
	root     *dir
	includes *kustomize.Graph // what Includes read; nil: nothing yet

	borrowed bool   // read with the settings of another tree
	settings string // hash of the settings file, "" where there is none
}

// readsMore reports whether kustomizations and manifests count that bind nothing themselves.
func (s *Survey) readsMore() bool { return s.View.Graph != nil || len(s.View.Jobs) > 0 }

// Same reports whether two trees say the same in the same places, so that whatever is
// computed from one holds for the other. Files that say nothing may differ. Trees without
// hashes are never the same.
func (s *Survey) Same(other *Survey) bool {
	if s == other || s == nil || other == nil {
		return s == other
	}
	names := s.readsMore()
	return !s.borrowed && !other.borrowed && s.settings == other.settings && names == other.readsMore() && s.root.same(other.root, names)
}

// Read reads the tree of fsys, taking over from earlier Surveys (nil ones are fine)
// what lies at the same place with the same hash. Entries whose fs.DirEntry has no
// method Hash() string, as in a work tree, are always read. An error is one of reading the
// tree, or a *SettingsError.
func Read(fsys fs.FS, earlier ...*Survey) (*Survey, error) {
	hash, same, err := unchanged(fsys, earlier)
	if err != nil || same != nil {
		return same, err
	}
	settings, problems, err := readSettings(fsys)
	if err != nil {
		return nil, err
	}
	s, err := read(fsys, hash, settings, problems, earlier)
	if s != nil {
		s.settings = hashAt(fsys, stream.SettingsPath)
	}
	return s, err
}

func hashAt(fsys fs.FS, name string) string {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return ""
	}
	return hashOf(info)
}

// ReadWith is Read with given settings instead of the tree's own.
func ReadWith(fsys fs.FS, settings stream.Settings, earlier ...*Survey) (*Survey, error) {
	hash, _, err := unchanged(fsys, nil)
	if err != nil {
		return nil, err
	}
	s, err := read(fsys, hash, settings, nil, earlier)
	if s != nil {
		s.borrowed = true
	}
	return s, err
}

// unchanged finds an earlier Survey of the same tree.
func unchanged(fsys fs.FS, earlier []*Survey) (hash string, same *Survey, err error) {
	info, err := fs.Stat(fsys, ".")
	if err != nil {
		return "", nil, fmt.Errorf("read the tree: %w", err)
	}
	hash = hashOf(info)
	for _, e := range earlier {
		if e != nil && !e.borrowed && hash != "" && e.root.hash == hash {
			return hash, e, nil
		}
	}
	return hash, nil, nil
}

func read(fsys fs.FS, hash string, settings stream.Settings, problems []stream.Problem, earlier []*Survey) (*Survey, error) {
	r := reader{fsys: fsys, settings: settings}
	root, err := r.tree(hash, sameRules(settings, earlier))
	if err != nil {
		return nil, err
	}
	s := compose(settings, problems, root)
	return s, r.lookups(s)
}

// readSettings gives the defaults where there is no settings file.
func readSettings(fsys fs.FS) (stream.Settings, []stream.Problem, error) {
	src, err := fs.ReadFile(fsys, stream.SettingsPath)
	if isNotExist(err) {
		return stream.DefaultSettings(), nil, nil
	}
	if err != nil {
		return stream.Settings{}, nil, fmt.Errorf("read %s: %w", stream.SettingsPath, err)
	}
	settings, problems := stream.ParseSettings(src)
	for i := range problems {
		problems[i].Pos.File = stream.SettingsPath
	}
	for _, p := range problems {
		if p.Severity == stream.Error {
			return stream.Settings{}, nil, &SettingsError{Problems: problems}
		}
	}
	return settings, problems, nil
}

// sameRules are the roots of the Surveys whose settings sent every file to the same parser.
func sameRules(settings stream.Settings, earlier []*Survey) []*dir {
	var roots []*dir
	for _, e := range earlier {
		if e != nil && sameParsers(settings, e.View.Tree.Settings) {
			roots = append(roots, e.root)
		}
	}
	return roots
}

func sameParsers(a, b stream.Settings) bool {
	return slices.Equal(a.Streams.Directories, b.Streams.Directories) && a.Streams.StatusDirectory == b.Streams.StatusDirectory &&
		slices.Equal(a.Scan.Include, b.Scan.Include) && slices.Equal(a.Scan.Exclude, b.Scan.Exclude)
}

// compose puts the facts of all files together. It reads and parses nothing.
func compose(settings stream.Settings, problems []stream.Problem, root *dir) *Survey {
	var c collector
	root.collect(".", &c)
	tree := stream.Compose(settings, c.specs, c.statuses)
	tree.Problems = append(tree.Problems, problems...)
	tree.Problems = append(tree.Problems, c.problems...)
	stream.SortProblems(tree.Problems)
	return &Survey{View: plan.View{Tree: tree, Files: c.files, Images: c.images}, root: root}
}
