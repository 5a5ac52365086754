// Package kustomize knows where files name images: in the images: entries of
// kustomizations and in single values of YAML files, in the FROM of a Dockerfile, on
// single lines of other text files, each bound to an image stream by a marker
// comment. It says what a file binds (Parse), whether a place already
// shows an image (Use.Shows), and edits the places that do not (Apply).
//
// It knows no image streams, only "this place wants that image"; it reads no
// file system, and it never changes a byte that it cannot account for.
package kustomize

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamlblock"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// ErrUnproven is what every refusal to edit is; the file stays as it is.
var ErrUnproven = yamledit.ErrUnproven

// MaxSize is how large a file with markers may be, in bytes.
const MaxSize = yamledit.MaxSize

// Image is what a consumer should show.
type Image struct {
	Name   string // the repository: quay.io/keycloak/keycloak
	Tag    string // for people: 25.0.3; "" = unknown, what stands there is left
	Digest string // sha256:…; "" for an image that is known by its tag alone, which is then there

	// Pinned says that the repository need not have the tag: where a tag stands alone,
	// it becomes TAG@digest.
	Pinned bool
}

// Problem is one finding in a file.
type Problem struct {
	Line    int    // from 1; 0 = the file as a whole
	Path    string // key path of the place it is about; "" = none
	Notice  bool   // information, not something to mend
	Message string
	Hint    string // what to write instead; may be empty
}

// File is what the bytes of one file bind. It depends on the base name and the
// bytes alone.
type File struct {
	Uses     []Use     // by line
	Problems []Problem // by line
	// Broken says why a file that holds a marker cannot be read: too large, a
	// template, not YAML, no Dockerfile. Then there are no Uses.
	Broken string
	// BrokenAt is the line of that, else of the first marker or annotation.
	BrokenAt int
}

// Part is what of an image a marker asks for.
type Part string

// The parts; Whole is everything: the full pull spec, or all keys of an entry.
const (
	Whole      Part = ""
	PartName   Part = "name"
	PartTag    Part = "tag"
	PartDigest Part = "digest"
)

// Use is one place that is bound to a tag of an image stream. Document and Path
// identify it within its file.
type Use struct {
	Line      int    // of the entry's first key, or of the value
	Path      string // images[name=keycloak]; spec.template.spec.containers[name=web].image; FROM[name=build]; ARG[name=BASE]; a key of a line
	Document  string // apiVersion/kind/namespace/name, else the document's index from 0
	Namespace string // the kustomization's namespace:, else metadata.namespace; "" = stated nowhere
	Ref       string // as written, without part: [namespace/]stream:tag
	Part      Part
	Paused    string // the reason why a person stopped it; "" = not paused
	Lookup    bool   // an entry that local lookup made and may take away
	Job       bool   // in the pods of a Job that keeps its image, as nothing replaces or generates it
	Label     string // what a person calls it: the entry's or container's name, else the last keys
	// Group names the image that a part belongs to: uses of one Document, Group and Ref are
	// written together or not at all. "" = it stands alone.
	Group string
	// Deploys is the directory that an images: entry of Flux or Argo CD is for, from the root of
	// the deployed repository, which need not be this one; "" = none, or not stated. What
	// IsOverride is for its own directory.
	Deploys string
	Refused string // why it can never be edited as the file is; "" = editable. Not among the Problems

	doc     int
	at      yamledit.Path // the entry, or the value
	entry   *entryValues  // of an images: entry, and
	parts   *groupValues  // of an image in several keys; both nil: a single value
	dash    int           // of an entry or an image in several keys: its first line, and
	last    int           // its last one
	value   field
	renames bool  // value is an entry of Argo CD's kustomize.images
	marks   []int // lines of the markers

	plain   *plainPlace   // of a file that is not YAML; nil: YAML
	trigger *triggerPlace // of an annotation; nil: only a marker binds it
}

// Reads reports whether a file of that name can bind anything: YAML, a Dockerfile, or text
// of a kind that is known by its name.
func Reads(name string) bool {
	_, isText := kindOf(name)
	return IsYAML(name) || dockerfile.Is(name) || isText
}

// IsYAML reports whether a file of that name is YAML: .yaml, .yml, Kustomization, which has
// no extension, and JSON, which is YAML without comments.
func IsYAML(name string) bool {
	base := path.Base(name)
	ext := path.Ext(base)
	return ext == ".yaml" || ext == ".yml" || base == "Kustomization" || IsJSON(base)
}

// IsJSON reports whether a file of that name is JSON: only OpenShift's annotation binds an
// image in it.
func IsJSON(name string) bool { return path.Ext(name) == ".json" }

// noComments is why no marker can stand in JSON, and triggerInstead what can.
const (
	noComments     = "JSON has no comments, and so no markers"
	triggerInstead = "bind a container by the annotation " + triggersKey + " of its workload, all else from YAML"
)

// MayHold reports whether a file that is YAML by its name may have objects of Kubernetes, or
// patches of them. It parses nothing. Most JSON is something else: package.json, data.
func MayHold(name string, src []byte) bool {
	has := func(key string) bool { return bytes.Contains(src, []byte(`"`+key+`"`)) }
	return !IsJSON(name) || has("apiVersion") && has("kind") || has("op") && has("path")
}

// Parse finds what a file binds. It returns nil when that is nothing, without
// parsing: when Reads says no or the bytes hold no marker and no trigger annotation.
func Parse(name string, src []byte) *File {
	f := parseFile(name, src)
	if f != nil && f.Broken != "" {
		f.BrokenAt = brokenAt(src, f.Broken)
	}
	return f
}

func parseFile(name string, src []byte) *File {
	if !IsYAML(name) {
		return parsePlain(name, src)
	}
	if !mayBind(src) {
		return nil
	}
	marked := bytes.Contains(src, []byte(markerKey))
	y, broken := parse(src)
	switch {
	case broken != "" && !marked && isTemplate(string(src)):
		return templateTriggers(src)
	case broken != "":
		return &File{Broken: broken}
	}
	f := read(name, y)
	if !marked && len(f.Uses)+len(f.Problems) == 0 {
		return nil // only the word of the annotation
	}
	return f
}

// mayBind reports whether YAML may have a marker or a trigger annotation.
func mayBind(src []byte) bool { return bytes.Contains(src, []byte(markerKey)) || hasTriggers(src) }

// lineOfFault is how the parser says where a file is no YAML.
var lineOfFault = regexp.MustCompile(`not YAML: line (\d+): `)

// brokenAt is the line where a file cannot be read, else that of what it binds first.
func brokenAt(src []byte, reason string) int {
	if m := lineOfFault.FindStringSubmatch(reason); m != nil {
		line, _ := strconv.Atoi(m[1])
		return line
	}
	for i, line := range bytes.Split(src[:min(len(src), MaxSize)], []byte("\n")) {
		if bytes.Contains(line, []byte(markerKey)) || bytes.Contains(line, []byte(fromMarkerKey)) || hasTriggers(line) {
			return i + 1
		}
	}
	return 0
}

// parse gives the parsed file, or why there is none.
func parse(src []byte) (y *yamledit.File, broken string) {
	y, err := yamledit.Parse(src)
	switch {
	case err == nil:
		return y, ""
	case len(src) > MaxSize:
		return nil, err.Error()
	case bytes.Contains(src, []byte("{{")) || bytes.Contains(src, []byte("{%")):
		return nil, "a template, not YAML: " + strings.TrimPrefix(err.Error(), "not YAML: ")
	}
	if strings.HasPrefix(err.Error(), "not YAML: ") {
		return nil, cmp.Or(fault(src), err.Error())
	}
	return nil, err.Error()
}

// maxFault is how large a file may be, in bytes, to be searched for the line that is wrong.
const maxFault = 256 << 10

// fault says where the parser cannot read a file, why, and what that mostly is; "" where
// it cannot say.
func fault(src []byte) string {
	if len(src) > maxFault {
		return ""
	}
	f := yamlblock.FaultOf(src)
	if f.Line == 0 {
		return ""
	}
	text := fmt.Sprintf("not YAML: line %d: %s", f.Line, f.Reason)
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}

// identity names a use within its file.
type identity struct{ document, path string }

func (u Use) identity() identity { return identity{u.Document, u.Path} }

// Find is the use with the identity of u, as after an edit; false when there is none.
func (f *File) Find(u Use) (Use, bool) {
	i := slices.IndexFunc(f.Uses, func(v Use) bool { return v.identity() == u.identity() })
	if i < 0 {
		return Use{}, false
	}
	return f.Uses[i], true
}

// identities are the uses by identity: of two with the same one, the first.
func (f *File) identities() map[identity]Use {
	all := make(map[identity]Use, len(f.Uses))
	for _, u := range slices.Backward(f.Uses) {
		all[u.identity()] = u
	}
	return all
}

func (f *File) problem(line int, path string, p finding) {
	f.Problems = append(f.Problems, Problem{Line: line, Path: path, Notice: p.notice, Message: p.message, Hint: p.hint})
}

// RefusedAt takes a refusal of Apply apart: the line that is in the way, and the reason
// without it. line is 0 where no line is.
func RefusedAt(err error) (line int, reason string) {
	if refusal, ok := errors.AsType[*yamledit.Error](err); ok {
		return refusal.Line, refusal.Reason
	}
	return 0, err.Error()
}
