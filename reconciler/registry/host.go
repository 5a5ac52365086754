package registry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
)

const (
	failuresToHold = 5 // in a row, before a host counts as down
	firstHold      = 30 * time.Second
	longestHold    = 10 * time.Minute
)

// host is what the process knows about one registry host: how many questions are
// under way there, and whether it is down as a whole.
type host struct {
	name  string
	slots chan struct{}

	mu       sync.Mutex
	failures int // in a row
	holds    int // since the last success
	until    time.Time
	failure  plan.Failure // what a held host's questions are answered with
}

func (c *Client) host(name string) *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hosts[name]
	if h == nil {
		h = &host{name: name, slots: make(chan struct{}, c.opts.HostConcurrency)}
		c.hosts[name] = h
	}
	return h
}

// enter waits for a place at the host and then for one in the process, so that
// questions to a slow host do not take the places of others. When err is nil,
// the caller calls leave.
func (c *Client) enter(ctx context.Context, h *host) (leave func(), err error) {
	if err := acquire(ctx, h.slots); err != nil {
		return nil, err
	}
	if err := acquire(ctx, c.slots); err != nil {
		<-h.slots
		return nil, err
	}
	return func() { <-c.slots; <-h.slots }, nil
}

func acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// held gives the failure to answer with while the host is left alone, or nil.
func (h *host) held(now time.Time) *plan.Failure {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !now.Before(h.until) {
		return nil
	}
	f := h.failure
	return &f
}

// record takes in how a question ended. Any answer that shows the host at work
// (a digest, or a refusal of this one reference) ends the count.
func (h *host) record(now time.Time, v *verdict, log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case v == nil || v.kind == aboutReference:
		if h.holds > 0 {
			log.Info("registry answers again", "host", h.name)
		}
		h.failures, h.holds, h.until = 0, 0, time.Time{}
	case v.kind == aboutHost:
		h.failures++
		h.hold(now, v, log)
	}
}

// hold leaves the host alone for as long as it asked, else after enough failures
// in a row for a window that doubles while it stays down.
func (h *host) hold(now time.Time, v *verdict, log *slog.Logger) {
	if now.Before(h.until) {
		return // questions that were under way when the hold began
	}
	window := min(v.retryAfter, longestHold)
	if h.failures >= failuresToHold {
		window = max(window, min(firstHold<<min(h.holds, 10), longestHold))
	}
	if window <= 0 {
		return
	}
	h.holds++
	h.until, h.failure = now.Add(window), v.failure
	log.Warn("registry is left alone", "host", h.name, "for", window, "failure", v.failure.Message)
}
