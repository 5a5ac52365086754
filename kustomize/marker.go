package kustomize

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

const (
	markerKey  = "$imagestream"
	markerHint = `write # {"$imagestream": "namespace/stream:tag"}`
)

// marker is what a marker comment says.
type marker struct {
	ref    string // [namespace/]stream:tag
	part   Part
	paused string
	lookup bool // written by imgstream, for local lookup
}

// finding is a Problem that does not know its place yet.
type finding struct {
	notice        bool
	message, hint string
}

// markerRef is [namespace/]stream:tag[:part]; the tag is Docker's.
var markerRef = regexp.MustCompile(`^((?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*:\w[\w.-]{0,127})(?::(\w*))?$`)

// parseMarker reads a comment that contains markerKey, from its # on. It is no
// marker (ok is false) when the comment does not begin with a JSON object that
// has this key and is right; then a finding says why.
func parseMarker(comment string) (m marker, ok bool, found []finding) {
	body := strings.TrimLeft(strings.TrimPrefix(comment, "#"), " \t")
	if !strings.HasPrefix(body, "{") {
		return m, false, []finding{{
			notice:  true,
			message: "a marker inside a comment binds nothing",
			hint:    "a marker begins its comment; nothing is needed where it was commented out",
		}}
	}
	keys, values, err := jsonObject(body)
	if err != nil {
		return m, false, []finding{{message: fmt.Sprintf("the marker is not a JSON object: %v", err), hint: markerHint}}
	}
	for i, key := range keys {
		f, err := m.set(key, values[i])
		if err != nil {
			return m, false, []finding{{message: err.Error(), hint: markerHint}}
		}
		found = append(found, f...)
	}
	if m.ref == "" {
		return m, false, append(found, withoutRef(keys))
	}
	return m, true, found
}

// withoutRef is the finding of an object without markerKey in a comment that has it: the
// key is misspelt, or stands in a later object.
func withoutRef(keys []string) finding {
	for _, key := range keys {
		if strings.HasPrefix(key, markerKey) {
			return finding{message: fmt.Sprintf("unknown key %q in the marker", key), hint: "did you mean " + markerKey + "?"}
		}
	}
	return finding{message: "the marker stands behind another object in its comment", hint: "put it first, or into the same object"}
}

// set takes over one key of a marker. Keys with a dollar sign are other tools'.
func (m *marker) set(key string, value any) ([]finding, error) {
	switch {
	case key == markerKey:
		return nil, m.setRef(value)
	case key == "paused":
		return m.setPaused(value), nil
	case key == "lookup":
		return m.setLookup(value), nil
	case strings.HasPrefix(key, "$"):
		return nil, nil
	}
	return []finding{{
		notice:  true,
		message: fmt.Sprintf("unknown key %q in the marker", key),
		hint:    "the keys are $imagestream, paused and lookup",
	}}, nil
}

func (m *marker) setRef(value any) error {
	s, isString := value.(string)
	if !isString {
		return fmt.Errorf("%s is not a string", markerKey)
	}
	parts := markerRef.FindStringSubmatch(s)
	if parts == nil {
		return fmt.Errorf("%q is not [namespace/]stream:tag", s)
	}
	m.ref, m.part = parts[1], Part(parts[2])
	switch m.part {
	case PartName, PartTag, PartDigest:
		return nil
	case Whole:
		if parts[0] == parts[1] {
			return nil
		}
	}
	return fmt.Errorf("%q ends with no part of an image: the parts are :name, :tag and :digest", s)
}

func (m *marker) setLookup(value any) []finding {
	is, isBool := value.(bool)
	m.lookup = is
	if isBool {
		return nil
	}
	return []finding{{notice: true, message: "lookup is not true or false: it has no effect", hint: "drop it; imgstream writes it into the entries that it makes"}}
}

// setPaused takes anything but false for a pause: whoever wrote it wanted one.
func (m *marker) setPaused(value any) []finding {
	reason, isString := value.(string)
	if isString && strings.TrimSpace(reason) != "" {
		m.paused = reason
		return nil
	}
	if value == nil || value == false {
		return []finding{{notice: true, message: "paused without a reason has no effect", hint: "remove it, or write why"}}
	}
	m.paused = "no reason given"
	return []finding{{notice: true, message: "paused gives no reason", hint: `write "paused": "why"`}}
}

// jsonObject reads the object that s begins with; text may follow it.
func jsonObject(s string) (keys []string, values []any, err error) {
	d := json.NewDecoder(strings.NewReader(s))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for d.More() {
		var value any
		t, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		key, _ := t.(string) // the decoder lets only strings be keys
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		if seen[key] {
			return nil, nil, fmt.Errorf("the key %q stands in it twice", key)
		}
		seen[key] = true
		keys, values = append(keys, key), append(values, value)
	}
	_, err = d.Token()
	return keys, values, err
}
