package kustomize

import (
	"fmt"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// Together names the image that several uses of a file show the parts of. Written one
// without the other, they would show the repository of one image with the tag of another.
type Together struct{ Document, Group, Ref string }

// Together is what the use belongs to; the zero value where it stands alone.
func (u Use) Together() Together {
	if u.Group == "" {
		return Together{}
	}
	return Together{u.Document, u.Group, u.Ref}
}

// sameImage reports whether two uses of a file show parts of one image.
func (u Use) sameImage(v Use) bool {
	return u.Group != "" && u.Together() == v.Together()
}

// joinParts has all parts of an image stand still where one of them is paused or refused.
// A mapping with two tags, or two names, is not one image: nobody knows what belongs together.
func (f *File) joinParts() {
	type part struct {
		of   Together
		part Part
	}
	several, seen := map[Together]bool{}, map[part]bool{}
	for _, u := range f.Uses {
		p := part{u.Together(), u.Part}
		several[p.of] = several[p.of] || seen[p]
		seen[p] = true
	}
	paused, refused := map[Together]string{}, map[Together]Use{}
	for i := range f.Uses {
		u := &f.Uses[i]
		if several[u.Together()] {
			u.Group = ""
		}
		of := u.Together()
		paused[of] = firstOf(paused[of], u.Paused)
		if _, known := refused[of]; !known && u.Refused != "" {
			refused[of] = *u
		}
	}
	for i := range f.Uses {
		u := &f.Uses[i]
		of := u.Together()
		if of == (Together{}) {
			continue
		}
		u.Paused = firstOf(u.Paused, paused[of])
		if culprit, ok := refused[of]; ok && u.Refused == "" {
			u.Refused = fmt.Sprintf("the %s on line %d, of the same image, cannot be written: %s", culprit.Part, culprit.Line, culprit.Refused)
		}
	}
}

// units are the wants to be proved, those that belong together in one. Where one of
// them cannot be written the others of its image are not, either.
func (w *writer) units(some []int) [][]int {
	blamed := map[Together]int{} // the want
	for i, err := range w.errs {
		if of := w.wants[i].Use.Together(); err != nil && of != (Together{}) {
			blamed[of] = i
		}
	}
	var units [][]int
	at := map[Together]int{}
	for _, i := range some {
		of := w.wants[i].Use.Together()
		if of == (Together{}) {
			units = append(units, []int{i})
			continue
		}
		if culprit, ok := blamed[of]; ok && len(w.edits[i]) > 0 {
			w.errs[i] = apart(w.wants[i].Use, w.wants[culprit].Use)
			continue
		}
		if _, ok := at[of]; !ok {
			at[of] = len(units)
			units = append(units, nil)
		}
		units[at[of]] = append(units[at[of]], i)
	}
	return units
}

// apart is the refusal to write one part of an image without the other.
func apart(u, refused Use) error {
	return &yamledit.Error{Line: u.Line, Reason: fmt.Sprintf("the %s on line %d, of the same image, cannot be written", refused.Part, refused.Line)}
}
