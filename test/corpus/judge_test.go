package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# people's file
images:
- name: redis     # the cache
  newTag: v1   # why
- name: web
  newName: 'quay.io/shop/web'
  newTag: '1.0'

resources:
- web.yaml
`

// The judge knows a minimal edit and every way to do more.
func TestJudge(t *testing.T) {
	wanted := map[string]string{"name": "web", "newName": "quay.io/shop/web", "newTag": "1.10", "digest": digest}
	minimalEdit := strings.NewReplacer("'1.0'", "'1.10'\n  digest: "+digest)
	good := minimalEdit.Replace(sample)
	cases := map[string]struct {
		after string
		err   error
		want  verdict
	}{
		"the smallest edit":             {after: good, want: minimal},
		"nothing":                       {after: sample, want: silent},
		"nothing, with a reason":        {after: sample, err: errors.New("why"), want: refused},
		"something, with a reason":      {after: good, err: errors.New("why"), want: overEdited},
		"only a part":                   {after: strings.Replace(sample, "'1.0'", "'1.10'", 1), want: overEdited},
		"other quotes":                  {after: strings.Replace(good, "'1.10'", `"1.10"`, 1), want: overEdited},
		"another value":                 {after: strings.Replace(good, "1.10", "1.11", 1), want: overEdited},
		"another entry":                 {after: strings.Replace(good, "v1", "v2", 1), want: overEdited},
		"a comment dropped":             {after: strings.Replace(good, "   # why", "", 1), want: overEdited},
		"a comment moved":               {after: strings.Replace(good, "v1   # why", "v1 # why", 1), want: overEdited},
		"a blank line dropped":          {after: strings.Replace(good, "\n\n", "\n", 1), want: overEdited},
		"a blank line added":            {after: strings.Replace(good, "resources", "\nresources", 1), want: overEdited},
		"indentation changed":           {after: strings.Replace(good, "  newName", "    newName", 1), want: overEdited},
		"a value that stays, requoted":  {after: strings.Replace(good, "'quay.io/shop/web'", "quay.io/shop/web", 1), want: overEdited},
		"line endings changed":          {after: strings.ReplaceAll(good, "\n", "\r\n"), want: overEdited},
		"the last line end dropped":     {after: strings.TrimSuffix(good, "\n"), want: overEdited},
		"a line inserted elsewhere":     {after: "digest: " + digest + "\n" + good, want: overEdited},
		"a key twice":                   {after: strings.Replace(good, "  digest", "  digest: "+digest+"\n  digest", 1), want: overEdited},
		"the list written in one line":  {after: "images: [{name: redis, newTag: v1}]\nresources: [web.yaml]\n", want: overEdited},
		"not YAML any more":             {after: good + "]", want: overEdited},
		"the marker's own line dropped": {after: strings.Replace(good, "# people's file\n", "", 1), want: overEdited},
	}
	for name, c := range cases {
		if got := judge([]byte(sample), []byte(c.after), c.err, 1, wanted); got.verdict != c.want {
			t.Errorf("%s: %s (%s), not %s", name, got.verdict, got.reason, c.want)
		}
	}
}

// Each spelling is moved and judged: every entry of a file, and only block style.
func TestTryFile(t *testing.T) {
	got, err := tryFile("a__b__kustomization.yaml", []byte(sample+`configMapGenerator:
- name: x
`), "1.10")
	if err != nil {
		t.Fatal(err)
	}
	want := []trial{{name: "redis", verdict: minimal}, {name: "web", verdict: minimal}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(trial{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := tryFile("kustomization.yaml", []byte("images: [{name: a}]\n"), "1"); err == nil {
		t.Error("a list in flow style is left out without a word")
	}
	for _, src := range []string{"images:\n- name: a\n  NEWTAG: x\n", "images:\n- name: a\n  newTag: x\n  newTag: y\n"} {
		got, err = tryFile("kustomization.yaml", []byte(src), "1")
		if err != nil || len(got) != 1 || got[0].verdict != refused || got[0].reason == "" {
			t.Errorf("%v, %+v", err, got)
		}
	}
}
