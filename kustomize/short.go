package kustomize

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// resolveNames is OpenShift's annotation of an object or pod template: with the value "*"
// its images are looked up whatever the stream's own policy says (openshift.md 3.5).
const resolveNames = "alpha.image.policy.openshift.io/resolve-names"

// defaultTag is what a name without a tag means.
const defaultTag = "latest"

// shortName is an image without a registry and a namespace: name, :tag, @digest.
var shortName = regexp.MustCompile(`^([a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)(?::(\w[\w.-]{0,127}))?(@sha(?:256|512):[0-9a-f]+)?$`)

// EntryName is the name of the images: entry that changes the short name text and
// nothing else. kustomize takes it for a regular expression, with any tag allowed behind it (yaml.md 3).
func EntryName(text string) string {
	if !strings.Contains(text, ":") {
		return text + "$"
	}
	return regexp.QuoteMeta(text)
}

// entryText is the short name that an entry's name stands for, "" when it is not
// written as EntryName writes it.
func entryText(name string) string {
	text := strings.ReplaceAll(strings.TrimSuffix(name, "$"), `\`, "")
	if m := shortName.FindStringSubmatch(text); m == nil || m[3] != "" || EntryName(text) != name {
		return ""
	}
	return text
}

// refersTo reports whether a short name is the tag of ref, as far as both say.
func refersTo(text, ref string) bool {
	m := shortName.FindStringSubmatch(text)
	return m != nil && m[1]+":"+firstOf(m[2], defaultTag) == ref[strings.LastIndexByte(ref, '/')+1:]
}

// Mentions are the short names that a file may have in fields that hold images, without
// their tags, found without parsing it. They depend on the bytes alone.
type Mentions struct {
	Names []string // sorted
	// All says that some cannot be told without parsing: an anchor, a patch, a value on
	// another line.
	All bool
	// Resolve says that the file has OpenShift's annotation resolve-names.
	Resolve bool
	Job     bool // that the file may have a Job
}

// jobKind is what a file has that has a Job.
var jobKind = regexp.MustCompile(`\bkind["']?\s*:\s*["']?Job\b`)

var (
	imageLists = [][]byte{[]byte("ontainers"), []byte("volumes")} // containers, initContainers
	imageKeys  = [][]byte{[]byte("image"), []byte("reference")}
)

// Mention scans a file for short names; nil when it can have none.
func Mention(name string, src []byte) *Mentions {
	if !IsYAML(name) || !slices.ContainsFunc(imageLists, func(list []byte) bool { return bytes.Contains(src, list) }) || !MayHold(name, src) {
		return nil
	}
	m := &Mentions{}
	for _, key := range imageKeys {
		m.scan(src, key)
	}
	m.Job = jobKind.Match(src)
	if len(m.Names) == 0 && !m.All && !m.Job {
		return nil
	}
	slices.Sort(m.Names)
	m.Names = slices.Compact(m.Names)
	m.Resolve = bytes.Contains(src, []byte(resolveNames))
	return m
}

// scan looks at what stands behind each key that ends like the given one.
func (m *Mentions) scan(src, key []byte) {
	for {
		at := bytes.Index(src, key)
		if at < 0 {
			return
		}
		inPatch := at > 0 && src[at-1] == '/' // path: /spec/…/image
		src = src[at+len(key):]
		value, ok := valueBehind(src)
		switch {
		case inPatch || ok && (value == "" || strings.ContainsRune("&*!|>#", rune(value[0]))):
			m.All = true
		case ok:
			if s := shortName.FindStringSubmatch(value); s != nil {
				m.Names = append(m.Names, s[1])
			}
		}
	}
}

// valueBehind is the first word of the value of a key that ends where s begins; false
// when s begins with no colon.
func valueBehind(s []byte) (string, bool) {
	s = s[:min(len(s), 512)]
	s = bytes.TrimLeft(bytes.TrimLeft(s, `"'`), " \t")
	s, ok := bytes.CutPrefix(s, []byte(":"))
	if !ok {
		return "", false
	}
	s = bytes.TrimLeft(s, " \t")
	if len(s) > 0 && (s[0] == '"' || s[0] == '\'') {
		s = s[1:]
	}
	end := bytes.IndexAny(s, " \t\r\n\"',}]")
	if end < 0 {
		end = len(s)
	}
	return string(s[:end]), true
}
