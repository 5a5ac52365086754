package stream

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SpecFile is what the bytes of one file say about image streams, whatever its
// path: positions have lines only, and a namespace is empty where the document
// names none. It may be shared; nobody changes it.
type SpecFile struct {
	Streams  []*Stream // in the order written; their problems keep no other stream away
	Problems []Problem // by line
}

// lfsPointer begins every pointer (git-lfs, docs/spec.md, "The Pointer").
var lfsPointer = []byte("version https://git-lfs.github.com/spec/")

var (
	documentFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}
	specFields     = []string{"lookupPolicy", "dockerImageRepository", "tags"}
	metadataFields = append([]string{"name", "namespace", "labels", "annotations", "creationTimestamp"}, unusedMetadata...)
)

// ParseSpecs reads the ImageStream documents of a YAML or JSON file: several
// documents, kind: List, the legacy apiVersion v1 (openshift.md 7). It gives nil
// for a file that says nothing about image streams. Documents of other kinds are
// nobody's business here. A stream that cannot be identified is a Problem and is
// left out; a tag that cannot be used stays, Blocked. What Git LFS holds is a Problem too.
func ParseSpecs(src []byte) *SpecFile {
	if bytes.HasPrefix(src, lfsPointer) {
		return &SpecFile{Problems: []Problem{{
			Severity: Warning, Pos: Pos{Line: 1}, Message: "a pointer of Git LFS: the branch does not hold the file, and no stream is read from it",
			Hint: "keep specs out of Git LFS: take the pattern out of .gitattributes, and commit the file again",
		}}}
	}
	if !bytes.Contains(src, []byte("ImageStream")) {
		return nil
	}
	r := &reader{}
	f := &SpecFile{}
	docs, _ := r.documents(src)
	for _, doc := range docs {
		f.Streams = append(f.Streams, r.manifest(doc, "")...)
	}
	f.Problems = r.sorted()
	for _, s := range f.Streams {
		s.SkipMarked = bytes.Contains(src, []byte(strings.TrimPrefix(skipMark, "# ")))
	}
	if len(f.Streams) == 0 && len(f.Problems) == 0 {
		return nil
	}
	return f
}

// manifest reads one document, or one item of a list whose kind gives the kind of its items.
func (r *reader) manifest(n *yaml.Node, itemKind string) []*Stream {
	r.ref = Ref{}
	switch kind := cmp.Or(peek(n, "kind"), itemKind); kind {
	case "List", "ImageStreamList":
		return r.items(n, strings.TrimSuffix(kind, "List"))
	case "Template":
		if version := peek(n, "apiVersion"); version == "v1" || strings.HasPrefix(version, "template.openshift.io/") {
			r.noticef(n.Line, "write what oc process makes of it", "an OpenShift Template is skipped")
		}
	case "ImageStream":
		if s := r.stream(field{line: n.Line, value: n}, itemKind != ""); s != nil {
			return []*Stream{s}
		}
	}
	return nil
}

func (r *reader) items(n *yaml.Node, kind string) []*Stream {
	items := lookup(n, "items")
	if items == nil || items.Kind != yaml.SequenceNode {
		return nil
	}
	var all []*Stream
	for _, item := range items.Content {
		all = append(all, r.manifest(item, kind)...)
	}
	return all
}

// lookup gives the first value of a key without looking at anything else.
func lookup(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// peek gives a scalar by its keys without reporting anything.
func peek(n *yaml.Node, keys ...string) string {
	for _, key := range keys {
		n = lookup(n, key)
	}
	if n == nil || n.Kind != yaml.ScalarNode || notNull(n) == nil {
		return ""
	}
	return n.Value
}

// stream reads one ImageStream, or gives nil for one that cannot be identified.
func (r *reader) stream(f field, listed bool) *Stream {
	s := &Stream{
		Name:      peek(f.value, "metadata", "name"),
		Namespace: peek(f.value, "metadata", "namespace"),
		Pos:       Pos{Line: f.line},
	}
	if strings.Contains(s.Name+s.Namespace, "${") {
		r.noticef(f.line, "write what the parameter stands for", "a stream whose name is the parameter of a template is skipped")
		return nil
	}
	r.ref = s.Ref()
	before := r.errors
	r.unused = nil
	doc := r.object(f, "", documentFields...)
	meta := r.identity(doc, s, listed)
	if r.errors > before {
		return nil
	}
	r.unuse(meta, unusedMetadata...)
	r.body(doc, meta, s)
	r.reportUnused(s.Pos.Line)
	r.ref = Ref{}
	return s
}

// identity reads what says which stream this is.
func (r *reader) identity(doc object, s *Stream, listed bool) (meta object) {
	if version := r.text(doc, "apiVersion"); version != "image.openshift.io/v1" && version != "v1" && (version != "" || !listed) {
		r.errorf(doc.at("apiVersion").line, "write apiVersion: image.openshift.io/v1", "apiVersion %q is not one of an ImageStream", version)
	}
	meta = r.object(doc.at("metadata"), "metadata", metadataFields...)
	switch s.Name = r.name(meta, "name"); {
	case IsName(s.Name), meta.bad:
	case s.Name == "":
		r.errorf(meta.at("name").line, "write the name of the stream", "metadata.name is missing")
	default:
		r.errorf(meta.at("name").line, `write lower-case letters and digits, with single ".", "_" or "-" between them`,
			"metadata.name %q is not the name of a stream", s.Name)
	}
	if s.Namespace = r.name(meta, "namespace"); s.Namespace != "" && !IsNamespace(s.Namespace) {
		r.errorf(meta.at("namespace").line, namespaceHint, "metadata.namespace %q is not a namespace", s.Namespace)
	}
	return meta
}

const namespaceHint = `write lower-case letters, digits and "-", at most 63`

// name gives a name as it is written. One that other readers of YAML take for a
// number is an error (semantics.md 5), but one that does no harm here: it keeps
// its text and is used.
func (r *reader) name(o object, key string) string {
	s, v := r.text(o, key), o.at(key).value
	if s != "" && v.Style == 0 && misread(s) {
		r.add(Error, v.Line, "write "+strconv.Quote(s), o.path(key)+" "+s+" is not quoted: other readers of YAML do not take it for text")
	}
	return s
}

// body reads the rest. An error of the stream blocks all its tags, but that of a
// feature beside them.
func (r *reader) body(doc, meta object, s *Stream) {
	before := r.errors
	s.Labels = r.strings(r.object(meta.at("labels"), "metadata.labels"))
	annotations := r.object(meta.at("annotations"), "metadata.annotations")
	r.unuse(annotations, unusedAnnotations...)
	s.Annotations = r.annotations(annotations, false)
	if created := peek(doc.at("metadata").value, "creationTimestamp"); isMoment(created) {
		s.Created = created
	}
	spec := r.object(doc.at("spec"), "spec", specFields...)
	if annotations.has(AnnotationReimport) && spec.at("dockerImageRepository").value == nil {
		r.errorf(annotations.at(AnnotationReimport).line, "move it to the tag", "annotation %s stands on a stream", AnnotationReimport)
	}
	lookupPolicy := r.object(spec.at("lookupPolicy"), "spec.lookupPolicy", "local")
	s.LookupLocal = r.on(lookupPolicy, "local")
	tags := r.list(spec, "tags")
	blocked := r.errors > before
	r.repository(spec, s)
	r.tags(tags, s)
	for i := range s.Tags {
		s.Tags[i].Blocked = s.Tags[i].Blocked || blocked
	}
	if blocked {
		s.RepositoryPos = Pos{}
	}
	r.seeds(doc, s)
}

// repository reads spec.dockerImageRepository (openshift.md 1.3 V6, V7).
func (r *reader) repository(spec object, s *Stream) {
	s.DockerImageRepository = r.text(spec, "dockerImageRepository")
	if s.DockerImageRepository == "" {
		return
	}
	line := spec.at("dockerImageRepository").line
	_, err := ParseImage(s.DockerImageRepository)
	switch {
	case err != nil:
		r.errorf(line, "write registry/repository", "spec.dockerImageRepository: %v", err)
	case namesTag(s.DockerImageRepository):
		r.errorf(line, "write registry/repository", "spec.dockerImageRepository %q has a tag or digest", s.DockerImageRepository)
	default:
		s.RepositoryPos = Pos{Line: line}
	}
}

// tags reads spec.tags. A name that stands twice blocks its tag: nobody can tell
// which of the two is meant.
func (r *reader) tags(list []field, s *Stream) {
	seen, folded := map[string]int{}, map[string]string{}
	for _, f := range list {
		tag, ok := r.tag(f, s)
		if !ok {
			continue
		}
		r.ref = s.TagRef(tag.Name)
		if first, twice := seen[tag.Name]; twice {
			s.Tags[first].Blocked = true
			r.errorf(tag.Pos.Line, "remove one of them", "tag %s stands twice, first in line %d", tag.Name, s.Tags[first].Pos.Line)
			continue
		}
		fold := strings.ToLower(tag.Name)
		if other, clash := folded[fold]; clash {
			r.add(Warning, tag.Pos.Line, "rename one of them", "tags "+other+" and "+tag.Name+" differ only in case: not every file system can hold both status files")
		}
		seen[tag.Name], folded[fold] = len(s.Tags), tag.Name
		s.Tags = append(s.Tags, tag)
	}
	r.ref = s.Ref()
}

// seeds reads status.tags of an export. What cannot be used there is skipped:
// nobody wrote it by hand.
func (r *reader) seeds(doc object, s *Stream) {
	status := doc.at("status").value
	for _, name := range unusedStatus {
		if peek(status, name) != "" {
			r.noteUnused("status." + name)
		}
	}
	tags := lookup(status, "tags")
	if tags == nil || tags.Kind != yaml.SequenceNode {
		return
	}
	for _, t := range tags.Content {
		if conditions := lookup(t, "conditions"); conditions != nil && len(conditions.Content) > 0 {
			r.noteUnused("status.tags[].conditions")
		}
		name := peek(t, "tag")
		if !IsTag(name) || slices.ContainsFunc(s.Seed, func(seed Seed) bool { return seed.Tag == name }) {
			r.noticef(t.Line, "", "status.tags: the history of tag %q is skipped: the name is not valid or stands twice", name)
			continue
		}
		r.ref.Tag = name
		s.Seed = append(s.Seed, Seed{Tag: name, Items: r.seedItems(lookup(t, "items"))})
	}
	r.ref.Tag = ""
}

func (r *reader) seedItems(list *yaml.Node) []Item {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	var items []Item
	for _, n := range list.Content {
		if peek(n, "generation") != "" {
			r.noteUnused("status.tags[].items[].generation")
		}
		item := Item{Image: peek(n, "image"), DockerImageReference: peek(n, "dockerImageReference"), Created: peek(n, "created")}
		reason := item.unusable()
		if item.Image == "" {
			reason = `image "" is not a digest`
		}
		if reason != "" {
			r.noticef(n.Line, "", "status.tags: an item of the history is skipped: %s", reason)
			continue
		}
		items = append(items, item)
	}
	return items
}
