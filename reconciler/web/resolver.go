package web

import (
	"context"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// maxHosts have a label of their own; specs are written by many people, and each may
// name any host.
const maxHosts = 100

// otherHost is the label of every further host. No registry is called so.
const otherHost = "other"

// Resolver counts what comes of the questions to inner, by host.
func (m *Metrics) Resolver(inner reconciler.Resolver) reconciler.Resolver {
	return countingResolver{inner: inner, metrics: m}
}

type countingResolver struct {
	inner   reconciler.Resolver
	metrics *Metrics
}

// Resolve is of reconciler.Resolver. A question that was given up because ctx ended
// says nothing about a host, and is not counted.
func (c countingResolver) Resolve(ctx context.Context, q plan.Question) plan.Answer {
	answer := c.inner.Resolve(ctx, q)
	if ctx.Err() == nil {
		c.metrics.imports.WithLabelValues(c.metrics.hostOf(q.Import), resultOf(answer)).Inc()
	}
	return answer
}

func resultOf(a plan.Answer) string {
	switch {
	case a.Failure == nil:
		return "digest"
	case a.Failure.Reason == "":
		return "host"
	}
	return a.Failure.Reason
}

func (m *Metrics) hostOf(im plan.Import) string {
	image, err := stream.ParseImage(im.Reference)
	if err != nil {
		return otherHost
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hosts[image.Registry] {
		if len(m.hosts) == maxHosts {
			return otherHost
		}
		m.hosts[image.Registry] = true
	}
	return image.Registry
}
