package kustomize

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

const (
	fromMarkerKey  = "imgstream:"
	fromMarkerHint = "write # imgstream: namespace/stream:tag on the line above FROM"
)

var (
	// fromMarker is # imgstream: REFERENCE, and what may follow it.
	fromMarker = regexp.MustCompile(`^#[ \t]*imgstream:[ \t]*(\S*)[ \t]*(.*?)[ \t]*$`)
	pausedText = regexp.MustCompile(`^paused=(".*")$`)

	// commentedFrom is an instruction that was commented out.
	commentedFrom = regexp.MustCompile(`(?i)^#+[ \t]*(FROM|ARG)[ \t]`)
)

// dockerScanner binds the references of one Dockerfile.
type dockerScanner struct {
	*File
	docker  *dockerfile.File
	begins  map[int]bool       // the lines on which instructions with references begin
	targets map[int][]fromMark // by these lines
}

type fromMark struct {
	comment dockerfile.Comment
	marker
}

// readDockerfile finds the uses of a Dockerfile. The marker stands on the line above the
// FROM, or above the ARG that gives it its reference; other comments may stand in between.
func readDockerfile(src []byte) *File {
	docker, err := dockerfile.Parse(src)
	if err != nil {
		return &File{Broken: "not a Dockerfile: " + err.Error()}
	}
	s := dockerScanner{File: &File{}, docker: docker, begins: map[int]bool{}, targets: map[int][]fromMark{}}
	named := namedReferences(docker.References)
	for _, r := range docker.References {
		s.begins[r.First] = true
	}
	runs := s.runs()
	for i, c := range docker.Comments {
		switch {
		case fromMarker.MatchString(c.Text):
			s.attribute(c, runs[i])
		case strings.Contains(c.Text, markerKey):
			s.problem(c.Line, "", finding{message: "a Dockerfile has another marker", hint: fromMarkerHint})
		}
	}
	for _, r := range docker.References {
		s.bindReference(r, named)
	}
	s.reportTexts(src)
	return s.File
}

// below is what a run of comment lines stands above.
type below struct {
	line int  // the first one that is no comment
	dead bool // one of the comments is an instruction that was commented out
}

// attribute gives a marker to the instruction that it stands above.
func (s *dockerScanner) attribute(c dockerfile.Comment, b below) {
	m, found, ok := parseFromMarker(c.Text)
	for _, f := range found {
		s.problem(c.Line, "", f)
	}
	switch {
	case !ok:
	case b.dead:
		s.problem(c.Line, "", finding{notice: true, message: "the marker stands above an instruction that is commented out"})
	case c.Inside || !s.begins[b.line]:
		s.problem(c.Line, "", finding{message: "the marker stands above no FROM, and above no ARG that a FROM uses", hint: "put it on the line above FROM"})
	default:
		s.targets[b.line] = append(s.targets[b.line], fromMark{c, m})
	}
}

// runs gives for each comment what it stands above.
func (s *dockerScanner) runs() []below {
	comments := s.docker.Comments
	all := make([]below, len(comments))
	for i, c := range slices.Backward(comments) {
		all[i].line = c.Line + 1
		if i+1 < len(comments) && comments[i+1].Line == c.Line+1 {
			all[i] = below{all[i+1].line, all[i+1].dead || commentedFrom.MatchString(comments[i+1].Text)}
		}
	}
	return all
}

// bindReference makes a use of a reference that a marker stands above.
func (s *dockerScanner) bindReference(r dockerfile.Reference, named map[string]int) {
	marks := s.targets[r.First]
	if len(marks) == 0 {
		return
	}
	path := referencePath(r, named)
	if len(marks) > 1 {
		s.problem(marks[1].comment.Line, path, finding{
			message: fmt.Sprintf("two markers above one %s: %s here, %s on line %d", r.Keyword, marks[1].ref, marks[0].ref, marks[0].comment.Line),
			hint:    "keep one",
		})
		return
	}
	m := marks[0]
	label := r.Name
	if label == "" {
		label = r.Keyword
	}
	s.Uses = append(s.Uses, Use{
		Line: r.Line, Path: path, Document: "0", Ref: m.ref, Paused: m.paused, Label: label, Refused: r.Refused, marks: []int{m.comment.Line},
		value: field{there: true, text: r.Text, str: true},
		plain: &plainPlace{value: yamledit.Span{Start: r.Start, End: r.End}, marker: yamledit.Span{Start: m.comment.Start, End: m.comment.End}, dockerfile: true},
	})
}

// namedReferences counts the references of a file by keyword and name.
func namedReferences(references []dockerfile.Reference) map[string]int {
	named := map[string]int{}
	for _, r := range references {
		named[r.Keyword+r.Name]++
	}
	return named
}

// referencePath identifies a reference: FROM[name=build], where that is unique, or FROM[0].
func referencePath(r dockerfile.Reference, named map[string]int) string {
	if r.Name != "" && named[r.Keyword+r.Name] == 1 {
		return r.Keyword + "[name=" + r.Name + "]"
	}
	return r.Keyword + "[" + strconv.Itoa(r.Index) + "]"
}

// reportTexts says where a marker is text of an instruction, as in a heredoc.
func (s *dockerScanner) reportTexts(src []byte) {
	comments := map[int]bool{}
	for _, c := range s.docker.Comments {
		comments[c.Line] = true
	}
	number := 0
	for line := range strings.Lines(string(src)) {
		number++
		if text := strings.TrimSpace(line); !comments[number] && (fromMarker.MatchString(text) || strings.Contains(text, markerKey)) {
			s.problem(number, "", finding{notice: true, message: "a marker in the text of an instruction binds nothing", hint: fromMarkerHint})
		}
	}
}

// parseFromMarker reads a comment that fromMarker matches.
func parseFromMarker(comment string) (m marker, found []finding, ok bool) {
	parts := fromMarker.FindStringSubmatch(comment)
	if err := m.setRef(parts[1]); err != nil {
		return m, []finding{{message: err.Error(), hint: fromMarkerHint}}, false
	}
	if m.part != Whole {
		return m, []finding{{
			message: fmt.Sprintf("%s:%s: a marker in a Dockerfile is for the whole reference", m.ref, m.part),
			hint:    fmt.Sprintf("drop :%s", m.part),
		}}, false
	}
	if parts[2] == "" {
		return m, nil, true
	}
	reason := ""
	if text := pausedText.FindStringSubmatch(parts[2]); text == nil || json.Unmarshal([]byte(text[1]), &reason) != nil {
		return m, []finding{{message: fmt.Sprintf("behind the tag stands %q", parts[2]), hint: `there may be nothing, or paused="why"`}}, false
	}
	return m, m.setPaused(reason), true
}

// pauseFromMarker writes the reason into a marker, or drops it where it is "".
func pauseFromMarker(comment, reason string) string {
	at := fromMarker.FindStringSubmatchIndex(comment)
	text := comment[:at[3]]
	if reason != "" {
		text += " paused=" + quote(reason)
	}
	return text
}

// dockerSpots are the references of a Dockerfile that name an image.
func dockerSpots(src []byte, f *File) ([]Spot, error) {
	if len(src) > MaxSize {
		return nil, &yamledit.Error{Reason: "larger than " + strconv.Itoa(MaxSize) + " bytes"}
	}
	docker, err := dockerfile.Parse(src)
	if err != nil {
		return nil, &yamledit.Error{Reason: "not a Dockerfile: " + err.Error()}
	}
	var found []Spot
	uses := f.identities()
	named := namedReferences(docker.References)
	for _, r := range docker.References {
		spot := Spot{Line: r.Line, First: r.First, Last: r.Line, Kind: SpotFrom, Path: referencePath(r, named), Document: "0", Label: firstOf(r.Name, r.Keyword), Refused: r.Refused, from: &r}
		u, bound := uses[identity{spot.Document, spot.Path}]
		if r.Refused != "" && !bound {
			continue // a stage, scratch, an ARG that is no image
		}
		if bound {
			spot.bind(u)
		}
		spot.show(splitPullSpec(r.Text))
		found = append(found, spot)
	}
	return inOrder(found), nil
}
