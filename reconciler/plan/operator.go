package plan

import "github.com/imgstream/imgstream/reconciler/stream"

// Operator is what the operator of imgstream decides, whatever the repository says.
// The zero value decides nothing.
type Operator struct {
	// Scope binds questions to credentials; nil: those for everybody.
	Scope Scope
}

// Scope says which Import.Scope a tag's question gets, by the image it asks for, the
// tag, and the file of its spec. nil: always "".
type Scope func(image stream.Image, tag stream.Ref, file string) string
