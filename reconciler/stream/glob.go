package stream

import (
	"errors"
	"path"
	"strings"
)

// Match says whether a path relative to the root matches a glob: "**" as a whole
// segment stands for any number of segments, also none; within a segment *, ?
// and [a-z] are those of path.Match. A glob that is not valid matches nothing.
func Match(glob, file string) bool {
	return matchSegments(strings.Split(glob, "/"), strings.Split(file, "/"))
}

// matchSegments tries the shortest stretch for the newest "**" first and widens
// it step by step; earlier ones need no second try.
func matchSegments(glob, file []string) bool {
	g, f := 0, 0
	star, from := -1, 0
	for f < len(file) {
		switch {
		case g < len(glob) && glob[g] == "**":
			star, from = g, f
			g++
		case g < len(glob) && matchSegment(glob[g], file[f]):
			g++
			f++
		case star >= 0:
			from++
			g, f = star+1, from
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == "**" {
		g++
	}
	return g == len(glob)
}

func matchSegment(glob, segment string) bool {
	ok, err := path.Match(glob, segment)
	return ok && err == nil
}

// checkGlob says why nobody should write this glob, or nil.
func checkGlob(glob string) error {
	if err := checkPath(glob); err != nil {
		return err
	}
	if strings.ContainsAny(glob, "{}") {
		return errors.New("braces are not known: write two globs")
	}
	for segment := range strings.SplitSeq(glob, "/") {
		if segment != "**" && strings.Contains(segment, "**") {
			return errors.New(`"**" must stand alone between slashes`)
		}
		if _, err := path.Match(segment, ""); err != nil {
			return errors.New("a bracket is not closed")
		}
	}
	return nil
}

// checkPath says why s is no path relative to the root, or nil.
func checkPath(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case strings.HasPrefix(s, "/"), strings.Contains(s, `\`):
		return errors.New("paths are relative to the root and have forward slashes")
	case path.Clean(s) != s, s == "..", strings.HasPrefix(s, "../"):
		return errors.New(`it has an empty segment, "." or "..", or ends with a slash`)
	}
	for segment := range strings.SplitSeq(s, "/") {
		if strings.EqualFold(segment, ".git") {
			return errors.New(".git is nobody's to read")
		}
	}
	return nil
}
