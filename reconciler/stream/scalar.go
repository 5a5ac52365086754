package stream

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// notText matches the plain scalars that YAML 1.1 or 1.2 reads as null, boolean,
// number, base-60 number, time, default or merge key, after "_" between digits is taken out.
var notText = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`|~|null|Null|NULL`,
	`y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF`,
	`[-+]?0[bB][01]+|[-+]?0[oO][0-7]+|[-+]?0[xX][0-9a-fA-F]+`,
	`[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?`,
	`[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?`,
	`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)`,
	`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?`,
	`=|<<`,
}, "|") + `)$`)

// misread says whether a YAML reader takes the plain scalar s for something
// other than text.
func misread(s string) bool {
	if isText(s) {
		return false
	}
	if s != "" && s[0] != '_' {
		s = strings.ReplaceAll(s, "_", "")
	}
	return notText.MatchString(s)
}

// isText knows most of the text that notText does not match, at less cost: of what
// notText matches, only words of up to five letters begin with a letter, and only a time
// has a slash.
func isText(s string) bool {
	if s == "" || strings.Contains(s, "_") {
		return false
	}
	letter := s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z'
	return letter && len(s) > len("false") ||
		strings.Contains(s, "/") && len(s) > len("2026") && s[len("2026")] != '-'
}

// scalar writes s as the value of a key in block style: plain where every YAML
// reader gives the same text back, else in double quotes. It writes one line.
func scalar(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if misread(s) || !plain(s) {
		return quote(s)
	}
	return s
}

// plain says whether s can stand without quotes (YAML 1.2, 7.3.3).
func plain(s string) bool {
	if strings.ContainsAny(s[:1], ",[]{}#&*!|>'\"%@` ") || strings.HasSuffix(s, " ") {
		return false
	}
	if strings.ContainsAny(s[:1], "-?:") && (len(s) == 1 || s[1] == ' ') {
		return false
	}
	if strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, c)
		default:
			fmt.Fprintf(&b, `\u%04X`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
