package web_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/web"
)

// scrape gives what /metrics says, which must be parseable.
func scrape(t *testing.T, m *web.Metrics) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	_, body := get(t, web.New(web.Options{Metrics: m}), "/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return body, families
}

// own leaves out what is said of the process and of Go.
func own(body string) string {
	var lines strings.Builder
	for line := range strings.Lines(body) {
		if strings.Contains(line, "imgstream_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

var problemsOf = []stream.Problem{{Severity: stream.Error}, {Severity: stream.Error}, {Severity: stream.Notice}}

func TestMetrics(t *testing.T) {
	at := now
	m := web.NewMetrics("v1.2.3", func() time.Time { return at })
	pass, step := m.Pass("apps/main"), m.Step("apps/main")
	m.Pass("new/main")

	step(reconciler.StepFetch, 20*time.Millisecond)
	step(reconciler.StepResolve, 3*time.Second)
	pass(reconciler.Report{Attempts: 3, Published: "1f0c", Changes: make([]plan.Change, 2), Problems: problemsOf}, nil, 4*time.Second)
	at = at.Add(time.Minute)
	pass(reconciler.Report{Attempts: 8, Changes: make([]plan.Change, 5)}, errors.New("conflict"), 2*time.Minute)
	at = at.Add(time.Minute)

	resolver := m.Resolver(answers{
		"quay.io/a/b:1":        {Digest: "sha256:1"},
		"quay.io/a/b:2":        {Failure: &plan.Failure{Reason: stream.ReasonNotFound}},
		"r.example.com:5000/c": {Failure: &plan.Failure{Message: "429"}},
	})
	for _, reference := range []string{"quay.io/a/b:1", "quay.io/a/b:1", "quay.io/a/b:2", "r.example.com:5000/c", "///"} {
		resolver.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: reference}})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	resolver.Resolve(ended, plan.Question{Import: plan.Import{Reference: "r.example.com:5000/c"}})

	body, families := scrape(t, m)
	golden(t, "metrics.txt", own(body))
	for _, name := range []string{"go_goroutines", "go_memstats_heap_inuse_bytes"} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// A good pass mends what the age and the problems say.
func TestMetricsRecover(t *testing.T) {
	at := now
	m := web.NewMetrics("v1.2.3", func() time.Time { return at })
	pass := m.Pass("apps/main")
	pass(reconciler.Report{Problems: problemsOf}, nil, time.Second)
	at = at.Add(time.Hour)
	pass(reconciler.Report{}, nil, time.Second)
	at = at.Add(-time.Hour) // the clock jumps
	body, _ := scrape(t, m)
	for _, line := range []string{
		`imgstream_seconds_since_last_good_pass{branch="apps/main"} 0`,
		`imgstream_problems{branch="apps/main",severity="error"} 0`,
		`imgstream_problems{branch="apps/main",severity="notice"} 0`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("%s is not in:\n%s", line, own(body))
		}
	}
}

func TestForget(t *testing.T) {
	m := web.NewMetrics("v1.2.3", clock)
	pass, step := m.Pass("apps/main"), m.Step("apps/main")
	tell := func() {
		step(reconciler.StepPlan, time.Second)
		pass(reconciler.Report{Attempts: 2, Published: "1f0c", Changes: make([]plan.Change, 2), Problems: problemsOf}, nil, time.Second)
	}
	tell()
	m.Pass("apps/other")
	m.Forget("apps/main")
	tell() // the last pass of a Loop that is being stopped
	if body, _ := scrape(t, m); strings.Contains(body, "apps/main") || !strings.Contains(body, "apps/other") {
		t.Errorf("after Forget:\n%s", own(body))
	}
	m.Pass("apps/main") // it is served again
	tell()
	if body, _ := scrape(t, m); !strings.Contains(body, `imgstream_passes_total{branch="apps/main",result="good"} 0`+"\n") {
		t.Errorf("served again:\n%s", own(body))
	}
}

// However many hosts specs name, the labels are bounded and every question is counted.
func TestHostsAreBounded(t *testing.T) {
	m := web.NewMetrics("v1.2.3", clock)
	resolver := m.Resolver(answers{})
	var asking sync.WaitGroup
	for i := range 300 {
		asking.Go(func() {
			im := plan.Import{Reference: fmt.Sprintf("r%d.example.com/a:1", i%150)}
			resolver.Resolve(t.Context(), plan.Question{Import: im})
		})
	}
	asking.Wait()
	_, families := scrape(t, m)
	hosts, questions, other := 0, 0.0, 0.0
	for _, series := range families["imgstream_imports_total"].GetMetric() {
		hosts++
		questions += series.GetCounter().GetValue()
		if series.GetLabel()[0].GetValue() == "other" {
			other = series.GetCounter().GetValue()
		}
	}
	if hosts != 101 || questions != 300 || other != 100 {
		t.Errorf("%d hosts, %v questions, %v of them to others", hosts, questions, other)
	}
}
