// Package stream knows image streams: the documents people write (specs), the
// files imgstream writes (status), the settings of a repository, and the
// references all of them are made of. It turns bytes into values and values
// into bytes; it never reads a file system, a clock or a registry, and it
// decides nothing about what a tag should point to (package plan does).
package stream

import (
	"strconv"

	"github.com/imgstream/imgstream/reconciler/policy"
)

// Kinds of an ObjectReference in spec.tags[].from (image.openshift.io/v1).
const (
	KindDockerImage      = "DockerImage"
	KindImageStreamTag   = "ImageStreamTag"
	KindImageStreamImage = "ImageStreamImage"
)

// Annotations that imgstream itself reads, on a stream or on a tag.
const (
	AnnotationPaused   = "imgstream.dev/paused"   // the reason; nothing moves while it is there
	AnnotationReimport = "imgstream.dev/reimport" // a changed value asks for one import
	AnnotationInterval = "imgstream.dev/interval" // how often a scheduled tag is asked for
	AnnotationMinAge   = "imgstream.dev/min-age"  // how long a new digest waits before it is taken

	// AnnotationPlatforms are the platforms that an image must have to be taken, with
	// commas between them; "" is none, whatever the settings require.
	AnnotationPlatforms = "imgstream.dev/platforms"

	AnnotationPolicy        = "imgstream.dev/policy" // semver, alphabetical, numerical or newest: it chooses the tag
	AnnotationPolicyRange   = AnnotationPolicy + "-range"
	AnnotationPolicyPattern = AnnotationPolicy + "-pattern"
	AnnotationPolicyOrder   = AnnotationPolicy + "-order"
)

// Import modes of a tag.
const (
	ModeLegacy           = "Legacy"
	ModePreserveOriginal = "PreserveOriginal"
)

// Reference policies of a tag: which pull spec its consumers get.
const (
	ReferenceSource = "Source"
	ReferenceLocal  = "Local"
)

// Pos is a place in the repository. Line counts from 1; 0 means the file as a whole.
type Pos struct {
	File string
	Line int
}

// String gives file:line, or the file alone when there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Severity says what a Problem means for the result of a pass.
type Severity int

const (
	// Error is something a person must mend: exit code 3 of a pass, 1 of validate.
	Error Severity = iota
	// Warning is something a person decided or should know: a hold, a pause, a rejection.
	Warning
	// Notice is information: a field that has no effect here.
	Notice
)

// String gives the word printed before the message.
func (s Severity) String() string {
	return [...]string{"error", "warning", "notice"}[s]
}

// Problem is one finding about one place. A bad file, stream or tag is a
// Problem and never an error for the rest of the repository.
type Problem struct {
	Severity Severity
	Pos      Pos
	Ref      Ref    // the stream or tag it is about; zero when none is known
	Message  string // what is wrong, one line
	Hint     string // what to write or do instead; may be empty
}

// Stream is one ImageStream document, as written.
type Stream struct {
	Namespace             string // effective: the document's, else the settings', else "default"
	Name                  string
	Pos                   Pos
	Labels                map[string]string
	Annotations           map[string]string
	Created               string // metadata.creationTimestamp of an export, RFC 3339; "" where there is none
	LookupLocal           bool   // spec.lookupPolicy.local
	DockerImageRepository string // spec.dockerImageRepository, as written; "" when unset
	RepositoryPos         Pos    // where that stands; line 0 when it is unset or cannot be used
	Tags                  []Tag  // in the order written; names are unique
	Seed                  []Seed // status.tags of an export, in the order written
	SkipMarked            bool   // the file has the mark that keeps it out of Argo CD's directories
}

// Ref is the stream itself as a reference.
func (s *Stream) Ref() Ref { return Ref{Namespace: s.Namespace, Name: s.Name} }

// TagRef is one tag of the stream as a reference.
func (s *Stream) TagRef(tag string) Ref {
	return Ref{Namespace: s.Namespace, Name: s.Name, Tag: tag}
}

// Tag is one entry of spec.tags.
type Tag struct {
	Name            string
	Pos             Pos
	Annotations     map[string]string
	From            *From // nil: a tag that is only pushed to
	Reference       bool
	Insecure        bool
	Scheduled       *bool          // nil: the settings' default
	ImportMode      string         // "", Legacy, PreserveOriginal
	ReferencePolicy string         // "", Source, Local
	Policy          *policy.Policy // which tag of the repository From is taken; nil: the one that From names

	// Blocked says that an error-level Problem was reported for the tag: its
	// status stays as it is, and nothing is asked or moved.
	Blocked bool
}

// From is the source of a tag: spec.tags[].from. Validation has checked it: for a
// DockerImage, Name parses with ParseImage; for the others From with ParseSource.
type From struct {
	Kind      string
	Namespace string // "" = the stream's own
	Name      string
}

// Seed is the history of one tag in the status of an export.
type Seed struct {
	Tag   string
	Items []Item // newest first; From and Cause are empty
}

// Source is what a status records of the spec's source: the one that the last
// import, or a rejection, answered. Two equal Sources mean that there is no work.
type Source struct {
	Kind       string
	Namespace  string // only if it is not the stream's
	Name       string
	Reference  bool
	ImportMode string
	Policy     map[string]string // the policy annotations; nil when there are none
	Reimport   string            // the value of AnnotationReimport
}

// Causes of an Item: how it came to be. It never changes.
const (
	CauseImport    = "import"
	CauseFollow    = "follow"
	CauseTag       = "tag"
	CauseRollback  = "rollback"
	CausePromotion = "promotion"
	CauseAdopt     = "adopt"
	CausePush      = "push"
)

// Item is one entry of a tag's history.
type Item struct {
	Image                string // sha256:…; "" where only a reference is recorded (reference: true)
	DockerImageReference string // pull spec by digest; without an Image as the spec writes it
	Index                string // digest of the index the image was taken from; Legacy only
	Created              string // RFC 3339, UTC, seconds: when imgstream recorded the item
	From                 string // the registry's tag, or namespace/stream:tag, or namespace/stream@digest
	Cause                string
}

// TagItem is an item with the tag that has it.
type TagItem struct {
	Ref  Ref
	Item Item
}

// Candidate is a digest that was seen and waits for its age or its pull request.
type Candidate struct {
	Image     string
	FirstSeen string
}

// Rejection is a digest that people took back: not to be imported again.
type Rejection struct {
	Image  string
	Commit string // the commit that took it back, in full; "" until a pass has found it
	At     string // RFC 3339
}

// Condition types and reasons. Success is the absence of a condition.
const (
	ConditionImportSuccess  = "ImportSuccess"
	ConditionImageAvailable = "ImageAvailable" // of an image that consumers show
	ConditionPaused         = "Paused"         // the tag paused itself
	StatusFalse             = "False"
	StatusTrue              = "True"

	ReasonNotFound  = "NotFound"
	ReasonInvalid   = "Invalid"
	ReasonForbidden = "Forbidden"
	ReasonCycle     = "ReferenceCycle"
	ReasonBuildLoop = "BuildLoop" // built from a commit of imgstream itself

	ReasonPlatformMissing = "PlatformMissing" // an index without a platform that is required
	ReasonFlapping        = "Flapping"        // of ConditionPaused: the registry's tag goes to and fro
)

// Condition is something that is wrong with a tag.
type Condition struct {
	Type               string
	Status             string
	Reason             string
	Message            string
	LastTransitionTime string
}

// Pending is a consumer that could not be written yet.
type Pending struct {
	File string
	Path string
}

// Status is one status file: kind ImageStreamTagStatus of imgstream.dev/v1.
type Status struct {
	Ref        Ref // namespace, stream and tag
	Source     *Source
	Items      []Item // newest first; the first is what consumers get
	Candidate  *Candidate
	Rejected   []Rejection // newest first
	Conditions []Condition
	Pending    []Pending // sorted by file, then path
}

// Head is the newest item, or nil when the tag has no image.
func (s *Status) Head() *Item {
	if s == nil || len(s.Items) == 0 {
		return nil
	}
	return &s.Items[0]
}
