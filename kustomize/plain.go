package kustomize

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/imgstream/imgstream/kustomize/dockerfile"
	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// plainPlace is where a value of a file that is not YAML stands, and its marker.
type plainPlace struct {
	value, marker yamledit.Span
	dockerfile    bool
}

// parsePlain is Parse for files that are not YAML.
func parsePlain(name string, src []byte) *File {
	kind, isText := kindOf(name)
	isDockerfile := dockerfile.Is(name)
	marked := bytes.Contains(src, []byte(markerKey)) || isDockerfile && bytes.Contains(src, []byte(fromMarkerKey))
	if !marked || !isText && !isDockerfile {
		return nil
	}
	if len(src) > MaxSize {
		return &File{Broken: fmt.Sprintf("larger than %d bytes", MaxSize)}
	}
	var f *File
	if isDockerfile {
		f = readDockerfile(src)
	} else {
		f, _ = readLines(kind, src)
	}
	if f.Broken == "" && len(f.Uses)+len(f.Problems) == 0 {
		return nil // only the word of a marker
	}
	slices.SortStableFunc(f.Uses, func(a, b Use) int { return cmp.Compare(a.Line, b.Line) })
	slices.SortStableFunc(f.Problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return f
}

// change is new text for some bytes.
type change struct {
	at   yamledit.Span
	text string
}

// splice makes changes, none of which touches another.
func splice(src []byte, changes []change) []byte {
	changes = slices.SortedFunc(slices.Values(changes), func(a, b change) int { return cmp.Compare(a.at.Start, b.at.Start) })
	var out []byte
	done := 0
	for _, c := range changes {
		out = append(append(out, src[done:c.at.Start]...), c.text...)
		done = c.at.End
	}
	return append(out, src[done:]...)
}

// applyPlain is Apply for files that are not YAML.
func applyPlain(name string, src []byte, wants []Want) Result {
	r := Result{Src: src, Errs: make([]error, len(wants)), File: parsePlain(name, src)}
	if r.File == nil || r.File.Broken != "" {
		reason := "no marker binds anything in the file"
		if r.File != nil {
			reason, r.File = r.File.Broken, nil
		}
		for i, w := range wants {
			r.Errs[i] = &yamledit.Error{Line: w.Use.Line, Reason: reason}
		}
		return r
	}
	uses := r.File.identities()
	values := map[identity]string{} // new ones
	var changes []change
	for i, w := range wants {
		u, err := w.in(uses)
		if _, taken := values[w.Use.identity()]; err == nil && taken {
			err = &yamledit.Error{Line: u.Line, Reason: "two images for one place"}
		}
		if r.Errs[i] = err; err != nil {
			continue
		}
		values[u.identity()] = u.value.text
		for _, e := range u.edits(w.Image) {
			values[u.identity()] = e.Value
			changes = append(changes, change{u.plain.value, e.Value})
		}
	}
	if len(changes) == 0 {
		return r
	}
	now, file, err := provePlain(name, src, r.File, changes, values)
	if err != nil {
		for i := range r.Errs {
			r.Errs[i] = cmp.Or(r.Errs[i], err)
		}
		return r
	}
	r.Src, r.File = now, file
	return r
}

// provePlain makes the changes and requires that the result binds the same places, and
// that they say what they said, but for the new values.
func provePlain(name string, src []byte, before *File, changes []change, values map[identity]string) ([]byte, *File, error) {
	now := splice(src, changes)
	if dockerfile.Is(name) {
		if err := replaceReferences(src, changes); err != nil {
			return nil, nil, err
		}
	}
	after := parsePlain(name, now)
	if after == nil || len(after.Uses) != len(before.Uses) || !slices.Equal(after.Problems, before.Problems) {
		return nil, nil, &yamledit.Error{Reason: "after the edit the file binds something else"}
	}
	for i, is := range after.Uses {
		was := before.Uses[i]
		want, changed := values[was.identity()]
		if !changed {
			want = was.value.text
		}
		if is.identity() != was.identity() || is.Line != was.Line || is.Ref != was.Ref || is.Part != was.Part ||
			is.Paused != was.Paused || is.Refused != was.Refused || is.value.text != want {
			return nil, nil, &yamledit.Error{Line: was.Line, Reason: "after the edit the value does not show the image"}
		}
	}
	return now, after, nil
}

// replaceReferences asks for the proof that only these references of a Dockerfile differ.
func replaceReferences(src []byte, changes []change) error {
	f, err := dockerfile.Parse(src)
	if err == nil {
		edits := make([]dockerfile.Edit, len(changes))
		for i, c := range changes {
			edits[i] = dockerfile.Edit{Start: c.at.Start, Text: c.text}
		}
		_, err = f.Replace(edits...)
	}
	if refusal, ok := errors.AsType[*dockerfile.Error](err); ok {
		return &yamledit.Error{Line: refusal.Line, Reason: refusal.Reason}
	}
	return err
}

// pausePlain is Pause for files that are not YAML.
func pausePlain(name string, src []byte, u Use, reason string) ([]byte, error) {
	before := parsePlain(name, src)
	if before != nil {
		if is, ok := before.Find(u); ok && is.Ref == u.Ref {
			text, err := pauseComment(string(src[is.plain.marker.Start:is.plain.marker.End]), is.plain.dockerfile, reason)
			if err != nil {
				return nil, &yamledit.Error{Line: u.Line, Reason: err.Error()}
			}
			now := splice(src, []change{{is.plain.marker, text}})
			if pausesOnly(before, parsePlain(name, now), is, reason) {
				return now, nil
			}
		}
	}
	return nil, &yamledit.Error{Line: u.Line, Reason: "no marker was found whose change pauses this place alone: change it by hand"}
}

func pauseComment(comment string, isDockerfile bool, reason string) (string, error) {
	if isDockerfile {
		return pauseFromMarker(comment, reason), nil
	}
	return pauseMarker(comment, reason)
}
