package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	streamTag = "corpus/image:1.0"
	digest    = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// trial is what became of one entry.
type trial struct {
	name    string
	verdict verdict
	reason  string
}

// tryFile tries each entry of a kustomization by itself.
func tryFile(name string, src []byte, tag string) ([]trial, error) {
	images, err := imagesOf(src)
	if err != nil {
		return nil, err
	}
	dashes := dashesOf(src)
	if len(dashes) != len(images) {
		return nil, fmt.Errorf("%d images: entries, %d of them in block style: this program knows block style only", len(images), len(dashes))
	}
	trials := make([]trial, len(images))
	for i, image := range images {
		wanted, err := wantOf(image, tag)
		if err != nil {
			return nil, err
		}
		trials[i] = tryEntry(kustomizationName(name), mark(src, dashes[i]), i, wanted)
		trials[i].name = image["name"]
	}
	return trials, nil
}

// kustomizationName is what a file was called before its path went into its name.
func kustomizationName(name string) string {
	if i := strings.LastIndex(name, "__"); i >= 0 {
		return name[i+len("__"):]
	}
	return name
}

// imagesOf reads the entries with a YAML library that imgstream does not use.
func imagesOf(src []byte) ([]map[string]string, error) {
	var k struct {
		Images []map[string]string `json:"images"`
	}
	return k.Images, yaml.Unmarshal(src, &k)
}

var (
	imagesKey = regexp.MustCompile(`^images:\s*(#.*)?$`)
	dash      = regexp.MustCompile(`^( *)-(\s|$)`)
	aside     = regexp.MustCompile(`^\s*(#.*)?$`)
)

// dashesOf are the lines, from 0, of the dashes of the images: list in block style.
func dashesOf(src []byte) []int {
	var dashes []int
	inside, indent := false, ""
	for i, line := range strings.Split(string(src), "\n") {
		line = strings.TrimRight(line, "\r")
		at := dash.FindStringSubmatch(line)
		switch {
		case imagesKey.MatchString(line):
			inside, indent = true, "unknown"
		case !inside || aside.MatchString(line):
		case at != nil && (indent == "unknown" || at[1] == indent):
			indent, dashes = at[1], append(dashes, i)
		case len(line)-len(strings.TrimLeft(line, " ")) <= len(indent):
			inside = false
		}
	}
	return dashes
}

// mark puts a marker above a dash.
func mark(src []byte, line int) []byte {
	lines := bytes.SplitAfter(src, []byte("\n"))
	old := lines[line]
	indent := old[:bytes.IndexByte(old, '-')]
	ending := "\n"
	if bytes.HasSuffix(old, []byte("\r\n")) {
		ending = "\r\n"
	}
	marker := fmt.Appendf(nil, "%s# {\"$imagestream\": \"%s\"}%s", indent, streamTag, ending)
	return bytes.Join(slices.Insert(lines, line, marker), nil)
}

// want is what the entry should say afterwards, by the rules of product.md 2
// ("Spellings of an entry"), and the image it should show.
type want struct {
	image kustomize.Image
	entry map[string]string
}

func wantOf(entry map[string]string, tag string) (want, error) {
	repository := cmp.Or(entry["newName"], entry["name"])
	parsed, err := stream.ParseImage(repository)
	if err != nil {
		return want{}, err
	}
	w := want{image: kustomize.Image{Name: parsed.Name(), Tag: tag, Digest: digest}, entry: maps.Clone(entry)}
	if w.image.Name != repository {
		w.entry["newName"] = w.image.Name
	}
	switch old, has := entry["newTag"]; {
	case strings.Contains(old, "@"):
		w.entry["newTag"] = tag + "@" + digest
		return w, nil
	case has:
		w.entry["newTag"] = tag
	}
	w.entry["digest"] = digest
	return w, nil
}

// tryEntry moves one marked entry and judges what comes out.
func tryEntry(name string, marked []byte, i int, w want) trial {
	file := kustomize.Parse(name, marked)
	if file == nil {
		return trial{verdict: silent, reason: "no marker was found"}
	}
	if file.Broken != "" {
		return trial{verdict: refused, reason: file.Broken}
	}
	at := slices.IndexFunc(file.Uses, func(u kustomize.Use) bool { return u.Ref == streamTag })
	if at < 0 {
		if len(file.Problems) == 0 {
			return trial{verdict: silent, reason: "the marker binds nothing"}
		}
		return trial{verdict: refused, reason: file.Problems[0].Message}
	}
	result := kustomize.Apply(name, marked, []kustomize.Want{{Use: file.Uses[at], Image: w.image}})
	return judge(marked, result.Src, errors.Join(result.Errs...), i, w.entry)
}
