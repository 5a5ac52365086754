// Package config is the operator's configuration file, kind Config of
// imgstream.dev/v1: what must not be decided by who can edit the repository
// (credentials, mirrors, hosts that may be asked without TLS). It parses and checks
// bytes; it opens no file that they name.
package config

import (
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Config is the whole file. The zero value is what holds without one.
type Config struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Registries []Registry `yaml:"registries"`
	Git        Git        `yaml:"git"`
}

// Registry is what the operator says about one host that images come from.
type Registry struct {
	Host      string   `yaml:"host"`      // host[:port], as references write it
	Mirrors   []string `yaml:"mirrors"`   // host[:port][/prefix], tried in order before the host
	PlainHTTP bool     `yaml:"plainHTTP"` // may be asked without TLS
	CAFile    string   `yaml:"caFile"`    // PEM, trusted for this host besides the system's
}

// Git is how the repository is reached, and who commits. The files are read each time
// they are needed.
type Git struct {
	UsernameFile string    `yaml:"usernameFile"`
	PasswordFile string    `yaml:"passwordFile"`
	TokenFile    string    `yaml:"tokenFile"`
	CAFile       string    `yaml:"caFile"` // PEM, trusted besides the system's
	Committer    Committer `yaml:"committer"`
}

// Committer is the identity by which imgstream knows its own commits: all operators of
// one branch must agree on it. Both parts empty: imgstream <imgstream@imgstream.dev>.
type Committer struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// In gives c with the paths of its files seen from dir, where the file lies.
func (c Config) In(dir string) Config {
	c.Registries = append([]Registry(nil), c.Registries...)
	for i := range c.Registries {
		c.Registries[i].CAFile = in(dir, c.Registries[i].CAFile)
	}
	for _, f := range []*string{&c.Git.UsernameFile, &c.Git.PasswordFile, &c.Git.TokenFile, &c.Git.CAFile} {
		*f = in(dir, *f)
	}
	return c
}

func in(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// lineOf finds the line of a value by its path of keys and indexes, 0 when it is absent.
func lineOf(doc *yaml.Node, path ...any) int {
	n := doc
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			return 0
		}
		n = next
	}
	return n.Line
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return n.Content[step]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
