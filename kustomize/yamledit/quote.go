package yamledit

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v3"
)

var (
	// plainText is what needs no quotes anywhere a value can stand, in block and
	// flow collections alike. It is narrower than YAML's own rule.
	plainText = regexp.MustCompile(`^(--)?[A-Za-z0-9_./]([A-Za-z0-9_./:@+=-]*[A-Za-z0-9_./@+-])?$`)

	// notText matches numbers and dates of YAML 1.1 (yaml.org/type) and of the
	// core schema of YAML 1.2 (section 10.3.2), and what libraries add to them.
	notText = regexp.MustCompile(`^([-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+` +
		`|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?` +
		`|\.[0-9_]+([eE][-+]?[0-9]+)?` +
		`|[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?` +
		`|(?i:\.inf))|(?i:\.nan)` +
		`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?)$`)

	// notTextWords are the booleans and nulls of both versions, the default and
	// merge keys of 1.1, and the end of a document.
	notTextWords = []string{"", "~", "null", "y", "n", "yes", "no", "on", "off", "true", "false", "=", "<<", "..."}
)

// isText reports whether every version of YAML reads the plain scalar as a string.
func isText(s string) bool {
	return !slices.Contains(notTextWords, strings.ToLower(s)) && !notText.MatchString(s)
}

// IsString reports whether n is a scalar that YAML 1.1 and 1.2 both read as a
// string: quoted, a block, tagged as one, or plain and like nothing else.
func IsString(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return false
	}
	return n.Style != 0 || isText(n.Value)
}

// Text writes a value so that every reader of YAML takes it for this text. It must be
// printable, without line breaks.
func Text(value string) string { return plainOrQuoted(value) }

// plainOrQuoted writes a value without quotes where that is safe, and in those that need no
// escapes where there are such.
func plainOrQuoted(value string) string {
	switch {
	case plainText.MatchString(value) && isText(value):
		return value
	case strings.ContainsAny(value, `"\`) && !strings.Contains(value, "'"):
		return singleQuoted(value)
	}
	return doubleQuoted(value)
}

func doubleQuoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

func singleQuoted(value string) string {
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

// writable reports whether a value can be written on one line without escapes.
func writable(value string) bool {
	for _, r := range value {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
