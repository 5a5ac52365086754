package yamledit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v3"
)

// Edit is one intended change.
type Edit struct {
	Doc    int    // index of the document
	Path   Path   // to the scalar to set; with Insert, to the mapping that gets the key
	Insert string // a key that the mapping does not have; it is put behind its last one
	Value  string // what the value becomes: always a string, whatever it looks like

	// Item is put below the last element of the list that Path leads to; with Insert,
	// into a new list at the end of the document whose root Path leads to.
	Item *Item
	// Delete takes away the element of a list that Path leads to, with the comments on
	// its lines. The last element takes the list's key with it where that is one of the
	// document's root and no comment stands between them.
	Delete bool
}

// Path leads from the root of a document to a node: a string is a key of a
// mapping, an int an index into a sequence.
type Path []any

// String gives images[0].newTag.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// replacement is one span of the file and what stands there instead.
type replacement struct {
	Span
	text     string
	comments []string // that text brings
	drop     bool     // the comments in Span go away
}

// change collects what the edits of one call do: to nodes, for the proof, and to bytes.
type change struct {
	set     map[*yaml.Node]string
	insert  map[*yaml.Node][]Pair
	order   []*yaml.Node // of the mappings in insert
	grow    map[*yaml.Node]*growth
	grown   []*yaml.Node                // of grow
	gone    map[*yaml.Node]bool         // elements of lists, and keys
	shrunk  []*yaml.Node                // the lists of the elements in gone
	emptied map[*yaml.Node]bool         // lists of which the key alone is left
	filled  map[*yaml.Node]*yaml.Node   // what stands instead of a value, or of nothing
	added   map[*yaml.Node][]*yaml.Node // what a collection gets behind what it has
	cleared map[*yaml.Node]bool         // collections that become [] or {}
	bytes   []replacement
}

func newChange() *change {
	return &change{
		set: map[*yaml.Node]string{}, insert: map[*yaml.Node][]Pair{}, grow: map[*yaml.Node]*growth{},
		gone: map[*yaml.Node]bool{}, emptied: map[*yaml.Node]bool{},
		filled: map[*yaml.Node]*yaml.Node{}, added: map[*yaml.Node][]*yaml.Node{}, cleared: map[*yaml.Node]bool{},
	}
}

// Check is the refusal that Apply would answer to e before it looks at the
// result, or nil. It costs no parse.
func (f *File) Check(e Edit) error {
	_, err := f.plan([]Edit{e})
	return err
}

// Apply makes all edits at once and proves them with one parse of the result.
// It either makes all of them or returns an *Error.
func (f *File) Apply(edits ...Edit) (*File, error) {
	c, err := f.plan(edits)
	if err != nil {
		return nil, err
	}
	return f.finish(c)
}

// finish writes a change and proves it.
func (f *File) finish(c *change) (*File, error) {
	if len(c.bytes) == 0 {
		return f, nil
	}
	g, err := Parse(f.splice(c.bytes))
	if err != nil {
		return nil, refuse(0, "with the new value the file is broken: %v", err)
	}
	if err := prove(f, g, c); err != nil {
		return nil, err
	}
	return g, nil
}

func (f *File) plan(edits []Edit) (*change, error) {
	c := newChange()
	for _, e := range edits {
		if err := f.planOne(c, e); err != nil {
			return nil, err
		}
	}
	if err := f.planBytes(c); err != nil {
		return nil, err
	}
	return c, f.inOrder(c)
}

// inOrder sorts the changes of a file, and refuses those that touch each other.
func (f *File) inOrder(c *change) error {
	slices.SortStableFunc(c.bytes, func(a, b replacement) int { return cmp.Compare(a.Start, b.Start) })
	for i, r := range c.bytes[min(1, len(c.bytes)):] {
		if r.Start < c.bytes[i].End {
			return refuse(f.line(r.Start), "two edits of the same bytes")
		}
	}
	return nil
}

func (f *File) planOne(c *change, e Edit) error {
	list, n, err := f.find(e)
	switch {
	case err != nil:
		return err
	case !writable(e.Value) || !writable(e.Insert):
		return refuse(n.Line, "the new value does not fit on one line of text")
	case e.Delete:
		return f.planDelete(c, list, n)
	case e.Item != nil:
		return f.planItem(c, n, e)
	case e.Insert != "":
		return f.planInsert(c, n, Pair{e.Insert, e.Value})
	}
	return f.planSet(c, list, n, e.Value)
}

// planBytes adds what is inserted and taken away. Keys come before elements: they
// belong to the element that stands there already.
func (f *File) planBytes(c *change) error {
	for _, n := range c.order {
		r, err := f.insertion(n, pairNodes(c.insert[n]), layout{lineBr: f.lineBreak()})
		if err != nil {
			return err
		}
		c.bytes = append(c.bytes, r...)
	}
	for _, n := range c.shrunk {
		r, err := f.deletions(c, n)
		if err != nil {
			return err
		}
		c.bytes = append(c.bytes, r...)
	}
	for _, n := range c.grown {
		r, err := f.appended(n, c.grow[n])
		if err != nil {
			return err
		}
		c.bytes = append(c.bytes, r)
	}
	return nil
}

func (f *File) splice(rs []replacement) []byte {
	var b bytes.Buffer
	at := 0
	for _, r := range rs {
		b.Write(f.src[at:r.Start])
		b.WriteString(r.text)
		at = r.End
	}
	b.Write(f.src[at:])
	return b.Bytes()
}

// find follows the path to a node and the one that holds it. It refuses where two
// readers of the file could end at different values, and where an alias repeats what
// would change.
func (f *File) find(e Edit) (parent, n *yaml.Node, err error) {
	if e.Doc < 0 || e.Doc >= len(f.docs) {
		return nil, nil, refuse(0, "no document %d", e.Doc)
	}
	n = f.docs[e.Doc]
	for i, step := range e.Path {
		if err := f.unshared(n); err != nil {
			return nil, nil, err
		}
		next, err := f.child(n, step)
		if err != nil {
			return nil, nil, refuse(err.Line, "%s: %s", e.Path[:i+1], err.Reason)
		}
		parent, n = n, next
	}
	return parent, n, f.unshared(n)
}

func (f *File) unshared(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return refuse(n.Line, "*%s is an alias: the value stands elsewhere", n.Value)
	}
	if f.aliased[n] {
		return refuse(n.Line, "&%s is repeated by an alias: more than this value would change", n.Anchor)
	}
	return nil
}

func (f *File) child(n *yaml.Node, step any) (*yaml.Node, *Error) {
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step >= 0 && step < len(n.Content) {
			return n.Content[step], nil
		}
		return nil, refuse(n.Line, "no element %d here", step)
	case string:
		return f.valueOf(n, step)
	}
	return nil, refuse(n.Line, "a path has no step of type %T", step)
}

func (f *File) valueOf(n *yaml.Node, key string) (*yaml.Node, *Error) {
	keys := f.keysLike(n, key)
	if len(keys) == 0 {
		return nil, refuse(n.Line, "no key %s here", key)
	}
	first := n.Content[keys[0]]
	if len(keys) > 1 {
		second := n.Content[keys[1]].Line
		return nil, refuse(second, "%s stands here twice (lines %d and %d): readers differ in which one counts", key, first.Line, second)
	}
	if keyText(first) != key {
		return nil, refuse(first.Line, "the key is written %s: not every reader takes it for %s", keyText(first), key)
	}
	return n.Content[keys[0]+1], nil
}

// keysLike are the indexes of the keys that some reader may take for key:
// encoding/json ignores case.
func (f *File) keysLike(n *yaml.Node, key string) []int {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	if index, ok := f.keys[n]; ok {
		return index[fold(key)]
	}
	var at []int
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(keyText(n.Content[i]), key) {
			at = append(at, i)
		}
	}
	return at
}

// fold maps all strings that are strings.EqualFold to one.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for q := unicode.SimpleFold(r); q != r; q = unicode.SimpleFold(q) {
			least = min(least, q)
		}
		return least
	}, s)
}

// indexKeys makes looking up keys of a large mapping cheap.
func indexKeys(n *yaml.Node) map[string][]int {
	index := map[string][]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := fold(keyText(n.Content[i]))
		index[k] = append(index[k], i)
	}
	return index
}

func keyText(k *yaml.Node) string {
	if k.Kind == yaml.AliasNode {
		return k.Alias.Value
	}
	return k.Value
}

func (f *File) planSet(c *change, parent, n *yaml.Node, value string) error {
	if n.Kind != yaml.ScalarNode {
		return refuse(n.Line, "a mapping or a list, not a single value")
	}
	if _, twice := c.set[n]; twice {
		return refuse(n.Line, "two edits of one value")
	}
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" {
		return refuse(n.Line, "the tag %s says that it is no string", n.Tag)
	}
	if n.Value == value && IsString(n) {
		c.set[n] = value
		return nil
	}
	r, err := f.replace(parent, n, value)
	if err != nil {
		return err
	}
	c.set[n] = value
	c.bytes = append(c.bytes, r)
	return nil
}

// replace writes a value in the style of the one that stands there: in JSON, where a number
// or null stood, in quotes.
func (f *File) replace(parent, n *yaml.Node, value string) (replacement, error) {
	span := f.spans[n]
	if n.Style&blockStyle != 0 {
		return f.replaceBlock(n, value)
	}
	if f.line(span.Start) != f.line(span.End) {
		return replacement{}, refuse(n.Line, "the value spans several lines")
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return replacement{Span: span, text: doubleQuoted(value)}, nil
	case n.Style&yaml.SingleQuotedStyle != 0:
		return replacement{Span: span, text: singleQuoted(value)}, nil
	case span.Start < span.End && !IsString(n) && parent != nil && parent.Style&yaml.FlowStyle != 0 && quotesKeys(parent):
		return replacement{Span: span, text: doubleQuoted(value)}, nil
	case span.Start < span.End:
		return replacement{Span: span, text: plainOrQuoted(value)}, nil
	}
	return f.fill(n, value)
}

// fill writes a value where there is none: behind its key's colon, its dash, or
// its anchor and tag.
func (f *File) fill(n *yaml.Node, value string) (replacement, error) {
	span := f.spans[n]
	before := byte(0)
	if span.Start > 0 {
		before = f.src[span.Start-1]
	}
	switch {
	case before == ':' || before == '-' || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0:
		return replacement{Span: span, text: " " + plainOrQuoted(value)}, nil
	case isBlank(before):
		return replacement{Span: span, text: plainOrQuoted(value)}, nil
	}
	return replacement{}, refuse(n.Line, "no place for a value: write one by hand")
}

// replaceBlock replaces the one line of a block scalar that ends without a line break.
func (f *File) replaceBlock(n *yaml.Node, value string) (replacement, error) {
	span := f.spans[n]
	header := string(f.src[span.Start:min(span.Start+2, span.End)])
	from := f.lineEnd(span.Start)
	from += breakLen(f.src, from)
	if (header != "|-" && header != ">-") || n.Value == "" || f.line(from) != f.line(span.End) || strings.TrimSpace(value) != value || value == "" {
		return replacement{}, refuse(n.Line, "a block scalar (%s): write the value on the line of its key", strconv.Quote(header))
	}
	from = f.skipBlank(from)
	return replacement{Span: Span{from, span.End}, text: value}, nil
}
