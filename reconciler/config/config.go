// Package config is the operator's configuration file, kind Config of
// imgstream.dev/v1: what must not be decided by who can edit the repository
// (credentials, mirrors, hosts that may be asked, limits). It parses and checks
// bytes; it opens no file that they name.
package config

import (
	"slices"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Config is the whole file. [Default] is what holds without one.
type Config struct {
	APIVersion        string        `yaml:"apiVersion"`
	Kind              string        `yaml:"kind"`
	Repositories      []Repository  `yaml:"repositories"` // what the daemon serves
	Git               Git           `yaml:"git"`          // of every repository that has none of its own
	Registries        []Registry    `yaml:"registries"`
	AllowedRegistries AllowList     `yaml:"allowedRegistries"`
	LocalRegistry     string        `yaml:"localRegistry"`   // host[:port][/prefix] that images of policy Local are copied to; "": none
	MinimumInterval   time.Duration `yaml:"minimumInterval"` // least interval of a scheduled tag
	Listen            string        `yaml:"listen"`          // [host]:port of HTTP; "": none
	TokenFile         string        `yaml:"tokenFile"`       // bearer token for /api and /metrics; "": nobody is asked for one
	Hooks             Hooks         `yaml:"hooks"`
	Limits            Limits        `yaml:"limits"`
	Log               Log           `yaml:"log"`
}

// Default is the configuration where no file is given.
func Default() Config {
	return Config{
		MinimumInterval: time.Minute,
		Limits:          Limits{Concurrency: 32, HostConcurrency: 8, RepositoryTags: 10_000, Builds: 1000},
		Log:             Log{Format: "auto", Level: "info"},
	}
}

// Repository is one repository that the daemon serves.
type Repository struct {
	Name     string        `yaml:"name"`     // unique; default: the last segment of URL without .git
	URL      string        `yaml:"url"`      // http(s)://…, ssh://…, [user@]host:path, file:///… or a local path
	Branches []string      `yaml:"branches"` // at least one, without refs/heads/
	Interval time.Duration `yaml:"interval"` // how often the branches are looked at; default: DefaultInterval
	Git      Git           `yaml:"git"`      // default: Config.Git, which it replaces as a whole
}

// DefaultInterval is how often a branch is looked at.
const DefaultInterval = 30 * time.Second

// Git is how a repository is reached, and who commits. It has at most one way to
// authenticate. The files are read each time they are needed.
type Git struct {
	UsernameFile string     `yaml:"usernameFile"` // with PasswordFile or TokenFile
	PasswordFile string     `yaml:"passwordFile"`
	TokenFile    string     `yaml:"tokenFile"`
	GitHubApp    *GitHubApp `yaml:"githubApp"` // nil: none

	SSHKeyFile           string `yaml:"sshKeyFile"` // PEM: ed25519, ecdsa or rsa
	SSHKeyPassphraseFile string `yaml:"sshKeyPassphraseFile"`
	KnownHostsFile       string `yaml:"knownHostsFile"`

	CAFile string `yaml:"caFile"` // PEM, trusted for https besides the system's
	Proxy  string `yaml:"proxy"`  // URL of a proxy for http and https; "": the environment's

	Committer                Committer `yaml:"committer"`
	SigningKeyFile           string    `yaml:"signingKeyFile"` // SSH or OpenPGP; "": commits are not signed
	SigningKeyPassphraseFile string    `yaml:"signingKeyPassphraseFile"`
}

// GitHubApp is one installation of a GitHub App.
type GitHubApp struct {
	AppID          int64  `yaml:"appID"`
	InstallationID int64  `yaml:"installationID"`
	PrivateKeyFile string `yaml:"privateKeyFile"` // PEM, RSA
	APIURL         string `yaml:"apiURL"`         // "": https://api.github.com
}

// Committer is the identity by which imgstream knows its own commits: all operators of
// one branch must agree on it. Both parts empty: imgstream <imgstream@imgstream.dev>.
type Committer struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// Registry is what the operator says about one host that images come from. A host may
// have several entries, for credentials of different streams; mirrors, plainHTTP and
// caFile hold for the host, whichever entry has them.
type Registry struct {
	Host      string   `yaml:"host"`      // host[:port] in lower case; docker.io for its aliases
	Mirrors   []string `yaml:"mirrors"`   // host[:port][/prefix], tried in order before the host
	PlainHTTP bool     `yaml:"plainHTTP"` // may be asked without TLS
	CAFile    string   `yaml:"caFile"`    // PEM, trusted for this host besides the system's

	UsernameFile string   `yaml:"usernameFile"` // with PasswordFile; or TokenFile alone
	PasswordFile string   `yaml:"passwordFile"`
	TokenFile    string   `yaml:"tokenFile"`
	Namespaces   []string `yaml:"namespaces"` // whose streams may use the credentials; empty: all
	Paths        []string `yaml:"paths"`      // globs under which their specs must lie; empty: anywhere
}

// HasCredentials says whether there are any.
func (r Registry) HasCredentials() bool {
	return r.UsernameFile != "" || r.PasswordFile != "" || r.TokenFile != ""
}

// MayUse says whether the streams of a namespace whose specs lie in a file, a path
// relative to the root of the repository, may use the credentials. Of the entries of
// one host that say yes the first counts.
func (r Registry) MayUse(namespace, file string) bool {
	return (len(r.Namespaces) == 0 || slices.Contains(r.Namespaces, namespace)) &&
		(len(r.Paths) == 0 || slices.ContainsFunc(r.Paths, func(g string) bool { return stream.Match(g, file) }))
}

// Hooks are the senders of notifications, at /hooks/….
type Hooks struct {
	Distribution DistributionHook `yaml:"distribution"`
}

// DistributionHook is a registry that is CNCF Distribution, or sends what it sends.
type DistributionHook struct {
	TokenFile string `yaml:"tokenFile"` // bearer token that it shows; "": nobody gets in
	Host      string `yaml:"host"`      // host[:port] by which references name the registry; "": as it says
}

// Limits bound what goes on at once, and what is read.
type Limits struct {
	Concurrency     int `yaml:"concurrency"`     // questions to registries
	HostConcurrency int `yaml:"hostConcurrency"` // of these to one host
	RepositoryTags  int `yaml:"repositoryTags"`  // a repository with more is not listed
	Builds          int `yaml:"builds"`          // of kustomizations in one pass, two for each that changes; 0: none
}

// Log is how the daemon logs.
type Log struct {
	Format string `yaml:"format"` // text, json; auto: text on a terminal
	Level  string `yaml:"level"`  // debug, info, warn, error
}
