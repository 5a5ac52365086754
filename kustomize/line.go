package kustomize

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// textKind is how a kind of text file writes comments.
type textKind struct {
	openers []string // of comments that reach to the end of the line
	behind  bool     // a comment may stand behind a value, and is no part of it
	byHand  bool     // texts of several lines are written in a way of its own: no line is found
}

// kinds are the text files that are read, by extension or by name.
var kinds = func() map[string]textKind {
	kinds := map[string]textKind{}
	for names, k := range map[string]textKind{
		".toml .sh .bash .bzl .star Tiltfile justfile":  {openers: []string{"#"}, behind: true},
		".tf .tfvars .hcl .nomad":                       {openers: []string{"#", "//"}, behind: true},
		".json5 .jsonc .cue .groovy .bicep Jenkinsfile": {openers: []string{"//"}, behind: true},
		".nix":                          {openers: []string{"#"}, behind: true, byHand: true},
		".jsonnet .libsonnet":           {openers: []string{"#", "//"}, behind: true, byHand: true},
		".lua .dhall":                   {openers: []string{"--"}, behind: true, byHand: true},
		".env .mk Makefile GNUmakefile": {openers: []string{"#"}},
		".properties":                   {openers: []string{"#", "!"}},
		".ini .conf .cfg .service .container .image .volume": {openers: []string{"#", ";"}},
	} {
		for name := range strings.FieldsSeq(names) {
			kinds[name] = k
		}
	}
	return kinds
}()

// kindOf is the kind of text that a file's name promises; .env.prod is an .env too.
func kindOf(name string) (textKind, bool) {
	base := path.Base(name)
	if k, ok := kinds[base]; ok {
		return k, true
	}
	if strings.HasPrefix(base, ".env.") {
		return kinds[".env"], true
	}
	k, ok := kinds[path.Ext(base)]
	return k, ok
}

// isComment reports whether a line is a comment and nothing else.
func (k textKind) isComment(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return slices.ContainsFunc(k.openers, func(o string) bool { return strings.HasPrefix(line, o) })
}

// comment finds where the first comment of a line begins that holds (accepts) what stands
// behind its opener; -1 where there is none.
func (k textKind) comment(line string, accepts func(body string) bool) (start int, opener string) {
	for i := range line {
		if i > 0 && line[i-1] != ' ' && line[i-1] != '\t' {
			continue
		}
		for _, o := range k.openers {
			if body, ok := strings.CutPrefix(line[i:], o); ok && accepts(body) {
				return i, o
			}
		}
	}
	return -1, ""
}

// lineScanner binds values on single lines of one text file.
type lineScanner struct {
	*File
	kind  textKind
	src   []byte
	lines []yamledit.Span // without their ends
	marks map[int][]lineMark
	spots []Spot // lines that clearly show an image and are not bound
}

type lineMark struct {
	line int // from 0
	at   yamledit.Span
	marker
}

// readLines finds the uses of a text file: a marker is a comment at the end of the line
// of its value, or on a line of its own above it. And it finds what could be bound.
func readLines(kind textKind, src []byte) (*File, []Spot) {
	s := lineScanner{File: &File{}, kind: kind, src: src, marks: map[int][]lineMark{}}
	if bytes.IndexByte(src, 0) >= 0 {
		return &File{Broken: "not text: it has a NUL byte"}, nil
	}
	s.split()
	below := make([]int, len(s.lines)+1) // the first line at or below one that is no comment
	for i := len(s.lines); i >= 0; i-- {
		below[i] = i
		if i < len(s.lines) && kind.isComment(s.line(i)) {
			below[i] = below[i+1]
		}
	}
	for i := range s.lines {
		if strings.Contains(s.line(i), markerKey) {
			s.attribute(i, below[i])
		}
	}
	for i := range s.lines {
		if len(s.marks[i]) > 0 {
			s.bindLine(i)
		}
	}
	s.findSpots()
	return s.File, s.spots
}

func (s *lineScanner) split() {
	start := 0
	if bytes.HasPrefix(s.src, []byte("\ufeff")) {
		start = len("\ufeff")
	}
	for start < len(s.src) {
		end, next := len(s.src), len(s.src)
		if i := bytes.IndexByte(s.src[start:], '\n'); i >= 0 {
			end, next = start+i, start+i+1
		}
		text := bytes.TrimRight(s.src[start:end], "\r")
		s.lines = append(s.lines, yamledit.Span{Start: start, End: start + len(text)})
		start = next
	}
}

func (s *lineScanner) line(i int) string {
	return string(s.src[s.lines[i].Start:s.lines[i].End])
}

// attribute gives the marker on line i to the line of its value; below is the first line
// from there on that is no comment.
func (s *lineScanner) attribute(i, below int) {
	line := s.line(i)
	start, opener := s.kind.comment(line, func(body string) bool {
		body = strings.TrimLeft(body, " \t")
		return strings.HasPrefix(body, "{") && strings.Contains(body, markerKey)
	})
	if start < 0 {
		s.problem(i+1, "", finding{notice: true, message: "a marker that does not begin a comment binds nothing", hint: "a comment here begins with " + strings.Join(s.kind.openers, " or ")})
		return
	}
	m, ok, found := parseMarker("#" + line[start+len(opener):])
	for _, f := range found {
		s.problem(i+1, "", f)
	}
	if !ok {
		return
	}
	target := i
	own := strings.TrimSpace(line[:start]) == ""
	switch {
	case own:
		target = below
		if target == len(s.lines) || strings.TrimSpace(s.line(target)) == "" {
			s.problem(i+1, "", finding{notice: target > i+1, message: "the marker stands above no value", hint: "put it on the line above the value"})
			return
		}
	case s.kind.isComment(line):
		s.problem(i+1, "", finding{notice: true, message: "the marker stands behind a line that is commented out"})
		return
	case !s.kind.behind:
		s.problem(i+1, "", finding{message: "in a file of this kind what stands behind a value is a part of it, the marker too", hint: "put it on the line above the value"})
		return
	}
	at := s.lines[i].Start
	s.marks[target] = append(s.marks[target], lineMark{i, yamledit.Span{Start: at + start, End: at + len(line)}, m})
}

// code is a line without a comment behind it.
func (s *lineScanner) code(i int) string {
	line := s.line(i)
	if s.kind.behind {
		if start, _ := s.kind.comment(line, func(string) bool { return true }); start >= 0 {
			return line[:start]
		}
	}
	return line
}

// bindLine makes a use of the one value of a line.
func (s *lineScanner) bindLine(i int) {
	marks := s.marks[i]
	m := marks[0]
	if len(marks) > 1 {
		s.problem(marks[1].line+1, "", finding{
			message: fmt.Sprintf("two markers for one line: %s here, %s on line %d", marks[1].ref, m.ref, m.line+1), hint: "keep one",
		})
		return
	}
	code := s.code(i)
	at, wrong := theValue(code, m.part)
	if wrong != nil {
		s.problem(i+1, "", *wrong)
		return
	}
	text := code[at.Start:at.End]
	key := keyBefore(code[:at.Start])
	use := Use{
		Line: i + 1, Path: key, Document: "0", Ref: m.ref, Part: m.part, Paused: m.paused, Label: key, marks: []int{m.line + 1},
		value: field{there: true, text: text, str: true},
		plain: &plainPlace{value: yamledit.Span{Start: s.lines[i].Start + at.Start, End: s.lines[i].Start + at.End}, marker: m.at},
	}
	if m.lookup {
		s.problem(m.line+1, key, noLookup)
	}
	use.Refused = refuseValue(trail{}, use.value, m.part)
	s.Uses = append(s.Uses, use)
}

var (
	token = regexp.MustCompile(`[\w./:@-]+`)

	// pullSpec is [registry[:port]/]repository[:tag][@digest].
	pullSpec = regexp.MustCompile(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha(?:256|512):[0-9a-f]+)?$`)

	// assignment is KEY = VALUE, and nothing behind it.
	assignment = regexp.MustCompile(`^\s*(?:[\w.-]+\s+)*["']?[\w.-]+["']?\s*(?::=|\?=|=>|=|:)\s*(?:"([^"]*)"|'([^']*)'|([\w./:@-]+))\s*[,;]?\s*$`)
	partText   = regexp.MustCompile(`^[\w./:@-]+$`)

	key = regexp.MustCompile(`([A-Za-z_][\w.-]*)["']?\s*(?::=|\?=|=>|=|:)\s*["']?$`)
)

// theValue finds the one value of a line that a marker can mean: the image reference, or,
// for a part of one, the value that is assigned.
func theValue(code string, part Part) (at yamledit.Span, wrong *finding) {
	if strings.Count(code, `"`)%2 > 0 {
		return at, &finding{message: "a string does not end on the line", hint: "write the value on a line of its own"}
	}
	if part == Whole {
		return theReference(code)
	}
	m := assignment.FindStringSubmatchIndex(code)
	if m == nil {
		return at, &finding{message: fmt.Sprintf("the line is no KEY = VALUE with one value, as :%s needs it", part), hint: "write the value on a line of its own"}
	}
	for i := 2; i < len(m); i += 2 {
		if m[i] >= 0 {
			at = yamledit.Span{Start: m[i], End: m[i+1]}
		}
	}
	if text := code[at.Start:at.End]; !partText.MatchString(text) {
		return at, &finding{message: fmt.Sprintf("the value %q is no %s of an image", text, part), hint: "write one"}
	}
	return at, nil
}

// theReference finds the only image reference of a line; a bare word is none.
func theReference(code string) (at yamledit.Span, wrong *finding) {
	found := 0
	for _, t := range token.FindAllStringIndex(code, -1) {
		text := code[t[0]:t[1]]
		if !strings.ContainsAny(text, "/:@") {
			continue
		}
		before, after := code[:t[0]], code[t[1]:]
		if strings.HasSuffix(before, "$") || strings.HasSuffix(before, "}") || strings.HasSuffix(before, "{") || strings.HasPrefix(after, "$") || strings.HasPrefix(after, "{") || strings.HasPrefix(after, "}") {
			return at, &finding{message: "the line holds an expression beside " + text, hint: "write the whole reference as one value"}
		}
		if pullSpec.MatchString(text) && (before == "" || strings.ContainsAny(before[len(before)-1:], " \t\"'`=([,")) && (after == "" || strings.ContainsAny(after[:1], " \t\"'`,;)]")) {
			found++
			at = yamledit.Span{Start: t[0], End: t[1]}
		}
	}
	switch found {
	case 1:
		return at, nil
	case 0:
		return at, &finding{message: "no image reference stands on the line", hint: "write it with its registry or its tag, or :tag, :digest or :name behind the stream tag for a part of one"}
	}
	return at, &finding{message: "several values on the line can be image references", hint: "write each on a line of its own"}
}

// keyBefore is the key that a value is assigned to, or the first word of its line.
func keyBefore(code string) string {
	if m := key.FindStringSubmatch(code); m != nil {
		return m[1]
	}
	if w := token.FindString(code); w != "" {
		return w
	}
	return "line"
}
