package kustomize

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// triggerKinds are the workloads whose annotation OpenShift itself reads (openshift.md 3.1).
var triggerKinds = []string{"apps deployment", "apps statefulset", "apps daemonset", "batch cronjob"}

// CanTrigger reports whether oc set triggers would bind the spot: the image of a container
// that has a name, in a workload that OpenShift watches.
func (s Spot) CanTrigger() bool {
	return s.container != "" && slices.Contains(triggerKinds, s.Object.Group+" "+s.Object.Kind)
}

// Unbindable is why neither a marker nor a trigger can bind the spot; "" = one of them can.
func (s Spot) Unbindable() string {
	if s.blank && s.CanTrigger() {
		return ""
	}
	return s.Refused
}

// inPod reports whether the annotation of its workload can bind the spot.
func (s Spot) inPod() bool {
	return s.container != "" && s.doc != nil && strings.HasPrefix(s.Path, podOf(s.doc).prefix)
}

// Trigger binds a place for which CanTrigger holds, or in JSON any container, to ref by an entry in the annotation
// image.openshift.io/triggers of its workload, as oc set triggers writes it (openshift.md
// 4.5). Nothing else differs, and no other place is bound by it; else it is ErrUnproven.
func Trigger(name string, src []byte, s Spot, ref string) ([]byte, error) {
	p, err := placesOf(name, src)
	if err != nil {
		return nil, err
	}
	is, err := p.markable(Binding{s, ref}, true)
	if err != nil {
		return nil, err
	}
	if !is.CanTrigger() && !IsJSON(name) {
		return nil, &yamledit.Error{Line: is.Line, Reason: "OpenShift reads no triggers here: bind it by a marker"}
	}
	entry := triggerEntry{ref: ref, fieldPath: fmt.Sprintf(`%scontainers[?(@.name=="%s")].image`, podOf(is.doc).prefix, is.container)}
	y, err := addTrigger(p.yaml, is.doc, entry)
	if err != nil {
		return nil, err
	}
	return y.Bytes(), p.proveMarks(yamlPlaces(name, y), []Binding{{is, ref}})
}

// triggerEntry is one entry that is to be written.
type triggerEntry struct{ ref, fieldPath string }

// text writes an entry as oc does, or with blanks where those that are there have them.
func (e triggerEntry) text(blank string) string {
	namespace, name, ok := strings.Cut(e.ref, "/")
	if !ok {
		namespace, name = "", e.ref
	}
	from := fmt.Sprintf(`{"kind":%[1]s"ImageStreamTag",%[1]s"name":%[1]s%[2]s`, blank, quote(name))
	if namespace != "" {
		from += fmt.Sprintf(`,%[1]s"namespace":%[1]s%[2]s`, blank, quote(namespace))
	}
	return fmt.Sprintf(`{"from":%[1]s%[2]s},%[1]s"fieldPath":%[1]s%[3]s}`, blank, from, quote(e.fieldPath))
}

// addTrigger puts an entry behind those of a document, or the annotation with it into
// metadata.
func addTrigger(y *yamledit.File, d *document, e triggerEntry) (*yamledit.File, error) {
	metadata := slices.Concat(d.at, yamledit.Path{"metadata"})
	annotations := slices.Concat(metadata, yamledit.Path{"annotations"})
	is := get(get(d.root, "metadata"), "annotations")
	switch value := get(is, triggersKey); {
	case is == nil:
		return y.Put(d.index, metadata, "annotations", yamledit.Map(yamledit.Field{Key: triggersKey, Value: yamledit.String("[" + e.text("") + "]")}))
	case value == nil || scalarText(value) == "":
		return y.Put(d.index, annotations, triggersKey, yamledit.String("["+e.text("")+"]"))
	}
	return growTriggers(y, d.index, slices.Concat(annotations, yamledit.Path{triggersKey}), e)
}

// growTriggers puts an entry behind the last one of an annotation.
func growTriggers(y *yamledit.File, doc int, at yamledit.Path, e triggerEntry) (*yamledit.File, error) {
	a, err := annotationAt(y, doc, at)
	if err != nil {
		return nil, err
	}
	shut := strings.LastIndexByte(a.text, ']')
	if shut < 0 {
		return nil, a.refuse("is no list")
	}
	from := len(strings.TrimRight(a.text[:shut], " \t\r\n"))
	put := e.text("")
	if len(a.triggers) > 0 {
		blank := ""
		if last := a.triggers[len(a.triggers)-1]; len(last.members) > 0 {
			blank = strings.TrimPrefix(last.colon(a.text), ":")
		}
		put = "," + blank + e.text(blank)
	}
	return a.splice(yamledit.Span{Start: from, End: from}, put)
}

// withoutTrigger takes the entry of the annotation away that binds a use, and with the
// last one the annotation.
func withoutTrigger(y *yamledit.File, u Use) (*yamledit.File, error) {
	place := u.trigger
	a, err := annotationAt(y, place.doc, place.at)
	switch {
	case err != nil:
		return nil, err
	case place.index >= len(a.triggers):
		return nil, a.refuse("has no such entry")
	case len(a.triggers) == 1:
		return withoutAnnotation(y, place)
	case place.index > 0:
		return a.splice(yamledit.Span{Start: a.end(place.index - 1), End: a.end(place.index)}, "")
	}
	return a.splice(yamledit.Span{Start: a.triggers[0].at, End: a.triggers[1].at}, "")
}

// withoutAnnotation takes the annotation away, and annotations with the only one.
func withoutAnnotation(y *yamledit.File, place *triggerPlace) (*yamledit.File, error) {
	all := place.at[:len(place.at)-1]
	n, err := y.At(place.doc, all)
	if err != nil {
		return nil, err
	}
	if len(n.Content) == 2 {
		if now, err := y.Remove(place.doc, all); err == nil {
			return now, nil
		}
	}
	return y.Remove(place.doc, place.at)
}

// annotationText is the text of an annotation, and where it stands.
type annotationText struct {
	yaml     *yamledit.File
	doc      int
	path     yamledit.Path
	node     *yaml.Node
	text     string
	triggers []trigger
	within   []yamledit.Span
}

func annotationAt(y *yamledit.File, doc int, path yamledit.Path) (*annotationText, error) {
	node, err := y.At(doc, path)
	if err != nil {
		return nil, err
	}
	a := &annotationText{yaml: y, doc: doc, path: path, node: node, text: node.Value, within: y.Within(node)}
	triggers, _, err := parseTriggers(a.text)
	switch {
	case err != nil:
		return nil, a.refuse("cannot be read: " + err.Error())
	case a.within == nil:
		return nil, a.refuse("is written in a way that cannot be edited")
	}
	a.triggers = triggers
	return a, nil
}

func (a *annotationText) refuse(reason string) error {
	return &yamledit.Error{Line: a.node.Line, Reason: "the trigger annotation " + reason}
}

// end is the offset behind an entry.
func (a *annotationText) end(i int) int {
	var raw json.RawMessage
	d := json.NewDecoder(strings.NewReader(a.text[a.triggers[i].at:]))
	if err := d.Decode(&raw); err != nil {
		return a.triggers[i].at
	}
	return a.triggers[i].at + int(d.InputOffset())
}

// splice puts a text in the place of another, never at the text's own ends.
func (a *annotationText) splice(at yamledit.Span, put string) (*yamledit.File, error) {
	written := put
	switch src := a.yaml.Bytes(); src[a.yaml.Span(a.node).Start] {
	case '"':
		written = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(put)
	case '\'':
		written = strings.ReplaceAll(put, "'", "''")
	}
	span := yamledit.Span{Start: a.within[at.Start-1].End, End: a.within[max(at.End-1, at.Start-1)].End}
	return a.yaml.Splice(a.doc, a.path, span, written, a.text[:at.Start]+put+a.text[at.End:])
}
