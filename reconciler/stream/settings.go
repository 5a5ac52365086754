package stream

import (
	"path"
	"slices"
	"strings"
	"time"
)

// SettingsPath is where the settings of a repository lie.
const SettingsPath = ".imgstream.yaml"

// Values of Settings.Consumers: what happens to a bound value that people changed.
const (
	ConsumersHold    = "hold"
	ConsumersEnforce = "enforce"
)

// Values of Settings.ImageMetadata: whose metadata lies in git.
const (
	MetadataHead    = "head"    // of the images that some tag has now
	MetadataHistory = "history" // of all images in histories
	MetadataNone    = "none"
)

// Settings is .imgstream.yaml: the policy of one repository.
type Settings struct {
	Streams       Layout
	Scan          ScanSettings
	Namespaces    []PathNamespace // the first match wins
	Imports       ImportSettings
	HistoryLimit  int    // items of a tag; at least 1
	ImageMetadata string // MetadataHead, MetadataHistory or MetadataNone
	ImageEnv      bool   // metadata holds the environment of images, secrets and all
	Batching      BatchSettings
	Commit        CommitSettings
	Consumers     string // hold or enforce
	Delivery      string // Commit or PullRequest
	Grants        []Grant
}

// Layout says where specs and status lie.
type Layout struct {
	Directories     []string // globs; empty: every directory called imagestreams
	StatusDirectory string
	CreateOnPush    []string // globs of namespace/stream: a push to the local registry creates such streams
}

// ScanSettings says which paths may hold consumers: globs relative to the root.
type ScanSettings struct{ Include, Exclude []string }

// PathNamespace gives the documents below a path, a glob, their namespace.
type PathNamespace struct{ Path, Namespace string }

// ImportSettings are the defaults of imports.
type ImportSettings struct {
	Scheduled         bool
	Interval          time.Duration
	Platform          string
	RequiredPlatforms []string
	ImportMode        string
	RepositoryLimit   int
	MinAge            time.Duration
}

// BatchSettings say how long a daemon waits for more changes before it commits.
type BatchSettings struct{ Quiet, Max time.Duration }

// CommitSettings shape the commits that imgstream writes.
type CommitSettings struct {
	AuthorName, AuthorEmail string // empty: the committer
	CISkip                  bool
	Message                 string
}

// Grant allows tags and consumers of other namespaces to use streams of this one.
type Grant struct {
	Namespace string
	Streams   []string // names; "*" stands for all
	To        []string // namespaces
}

// DefaultSettings are those of a repository without .imgstream.yaml.
func DefaultSettings() Settings {
	return Settings{
		Streams: Layout{StatusDirectory: "imagestreams/status"},
		Scan:    ScanSettings{Include: []string{"**"}},
		Imports: ImportSettings{
			Interval:        15 * time.Minute,
			Platform:        "linux/amd64",
			ImportMode:      ModePreserveOriginal,
			RepositoryLimit: 50,
		},
		HistoryLimit:  10,
		ImageMetadata: MetadataHead,
		Batching:      BatchSettings{Max: time.Minute},
		Consumers:     ConsumersHold,
		Delivery:      "Commit",
	}
}

// NamespaceFor gives the namespace of documents at a path that name none; "" where
// the settings say nothing.
func (s Settings) NamespaceFor(file string) string {
	for _, n := range s.Namespaces {
		if Match(n.Path, file) {
			return n.Namespace
		}
	}
	return ""
}

// Granted says whether tags and consumers in the namespace to may use a stream of
// the namespace from (semantics.md 7).
func (s Settings) Granted(from, stream, to string) bool {
	if from == to || from == "openshift" {
		return true
	}
	return slices.ContainsFunc(s.Grants, func(g Grant) bool {
		return g.Namespace == from && slices.Contains(g.To, to) &&
			(slices.Contains(g.Streams, "*") || slices.Contains(g.Streams, stream))
	})
}

// CreatesOnPush says whether a push to the local registry creates a stream that is not there.
func (s Settings) CreatesOnPush(ref Ref) bool {
	return matchAny(s.Streams.CreateOnPush, ref.Stream().String())
}

// IsSpecPath says whether a file may hold specs: YAML or JSON below a stream
// directory, but not below its status or images directory.
func (s Settings) IsSpecPath(file string) bool {
	switch path.Ext(file) {
	case ".yaml", ".yml", ".json":
	default:
		return false
	}
	found := false
	for dir := range ancestors(file) {
		if !s.isStreamDirectory(dir) {
			continue
		}
		if below(file, path.Join(dir, "status")) || below(file, path.Join(dir, "images")) {
			return false
		}
		found = true
	}
	return found && !inGit(file) && !below(file, s.Streams.StatusDirectory) && !s.IsImagePath(file)
}

// IsStatusPath says whether a file is to be read with ParseStatus.
func (s Settings) IsStatusPath(file string) bool {
	return below(file, s.Streams.StatusDirectory) && path.Ext(file) == ".yaml"
}

// Scans says whether a file may hold consumers, whatever its name: what imgstream
// itself writes and .git never do.
func (s Settings) Scans(file string) bool {
	if inGit(file) || below(file, s.Streams.StatusDirectory) || s.IsImagePath(file) || !matchAny(s.Scan.Include, file) || matchAny(s.Scan.Exclude, file) {
		return false
	}
	for dir := range ancestors(file) {
		if path.Base(dir) == "images" && s.isStreamDirectory(path.Dir(dir)) {
			return false
		}
	}
	return true
}

func (s Settings) isStreamDirectory(dir string) bool {
	if len(s.Streams.Directories) == 0 {
		return path.Base(dir) == "imagestreams"
	}
	return matchAny(s.Streams.Directories, dir)
}

func matchAny(globs []string, file string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return Match(g, file) })
}

// ancestors yields the directories a file lies in, the nearest first; the root is ".".
func ancestors(file string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for dir := path.Dir(file); yield(dir) && dir != "." && dir != "/"; {
			dir = path.Dir(dir)
		}
	}
}

func below(file, dir string) bool { return strings.HasPrefix(file, dir+"/") }

func inGit(file string) bool {
	return strings.HasPrefix(file, ".git/") || strings.Contains(file, "/.git/")
}
