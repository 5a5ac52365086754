package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	groupVersion = "imgstream.dev/v1"
	statusKind   = "ImageStreamTagStatus"
	skipMark     = "# +argocd:skip-file-rendering"
	localConfig  = "config.kubernetes.io/local-config"
)

var causes = []string{CauseImport, CauseFollow, CauseTag, CauseRollback, CausePromotion, CauseAdopt, CausePush}

// StatusError is why a status file cannot be used.
type StatusError struct {
	Line   int    // 0: the file as a whole
	Reason string // one line
	Newer  bool   // a newer imgstream wrote it: nothing is wrong with the file
}

// Error gives the reason with its line.
func (e *StatusError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// ParseStatus reads a status file, strictly: the error is a *StatusError, for the
// first thing that Encode would not have written so. Whether the file lies where
// its metadata says is for Compose to see.
func ParseStatus(src []byte) (*Status, error) {
	r := &reader{strict: true}
	docs, ok := r.documents(src)
	if !ok {
		return nil, r.statusError()
	}
	if len(docs) != 1 {
		return nil, &StatusError{Reason: fmt.Sprintf("the file holds %d documents, not one", len(docs))}
	}
	if version := peek(docs[0], "apiVersion"); isNewer(version) {
		return nil, &StatusError{Line: docs[0].Line, Newer: true, Reason: "apiVersion " + version + ": written by a newer imgstream; left alone"}
	}
	st := r.status(field{line: docs[0].Line, value: notNull(docs[0])})
	if len(r.problems) > 0 {
		return nil, r.statusError()
	}
	return st, nil
}

// isNewer says whether version is a later one of our group.
func isNewer(version string) bool {
	number, ours := strings.CutPrefix(version, "imgstream.dev/v")
	n, err := strconv.Atoi(number)
	return ours && err == nil && n > 1
}

func (r *reader) statusError() *StatusError {
	p := r.sorted()[0]
	reason := p.Message
	if p.Hint != "" {
		reason += " (" + p.Hint + ")"
	}
	return &StatusError{Line: p.Pos.Line, Reason: reason}
}

func (r *reader) status(f field) *Status {
	o := r.object(f, "", "apiVersion", "kind", "metadata", "source", "items", "candidate", "rejected", "conditions", "pending")
	r.typed(o, statusKind)
	st := &Status{Ref: r.statusRef(o)}
	st.Source = r.statusSource(o)
	for _, f := range r.list(o, "items") {
		st.Items = append(st.Items, r.item(f))
	}
	st.Candidate = r.candidate(o)
	for _, f := range r.list(o, "rejected") {
		e := r.object(f, "rejected[]", "image", "commit", "at")
		st.Rejected = append(st.Rejected, Rejection{Image: r.digest(e, "image"), Commit: r.text(e, "commit"), At: r.moment(e, "at")})
	}
	for _, f := range r.list(o, "conditions") {
		e := r.object(f, "conditions[]", "type", "status", "reason", "message", "lastTransitionTime")
		st.Conditions = append(st.Conditions, Condition{
			Type: r.required(e, "type"), Status: r.required(e, "status"), Reason: r.text(e, "reason"),
			Message: r.text(e, "message"), LastTransitionTime: r.moment(e, "lastTransitionTime"),
		})
	}
	for _, f := range r.list(o, "pending") {
		e := r.object(f, "pending[]", "file", "path")
		st.Pending = append(st.Pending, Pending{File: r.required(e, "file"), Path: r.required(e, "path")})
	}
	return st
}

// typed checks apiVersion and kind of a file of our own group.
func (r *reader) typed(o object, kind string) {
	if v := r.text(o, "apiVersion"); v != groupVersion {
		r.errorf(o.at("apiVersion").line, "write apiVersion: "+groupVersion, "apiVersion %q is not known", v)
	}
	if k := r.text(o, "kind"); k != kind {
		r.errorf(o.at("kind").line, "write kind: "+kind, "kind %q is not known", k)
	}
}

func (r *reader) statusRef(o object) Ref {
	meta := r.object(o.at("metadata"), "metadata", "name", "namespace", "annotations")
	r.object(meta.at("annotations"), "metadata.annotations", localConfig)
	name := r.required(meta, "name")
	ref, err := ParseTagRef(name, r.required(meta, "namespace"))
	if err != nil && r.errors == 0 {
		r.errorf(meta.at("name").line, "write name: stream:tag and its namespace", "metadata: %v", err)
	}
	return ref
}

func (r *reader) statusSource(o object) *Source {
	if o.at("source").value == nil {
		return nil
	}
	e := r.object(o.at("source"), "source", "kind", "namespace", "name", "reference", "importMode", "policy", "reimport")
	src := &Source{
		Kind: r.required(e, "kind"), Namespace: r.text(e, "namespace"), Name: r.required(e, "name"), Reference: r.on(e, "reference"),
		ImportMode: r.text(e, "importMode"), Policy: r.strings(r.object(e.at("policy"), "source.policy")), Reimport: r.text(e, "reimport"),
	}
	if !slices.Contains(kinds, src.Kind) {
		r.errorf(e.at("kind").line, didYouMean(src.Kind, kinds), "source.kind %q is not known", src.Kind)
	}
	return src
}

func (r *reader) item(f field) Item {
	e := r.object(f, "items[]", "image", "dockerImageReference", "index", "created", "from", "cause")
	it := Item{
		Image: r.text(e, "image"), DockerImageReference: r.required(e, "dockerImageReference"), Index: r.text(e, "index"),
		Created: r.required(e, "created"), From: r.text(e, "from"), Cause: r.required(e, "cause"),
	}
	if reason := it.unusable(); reason != "" {
		r.errorf(e.line, "", "items[]: %s", reason)
	}
	if it.Index != "" && !IsDigest(it.Index) {
		r.errorf(e.at("index").line, "", "items[].index %q is not a digest", it.Index)
	}
	if !slices.Contains(causes, it.Cause) {
		r.errorf(e.at("cause").line, "one of "+strings.Join(causes, ", "), "items[].cause %q is not known", it.Cause)
	}
	return it
}

// unusable says why the item cannot stand in a history, or "". An item without an image
// is one of a tag with reference: true, or of its followers.
func (i Item) unusable() string {
	img, err := ParseImage(i.DockerImageReference)
	switch {
	case i.Image != "" && !IsDigest(i.Image):
		return fmt.Sprintf("image %q is not a digest", i.Image)
	case i.DockerImageReference == "":
		return "dockerImageReference is missing"
	case err != nil:
		return "dockerImageReference: " + err.Error()
	case i.Image != "" && img.Digest != "" && img.Digest != i.Image:
		return "dockerImageReference names another digest than image"
	case !isMoment(i.Created):
		return fmt.Sprintf("created %q is not a time like 2026-11-20T12:00:03Z", i.Created)
	}
	return ""
}

func (r *reader) candidate(o object) *Candidate {
	if o.at("candidate").value == nil {
		return nil
	}
	e := r.object(o.at("candidate"), "candidate", "image", "firstSeen")
	return &Candidate{Image: r.digest(e, "image"), FirstSeen: r.moment(e, "firstSeen")}
}
