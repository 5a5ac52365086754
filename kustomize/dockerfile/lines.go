package dockerfile

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// instruction is one instruction: its text with the lines joined, and where they stand.
type instruction struct {
	line  int // on which it begins
	text  string
	parts []part
}

// part is what one line adds to an instruction.
type part struct{ text, src, line int }

// span gives the bytes and the line of a piece of the text; ok is false where it stands on
// several lines.
func (in *instruction) span(start, end int) (from, line int, ok bool) {
	for i, p := range slices.Backward(in.parts) {
		if p.text <= start {
			whole := i+1 == len(in.parts) || end <= in.parts[i+1].text
			return p.src + start - p.text, p.line, whole
		}
	}
	return 0, in.line, false
}

// parser splits a file into comments and instructions, as BuildKit's does.
type parser struct {
	src          []byte
	at           int // where the next line begins
	number       int // of the line that was read last
	escape       byte
	directives   bool // the lines so far were directives, so that this one can be one
	seen         map[string]bool
	comments     []Comment
	instructions []instruction
}

func newParser(src []byte) *parser {
	return &parser{src: src, escape: '\\', directives: true, seen: map[string]bool{}}
}

// next reads a line without its end; start is where its text begins.
func (p *parser) next() (text string, start int, ok bool) {
	if p.at >= len(p.src) {
		return "", 0, false
	}
	start, p.number = p.at, p.number+1
	end := len(p.src)
	p.at = end
	if i := bytes.IndexByte(p.src[start:], '\n'); i >= 0 {
		end = start + i
		p.at = end + 1
	}
	if p.number == 1 && bytes.HasPrefix(p.src, []byte("\ufeff")) {
		start += len("\ufeff")
	}
	return strings.TrimRight(string(p.src[start:end]), "\r"), start, true
}

func (p *parser) run() error {
	for {
		text, start, ok := p.next()
		if !ok {
			return nil
		}
		bare := strings.TrimLeft(text, blanks)
		start += len(text) - len(bare)
		if err := p.directive(bare); err != nil {
			return err
		}
		if p.comment(bare, start, false) {
			continue
		}
		in := p.join(bare, start)
		if in.text == "" {
			continue
		}
		p.instructions = append(p.instructions, in)
		if err := p.skipHeredocs(in); err != nil {
			return err
		}
	}
}

// blanks separate words.
const blanks = " \t\v\f\r"

var directive = regexp.MustCompile(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)

// directive takes in what the first lines say of the parser itself.
func (p *parser) directive(line string) error {
	if !p.directives {
		return nil
	}
	m := directive.FindStringSubmatch(line)
	if m == nil {
		p.directives = false
		return nil
	}
	key := strings.ToLower(m[1])
	if key != "escape" {
		return nil
	}
	if m[2] != `\` && m[2] != "`" || p.seen[key] {
		return &Error{Line: p.number, Reason: "the escape directive must say \\ or `, once"}
	}
	p.seen[key], p.escape = true, m[2][0]
	return nil
}

func (p *parser) comment(line string, start int, inside bool) bool {
	if !strings.HasPrefix(line, "#") {
		return false
	}
	p.comments = append(p.comments, Comment{Line: p.number, Start: start, End: start + len(line), Text: line, Inside: inside})
	return true
}

// join reads on as long as lines end with the escape character.
func (p *parser) join(line string, start int) instruction {
	in := instruction{line: p.number}
	var all strings.Builder
	for goesOn := true; goesOn; {
		var text string
		text, goesOn = p.continued(line)
		in.parts = append(in.parts, part{all.Len(), start, p.number})
		all.WriteString(text)
		if goesOn {
			line, start, goesOn = p.continuation()
		}
	}
	in.text = all.String()
	return in
}

// continuation is the next line that is part of an instruction: comments and empty lines
// are none.
func (p *parser) continuation() (line string, start int, ok bool) {
	for {
		if line, start, ok = p.next(); !ok {
			return "", 0, false
		}
		bare := strings.TrimLeft(line, blanks)
		if bare != "" && !p.comment(bare, start+len(line)-len(bare), true) {
			return line, start, true
		}
	}
}

// continued cuts off the escape character at the end of a line, which another before it
// escapes.
func (p *parser) continued(line string) (text string, goesOn bool) {
	bare := strings.TrimRight(line, " \t")
	n := len(bare)
	if n == 0 || bare[n-1] != p.escape || n > 1 && bare[n-2] == p.escape {
		return line, false
	}
	return bare[:n-1], true
}

var heredoc = regexp.MustCompile(`^\d*<<(-?)[ \t\v\f\r]*([^<]*)$`)

// skipHeredocs passes over the texts that follow an instruction.
func (p *parser) skipHeredocs(in instruction) error {
	keyword, rest := cutWord(in.text)
	if strings.EqualFold(keyword, "ONBUILD") {
		keyword, rest = cutWord(rest)
	}
	switch strings.ToUpper(keyword) {
	case "ADD", "COPY", "RUN":
	default:
		return nil
	}
	all, whole := words(rest, '\\')
	if !whole {
		return nil // BuildKit leaves such a line to the shell
	}
	for _, w := range all {
		m := heredoc.FindStringSubmatch(rest[w.start:w.end])
		if m == nil {
			continue
		}
		name := strings.NewReplacer(`"`, "", `'`, "", `\`, "").Replace(m[2])
		if name == "" {
			continue
		}
		if !p.skipTo(name, m[1] == "-") {
			return &Error{Line: in.line, Reason: "the heredoc " + name + " has no end"}
		}
	}
	return nil
}

func (p *parser) skipTo(name string, tabs bool) bool {
	for {
		line, _, ok := p.next()
		if !ok {
			return false
		}
		if tabs {
			line = strings.TrimLeft(line, "\t")
		}
		if line == name {
			return true
		}
	}
}

// cutWord splits off the first word; rest begins with the next one.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, blanks)
	i := strings.IndexAny(s, blanks)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], blanks)
}

type word struct{ start, end int }

// words are the words of a shell line: blanks in quotes, or behind the escape character,
// separate none, nor do those directly behind <<. A quote that does not end makes it not whole.
func words(s string, escape byte) (all []word, whole bool) {
	start, quote := -1, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quote == 0 && strings.IndexByte(blanks, c) >= 0 {
			if start >= 0 {
				all = append(all, word{start, i})
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case c == escape && quote != '\'':
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && strings.HasPrefix(s[i:], "<<"):
			i = len(s) - len(strings.TrimLeft(s[i+2:], blanks)) - 1
		}
	}
	if start >= 0 {
		all = append(all, word{start, len(s)})
	}
	return all, quote == 0
}
