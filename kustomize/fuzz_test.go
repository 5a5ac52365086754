package kustomize

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// FuzzParse never panics, and everything it says has its place in the file.
func FuzzParse(f *testing.F) {
	for _, c := range slices.Concat(parseCases, deployerCases, groupCases, orderCases) {
		f.Add(c.file, withMarkers(c.in))
	}
	for _, c := range hardCases {
		in, _ := beforeAfter(c.text)
		f.Add(firstOf(c.file, "kustomization.yaml"), in)
	}
	for _, in := range triggerFiles(f) {
		f.Add("deployment.yaml", in)
	}
	f.Fuzz(func(t *testing.T, name, src string) {
		file := Parse(name, []byte(src))
		if file == nil {
			if IsYAML(name) && strings.Contains(src, markerKey) {
				t.Fatal("a marker passed over in silence")
			}
			return
		}
		if file.Broken == "" && len(file.Uses)+len(file.Problems) == 0 {
			t.Fatal("a marker passed over in silence")
		}
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(src), "\n") + 1
		for _, u := range file.Uses {
			if u.Line < 1 || u.Line > lines || u.Ref == "" || u.Document == "" {
				t.Fatalf("%+v", u)
			}
		}
		for _, p := range file.Problems {
			if p.Line < 1 || p.Line > lines || p.Message == "" {
				t.Fatalf("%+v", p)
			}
		}
		if broken := Parse(name, []byte(src+"\n# {\"$imagestream\"")); broken == nil || broken.Broken == "" && len(broken.Problems) == 0 {
			t.Fatal("a broken marker at the end passed over in silence")
		}
	})
}

// FuzzApply moves every use of a file and holds the outcome against an own
// reading of both files: refused, or only the keys that belong to an edited
// place differ, and they say the image.
func FuzzApply(f *testing.F) {
	for _, c := range slices.Concat(parseCases, deployerCases, groupCases, orderCases) {
		f.Add(c.file, withMarkers(c.in), "r/a", "v2")
	}
	for _, in := range triggerFiles(f) {
		f.Add("deployment.yaml", in, "r/a", "v2")
	}
	for _, c := range hardCases {
		in, _ := beforeAfter(c.text)
		f.Add(firstOf(c.file, "kustomization.yaml"), in, "r/a", "1.20")
	}
	f.Fuzz(func(t *testing.T, name, src, repository, tag string) {
		file := Parse(name, []byte(src))
		if file == nil || len(file.Uses) == 0 || !IsYAML(name) { // other text: FuzzPlain
			return
		}
		img := Image{Name: repository, Tag: tag, Digest: newDigest}
		var wants []Want
		for _, u := range file.Uses {
			wants = append(wants, Want{Use: u, Image: img})
		}
		r := Apply(name, []byte(src), wants)
		allowed := map[string]bool{}
		done := 0
		for i, err := range r.Errs {
			if err != nil && !errors.Is(err, ErrUnproven) {
				t.Fatalf("not a refusal: %v", err)
			}
			if err != nil {
				continue
			}
			done++
			if u, ok := r.File.Find(wants[i].Use); !ok || !u.Shows(img) {
				t.Fatalf("%s does not show the image", wants[i].Use.Path)
			}
			allow(allowed, wants[i].Use)
		}
		checkTogether(t, r, wants)
		if done == 0 && string(r.Src) != src {
			t.Fatal("all refused, and yet something changed")
		}
		checkValues(t, leaves(t, src), leaves(t, string(r.Src)), allowed, img)
		if n := strings.Count(string(r.Src), "\n") - strings.Count(src, "\n"); n < 0 || n > 2*done {
			t.Fatalf("%d edits added %d lines", done, n)
		}
	})
}

// checkTogether requires of the parts of one image that all show it, or none was changed.
func checkTogether(t *testing.T, r Result, wants []Want) {
	t.Helper()
	refused, changed := map[Together]bool{}, map[Together]bool{}
	for i, w := range wants {
		of := w.Use.Together()
		if r.Errs[i] != nil {
			refused[of] = true
		} else if len(w.Use.edits(w.Image)) > 0 {
			changed[of] = true
		}
	}
	delete(refused, Together{})
	for of := range refused {
		if changed[of] {
			t.Fatalf("%v is written in part: %v", of, r.Errs)
		}
	}
}

// allow notes the paths that belong to a use.
func allow(allowed map[string]bool, u Use) {
	path := fmt.Sprint(u.doc, " ", u.at)
	keys := []string{"newName", "newTag", "digest"}
	switch {
	case u.parts != nil:
		keys = []string{"registry", u.parts.repositoryKey, "tag", u.parts.digestKey}
	case u.entry == nil:
		allowed[path] = true
		return
	}
	for _, key := range keys {
		if strings.HasSuffix(path, " ") {
			allowed[path+key] = true
		}
		allowed[path+"."+key] = true
	}
}

// checkValues compares two files value by value.
func checkValues(t *testing.T, before, after map[string]string, allowed map[string]bool, img Image) {
	t.Helper()
	for path, was := range before {
		is, ok := after[path]
		if !ok || is != was && !allowed[path] {
			t.Fatalf("%s was %s and is %s", path, was, is)
		}
	}
	for path, is := range after {
		if was, ok := before[path]; ok && is == was {
			continue
		}
		said := []string{img.Name, img.Tag, img.Digest, strings.TrimPrefix(img.Digest, "sha256:")}
		for i, c := range img.Name {
			if c == '/' {
				said = append(said, img.Name[:i], img.Name[i+1:])
			}
		}
		_, is, _ := cutName(is)
		parts := strings.FieldsFunc(is, func(r rune) bool { return r == '@' })
		if !allowed[path] || !slices.Contains(said, parts[len(parts)-1]) && !strings.HasPrefix(is, img.Name) {
			t.Fatalf("%s became %s", path, is)
		}
	}
}

// leaves reads the scalars of a file by path, without the editor.
func leaves(t *testing.T, src string) map[string]string {
	t.Helper()
	all := map[string]string{}
	d := yaml.NewDecoder(strings.NewReader(src))
	for doc := 0; ; doc++ {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("not YAML: %v", err)
		}
		collect(all, fmt.Sprint(doc, " "), n.Content[0])
	}
}

func collect(all map[string]string, path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			next := path + "." + n.Content[i].Value
			if strings.HasSuffix(path, " ") {
				next = path + n.Content[i].Value
			}
			for seen[next] { // the same key again
				next += "'"
			}
			seen[next] = true
			collect(all, next, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			collect(all, fmt.Sprintf("%s[%d]", path, i), c)
		}
	case yaml.AliasNode:
		all[path] = "*" + n.Value + n.Alias.Value
	default:
		all[path] = n.Value
	}
}
