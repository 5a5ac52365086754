package kustomize

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written is a Deployment whose annotation is written as given.
func written(annotation string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations:\n    before: x # y\n    image.openshift.io/triggers: " + annotation +
		"\n    after: z\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: r/web:1\n      - {name: db, image: r/db:1}\n"
}

const (
	webPath = `spec.template.spec.containers[?(@.name==\"web\")].image`
	dbPath  = `spec.template.spec.containers[1].image`
)

func TestPauseTrigger(t *testing.T) {
	web := `{"from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"` + webPath + `"%s}`
	db := `{"from": {"kind": "ImageStreamTag", "name": "a:2"}, "fieldPath": "` + dbPath + `"%s}`
	doubled := func(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }
	list := func(a, b string) string { return "[" + fmt.Sprintf(web, a) + ", " + fmt.Sprintf(db, b) + "]" }
	spread := func(comma string) string {
		return "|-\n      [{\n        \"fieldPath\": \"" + webPath + "\"" + comma + ",\n        \"from\": {\n          \"kind\": \"ImageStreamTag\",\n          \"name\": \"a:1\"\n        }%s\n      }]"
	}
	tests := map[string]struct {
		label            string
		running, stopped string
		again            string // after resuming, where that is not what stood there
	}{
		"single quotes":            {"web", "'" + list("", "") + "'", "'" + list(`,"paused":true`, "") + "'", ""},
		"single quotes, another":   {"db", "'" + list("", "") + "'", "'" + list("", `, "paused": true`) + "'", ""},
		"double quotes":            {"web", `"` + doubled(list("", "")) + `"`, `"` + doubled(list(`,"paused":true`, "")) + `"`, ""},
		"literal block":            {"web", "|\n      " + list("", ""), "|\n      " + list(`,"paused":true`, ""), ""},
		"literal block over lines": {"web", fmt.Sprintf(spread(""), ""), fmt.Sprintf(spread(""), `, "paused": true`), ""},
		"folded block":             {"db", ">-\n      [" + fmt.Sprintf(web, "") + ",\n      " + fmt.Sprintf(db, "") + "]", ">-\n      [" + fmt.Sprintf(web, "") + ",\n      " + fmt.Sprintf(db, `, "paused": true`) + "]", ""},
		"false becomes true":       {"web", "'" + list(`,"paused": false`, "") + "'", "'" + list(`,"paused": true`, "") + "'", "'" + list("", "") + "'"},
		"null becomes true":        {"web", "'" + list(`,"Paused":null `, "") + "'", "'" + list(`,"Paused":true `, "") + "'", "'" + list(" ", "") + "'"},
		"escapes are kept":         {"web", `"[{\u0022from\":{\"kind\":\"ImageStreamTag\",\"name\":\"a:1\"},\x22fieldPath\":\"` + doubled(webPath) + `\"\n}]"`, `"[{\u0022from\":{\"kind\":\"ImageStreamTag\",\"name\":\"a:1\"},\x22fieldPath\":\"` + doubled(webPath) + `\",\"paused\":true\n}]"`, ""},
		"first of the keys": {
			"web", `'[{ "paused" : false,  "from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"` + webPath + `"}]'`,
			`'[{ "paused" : true,  "from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"` + webPath + `"}]'`,
			`'[{ "from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"` + webPath + `"}]'`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			src := written(test.running)
			stopped := mustPause(t, src, test.label, "why")
			if diff := cmp.Diff(written(test.stopped), stopped); diff != "" {
				t.Fatal(diff)
			}
			if test.again == "" {
				test.again = test.running
			}
			if diff := cmp.Diff(written(test.again), mustPause(t, stopped, test.label, "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// mustPause pauses the use with a label, or lets it go.
func mustPause(t *testing.T, src, label, reason string) string {
	t.Helper()
	for _, u := range Parse("a.yaml", []byte(src)).Uses {
		if u.Label == label {
			now, err := Pause("a.yaml", []byte(src), u, reason)
			if err != nil {
				t.Fatal(err)
			}
			return string(now)
		}
	}
	t.Fatalf("no use %s in\n%s", label, src)
	return ""
}

func TestPauseTriggerRefuses(t *testing.T) {
	entry := `[{"from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"` + webPath + `"%s}]`
	for name, test := range map[string]struct{ src, reason string }{
		"an annotation for two":   {written("&t '"+fmt.Sprintf(entry, "")+"'") + "---\n" + strings.ReplaceAll(written("'x'"), "'x'", "*t"), "why"},
		"nothing to let go":       {written("'" + fmt.Sprintf(entry, "") + "'"), ""},
		"two annotations":         {written("'" + fmt.Sprintf(entry, "") + "'\n    Image.openshift.io/triggers: x"), "why"},
		"paused by two":           {strings.Replace(written("'"+fmt.Sprintf(entry, `,"paused":true`)+"'"), "r/web:1", `r/web:1 # {"$imagestream": "a:1", "paused": "x"}`, 1), ""},
		"a tag that is no text":   {written("!x '" + fmt.Sprintf(entry, "") + "'"), "why"},
		"an anchor on the object": {strings.Replace(written("'"+fmt.Sprintf(entry, "")+"'"), "annotations:\n", "annotations: &a\n", 1) + "x: *a\n", "why"},
	} {
		t.Run(name, func(t *testing.T) {
			u := Parse("a.yaml", []byte(test.src)).Uses[0]
			if now, err := Pause("a.yaml", []byte(test.src), u, test.reason); !errors.Is(err, ErrUnproven) {
				t.Errorf("%v\n%s", err, now)
			}
		})
	}
}

// Whatever an annotation says and however it is written: every use is a scalar of the
// file, an edit changes that scalar alone, and a pause changes the annotation alone.
func FuzzTriggers(f *testing.F) {
	f.Add(`[{"from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"`+webPath+`"}]`, byte(0))
	f.Add("[\n\t{\"paused\" : \"\u00e9\", \"from\":{\"kind\":\"ImageStreamTag\",\"name\":\"a:1\",\"namespace\":\"b\"},\"fieldPath\":\""+dbPath+"\"},\n {} ]", byte(1))
	f.Add(`[{"from":{"kind":"ImageStreamTag","name":"a:1"},"fieldPath":"`+dbPath+`"},{"from":{"kind":"ImageStreamTag","name":"a:2"},"fieldPath":"`+webPath+`","paused":true}] `, byte(2))
	f.Fuzz(func(t *testing.T, text string, style byte) {
		src := written(writtenAs(text, style))
		file := Parse("a.yaml", []byte(src))
		if file == nil || file.Broken != "" {
			return
		}
		for _, u := range file.Uses {
			before := leaves(t, src)
			if was, ok := before[fmt.Sprint(u.doc, " ", u.at)]; !ok || was != u.value.text {
				t.Fatalf("%s is no scalar of the file", u.at)
			}
			img := Image{Name: "r/new", Tag: "2", Digest: newDigest}
			r := Apply("a.yaml", []byte(src), []Want{{Use: u, Image: img}})
			checkValues(t, before, leaves(t, string(r.Src)), map[string]bool{fmt.Sprint(u.doc, " ", u.at): r.Errs[0] == nil}, img)
			reason := "why"
			if u.Paused != "" {
				reason = ""
			}
			now, err := Pause("a.yaml", []byte(src), u, reason)
			if err != nil {
				continue
			}
			after := leaves(t, string(now))
			for path, was := range before {
				if path != "0 metadata.annotations."+triggersKey && after[path] != was {
					t.Fatalf("%s was %q and is %q", path, was, after[path])
				}
			}
			if is, ok := Parse("a.yaml", now).Find(u); !ok || (is.Paused != "") == (u.Paused != "") {
				t.Fatalf("not changed:\n%s", now)
			}
		}
	})
}

// writtenAs writes a text as YAML in one of its styles; some texts cannot be.
func writtenAs(text string, style byte) string {
	lines := strings.ReplaceAll(text, "\n", "\n      ")
	switch style % 4 {
	case 0:
		return "'" + strings.ReplaceAll(lines, "'", "''") + "'"
	case 1:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text) + `"`
	case 2:
		return ">-\n      " + lines
	}
	return "|\n      " + lines
}
