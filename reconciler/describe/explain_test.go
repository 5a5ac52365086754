package describe_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/describe"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// explained are tags in all the states that can be told. UPDATE=1 writes the golden file.
func explained(t *testing.T) []*plan.Explained {
	t.Helper()
	ref := stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25"}
	a, b := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	item := stream.Item{
		Image: a, DockerImageReference: "quay.io/keycloak/keycloak@" + a, Created: "2026-11-20T10:00:03Z",
		From: "quay.io/keycloak/keycloak:25.0.2", Cause: stream.CauseImport,
	}
	at := stream.Pos{File: "imagestreams/keycloak.yaml", Line: 8}
	spec := func(from stream.From) *stream.Tag { return &stream.Tag{Name: "25", Pos: at, From: &from} }
	byPolicy := spec(stream.From{Kind: stream.KindDockerImage, Name: "quay.io/keycloak/keycloak"})
	byPolicy.Policy, _ = policy.Parse(policy.Rule{Kind: policy.Semver, Range: "25.x"})
	ranking := byPolicy.Policy.Rank([]string{"25.0.2", "25.0.10", "26.0.0", "\x1b[31mlatest"}, "25.0.2", nil)
	var tags []string
	for c := 'a'; c <= 'z'; c++ {
		tags = append(tags, string(c))
	}
	many := byPolicy.Policy.Rank(tags, "", nil)
	use := func(line int, label, paused, refused string) plan.Use {
		return plan.Use{Use: kustomize.Use{Line: line, Label: label, Path: "images[" + label + "]", Paused: paused, Refused: refused}, File: "apps/kustomization.yaml", Ref: ref}
	}
	follower := ref
	follower.Tag = "latest"
	return []*plan.Explained{
		{
			Ref: ref, Spec: byPolicy, Ask: plan.Ask{Ref: ref, Interval: 15 * time.Minute, Pending: true}, Ranking: &ranking,
			Status: &stream.Status{
				Ref: ref, Items: []stream.Item{item}, Candidate: &stream.Candidate{Image: b, FirstSeen: "2026-11-20T11:00:03Z"},
				Rejected:   []stream.Rejection{{Image: b, Commit: strings.Repeat("c0ffee", 7)[:40], At: "2026-11-19T12:00:03Z"}},
				Conditions: []stream.Condition{{Reason: stream.ReasonNotFound, Message: "it is gone", LastTransitionTime: "2026-11-20T11:30:03Z"}},
				Pending:    []stream.Pending{{File: "apps/kustomization.yaml", Path: "images[waits]"}},
			},
			Move:     &plan.Move{Ref: ref, Old: a, New: b, From: "quay.io/keycloak/keycloak:25.0.10"},
			Problems: []stream.Problem{{Severity: stream.Warning, Pos: at, Ref: ref, Message: "paused (broken login)", Hint: "remove the annotation"}},
			Consumers: []plan.Consumer{
				{Use: use(4, "shown", "", ""), Wants: b, Shows: true},
				{Use: use(7, "held", "", ""), Wants: b, Held: true},
				{Use: use(9, "waits", "", ""), Wants: b, Waits: true},
				{Use: use(10, "new", "", ""), Wants: b, Writes: true},
				{Use: use(10, "gone", "", ""), Wants: b, Removes: true},
				{Use: use(10, "denied", "", ""), Wants: b, Denied: "no grant"},
				{Use: use(10, "differs", "", ""), Wants: b},
				{Use: use(10, "unknown", "", ""), Unknown: true},
				{Use: use(11, "paused", "not now", "")},
				{Use: use(13, "refused", "", "two values")},
			},
			Followers: []stream.Ref{follower},
		},
		{Ref: ref, Spec: byPolicy, Ranking: &many, Failure: &plan.Failure{Message: "none"}},
		{Ref: ref, Spec: byPolicy, Failure: &plan.Failure{Message: "quay.io refused the connection"}},
		{Ref: ref, Spec: spec(stream.From{Kind: stream.KindDockerImage, Name: "mysql:8"}), Status: &stream.Status{Ref: ref, Items: []stream.Item{{Image: a, DockerImageReference: "docker.io/library/mysql@" + a, Created: "2026-11-20T10:00:03Z", Cause: stream.CauseAdopt}}}},
		{Ref: ref, Spec: spec(stream.From{Kind: stream.KindDockerImage, Name: "mysql:8"}), Listed: true, Ask: plan.Ask{Ref: ref.Stream(), Interval: time.Hour}},
		{Ref: ref, Spec: spec(stream.From{Kind: stream.KindDockerImage, Name: "mysql@" + a})},
		{Ref: ref, Spec: spec(stream.From{Kind: stream.KindImageStreamTag, Name: "latest"}), Follows: follower},
		{Ref: ref, Spec: spec(stream.From{Kind: stream.KindImageStreamImage, Name: "keycloak@" + a})},
		{Ref: ref, Spec: &stream.Tag{Name: "25", Pos: at, Blocked: true}},
		{Ref: ref, Spec: &stream.Tag{Name: "25", Pos: at}, Consumers: []plan.Consumer{{Use: use(4, "early", "", "")}}},
		{Ref: ref},
	}
}

func TestExplain(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC)
	var b strings.Builder
	for i, e := range explained(t) {
		next := time.Time{}
		if i == 0 {
			next = now.Add(time.Minute)
		} else {
			b.WriteString("\n---\n")
		}
		x := describe.Explain(e, "c0ffee1", next)
		b.WriteString(x.Text(now))
		if i == 0 {
			document, err := describe.JSON(x)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString("\n" + document)
		}
	}
	const golden = "testdata/explain.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}
