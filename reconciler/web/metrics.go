package web

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Metrics counts what the daemon does, on a registry of its own. What it hands out may
// be called from several goroutines.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	passes, conflicts, commits, imports, hooks *prometheus.CounterVec
	passTime, stepTime                         *prometheus.HistogramVec
	problems                                   *prometheus.GaugeVec
	sinceGood                                  *prometheus.Desc

	mu     sync.Mutex
	served map[string]*servedBranch
	hosts  map[string]bool // those that have a label of their own
}

// servedBranch is a branch that is served; another one of its name is another value.
type servedBranch struct {
	name string
	good time.Time // when the last good pass ended; before the first, when it began to be served
}

// durations are the buckets of passes and steps, in seconds: a look costs milliseconds,
// a pass is ended after a quarter of an hour.
var durations = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900}

// NewMetrics makes the metrics of one process. now is time.Now where it is nil.
func NewMetrics(version string, now func() time.Time) *Metrics {
	if now == nil {
		now = time.Now
	}
	m := &Metrics{registry: prometheus.NewRegistry(), now: now, served: map[string]*servedBranch{}, hosts: map[string]bool{}}
	m.passes = counter("imgstream_passes_total", "Passes, by whether they ran to their end.", "branch", "result")
	m.conflicts = counter("imgstream_conflicts_total", "Times that a pass began again: the branch had moved, or the outcome of a push was not known.", "branch")
	m.commits = counter("imgstream_commits_total", "Commits that were pushed.", "branch")
	m.imports = counter("imgstream_imports_total", "Questions to registries, by what came of them: digest, the reason why there is none, or host for a state of the host.", "host", "result")
	m.hooks = counter("imgstream_hooks_total", "Notifications that were sent to a hook, by the HTTP status of the answer.", "hook", "status")
	m.passTime = histogram("imgstream_pass_duration_seconds", "How long passes took.", "branch")
	m.stepTime = histogram("imgstream_step_duration_seconds", "How long the steps of passes took.", "branch", "step")
	m.problems = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "imgstream_problems", Help: "Findings of the last good pass."}, []string{"branch", "severity"})
	m.sinceGood = prometheus.NewDesc("imgstream_seconds_since_last_good_pass",
		"Time since the last good pass ended; before the first, since the branch is served.", []string{"branch"}, nil)
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "imgstream_build_info", Help: "The version that runs; always 1."}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.passes, m.conflicts, m.commits, m.imports, m.hooks, m.passTime, m.stepTime, m.problems, (*ages)(m), info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: durations}, labels)
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Pass gives what Loop.Observe of a branch is to be.
func (m *Metrics) Pass(branch string) func(report reconciler.Report, err error, took time.Duration) {
	b := m.serve(branch)
	return func(report reconciler.Report, err error, took time.Duration) {
		m.record(b, func() {
			m.passTime.WithLabelValues(branch).Observe(took.Seconds())
			m.conflicts.WithLabelValues(branch).Add(float64(max(report.Attempts-1, 0)))
			if err != nil {
				m.passes.WithLabelValues(branch, "failed").Inc()
				return
			}
			m.passes.WithLabelValues(branch, "good").Inc()
			b.good = m.now()
			if report.Published != "" {
				m.commits.WithLabelValues(branch).Add(float64(len(report.Changes)))
			}
			m.found(branch, report.Problems)
		})
	}
}

// Step gives what Reconciler.Observe of a branch is to be.
func (m *Metrics) Step(branch string) func(step reconciler.Step, took time.Duration) {
	b := m.serve(branch)
	return func(step reconciler.Step, took time.Duration) {
		m.record(b, func() { m.stepTime.WithLabelValues(branch, string(step)).Observe(took.Seconds()) })
	}
}

// hook counts a request to a hook.
func (m *Metrics) hook(name string, status int) {
	m.hooks.WithLabelValues(name, strconv.Itoa(status)).Inc()
}

// Forget drops a branch that is served no more; what Pass and Step gave for it counts
// nothing from then on.
func (m *Metrics) Forget(branch string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.served, branch)
	label := prometheus.Labels{"branch": branch}
	for _, vec := range []*prometheus.MetricVec{
		m.passes.MetricVec, m.conflicts.MetricVec, m.commits.MetricVec,
		m.passTime.MetricVec, m.stepTime.MetricVec, m.problems.MetricVec,
	} {
		vec.DeletePartialMatch(label)
	}
}

// serve begins with zeros, so that the first event of a kind is seen as an increase.
func (m *Metrics) serve(branch string) *servedBranch {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.served[branch]; b != nil {
		return b
	}
	b := &servedBranch{name: branch, good: m.now()}
	m.served[branch] = b
	m.passes.WithLabelValues(branch, "good")
	m.passes.WithLabelValues(branch, "failed")
	m.conflicts.WithLabelValues(branch)
	m.commits.WithLabelValues(branch)
	return b
}

// record does what it is given, unless the branch was forgotten.
func (m *Metrics) record(b *servedBranch, do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.served[b.name] == b {
		do()
	}
}

func (m *Metrics) found(branch string, problems []stream.Problem) {
	counts := map[stream.Severity]int{stream.Error: 0, stream.Warning: 0, stream.Notice: 0}
	for _, p := range problems {
		counts[p.Severity]++
	}
	for severity, n := range counts {
		m.problems.WithLabelValues(branch, severity.String()).Set(float64(n))
	}
}

// ages computes the ages of the last good passes when they are asked for.
type ages Metrics

// Describe is of prometheus.Collector.
func (a *ages) Describe(ch chan<- *prometheus.Desc) { ch <- a.sinceGood }

// Collect is of prometheus.Collector.
func (a *ages) Collect(ch chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for name, b := range a.served {
		age := max(now.Sub(b.good), 0) // the clock may have jumped
		ch <- prometheus.MustNewConstMetric(a.sinceGood, prometheus.GaugeValue, age.Seconds(), name)
	}
}
