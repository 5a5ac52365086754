package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxFile is the largest configuration that is parsed, in bytes.
const maxFile = 1 << 20

// Parse reads the file strictly: unknown keys, keys given twice, values of a wrong kind
// and impossible combinations are Problems, all of them at once, each with its line.
// With any Problem the Config is good for [Config.Named] and nothing else. Keys that are not there, or null,
// have their defaults.
func Parse(src []byte) (Config, []stream.Problem) {
	p := &parser{wrong: map[string]bool{}, seen: map[shape]bool{}}
	c := Default()
	if p.document(src) && p.header() {
		p.fits(p.doc, reflect.TypeFor[Config](), "")
		if err := p.doc.Decode(&c); err != nil {
			p.syntax(err)
			return Config{}, p.problems
		}
		p.fill(&c)
		p.check(c)
	}
	stream.SortProblems(p.problems)
	return c, p.problems
}

// LineOf gives the line of a key, written like [File.Key], in a file that [Parse]
// accepts. Where the file does not have it, it is that of the nearest key around it.
func LineOf(src []byte, key string) int {
	p := &parser{}
	if !p.document(src) {
		return 0
	}
	return p.line(key)
}

// parser collects what is wrong with one file.
type parser struct {
	doc      *yaml.Node // the mapping that the file is
	problems []stream.Problem
	wrong    map[string]bool // keys with a problem
	seen     map[shape]bool
}

// errorf reports a problem of the value of a key, whose name begins the message.
func (p *parser) errorf(key, hint, format string, args ...any) {
	p.wrong[key] = true
	p.at(p.line(key), hint, key+" "+fmt.Sprintf(format, args...))
}

// missing reports a key that is not there, unless it was, with a value of a wrong kind.
func (p *parser) missing(key, hint string) {
	if !p.wrong[key] {
		p.errorf(key, hint, "is missing")
	}
}

func (p *parser) at(line int, hint, message string) {
	p.problems = append(p.problems, stream.Problem{Pos: stream.Pos{Line: line}, Message: message, Hint: hint})
}

const headHint = "write apiVersion: imgstream.dev/v1 and kind: Config"

// document parses the one document that the file holds.
func (p *parser) document(src []byte) bool {
	if len(src) > maxFile {
		p.at(0, "", fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(src), maxFile))
		return false
	}
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		p.at(0, headHint, "the file is empty")
		return false
	case err != nil:
		p.syntax(err)
		return false
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		p.at(more.Content[0].Line, "write one document", "the file holds more than one document")
		return false
	case !errors.Is(err, io.EOF):
		p.syntax(err)
		return false
	}
	p.doc = doc.Content[0]
	if p.doc.Kind != yaml.MappingNode {
		p.at(p.doc.Line, headHint, "the file is not a mapping")
		return false
	}
	return true
}

// header says whether the file is a Config at all; the keys of others say nothing.
func (p *parser) header() bool {
	for key, want := range map[string]string{"apiVersion": "imgstream.dev/v1", "kind": "Config"} {
		if n := p.find(key); n == nil || n.Value != want {
			p.at(p.line("kind"), headHint, "this is not a configuration of imgstream")
			return false
		}
	}
	return true
}

var atLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax reports what the YAML parser cannot read.
func (p *parser) syntax(err error) {
	text := err.Error()
	m := atLine.FindStringSubmatch(text)
	line, _ := strconv.Atoi(m[1]) // none: 0, the file as a whole
	p.at(line, "", text[len(m[0]):])
}

// find gives the value of a key like registries[0].host, nil where there is none.
func (p *parser) find(key string) *yaml.Node {
	n, _, whole := p.walk(key)
	if !whole {
		return nil
	}
	return n
}

// line gives that of a key, or of the nearest one around it that is there.
func (p *parser) line(key string) int {
	_, line, _ := p.walk(key)
	return line
}

func (p *parser) walk(key string) (n *yaml.Node, line int, whole bool) {
	n, line = p.doc, p.doc.Line
	for _, step := range strings.FieldsFunc(key, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		at, value := child(deref(n), step)
		if value == nil {
			return n, line, false
		}
		n, line = value, at
	}
	return deref(n), line, true
}

// child gives the value of a key or the item with an index, and the line at which a
// reader looks for it.
func child(n *yaml.Node, step string) (line int, value *yaml.Node) {
	if i, err := strconv.Atoi(step); err == nil && n.Kind == yaml.SequenceNode {
		if i < len(n.Content) {
			return n.Content[i].Line, n.Content[i]
		}
		return 0, nil
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i].Line, n.Content[i+1]
		}
	}
	return 0, nil
}

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
