package stream

import (
	"slices"
	"strings"
)

// What a cluster writes into a document, and what stands in it for a cluster alone. It
// may stay, so that an export works as it is, and a notice says that it does nothing here.
var (
	unusedMetadata = []string{
		"generateName", "selfLink", "uid", "resourceVersion", "generation", "deletionTimestamp",
		"deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields", "clusterName",
	}
	unusedFrom        = []string{"apiVersion", "uid", "resourceVersion", "fieldPath"}
	unusedStatus      = []string{"dockerImageRepository", "publicDockerImageRepository"}
	unusedAnnotations = []string{"openshift.io/image.dockerRepositoryCheck", "openshift.io/image.insecureRepository"}
)

// unuse notes the fields of an object that are set and do nothing here.
func (r *reader) unuse(o object, names ...string) {
	for _, name := range names {
		if v := o.at(name).value; v != nil && (v.Value != "" || len(v.Content) > 0) {
			r.noteUnused(o.path(name))
		}
	}
}

func (r *reader) noteUnused(path string) {
	if !slices.Contains(r.unused, path) {
		r.unused = append(r.unused, path)
	}
}

// reportUnused tells of one document what does nothing in it.
func (r *reader) reportUnused(line int) {
	if len(r.unused) > 0 {
		r.noticef(line, "it may stay", "not used here: %s", strings.Join(r.unused, ", "))
	}
	r.unused = nil
}
