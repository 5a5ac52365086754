package plan

import "github.com/imgstream/imgstream/reconciler/stream"

// Operator is what the operator of imgstream decides, whatever the repository says.
// The zero value decides nothing.
type Operator struct {
	// Scope binds questions to credentials; nil: those for everybody.
	Scope Scope

	// LocalRegistry is host[:port][/prefix], below which a stream has the repository
	// namespace/stream; "": there is none, and the policy Local is as Source.
	LocalRegistry string
}

// repository is that of a stream in the local registry; "" where there is none.
func (o Operator) repository(of stream.Ref) string {
	if o.LocalRegistry == "" {
		return ""
	}
	return o.LocalRegistry + "/" + of.Stream().String()
}

// scope is what a question for an image, or a copy of it, gets on behalf of a tag.
func (o Operator) scope(image stream.Image, t *tag) string {
	if o.Scope == nil || t.spec == nil {
		return ""
	}
	return o.Scope(image, t.ref, t.spec.Pos.File)
}

// Scope says which Import.Scope a tag's question gets, by the image it asks for, the
// tag, and the file of its spec. nil: always "".
type Scope func(image stream.Image, tag stream.Ref, file string) string
