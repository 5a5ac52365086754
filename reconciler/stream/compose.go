package stream

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SpecAt is what one file below a stream directory says.
type SpecAt struct {
	Path string
	File *SpecFile // nil: nothing about image streams
}

// StatusAt is one file below the status directory.
type StatusAt struct {
	Path   string
	Status *Status // nil with an error
	Err    error   // of ParseStatus
}

// Compose puts together what the files of one commit say. It depends on paths and
// settings, parses nothing and changes none of what it is given; the statuses are
// shared with the Tree.
func Compose(settings Settings, specs []SpecAt, statuses []StatusAt) *Tree {
	c := &composer{
		tree: &Tree{
			Settings: settings,
			Status:   make(map[Ref]*Status, len(statuses)),
			Broken:   map[Ref]Problem{},
			index:    map[Ref]*Stream{},
			doubtful: map[Ref]bool{},
			kept:     map[Ref][]*Status{},
		},
		twice: map[Ref]bool{},
	}
	for _, at := range slices.SortedFunc(slices.Values(specs), func(a, b SpecAt) int { return cmp.Compare(a.Path, b.Path) }) {
		if at.File != nil {
			c.specs(at)
		}
	}
	c.streams()
	for _, at := range statuses {
		c.status(at)
	}
	c.orphans()
	SortProblems(c.tree.Problems)
	return c.tree
}

type composer struct {
	tree  *Tree
	twice map[Ref]bool // streams of two documents
}

func (c *composer) add(p Problem) { c.tree.Problems = append(c.tree.Problems, p) }

func (c *composer) specs(at SpecAt) {
	fallback := cmp.Or(c.tree.Settings.NamespaceFor(at.Path), DefaultNamespace)
	for _, p := range at.File.Problems {
		p.Pos.File = at.Path
		if p.Ref.Name != "" {
			p.Ref.Namespace = cmp.Or(p.Ref.Namespace, fallback)
		}
		if p.Severity == Error {
			c.tree.doubtful[p.Ref.Stream()] = true
		}
		c.add(p)
	}
	for _, s := range at.File.Streams {
		c.stream(placed(s, at.Path, fallback))
	}
}

// placed is a copy of the stream for its place in the repository.
func placed(s *Stream, file, namespace string) *Stream {
	here := *s
	here.Namespace = cmp.Or(s.Namespace, namespace)
	here.Pos.File = file
	if here.RepositoryPos.Line > 0 {
		here.RepositoryPos.File = file
	}
	here.Tags = slices.Clone(s.Tags)
	for i := range here.Tags {
		here.Tags[i].Pos.File = file
	}
	return &here
}

func (c *composer) stream(s *Stream) {
	ref := s.Ref()
	if len(ref.String()) > maxStream {
		c.tree.doubtful[ref] = true
		c.add(Problem{Pos: s.Pos, Ref: ref, Message: fmt.Sprintf("namespace/name is longer than %d characters", maxStream), Hint: "write a shorter name"})
		return
	}
	first := c.tree.index[ref]
	if first == nil {
		c.tree.index[ref] = s
		return
	}
	if !c.twice[ref] {
		c.add(collision(first, s))
	}
	c.twice[ref] = true
	c.add(collision(s, first))
}

func collision(s, other *Stream) Problem {
	return Problem{
		Pos: s.Pos, Ref: s.Ref(), Hint: "remove one of them, or give it another namespace",
		Message: fmt.Sprintf("stream %s stands in two documents, also at %s: neither is used", s.Ref(), other.Pos),
	}
}

// streams takes those that stand once.
func (c *composer) streams() {
	for ref := range c.twice {
		delete(c.tree.index, ref)
	}
	for _, s := range c.tree.index {
		c.tree.Streams = append(c.tree.Streams, s)
	}
	slices.SortFunc(c.tree.Streams, func(a, b *Stream) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

func (c *composer) status(at StatusAt) {
	ref, ok := ParseStatusPath(c.tree.Settings.Streams.StatusDirectory, at.Path)
	switch {
	case !ok:
		c.add(Problem{
			Pos: Pos{File: at.Path}, Message: "no status of a tag lies here",
			Hint: "remove it: only " + c.tree.Settings.Streams.StatusDirectory + "/<namespace>/<stream>/<tag>.yaml is read",
		})
	case at.Err != nil:
		c.broken(ref, at.Path, at.Err)
	case at.Status.Ref != ref:
		c.broken(ref, at.Path, fmt.Errorf("its metadata names %s, its path %s", at.Status.Ref, ref))
	default:
		c.tree.Status[ref] = at.Status
		c.tree.kept[ref.Stream()] = append(c.tree.kept[ref.Stream()], at.Status)
	}
}

// broken stops a tag whose status file cannot be used: it is never rewritten and
// never taken for empty (semantics.md 2).
func (c *composer) broken(ref Ref, file string, err error) {
	p := Problem{Pos: Pos{File: file}, Ref: ref, Message: "the status file cannot be used: " + err.Error()}
	if bad := (*StatusError)(nil); errors.As(err, &bad) {
		p.Pos.Line = bad.Line
		p.Message = "the status file cannot be used: " + bad.Reason
		if bad.Newer {
			p.Message, p.Hint = "the status file is not read: "+bad.Reason, "use the imgstream that wrote it"
		}
	}
	c.tree.Broken[ref] = p
	c.add(p)
}

// orphans reports the statuses whose tag is in no spec. They are kept.
func (c *composer) orphans() {
	byName := func(a, b Ref) int { return cmp.Compare(a.String(), b.String()) }
	for _, ref := range slices.SortedFunc(maps.Keys(c.tree.Status), byName) {
		s := c.tree.index[ref.Stream()]
		if c.twice[ref.Stream()] || s.Names(ref.Tag) || s.HasListed(c.tree.Status[ref]) || s != nil && c.tree.Status[ref].wasPushed() {
			continue
		}
		p := Problem{
			Severity: Notice, Ref: ref, Pos: Pos{File: StatusPath(c.tree.Settings.Streams.StatusDirectory, ref)},
			Message: "no spec has this tag: its status is kept", Hint: "prune removes it",
		}
		c.tree.Orphans = append(c.tree.Orphans, ref)
		if c.tree.Doubtful(ref.Stream()) {
			p.Hint = "mend the specs that have errors first: it may stand there"
		}
		c.add(p)
		c.foldedOrphan(s, ref)
	}
}

// wasPushed says whether the image of a tag came by a push, which needs no spec.
func (s *Status) wasPushed() bool { return s.Head() != nil && s.Head().Cause == CausePush }

// Names says whether the file of the stream has the tag, in its spec or in the status of
// an export. The nil Stream has none.
func (s *Stream) Names(tag string) bool {
	return s != nil && (s.Tag(tag) != nil || slices.ContainsFunc(s.Seed, func(seed Seed) bool { return seed.Tag == tag }))
}

func (c *composer) foldedOrphan(s *Stream, ref Ref) {
	if s == nil {
		return
	}
	for _, t := range s.Tags {
		if strings.EqualFold(t.Name, ref.Tag) {
			c.add(Problem{
				Severity: Warning, Pos: t.Pos, Ref: s.TagRef(t.Name), Hint: "remove the status of " + ref.String() + " or rename the tag",
				Message: "tag " + t.Name + " and the kept status of " + ref.Tag + " differ only in case: not every file system can hold both",
			})
		}
	}
}
