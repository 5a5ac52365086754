package kustomize

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// triggerHint is how the annotation is written.
const triggerHint = `write [{"from": {"kind": "ImageStreamTag", "name": "STREAM:TAG"}, "fieldPath": "spec.template.spec.containers[?(@.name==\"NAME\")].image"}]`

// pausedByTrigger is the reason of a pause that a trigger annotation asks for: OpenShift's
// format has no place for another.
const pausedByTrigger = "by its trigger annotation"

// trigger is one entry of the annotation.
type trigger struct {
	at        int // offset of the entry in the text
	members   []member
	ref       string // [namespace/]stream:tag
	fieldPath string
	paused    bool
	found     []finding
	wrong     bool // one of found says why it binds nothing
}

// member is one key of a JSON object within a text.
type member struct {
	key      string
	value    json.RawMessage
	from, to int // offsets of its first quote and of the end of its value
}

// pausedKey is what stops an entry, in OpenShift's format.
const pausedKey = "paused"

// is reports whether a member has that key: encoding/json, with which OpenShift reads it,
// ignores case.
func (m member) is(key string) bool { return strings.EqualFold(m.key, key) }

// Bounds of an annotation, for time and memory with hostile input.
const (
	maxTriggers = 1000
	maxMembers  = 100 // of one object
)

// parseTriggers reads the text of an annotation. An error says why nothing of it can be
// read, and at which offset.
func parseTriggers(text string) (all []trigger, at int, err error) {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, max(0, int(syntax.Offset)-1), err
		}
		return nil, 0, errors.New("not a list")
	}
	if len(list) > maxTriggers {
		return nil, 0, fmt.Errorf("more than %d triggers", maxTriggers)
	}
	d := json.NewDecoder(strings.NewReader(text))
	_, _ = d.Token() // of a list, as just read; null ends here
	for range list {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, int(d.InputOffset()), err
		}
		t := trigger{at: int(d.InputOffset()) - len(raw)}
		t.read(raw)
		all = append(all, t)
	}
	return all, 0, nil
}

func (t *trigger) fail(message, hint string) {
	t.wrong = true
	t.found = append(t.found, finding{message: message, hint: hint})
}

func (t *trigger) note(message, hint string) {
	t.found = append(t.found, finding{notice: true, message: message, hint: hint})
}

// read takes over one entry, by OpenShift's rules (openshift.md 3.1).
func (t *trigger) read(raw json.RawMessage) {
	if isTemplate(string(raw)) {
		t.wrong = true
		t.note("the trigger is a template expression: left alone", "bind the value that fills it in by a marker")
		return
	}
	var twice string
	t.members, twice = members(raw, t.at)
	if !t.isObject("the trigger", t.members, twice) {
		return
	}
	var from bool
	for _, m := range t.members {
		switch {
		case m.is("from"):
			from = true
			t.readFrom(m)
		case m.is("fieldPath"):
			t.fieldPath = t.text("fieldPath", m.value)
		case m.is(pausedKey):
			t.readPaused(m.value)
		default:
			t.note(fmt.Sprintf("unknown key %q in the trigger", m.key), "the keys are from, fieldPath and paused")
		}
	}
	switch {
	case !from:
		t.fail("the trigger has no from", triggerHint)
	case t.fieldPath == "" && !t.wrong:
		t.fail("the trigger has no fieldPath", triggerHint)
	}
}

// isObject reports whether something is an object that every reader takes for the same.
func (t *trigger) isObject(what string, keys []member, twice string) bool {
	switch {
	case keys == nil:
		t.fail(what+" is no JSON object with keys", triggerHint)
	case twice != "":
		t.fail(fmt.Sprintf("the key %q stands in %s twice", twice, what), "keep one")
	}
	return !t.wrong
}

// text reads a member that must be a text.
func (t *trigger) text(name string, value json.RawMessage) string {
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		t.fail(name+" is no text", triggerHint)
	}
	return s
}

var (
	triggerName      = regexp.MustCompile(`^[a-z0-9]+(?:[._-]+[a-z0-9]+)*:\w[\w.-]{0,127}$`)
	triggerNamespace = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$`)
)

// readFrom reads which tag is followed.
func (t *trigger) readFrom(m member) {
	from, twice := members(m.value, m.to-len(m.value))
	if !t.isObject("from", from, twice) {
		return
	}
	said := map[string]string{}
	for _, key := range from {
		name := strings.ToLower(key.key)
		switch name {
		case "kind", "name", "namespace", "apiversion":
			said[name] = t.text("from."+key.key, key.value)
		default:
			t.note(fmt.Sprintf("from.%s has no effect in a trigger", key.key), "the keys of from are kind, name and namespace")
		}
	}
	if t.wrong {
		return
	}
	name := said["name"]
	switch {
	case said["kind"] != "ImageStreamTag":
		t.fail(fmt.Sprintf("from.kind is %q: a trigger follows an ImageStreamTag", said["kind"]), `write "kind": "ImageStreamTag"`)
	case said["apiversion"] != "":
		t.fail(fmt.Sprintf("from.apiVersion is %q: OpenShift follows no tag then", said["apiversion"]), "drop apiVersion from the trigger")
	case name != "" && !strings.Contains(name, ":"):
		t.fail(fmt.Sprintf("from.name %q has no tag", name), fmt.Sprintf("write %q, or another tag", name+":latest"))
	case strings.Contains(name, "/"):
		t.fail(fmt.Sprintf("from.name %q is not STREAM:TAG", name), "write the namespace as from.namespace")
	case !triggerName.MatchString(name):
		t.fail(fmt.Sprintf("from.name %q is not STREAM:TAG", name), triggerHint)
	case said["namespace"] != "" && !triggerNamespace.MatchString(said["namespace"]):
		t.fail(fmt.Sprintf("from.namespace %q is no namespace", said["namespace"]), "write one, or drop it for the namespace of the workload")
	case said["namespace"] != "":
		t.ref = said["namespace"] + "/" + name
	default:
		t.ref = name
	}
}

// readPaused takes anything but false for a pause: whoever wrote it wanted one. OpenShift
// reads only true and false; anything else disables all triggers of the object there.
func (t *trigger) readPaused(value json.RawMessage) {
	said := strings.Trim(string(value), `"`)
	t.paused = said != "false" && said != "null" && said != ""
	if !slices.Contains([]string{"true", "false", "null"}, string(value)) {
		t.note(fmt.Sprintf("paused is %s, which stops all triggers of the object in OpenShift", value), fmt.Sprintf("write %t", t.paused))
	}
}

// members are the keys of a valid JSON object that stands at an offset of a text; nil when
// it is something else, or has none or too many. twice is a key that stands in it twice.
func members(raw json.RawMessage, at int) (all []member, twice string) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, ""
	}
	for d.More() {
		if len(all) == maxMembers {
			return nil, ""
		}
		var m member
		behind := int(d.InputOffset())
		m.from = at + behind + strings.IndexByte(string(raw[behind:]), '"')
		key, _ := d.Token()
		m.key, _ = key.(string)
		if err := d.Decode(&m.value); err != nil {
			return nil, ""
		}
		m.to = at + int(d.InputOffset())
		if slices.ContainsFunc(all, func(o member) bool { return o.is(m.key) }) {
			return all, m.key
		}
		all = append(all, m)
	}
	return all, ""
}
