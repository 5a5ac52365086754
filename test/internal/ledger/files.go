package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

const statusDirectory = "imagestreams/status/"

// StatusPath is where the status of a tag is.
func StatusPath(s fixture.Stream, tag string) string {
	return statusDirectory + s.Namespace + "/" + s.Name + "/" + tag + ".yaml"
}

// Head is the digest that the tag 1.0 of a stream is at, "" for none.
func Head(ctx context.Context, repo *gitserver.Repository, s fixture.Stream) (string, error) {
	path := StatusPath(s, "1.0")
	text, err := repo.File(ctx, gitserver.Branch, path)
	if err != nil {
		return "", err
	}
	st, err := statusOf(map[string]string{path: text}, s, "1.0")
	return st.head(), err
}

type status struct {
	Items []struct {
		Image string `yaml:"image"`
	} `yaml:"items"`
	Rejected []struct {
		Image string `yaml:"image"`
	} `yaml:"rejected"`
}

func statusOf(files map[string]string, s fixture.Stream, tag string) (status, error) {
	path := StatusPath(s, tag)
	var st status
	text, ok := files[path]
	if !ok {
		return st, fmt.Errorf("%s is missing", path)
	}
	if err := yaml.Unmarshal([]byte(text), &st); err != nil {
		return st, fmt.Errorf("%s: %w", path, err)
	}
	return st, nil
}

func (s status) head() string {
	if len(s.Items) == 0 {
		return ""
	}
	return s.Items[0].Image
}

func (s status) rejects(digest string) bool {
	for _, r := range s.Rejected {
		if r.Image == digest {
			return true
		}
	}
	return false
}

// usedDigest is what the kustomization of a stream says.
func usedDigest(files map[string]string, s fixture.Stream) (string, error) {
	var k struct {
		Images []struct {
			Name   string `yaml:"name"`
			Digest string `yaml:"digest"`
		} `yaml:"images"`
	}
	if err := yaml.Unmarshal([]byte(files[s.Kustomization]), &k); err != nil {
		return "", fmt.Errorf("%s: %w", s.Kustomization, err)
	}
	for _, image := range k.Images {
		if image.Name == s.Name {
			return image.Digest, nil
		}
	}
	return "", fmt.Errorf("%s has no entry for %s", s.Kustomization, s.Name)
}

// Twice is an error when a status has one image twice in a row.
func Twice(files map[string]string) error {
	var problems []error
	for path, text := range files {
		if !strings.HasPrefix(path, statusDirectory) {
			continue
		}
		var st status
		if err := yaml.Unmarshal([]byte(text), &st); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
		for i := 1; i < len(st.Items); i++ {
			if st.Items[i].Image == st.Items[i-1].Image {
				problems = append(problems, fmt.Errorf("%s: %s is there twice", path, st.Items[i].Image))
			}
		}
	}
	return errors.Join(problems...)
}

// varying are the values of a status that no two runs share: times, and a commit.
var varying = regexp.MustCompile(`(?m)^(\s*(?:- )?(?:created|at|lastTransitionTime|firstSeen|commit): ).*$`)

// Comparable are files as they compare between two runs of the same events.
func Comparable(files map[string]string) map[string]string {
	same := make(map[string]string, len(files))
	for path, text := range files {
		if strings.HasPrefix(path, statusDirectory) {
			text = varying.ReplaceAllString(text, "${1}…")
		}
		same[path] = text
	}
	return same
}
