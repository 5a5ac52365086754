package kustomize

import "strings"

// Texts of the form NAME=IMAGE: entries of Argo CD's kustomize.images, arguments such as
// --sidecar=quay.io/a/b:1.
//
// Argo CD hands its entries to kustomize edit set image. Every version of that reads
// NAME=REPOSITORY:TAG@DIGEST as what it says. REPOSITORY:TAG@DIGEST alone changes all
// images of that repository in newer versions, and in older ones, to which all before the
// @ is a name, those that say this tag already (kustomize/commands/edit/set, setimage.go).
// So a tag and a digest are never written without a name.

// cutName takes NAME=IMAGE apart; without a name, image is all of it.
func cutName(s string) (name, image string, named bool) {
	if name, image, named = strings.Cut(s, "="); named {
		return name, image, true
	}
	return "", s, false
}

// replacedName is the image that an entry of kustomize.images replaces.
func replacedName(entry string) string {
	name, image, named := cutName(entry)
	if named {
		return name
	}
	repository, _, _ := splitPullSpec(image)
	return repository
}

// bindText makes a use of an entry that is a text.
func (s *scanner) bindText(u Use, e *entry) {
	u.dash, u.last = e.dash, e.last
	u.readText(e)
	s.bind(u)
}

// readText notes what the text of an entry says, and why it cannot be edited.
func (u *Use) readText(e *entry) {
	u.value, u.renames = newField(e.node), true
	name, image, _ := cutName(u.value.text)
	u.Label = firstOf(replacedName(u.value.text), u.value.text)
	u.Refused = refuseValue(e.trail, u.value, Whole)
	if name != "" && pullSpec.MatchString(image) {
		u.Refused = "" // a bare name is one here
	}
	if u.Refused == "" && !pullSpec.MatchString(image) {
		u.Refused = "the entry is no [NAME=]IMAGE"
	}
}

// refuseNamed says why NAME=IMAGE cannot be edited.
func refuseNamed(value field, part Part) string {
	name, image, _ := cutName(value.text)
	switch {
	case part != Whole:
		return "the value is NAME=IMAGE: drop :" + string(part) + " to have the image written"
	case name == "":
		return "nothing stands before the = of the value"
	case !pullSpec.MatchString(image) || !strings.ContainsAny(image, "/:@"):
		return "what stands behind the = of the value is no image"
	}
	return ""
}

// spellNamed is the full pull spec behind the name that stands there. An entry of
// kustomize.images gets its name where kustomize would take the result for another one.
func (u Use) spellNamed(img Image) string {
	name, old, named := cutName(u.value.text)
	want := spellWhole(old, img)
	repository, tag, _ := splitPullSpec(old)
	switch {
	case named:
		return name + "=" + want
	case u.renames && repository != "" && (repository != img.Name || tag != "" && img.Digest != ""):
		return repository + "=" + want
	}
	return want
}
