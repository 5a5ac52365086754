package kustomize

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxPatterns bounds the names of one list that are tried as regular expressions.
const maxPatterns = 200

// sequence is the entries of one list as kustomize applies them: one after the other,
// each on what those before it left (yaml.md 3).
type sequence struct {
	steps    []step
	override map[string]int // literal name: the last step of it that sets a tag or a digest
	patterns []pattern      // of the other steps that set one, in order
	renamed  map[string]int // literal name: the step that left no image with it
}

// step is one entry.
type step struct {
	*entry
	values *entryValues // nil: it cannot be read
	ref    string       // "" = not bound
	dead   int          // the step that left it no image; -1: none is known
}

type pattern struct {
	at int
	*regexp.Regexp
}

const keepOne = "keep one of them; for tags of one image write a name like 'nginx:1\\.2' in each"

// reportOrder tells of bound entries that have no effect, or not the last word, because of
// another entry of their list.
func (s *scanner) reportOrder(l *list) {
	if len(l.entries) < 2 || !slices.ContainsFunc(l.entries, func(e *entry) bool { return len(e.marks) > 0 }) {
		return
	}
	q := newSequence(l)
	for i, of := range q.steps {
		if of.ref == "" || of.values == nil {
			continue
		}
		j := q.overriding(i)
		var f finding
		switch {
		case of.dead >= 0:
			f.message = fmt.Sprintf("the entry on line %d has the same name and renames the image: nothing is left for this one", q.steps[of.dead].node.Line)
			f.hint = keepOne
		case j < 0 || q.steps[j].ref == of.ref:
			continue
		case q.steps[j].values.name.text == of.values.name.text:
			f.message = fmt.Sprintf("the entry on line %d has the same name and comes later: kustomize goes by that one", q.steps[j].node.Line)
			f.hint = keepOne
		default:
			f.notice = true
			f.message = fmt.Sprintf("the entry on line %d comes later and changes what this one writes", q.steps[j].node.Line)
			f.hint = "kustomize applies entries one after the other: keep one of them, or write names that do not match both"
		}
		s.problem(of.node.Line, of.doc.pathText(of.trail), f)
	}
}

func newSequence(l *list) *sequence {
	q := &sequence{override: map[string]int{}, renamed: map[string]int{}}
	for i, e := range l.entries {
		of := step{entry: e, dead: -1}
		if len(e.marks) > 0 {
			of.ref = e.marks[0].ref
		}
		if v, refused := readEntry(e.node); refused == "" {
			of.values = v
			q.follow(i, &of)
		} else {
			clear(q.renamed) // whatever it does
		}
		q.steps = append(q.steps, of)
	}
	return q
}

// follow notes what a step does to the images of those after it.
func (q *sequence) follow(i int, of *step) {
	v := of.values
	name, newName := v.name.text, v.newName.text
	if at, ok := q.renamed[name]; ok {
		of.dead = at
		return
	}
	delete(q.renamed, newName) // there are such images again
	isLiteral := literal.MatchString(name)
	if _, tag, _ := splitPullSpec(name); isLiteral && tag == "" && newName != "" && !matches(name, newName) {
		q.renamed[name] = i
	}
	switch {
	case v.newTag.text == "" && v.digest.text == "":
	case isLiteral:
		q.override[name] = i
	case len(q.patterns) < maxPatterns:
		if p := nameExpression(name); p != nil {
			q.patterns = append(q.patterns, pattern{i, p})
		}
	}
}

// overriding is the last step that sets another tag or digest on what step i shows; -1 for none.
func (q *sequence) overriding(i int) int {
	last := -1
	repository, tag, digest := Use{entry: q.steps[i].values}.Shown()
	full := repository
	if tag != "" {
		full += ":" + tag
	}
	if digest != "" {
		full += "@" + digest
	}
	for _, name := range []string{repository, repository + ":" + tag, full} {
		if j, ok := q.override[name]; ok && j > i {
			last = max(last, j)
		}
	}
	for _, p := range q.patterns {
		if p.at > max(i, last) && p.MatchString(full) {
			last = p.at
		}
	}
	return last
}

// matches reports whether kustomize takes an image for the one that an entry names.
func matches(name, image string) bool {
	if literal.MatchString(name) {
		rest, ok := strings.CutPrefix(image, name)
		return ok && (rest == "" || rest[0] == ':' || rest[0] == '@')
	}
	p := nameExpression(name)
	return p != nil && p.MatchString(image)
}

// literal is a name that means just itself.
var literal = regexp.MustCompile(`^[A-Za-z0-9_:/-]*$`)

// nameExpression is how kustomize reads the name of an entry (its api/internal/image,
// IsImageMatched); nil where that is no regular expression, and so matches nothing.
func nameExpression(name string) *regexp.Regexp {
	p, err := regexp.Compile("^" + name + `(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$`)
	if err != nil {
		return nil
	}
	return p
}
