package dockerfile

import (
	"fmt"
	"regexp"
	"strings"
)

// reader finds the references of a file's instructions.
type reader struct {
	*File
	stages int
	args   int
}

func (r *reader) read(in instruction) {
	keyword, rest := cutWord(in.text)
	offset := len(in.text) - len(rest)
	switch strings.ToUpper(keyword) {
	case "FROM":
		r.from(in, rest, offset)
	case "ARG":
		r.arg(in, rest, offset)
	}
}

// from reads FROM [--platform=…] IMAGE [AS NAME].
func (r *reader) from(in instruction, rest string, offset int) {
	ref := Reference{Keyword: "FROM", Index: r.stages, First: in.line, Line: in.line}
	r.stages++
	var args []word
	for _, w := range fields(rest) {
		if len(args) > 0 || !strings.HasPrefix(rest[w.start:w.end], "--") {
			args = append(args, w)
		}
	}
	named := len(args) == 3 && strings.EqualFold(rest[args[1].start:args[1].end], "AS")
	if named {
		ref.Name = rest[args[2].start:args[2].end]
	}
	if len(args) != 1 && !named {
		ref.Refused = "FROM takes IMAGE, or IMAGE AS NAME, and nothing behind it"
	} else {
		r.locate(&ref, in, offset+args[0].start, offset+args[0].end)
	}
	r.References = append(r.References, ref)
}

// arg reads ARG NAME=VALUE.
func (r *reader) arg(in instruction, rest string, offset int) {
	all, _ := words(rest, r.escape)
	for _, w := range all {
		name, value, ok := strings.Cut(rest[w.start:w.end], "=")
		ref := Reference{Keyword: "ARG", Index: r.args, Name: name, First: in.line, Line: in.line}
		r.args++
		switch {
		case r.stages > 0:
			ref.Refused = "the ARG stands below the first FROM, where none can name a base image"
		case len(all) > 1:
			ref.Refused = "the line has several ARGs: write each on a line of its own"
		case !ok:
			ref.Refused = "the ARG has no default value: write ARG " + name + "=IMAGE"
		default:
			end := offset + w.end
			r.locate(&ref, in, end-len(value), end)
		}
		r.References = append(r.References, ref)
	}
}

// locate finds the bytes of a reference, quotes around it left out.
func (r *reader) locate(ref *Reference, in instruction, start, end int) {
	text := in.text[start:end]
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text, start, end = text[1:n-1], start+1, end-1
	}
	ref.Text = text
	from, line, whole := in.span(start, end)
	ref.Line = line
	if !whole {
		ref.Refused = "the reference is broken over several lines"
		return
	}
	ref.Start, ref.End = from, from+len(text)
}

func fields(s string) []word {
	var all []word
	for at := 0; ; {
		at += len(s[at:]) - len(strings.TrimLeft(s[at:], blanks))
		if at == len(s) {
			return all
		}
		end := len(s)
		if i := strings.IndexAny(s[at:], blanks); i >= 0 {
			end = at + i
		}
		all = append(all, word{at, end})
		at = end
	}
}

var (
	imageText = regexp.MustCompile(`^[A-Za-z0-9[][A-Za-z0-9._:/@[\]-]*$`)
	variable  = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))`)
)

// judge says of every reference whether it is an image, once all of them are known.
func (r *reader) judge() {
	stages := map[string]int{} // line by name, lower case as BuildKit compares
	for i := range r.References {
		ref := &r.References[i]
		if ref.Refused == "" {
			ref.Refused = r.refuse(ref, stages)
		}
		if ref.Keyword == "FROM" && ref.Name != "" {
			if name := strings.ToLower(ref.Name); stages[name] == 0 {
				stages[name] = ref.First
			}
		}
	}
	for i := range r.References {
		if ref := &r.References[i]; ref.Keyword == "ARG" && ref.Refused == "" {
			ref.Refused = r.refuseArg(ref, stages)
		}
	}
}

// refuse judges one reference by the stages above it.
func (r *reader) refuse(ref *Reference, stages map[string]int) string {
	line := stages[strings.ToLower(ref.Text)]
	switch {
	case strings.Contains(ref.Text, "{{") || strings.Contains(ref.Text, "{%"):
		return "the reference is a template expression"
	case ref.Keyword == "FROM" && strings.Contains(ref.Text, "$"):
		return r.refuseVariable(ref.Text)
	case ref.Text == "scratch":
		return "scratch is no image"
	case line > 0:
		return fmt.Sprintf("it names the stage that begins on line %d, not an image", line)
	case ref.Text == "":
		return "there is no reference"
	case !imageText.MatchString(ref.Text):
		return "it is no plain image reference: " + ref.Text
	}
	return ""
}

// refuseVariable tells where the marker of a FROM that uses a variable belongs.
func (r *reader) refuseVariable(text string) string {
	name, whole := variableOf(text)
	if !whole {
		return "the reference is made of variables: write all of it as the default value of one ARG above the first FROM, and the marker above that"
	}
	for _, ref := range r.References {
		if ref.Keyword == "ARG" && ref.Name == name && ref.End > ref.Start {
			return fmt.Sprintf("the reference is the value of ARG %s: put the marker above line %d", name, ref.First)
		}
	}
	return fmt.Sprintf("the reference is the value of the variable %s: write ARG %s=IMAGE above the first FROM, and the marker above that", name, name)
}

// variableOf is the variable that a text is, alone, or the first one in it.
func variableOf(text string) (name string, whole bool) {
	m := variable.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	name = m[1] + m[2]
	return name, text == "$"+name || text == "${"+name+"}"
}

// refuseArg says why the default of an ARG is not the whole reference of a FROM.
func (r *reader) refuseArg(arg *Reference, stages map[string]int) string {
	used := false
	for i := range r.References {
		ref := &r.References[i]
		switch {
		case ref == arg:
		case ref.Keyword == "ARG" && ref.Name == arg.Name && ref.First < stagesBegin(r.References):
			return fmt.Sprintf("ARG %s is set on line %d too", arg.Name, ref.First)
		case !uses(ref.Text, arg.Name):
		case ref.Keyword == "ARG":
			return fmt.Sprintf("ARG %s on line %d is made of it: only what is a whole reference can be written", ref.Name, ref.First)
		default:
			if _, whole := variableOf(ref.Text); !whole {
				return fmt.Sprintf("it is a part of the reference on line %d: write the whole reference into the ARG", ref.First)
			}
			used = true
		}
	}
	switch line := stages[strings.ToLower(arg.Text)]; {
	case !used:
		return fmt.Sprintf("no FROM is ${%s}", arg.Name)
	case line > 0:
		return fmt.Sprintf("it names the stage that begins on line %d, not an image", line)
	}
	return ""
}

// stagesBegin is the line of the first FROM.
func stagesBegin(all []Reference) int {
	for _, ref := range all {
		if ref.Keyword == "FROM" {
			return ref.First
		}
	}
	return 1 << 30
}

func uses(text, name string) bool {
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if m[1]+m[2] == name {
			return true
		}
	}
	return false
}
