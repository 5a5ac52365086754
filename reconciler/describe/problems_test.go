package describe

import (
	"testing"

	"github.com/imgstream/imgstream/reconciler/stream"
)

var findings = []stream.Problem{
	{
		Pos:     stream.Pos{File: "imagestreams/50%, all: of \"them\".yaml", Line: 12},
		Ref:     stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"},
		Message: "tag 25.0 stands twice, 100% sure:\r\nfirst in line 3", Hint: "remove one of them",
	},
	{Severity: stream.Warning, Pos: stream.Pos{File: "apps/prod/kustomization.yaml", Line: 3}, Message: "held"},
	{Severity: stream.Notice, Pos: stream.Pos{File: "a:b/c.yaml"}, Message: "no spec has this tag: its status is kept", Hint: "prune removes it"},
	{Message: "of no file"},
}

func TestProblems(t *testing.T) {
	golden(t, "github.txt", GitHub(findings))
	for name, document := range map[string]any{
		"problems.json":      NewProblems(findings),
		"problems-none.json": NewProblems(nil),
		"sarif.json":         NewSarif(findings, "v1.2.3"),
		"sarif-none.json":    NewSarif(nil, "v1.2.3"),
	} {
		got, err := JSON(document)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, got)
	}
}

func TestSummary(t *testing.T) {
	for _, test := range []struct {
		problems []stream.Problem
		want     string
	}{
		{nil, "12 image streams: no problems"},
		{findings, "2 errors, 1 warning, 1 notice in 12 image streams"},
		{findings[1:3], "1 warning, 1 notice in 12 image streams"},
	} {
		if got := Summary(test.problems, "12 image streams"); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
