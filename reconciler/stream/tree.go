package stream

import "slices"

// Tree is everything that one commit says about image streams.
type Tree struct {
	Settings Settings
	Streams  []*Stream       // sorted by namespace and name; unique
	Status   map[Ref]*Status // by tag; shared, so nobody changes one
	Broken   map[Ref]Problem // status files that cannot be used; their tags stand still
	Problems []Problem       // sorted by position; includes those in Broken

	index map[Ref]*Stream // of Streams; nil in a Tree that Compose did not make
	newer []Ref           // of Broken: files that only a newer imgstream reads
}

// Stream finds a stream by namespace and name, or nil.
func (t *Tree) Stream(namespace, name string) *Stream {
	if t.index != nil {
		return t.index[Ref{Namespace: namespace, Name: name}]
	}
	for _, s := range t.Streams {
		if s.Namespace == namespace && s.Name == name {
			return s
		}
	}
	return nil
}

// HintRestore completes the hints of broken status files for a caller that knows
// the history: commit gives the newest commit with a usable version of the file at
// a path, or "" where there is none.
func (t *Tree) HintRestore(commit func(file string) string) {
	for i := range t.Problems {
		p := &t.Problems[i]
		if broken, ok := t.Broken[p.Ref]; !ok || *p != broken || slices.Contains(t.newer, p.Ref) {
			continue
		}
		if c := commit(p.Pos.File); c != "" {
			p.Hint = "restore it: git checkout " + c + " -- " + p.Pos.File
			t.Broken[p.Ref] = *p
		}
	}
}
