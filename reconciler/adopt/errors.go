package adopt

import (
	"errors"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// lineOf is the line that an error of editing is about; 0 = none.
func lineOf(err error) int {
	if bad, ok := errors.AsType[*yamledit.Error](err); ok {
		return bad.Line
	}
	return 0
}

// reasonOf is what it says, without the line.
func reasonOf(err error) string {
	if bad, ok := errors.AsType[*yamledit.Error](err); ok {
		return bad.Reason
	}
	return err.Error()
}
