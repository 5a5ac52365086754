package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Content is what a file is to hold.
type Content int

// The contents of files.
const (
	Secret       Content = iota // one line
	Certificates                // PEM
	AppKey                      // RSA private key in PEM
	SSHKey
	SigningKey // SSH or OpenPGP
	KnownHosts
)

// File is one file that the configuration names.
type File struct {
	Key        string // where it is named: git.caFile, registries[0].tokenFile
	Path       string
	Holds      Content
	Passphrase string // path of the passphrase of an SSHKey or SigningKey; "": it has none
}

// Named gives the files in the order of [Config]'s keys, each one once, however
// many keys name it.
func (c Config) Named() []File {
	var files []File
	for _, f := range c.paths() {
		file := File{Key: f.key, Path: *f.path, Holds: f.holds}
		if f.passphrase != nil {
			file.Passphrase = *f.passphrase
		}
		same := func(o File) bool { o.Key = file.Key; return o == file }
		if file.Path != "" && !slices.ContainsFunc(files, same) {
			files = append(files, file)
		}
	}
	return files
}

// Files gives the paths of all files that c names, sorted.
func (c Config) Files() []string {
	var paths []string
	for _, f := range c.Named() {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// In gives c with the paths of its files and of local repositories seen from dir,
// where the configuration lies.
func (c Config) In(dir string) Config {
	c.Registries = slices.Clone(c.Registries)
	c.Repositories = slices.Clone(c.Repositories)
	c.Git = c.Git.clone()
	for i := range c.Repositories {
		r := &c.Repositories[i]
		r.Git = r.Git.clone()
		if transportOf(r.URL) == overPath && !strings.Contains(r.URL, "://") {
			r.URL = in(dir, r.URL)
		}
	}
	for _, f := range c.paths() {
		*f.path = in(dir, *f.path)
	}
	return c
}

func (g Git) clone() Git {
	if g.GitHubApp != nil {
		app := *g.GitHubApp
		g.GitHubApp = &app
	}
	return g
}

func in(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// place is a field that names a file.
type place struct {
	key        string
	path       *string
	holds      Content
	passphrase *string // nil: no such field
}

func (c *Config) paths() []place {
	places := c.Git.paths("git")
	for i := range c.Repositories {
		places = append(places, c.Repositories[i].Git.paths(fmt.Sprintf("repositories[%d].git", i))...)
	}
	for i := range c.Registries {
		key, r := fmt.Sprintf("registries[%d]", i), &c.Registries[i]
		places = append(places,
			place{key: key + ".caFile", path: &r.CAFile, holds: Certificates},
			place{key: key + ".usernameFile", path: &r.UsernameFile},
			place{key: key + ".passwordFile", path: &r.PasswordFile},
			place{key: key + ".tokenFile", path: &r.TokenFile},
		)
	}
	return append(places,
		place{key: "tokenFile", path: &c.TokenFile},
		place{key: "hooks.distribution.tokenFile", path: &c.Hooks.Distribution.TokenFile},
	)
}

func (g *Git) paths(key string) []place {
	places := []place{
		{key: key + ".usernameFile", path: &g.UsernameFile},
		{key: key + ".passwordFile", path: &g.PasswordFile},
		{key: key + ".tokenFile", path: &g.TokenFile},
		{key: key + ".sshKeyFile", path: &g.SSHKeyFile, holds: SSHKey, passphrase: &g.SSHKeyPassphraseFile},
		{key: key + ".sshKeyPassphraseFile", path: &g.SSHKeyPassphraseFile},
		{key: key + ".knownHostsFile", path: &g.KnownHostsFile, holds: KnownHosts},
		{key: key + ".caFile", path: &g.CAFile, holds: Certificates},
		{key: key + ".signingKeyFile", path: &g.SigningKeyFile, holds: SigningKey, passphrase: &g.SigningKeyPassphraseFile},
		{key: key + ".signingKeyPassphraseFile", path: &g.SigningKeyPassphraseFile},
	}
	if g.GitHubApp != nil {
		places = append(places, place{key: key + ".githubApp.privateKeyFile", path: &g.GitHubApp.PrivateKeyFile, holds: AppKey})
	}
	return places
}
