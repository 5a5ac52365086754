package kustomize

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: w\n%sspec:\n  template:\n    spec:\n      initContainers: [{name: i, image: r/i}]\n      containers:\n      - name: a\n        image: r/a\n      - name: b\n        image: r/b\n"

	fieldPathOf = `spec.template.spec.containers[?(@.name==\"%s\")].image`
)

// In the texts E stands for the entry that binds a container to a/b:1, and C for one
// without a namespace; between its lines stands what the workload has below its name.
func withTriggers(s string) string {
	s = strings.ReplaceAll(s, `EA`, `{"from":{"kind":"ImageStreamTag","name":"b:1","namespace":"a"},"fieldPath":"`+strings.ReplaceAll(fieldPathOf, "%s", "a")+`"}`)
	s = strings.ReplaceAll(s, `EB`, `{"from":{"kind":"ImageStreamTag","name":"b:1","namespace":"a"},"fieldPath":"`+strings.ReplaceAll(fieldPathOf, "%s", "b")+`"}`)
	return strings.ReplaceAll(s, `SA`, `{"from": {"kind": "ImageStreamTag", "name": "b:1", "namespace": "a"}, "fieldPath": "`+strings.ReplaceAll(fieldPathOf, "%s", "a")+`"}`)
}

// A placeholder is no image that a marker could be meant for; a trigger says which field it is.
func TestTriggerPlaceholder(t *testing.T) {
	in := []byte(strings.Replace(strings.Replace(workload, "%s", "", 1), "image: r/a", "image: ' '", 1))
	spots, err := Spots("w.yaml", in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Mark("w.yaml", in, spots[1], "a/b:1"); !errors.Is(err, ErrUnproven) {
		t.Errorf("a marker: %v", err)
	}
	now, err := Trigger("w.yaml", in, spots[1], "a/b:1")
	if err != nil {
		t.Fatal(err)
	}
	if u := Parse("w.yaml", now).Uses; len(u) != 1 || u[0].Label != "a" || u[0].Refused != "" {
		t.Errorf("%+v", u)
	}
}

func TestTrigger(t *testing.T) {
	const other = `{"from": {"kind": "ImageStreamTag", "name": "x:1"}, "fieldPath": "spec.template.spec.containers[1].image"}`
	for _, c := range []struct {
		name, in string // below metadata.name
		out      string // with container a bound
		again    bool   // Unmark leaves less than there was: an empty annotations
	}{
		{"no annotations", "", "  annotations:\n    image.openshift.io/triggers: '[EA]'\n", false},
		{"others", "  annotations:\n    x: y\n  labels: {}\n", "  annotations:\n    x: y\n    image.openshift.io/triggers: '[EA]'\n  labels: {}\n", false},
		{"in one line", "  annotations: {x: y}\n", "  annotations: {x: y, image.openshift.io/triggers: '[EA]'}\n", false},
		{"empty ones", "  annotations: {}\n", "  annotations: {image.openshift.io/triggers: '[EA]'}\n", true},
		{"a trigger of another", "  annotations:\n    image.openshift.io/triggers: '[" + other + "]'\n", "  annotations:\n    image.openshift.io/triggers: '[" + other + ", SA]'\n", false},
		{
			"in double quotes", "  annotations:\n    image.openshift.io/triggers: \"[" + strings.ReplaceAll(other, `"`, `\"`) + "]\"\n",
			"  annotations:\n    image.openshift.io/triggers: \"[" + strings.ReplaceAll(other, `"`, `\"`) + ", " + strings.ReplaceAll(strings.ReplaceAll(withTriggers("SA"), `\`, `\\`), `"`, `\"`) + "]\"\n", false,
		},
		{"on several lines", "  annotations:\n    image.openshift.io/triggers: |-\n      [\n        " + other + "\n      ]\n", "  annotations:\n    image.openshift.io/triggers: |-\n      [\n        " + other + ", SA\n      ]\n", false},
		{"an empty list", "  annotations:\n    image.openshift.io/triggers: '[]'\n", "  annotations:\n    image.openshift.io/triggers: '[EA]'\n", true},
		{"not JSON", "  annotations:\n    image.openshift.io/triggers: '[x]'\n", "line 6: the trigger annotation cannot be read: invalid character 'x' looking for beginning of value", false},
		{"an alias", "  labels: &l {x: y}\n  annotations: *l\n", "line 6: *l is an alias: the value stands elsewhere", false},
	} {
		for _, brk := range []string{"\n", "\r\n"} {
			t.Run(c.name, func(t *testing.T) {
				in := strings.ReplaceAll(strings.Replace(workload, "%s", c.in, 1), "\n", brk)
				want := strings.ReplaceAll(strings.Replace(workload, "%s", withTriggers(c.out), 1), "\n", brk)
				spots, err := Spots("w.yaml", []byte(in))
				if err != nil {
					t.Fatal(err)
				}
				now, err := Trigger("w.yaml", []byte(in), spots[1], "a/b:1")
				if err != nil {
					if !errors.Is(err, ErrUnproven) || err.Error() != c.out {
						t.Errorf("%v", err)
					}
					return
				}
				if diff := cmp.Diff(want, string(now)); diff != "" {
					t.Fatal(diff)
				}
				is, err := spotIn("w.yaml", now, spots[1])
				if err != nil {
					t.Fatal(err)
				}
				undone, err := Unmark("w.yaml", now, is.Uses[0])
				if err != nil || (string(undone) == in) == c.again {
					t.Errorf("%v\n%s", err, undone)
				}
			})
		}
	}
}

// The entry of one container comes and goes between those of others, and beside a marker.
func TestTriggersOfSeveral(t *testing.T) {
	src := []byte(strings.Replace(workload, "%s", "", 1))
	bind := func(i int, mark func(string, []byte, Spot, string) ([]byte, error)) {
		t.Helper()
		spots, err := Spots("w.yaml", src)
		if err == nil {
			src, err = mark("w.yaml", src, spots[i], "a/b:1")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	unbind := func(i int) {
		t.Helper()
		spots, err := Spots("w.yaml", src)
		if err == nil {
			src, err = Unmark("w.yaml", src, spots[i].Uses[0])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	one := strings.Replace(workload, "%s", withTriggers("  annotations:\n    image.openshift.io/triggers: '[EB]'\n"), 1)
	both := strings.Replace(workload, "%s", withTriggers("  annotations:\n    image.openshift.io/triggers: '[EA,EB]'\n"), 1)
	same := func(want string) {
		t.Helper()
		if diff := cmp.Diff(want, string(src)); diff != "" {
			t.Fatal(diff)
		}
	}
	bind(1, Trigger)
	bind(2, Trigger)
	same(both)
	unbind(1)
	same(one)
	bind(1, Mark)
	unbind(1)
	same(one)
	unbind(2)
	same(strings.Replace(workload, "%s", "", 1))

	spots, err := Spots("w.yaml", []byte(one))
	if err != nil {
		t.Fatal(err)
	}
	marked := strings.Replace(one, "image: r/b\n", "image: r/b # {\"$imagestream\": \"a/b:1\"}\n", 1)
	if src, err = Unmark("w.yaml", []byte(marked), spots[2].Uses[0]); err != nil {
		t.Fatal(err)
	}
	same(strings.Replace(workload, "%s", "", 1))
}

func TestTriggerRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a kind that OpenShift does not watch", "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: r/a}]}\n", "line 3: OpenShift reads no triggers here: bind it by a marker"},
		{"a container without a name", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {template: {spec: {containers: [{image: r/a}]}}}\n", "line 4: OpenShift reads no triggers here: bind it by a marker"},
		{"two containers of one name", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {template: {spec: {containers: [{name: a, image: r/a}], initContainers: [{name: a, image: r/b}]}}}\n", "line 4: with the marker something else would be bound"},
		{"bound already", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec:\n  template: {spec: {containers: [{name: a,\n    image: r/a # {\"$imagestream\": \"a/b:2\"}\n  }]}}\n", "line 6: bound to a/b:2 already"},
	} {
		spots, err := Spots("w.yaml", []byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Trigger("w.yaml", []byte(c.in), spots[0], "a/b:1"); !errors.Is(err, ErrUnproven) || err.Error() != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The parser knows no escaped slash, which is no reason to say nothing.
func TestTriggerWithAnEscape(t *testing.T) {
	f := Parse("w.json", []byte(`{"metadata":{"annotations":{"image.openshift.io\/triggers":"[]"}}}`))
	if f == nil || !strings.Contains(f.Broken, "unknown escape") || f.BrokenAt != 1 {
		t.Errorf("%+v", f)
	}
}

// JSON stays JSON, in whatever way it is written: what cannot be is refused.
func TestTriggerJSON(t *testing.T) {
	const entry = `"[{\"from\":{\"kind\":\"ImageStreamTag\",\"name\":\"b:1\",\"namespace\":\"a\"},\"fieldPath\":\"spec.template.spec.containers[?(@.name==\\\"c\\\")].image\"}]"`
	const spec = `"spec":{"template":{"spec":{"containers":[{"name":"c","image":"r/a"}]}}}`
	for _, c := range []struct{ in, out, refused string }{
		{in: `{"kind":"Deployment",` + spec + `}`, refused: "no key metadata here"},
		{
			in:  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"w"},` + spec + `}`,
			out: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"w","annotations":{"image.openshift.io/triggers": ` + entry + `}},` + spec + `}`,
		},
		{
			in:  "{\r\n\t\"kind\": \"Rollout\",\r\n\t\"metadata\": {\r\n\t\t\"annotations\": {}\r\n\t},\r\n" + spec + "}",
			out: "{\r\n\t\"kind\": \"Rollout\",\r\n\t\"metadata\": {\r\n\t\t\"annotations\": {\r\n\t\t\t\"image.openshift.io/triggers\": " + entry + "\r\n\t\t}\r\n\t},\r\n" + spec + "}",
		},
	} {
		spots, err := Spots("w.json", []byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		now, err := Trigger("w.json", []byte(c.in), spots[0], "a/b:1")
		if err != nil {
			if !errors.Is(err, ErrUnproven) || c.refused == "" || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", c.in, err)
			}
			continue
		}
		if diff := cmp.Diff(c.out, string(now)); diff != "" {
			t.Error(diff)
		}
		if !json.Valid(now) {
			t.Errorf("no JSON: %s", now)
		}
		if _, err := Mark("w.json", []byte(c.in), spots[0], "a/b:1"); !errors.Is(err, ErrUnproven) {
			t.Errorf("a marker: %v", err)
		}
	}
}
