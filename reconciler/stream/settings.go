package stream

import "time"

// Settings is .imgstream.yaml: the policy of one repository.
type Settings struct {
	Streams       StreamSettings
	Scan          ScanSettings
	Namespaces    []PathNamespace // the first match wins
	Imports       ImportSettings
	HistoryLimit  int
	ImageMetadata string
	Batching      BatchSettings
	Commit        CommitSettings
	Consumers     string // hold or enforce
	Delivery      string // Commit or PullRequest
	Grants        []Grant
}

// StreamSettings says where specs and status lie.
type StreamSettings struct {
	Directories     []string // empty: every directory called imagestreams
	StatusDirectory string
}

// ScanSettings says which paths may hold consumers: globs relative to the root.
type ScanSettings struct{ Include, Exclude []string }

// PathNamespace gives the documents below a path their namespace.
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
	Streams   []string // names; ["*"] or empty: not decided here, see ParseSettings
	To        []string
}
