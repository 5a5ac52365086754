package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// The documents of the API. Keys are only ever added.

// branches is a document that says something about each branch, sorted by name.
type branches[T any] struct {
	Branches []T `json:"branches"`
}

// header is what every part about a branch begins with.
type header struct {
	Branch       string `json:"branch"`                 // repository and branch, as in logs and metrics
	Commit       string `json:"commit,omitempty"`       // what the last good pass read
	LastGoodPass string `json:"lastGoodPass,omitempty"` // RFC 3339; left out before the first
}

type branchStreams struct {
	header
	Streams []streamStatus `json:"streams"` // sorted by namespace and name
}

// streamStatus is a stream in OpenShift's form, and what imgstream's own status files
// say of each of its tags.
type streamStatus struct {
	ImageStream stream.Document `json:"imageStream"`
	Tags        []tagStatus     `json:"tags"`
}

type branchProblems struct {
	header
	FailedPasses int `json:"failedPasses"` // in a row
	describe.Problems
}

// streams serves /api/v1/streams.
func (s *site) streams(w http.ResponseWriter, r *http.Request) {
	query, err := queryOf(r, "branch", "namespace", "name")
	if err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	all := branches[branchStreams]{Branches: []branchStreams{}}
	for _, state := range s.selected(query) {
		all.Branches = append(all.Branches, branchStreams{header: headerOf(state), Streams: streamsOf(state, query)})
	}
	answerJSON(w, http.StatusOK, all)
}

// problems serves /api/v1/problems: a pass that failed, then the findings of the last
// good one.
func (s *site) problems(w http.ResponseWriter, r *http.Request) {
	query, err := queryOf(r, "branch")
	if err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	all := branches[branchProblems]{Branches: []branchProblems{}}
	for _, state := range s.selected(query) {
		found := state.Report.Problems
		if state.Err != nil {
			found = slices.Concat([]stream.Problem{{Message: state.Err.Error()}}, found)
		}
		all.Branches = append(all.Branches, branchProblems{
			header: headerOf(state), FailedPasses: state.Failures, Problems: describe.NewProblems(found),
		})
	}
	answerJSON(w, http.StatusOK, all)
}

// queryOf reads the parameters of a request, of which none but the known may be given.
func queryOf(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("read the query: %w", err)
	}
	for name := range query {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown parameter: there is %s", strings.Join(known, ", "))
		}
	}
	return query, nil
}

// matches reports whether a parameter is not given, or gives the value.
func matches(query url.Values, name, value string) bool {
	wanted := query.Get(name)
	return wanted == "" || wanted == value
}

func (s *site) selected(query url.Values) []*daemon.State {
	var states []*daemon.State
	for _, state := range s.States() {
		if matches(query, "branch", state.Name) {
			states = append(states, state)
		}
	}
	return states
}

func headerOf(state *daemon.State) header {
	h := header{Branch: state.Name, Commit: string(state.Rev())}
	if !state.Good.IsZero() {
		h.LastGoodPass = state.Good.UTC().Format(time.RFC3339)
	}
	return h
}

func streamsOf(state *daemon.State, query url.Values) []streamStatus {
	all := []streamStatus{}
	if state.View == nil || state.View.Tree == nil {
		return all
	}
	for _, s := range state.View.Tree.Streams {
		if matches(query, "namespace", s.Namespace) && matches(query, "name", s.Name) {
			document := state.View.Tree.Document(s)
			all = append(all, streamStatus{ImageStream: document, Tags: tagsOf(state.View.Tree, s, document)})
		}
	}
	return all
}
