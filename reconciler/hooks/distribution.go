package hooks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// envelope is a notification of CNCF Distribution
// (application/vnd.docker.distribution.events.v1+json and v2+json). Pulls, deletions and
// blobs are told of too.
type envelope struct {
	Events []struct {
		Action string `json:"action"`
		Target struct {
			MediaType  string `json:"mediaType"`
			Repository string `json:"repository"`
			URL        string `json:"url"`
			Tag        string `json:"tag"` // "" for a push by digest
		} `json:"target"`
		Request struct {
			Host string `json:"host"` // by which the pusher called the registry
		} `json:"request"`
		Source struct {
			Addr string `json:"addr"` // of the process
		} `json:"source"`
	} `json:"events"`
}

// Distribution gives the tags that a notification of CNCF Distribution says were pushed,
// in its order, each once. What names no tag is left out, so that a copy that imgstream
// makes by digest is no hint. The error is that the body is no notification.
func Distribution(body []byte) ([]Hint, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read the notification: %w", err)
	}
	if e.Events == nil {
		return nil, fmt.Errorf("read the notification: it has no events")
	}
	var hints []Hint
	for _, event := range e.Events {
		if event.Action != "push" || !isManifest(event.Target.MediaType) {
			continue
		}
		host := cmp.Or(event.Request.Host, hostOf(event.Target.URL), event.Source.Addr)
		hints = add(hints, newHint(host, event.Target.Repository, event.Target.Tag))
	}
	return hints, nil
}

// isManifest tells manifests and indexes from blobs; a sender that does not say is
// given the benefit of the doubt.
func isManifest(mediaType string) bool {
	return mediaType == "" || strings.Contains(mediaType, "manifest") || strings.Contains(mediaType, ".index.")
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
