package kustomize

import (
	"regexp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

var (
	nameText   = regexp.MustCompile(`^[A-Za-z0-9[][A-Za-z0-9._:/[\]-]*$`)
	tagText    = regexp.MustCompile(`^(\w[\w.-]{0,127})?$`)
	digestText = regexp.MustCompile(`^sha(256|512):[0-9a-f]+$`)
)

func isDigest(s string) bool { return digestText.MatchString(s) }

// Shows reports whether the place says img already, in its own spelling. It
// compares a few strings and parses nothing.
func (u Use) Shows(img Image) bool {
	return img.complete() && u.Refuses(img) == "" && len(u.edits(img)) == 0
}

// Digest is the digest that the place shows now; "" where it shows none.
func (u Use) Digest() string {
	if u.parts != nil {
		return u.parts.shown()
	}
	shown := u.value.text
	if v := u.entry; v != nil {
		shown = v.digest.text
		if _, both, ok := strings.Cut(v.newTag.text, "@"); ok {
			shown = both
		}
	} else if _, behind, ok := strings.Cut(shown, "@"); ok {
		shown = behind
	}
	if !isDigest(shown) {
		return ""
	}
	return shown
}

// complete reports whether img is an image that can be written: with a name, with a
// digest or at least a tag, and nothing in it that a pull spec cannot hold.
func (img Image) complete() bool {
	return nameText.MatchString(img.Name) && tagText.MatchString(img.Tag) && (isDigest(img.Digest) || img.Digest == "" && img.Tag != "")
}

// Refuses says why the place can never show img in its spelling; "" where it can. An
// image without a digest, which is known by its tag alone, has no place where a digest
// stands on its own.
func (u Use) Refuses(img Image) string {
	switch {
	case u.parts != nil:
		return u.parts.refuses(img)
	case img.Digest != "":
	case u.Part == PartDigest:
		return "the image has no digest (reference: true): bind the tag, or the whole image"
	case u.entry != nil && u.entry.digest.there:
		return "the image has no digest (reference: true): remove the digest line of the entry"
	}
	return ""
}

// edits are what must change for the place to say img; none when it does.
func (u Use) edits(img Image) []yamledit.Edit {
	if u.entry != nil {
		return u.entryEdits(img)
	}
	if u.parts != nil {
		return u.groupEdits(img)
	}
	want := u.spell(img)
	unknown := u.Part == PartTag && img.Tag == "" && want == u.value.text
	if unknown || u.value.str && u.value.text == want {
		return nil
	}
	return []yamledit.Edit{{Doc: u.doc, Path: u.at, Value: want}}
}

// spell is what a single value becomes.
func (u Use) spell(img Image) string {
	old := u.value.text
	switch u.Part {
	case PartName:
		if sameRepository(old, img.Name) {
			return old
		}
		return img.Name
	case PartDigest:
		return img.Digest
	case PartTag:
		if img.Pinned && !strings.Contains(old, "@") && firstOf(img.Tag, old) != "" {
			old += "@"
		}
		return spellTag(old, img)
	}
	return u.spellNamed(img)
}

// spellWhole is the full pull spec in the spelling of the old one.
func spellWhole(old string, img Image) string {
	if img.Digest == "" {
		return img.Name + ":" + img.Tag
	}
	if _, tag, _ := splitPullSpec(old); tag != "" {
		return img.Name + ":" + firstOf(img.Tag, tag) + "@" + img.Digest
	}
	return img.Name + "@" + img.Digest
}

// spellTag is what a tag field becomes: TAG@digest where a digest stands in it,
// else the tag alone. An unknown tag leaves what is there.
func spellTag(old string, img Image) string {
	tag, _, both := strings.Cut(old, "@")
	tag = firstOf(img.Tag, tag)
	if both && img.Digest != "" {
		return tag + "@" + img.Digest
	}
	return tag
}

// Repository is the name of the image that the place shows now; "" for one that shows
// only a tag or a digest.
func (u Use) Repository() string {
	switch {
	case u.entry != nil:
		return u.entry.repository()
	case u.parts != nil:
		return u.parts.name()
	case u.Part == Whole || u.Part == PartName:
		_, image, _ := cutName(u.value.text)
		repository, _, _ := splitPullSpec(image)
		return repository
	}
	return ""
}

// sameRepository reports whether two names are of one repository, by Docker's defaults for
// what has no registry: bitnami/redis and docker.io/bitnami/redis.
func sameRepository(a, b string) bool {
	return a == b || a != "" && withRegistry(a) == withRegistry(b)
}

// withRegistry is the full name of a repository.
func withRegistry(name string) string {
	host, path, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", name
	}
	if host == "index.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return host + "/" + path
}

// entryEdits are the edits of an images: entry (product.md 2, "Spellings of an
// entry"). A new name is inserted before a new digest.
func (u Use) entryEdits(img Image) []yamledit.Edit {
	v := u.entry
	var edits []yamledit.Edit
	put := func(key string, f field, value string) {
		if f.there && f.str && f.text == value {
			return
		}
		e := yamledit.Edit{Doc: u.doc, Path: append(slices.Clip(u.at), key), Value: value}
		if !f.there {
			e.Path, e.Insert = u.at, key
		}
		edits = append(edits, e)
	}
	if v.repository() != img.Name {
		put("newName", v.newName, img.Name)
	}
	inTag := strings.Contains(v.newTag.text, "@")
	if img.Digest == "" || v.newTag.text != "" && (inTag || img.Tag != "") {
		put("newTag", v.newTag, spellTag(v.newTag.text, img))
	}
	if !inTag && img.Digest != "" {
		put("digest", v.digest, img.Digest)
	}
	return edits
}

// repository is the name that the entry gives its images now.
func (v *entryValues) repository() string { return firstOf(v.newName.text, v.name.text) }

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// splitPullSpec takes [registry[:port]/]repository[:tag][@digest] apart.
func splitPullSpec(s string) (repository, tag, digest string) {
	s, digest, _ = strings.Cut(s, "@")
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		return s[:i], s[i+1:], digest
	}
	return s, "", digest
}
