package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxFile is the largest configuration that is parsed, in bytes.
const maxFile = 1 << 20

// Parse reads the file strictly: unknown keys, keys given twice, values of a wrong kind
// and impossible combinations are Problems, all of them at once, each with its line.
// With any Problem the Config is not to be used.
func Parse(src []byte) (Config, []stream.Problem) {
	p := &parser{}
	if len(src) > maxFile {
		p.errorf(0, "", "the file has %d bytes, more than the limit of %d", len(src), maxFile)
		return Config{}, p.problems
	}
	doc, ok := p.document(src)
	if !ok {
		return Config{}, p.problems
	}
	var c Config
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	p.decodeErrors(dec.Decode(&c))
	if c.Kind != "" || len(p.problems) == 0 {
		p.check(c, doc)
	}
	slices.SortStableFunc(p.problems, func(a, b stream.Problem) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	return c, p.problems
}

type parser struct{ problems []stream.Problem }

func (p *parser) errorf(line int, hint, format string, args ...any) {
	p.problems = append(p.problems, stream.Problem{Pos: stream.Pos{Line: line}, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// document parses the one document that the file holds.
func (p *parser) document(src []byte) (*yaml.Node, bool) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		p.errorf(0, "write apiVersion: imgstream.dev/v1 and kind: Config", "the file is empty")
		return nil, false
	}
	if err != nil {
		p.decodeErrors(err)
		return nil, false
	}
	if dec.Decode(&more) == nil {
		p.errorf(more.Content[0].Line, "write one document", "the file holds more than one document")
		return nil, false
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		p.errorf(root.Line, "write apiVersion: imgstream.dev/v1 and kind: Config", "the file is not a mapping")
		return nil, false
	}
	return root, true
}

var (
	atLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownKey = regexp.MustCompile(`^field (.*) not found in type .*$`)
)

// decodeErrors turns the decoder's errors into Problems, in words of the file.
func (p *parser) decodeErrors(err error) {
	var typed *yaml.TypeError
	switch {
	case err == nil:
	case errors.As(err, &typed):
		for _, e := range typed.Errors {
			p.decodeError(e)
		}
	default:
		p.decodeError(err.Error())
	}
}

func (p *parser) decodeError(text string) {
	line := 0
	if m := atLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		p.errorf(line, "remove it, or mend its spelling", "unknown key %s", m[1])
		return
	}
	p.errorf(line, "", "%s", strings.TrimPrefix(text, "yaml: "))
}

// check looks at the values.
func (p *parser) check(c Config, doc *yaml.Node) {
	if c.APIVersion != "imgstream.dev/v1" || c.Kind != "Config" {
		p.errorf(lineOf(doc, "kind"), "write apiVersion: imgstream.dev/v1 and kind: Config", "this is not a configuration of imgstream")
	}
	seen := map[string]bool{}
	for i, r := range c.Registries {
		p.registry(r, lineOf(doc, "registries", i), seen)
	}
	p.git(c.Git, doc)
}

var hostSyntax = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?$|^\[[0-9a-fA-F:]+\](:[0-9]+)?$`)

func (p *parser) registry(r Registry, line int, seen map[string]bool) {
	switch {
	case r.Host == "":
		p.errorf(line, "write host: quay.io", "a registry has no host")
	case !hostSyntax.MatchString(r.Host):
		p.errorf(line, "write host or host:port, without scheme and path", "%q is not the host of a registry", r.Host)
	case seen[r.Host]:
		p.errorf(line, "put everything about the host into one entry", "the registry %s is there twice", r.Host)
	}
	seen[r.Host] = true
	for _, m := range r.Mirrors {
		if host, _, _ := strings.Cut(m, "/"); !hostSyntax.MatchString(host) {
			p.errorf(line, "write host[:port], or host[:port]/prefix, without scheme", "%q is not a mirror", m)
		}
	}
}

func (p *parser) git(g Git, doc *yaml.Node) {
	line := lineOf(doc, "git")
	switch {
	case g.TokenFile != "" && g.PasswordFile != "":
		p.errorf(line, "keep one of them", "git has both a tokenFile and a passwordFile")
	case g.PasswordFile != "" && g.UsernameFile == "":
		p.errorf(line, "add usernameFile", "git has a passwordFile and no usernameFile")
	case g.UsernameFile != "" && g.PasswordFile == "" && g.TokenFile == "":
		p.errorf(line, "add passwordFile or tokenFile", "git has a usernameFile alone")
	}
	if (g.Committer.Name == "") != (g.Committer.Email == "") {
		p.errorf(lineOf(doc, "git", "committer"), "write both, or leave both out", "git.committer needs a name and an email")
	}
}
