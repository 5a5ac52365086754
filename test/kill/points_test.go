package kill_test

import (
	"net/http"
	"strings"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// point is a place in a pass where a daemon may end.
type point string

// Points that the daemon tells of.
const (
	passBegins  point = "a pass begins"
	beforeLook  point = "before the look"
	afterFetch  point = "after the fetch"
	beforeBlame point = "before it asks who took back"
	afterBlame  point = "after it asked who took back"
	computed    point = "computed, before the push"
	pushed      point = "after the answer to the push"
	passEnded   point = "the pass ended"
)

// Points that the servers see, and the times that nobody sees.
const (
	looking       point = "git is asked where the branch is"
	lookAnswered  point = "half of that answer is sent"
	fetching      point = "git is asked for objects"
	halfFetched   point = "half of the objects are sent"
	resolving     point = "the registry is asked for a tag"
	verifying     point = "the registry is asked for content"
	announcing    point = "the push is announced"
	announced     point = "half of the answer to that is sent"
	beforePush    point = "the push request arrived, its body not"
	halfPushed    point = "half of the pack arrived"
	executing     point = "the whole pack arrived, git is at work"
	executed      point = "git executed the push, no answer is sent"
	halfAnswered  point = "half of the answer to the push is sent"
	randomTime    point = "a random time"
	whileStarting point = "within 40 ms of its start"
	atRest        point = "at rest"
)

// named are the points that are tried in turn.
var named = []point{
	passBegins, beforeLook, looking, lookAnswered, fetching, halfFetched, afterFetch,
	resolving, verifying, beforeBlame, afterBlame, computed, announcing, announced, beforePush, halfPushed,
	executing, executed, halfAnswered, pushed, passEnded,
	randomTime, randomTime, randomTime, randomTime, whileStarting,
}

// seen are the points at the git server.
var seen = map[gitserver.Step]map[gitserver.Moment]point{
	gitserver.Look:     {gitserver.Arrived: looking, gitserver.HalfAnswer: lookAnswered},
	gitserver.Fetch:    {gitserver.Arrived: fetching, gitserver.HalfAnswer: halfFetched},
	gitserver.Announce: {gitserver.Arrived: announcing, gitserver.HalfAnswer: announced},
	gitserver.Push: {
		gitserver.Arrived: beforePush, gitserver.HalfBody: halfPushed, gitserver.WholeBody: executing,
		gitserver.Executed: executed, gitserver.HalfAnswer: halfAnswered,
	},
}

// needsRevert says that a point is only reached after a person took something back.
func (p point) needsRevert() bool { return p == beforeBlame || p == afterBlame }

// askedOf tells the two questions to a registry apart.
func askedOf(r *http.Request) point {
	switch {
	case r.Method == http.MethodHead:
		return resolving
	case strings.Contains(r.URL.Path, "/manifests/sha256:"):
		return verifying
	}
	return ""
}
