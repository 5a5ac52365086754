package plan_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// A tag that comes up after a question was answered for a tag that knew the digest needs
// what that answer left out: the platforms, the labels, the metadata.
func TestAnswerForAnotherTagThatKnewTheDigest(t *testing.T) {
	const stream = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: app}\nspec:\n" +
		"  dockerImageRepository: r.io/app\n  tags:\n  - name: known\n    from: {kind: DockerImage, name: \"r.io/app:1\"}\n    importPolicy: {scheduled: true}\n"
	const status = "apiVersion: imgstream.dev/v1\nkind: ImageStreamTagStatus\nmetadata: {name: app:known, namespace: default}\n" +
		"source: {kind: DockerImage, name: \"r.io/app:1\"}\nitems:\n- {image: {a}, dockerImageReference: r.io/app@{a}, created: \"2026-11-20T10:00:00Z\", from: \"r.io/app:1\", cause: import}\n"
	tip := fstest.MapFS{
		".imgstream.yaml":                            {Data: []byte("apiVersion: imgstream.dev/v1\nkind: Repository\nimageMetadata: none\n")},
		"imagestreams/app.yaml":                      {Data: []byte(stream)},
		"imagestreams/status/default/app/known.yaml": {Data: []byte(expand(status))},
	}
	present := plan.Look(&read(t, tip).View, nil, plan.Operator{})
	list, image := plan.Import{Reference: "r.io/app", Tags: true}, plan.Import{Reference: "r.io/app:1"}
	wantQuestions := func(got []plan.Question, want ...plan.Question) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("questions (-want +got):\n%s", diff)
		}
	}
	have := plan.Answers{}
	wantQuestions(present.Imports(plan.Always, have), plan.Question{Import: list}, plan.Question{Import: image, Known: []string{expand("{a}")}})
	have[list] = plan.Answer{Tags: []string{"1"}}
	have[image] = plan.Answer{Digest: expand("{a}"), Known: true}
	wantQuestions(present.Imports(plan.Always, have), plan.Question{Import: image})
	have[image] = plan.Answer{Digest: expand("{a}")}
	wantQuestions(present.Imports(plan.Always, have), []plan.Question{}...)
}
