package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
)

// health says that the process serves.
func (s *site) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "text/plain; charset=utf-8", "ok\n")
}

// ready says whether every branch had a good pass, and not too long ago; if not, there
// is a line for each branch that had none.
func (s *site) ready(w http.ResponseWriter, _ *http.Request) {
	states := s.States()
	if len(states) == 0 {
		answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", "no branch is served yet\n")
		return
	}
	var lines strings.Builder
	for _, state := range states {
		if why := s.unready(state); why != "" {
			fmt.Fprintf(&lines, "%s: %s\n", state.Name, why)
		}
	}
	if lines.Len() > 0 {
		answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", lines.String())
		return
	}
	answer(w, http.StatusOK, "text/plain; charset=utf-8", "ok\n")
}

// unready says in one line why a branch is not ready, "" when it is.
func (s *site) unready(state *daemon.State) string {
	age := s.Now().Sub(state.Good)
	why := "no good pass yet"
	switch {
	case state.Good.IsZero():
	case s.Stale > 0 && age > s.Stale:
		why = fmt.Sprintf("the last good pass was %v ago", age.Round(time.Second))
	default:
		return ""
	}
	if state.Err != nil {
		why += ": " + oneLine(state.Err.Error())
	}
	return why
}

func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
