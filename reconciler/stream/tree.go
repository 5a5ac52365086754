package stream

// Tree is everything that one commit says about image streams.
type Tree struct {
	Settings Settings
	Streams  []*Stream       // sorted by namespace and name; unique
	Status   map[Ref]*Status // by tag; shared, so nobody changes one
	Problems []Problem       // sorted by position; includes those in Broken

	// Broken are the status files that cannot be used; their tags stand still. Where
	// the file is to be restored the Hint is empty: the commit to restore it from is
	// for a caller to add who knows the history.
	Broken map[Ref]Problem

	// Orphans are the statuses whose tag is in no spec, sorted. They are kept until
	// somebody prunes.
	Orphans []Ref

	doubtful map[Ref]bool // streams with an error in their spec; the zero Ref: some stream, nobody knows which

	index map[Ref]*Stream   // of Streams; nil in a Tree that Compose did not make
	kept  map[Ref][]*Status // by stream: all of its statuses; empty likewise
}

// Doubtful says that a spec has errors, so that the stream may have tags that are not
// seen. Of the zero Ref: that any stream may.
func (t *Tree) Doubtful(stream Ref) bool { return t.doubtful[Ref{}] || t.doubtful[stream] }

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
