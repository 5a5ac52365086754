package adopt

import (
	"errors"
	"strings"

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

// oneLine is an error of the YAML parser, which may have several lines.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:")), " ")
}
