package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// registries asks registries as the operator configured them: only those allowed, and
// with the credentials that the asking tags may use. Each set of credentials has a
// client of its own, so that no token reaches a stream that may not use it.
type registries struct {
	cfg  config.Config
	opts registry.Options

	mu      sync.Mutex
	clients map[string]*registry.Client // by plan.Import.Scope
}

// newRegistries tells log, which may be nil, of hosts that are down and of copies.
func newRegistries(cfg config.Config, log *slog.Logger) (*registries, error) {
	r := &registries{cfg: cfg, clients: map[string]*registry.Client{}}
	r.opts = registry.Options{
		UserAgent: "imgstream/" + buildVersion(), Hosts: hostsOf(cfg),
		Concurrency: cfg.Limits.Concurrency, HostConcurrency: cfg.Limits.HostConcurrency,
		RepositoryTags: cfg.Limits.RepositoryTags, Logger: log,
		Contents: registry.NewContents(),
	}
	_, err := r.client("")
	return r, err
}

// hostsOf puts together what the entries of one host say.
func hostsOf(cfg config.Config) []registry.Host {
	var hosts []registry.Host
	at := map[string]int{}
	for _, e := range cfg.Registries {
		i, known := at[e.Host]
		if !known {
			i = len(hosts)
			at[e.Host] = i
			hosts = append(hosts, registry.Host{Name: e.Host})
		}
		h := &hosts[i]
		h.Mirrors = append(h.Mirrors, e.Mirrors...)
		h.PlainHTTP = h.PlainHTTP || e.PlainHTTP
		if e.CAFile != "" {
			h.CAFile = e.CAFile
		}
	}
	return hosts
}

// scope names the entries whose credentials a tag may use for an image, by their place in
// the configuration: it is plan.Scope. Those of hosts that are not asked play no part, so
// that one question answers all tags that ask it with the same credentials.
func (r *registries) scope(image stream.Image, tag stream.Ref, file string) string {
	asked := r.asked(image.Registry)
	var entries []string
	for i, e := range r.cfg.Registries {
		if e.HasCredentials() && slices.Contains(asked, e.Host) && e.MayUse(tag.Namespace, file) {
			entries = append(entries, strconv.Itoa(i))
		}
	}
	return strings.Join(entries, ",")
}

// asked are the hosts that a question about an image of host goes to: it and its mirrors.
func (r *registries) asked(host string) []string {
	all := []string{host}
	for _, h := range r.opts.Hosts {
		if h.Name != host {
			continue
		}
		for _, mirror := range h.Mirrors {
			of, _, _ := strings.Cut(mirror, "/")
			all = append(all, of)
		}
	}
	return all
}

// operator is what plans are made with.
func (r *registries) operator() plan.Operator {
	return plan.Operator{Scope: r.scope, LocalRegistry: r.cfg.LocalRegistry}
}

// Resolve is of reconciler.Resolver.
func (r *registries) Resolve(ctx context.Context, q plan.Question) plan.Answer {
	if f := r.refused(q.Import.Reference); f != nil {
		return plan.Answer{Failure: f}
	}
	client, err := r.client(q.Import.Scope)
	if err != nil {
		return plan.Answer{Failure: &plan.Failure{Message: err.Error()}}
	}
	return client.Resolve(ctx, q)
}

// Copy is of reconciler.Copier.
func (r *registries) Copy(ctx context.Context, c plan.Copy, told func(done, total int64)) *plan.Failure {
	if f := r.refused(c.From); f != nil {
		return f
	}
	from, err1 := r.client(c.FromScope)
	to, err2 := r.client(c.ToScope)
	if err := errors.Join(err1, err2); err != nil {
		return &plan.Failure{Message: err.Error()}
	}
	return to.Copy(ctx, c, from, told)
}

// refused gives the failure of a reference that the operator does not allow. The local
// registry is always allowed (openshift.md 1.8).
func (r *registries) refused(reference string) *plan.Failure {
	if r.cfg.LocalRegistry != "" && strings.HasPrefix(reference, r.cfg.LocalRegistry+"/") {
		return nil
	}
	host, _, _ := strings.Cut(reference, "/")
	if r.cfg.Allowed(host) {
		return nil
	}
	return &plan.Failure{
		Reason: stream.ReasonForbidden, Message: r.cfg.AllowedRegistries.Refusal(host),
		Hint: "the operator's allowedRegistries decide",
	}
}

// client gives the client of a scope.
func (r *registries) client(scope string) (*registry.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[scope]; c != nil {
		return c, nil
	}
	opts := r.opts
	if scope != "" {
		opts.Login = r.login(scope)
	}
	c, err := registry.New(opts)
	if err == nil {
		r.clients[scope] = c
	}
	return c, err
}

// login gives the credentials that a scope has for a host: of the first of its entries
// for that host.
func (r *registries) login(scope string) func(host string) (registry.Login, error) {
	return func(host string) (registry.Login, error) {
		for i := range strings.SplitSeq(scope, ",") {
			n, err := strconv.Atoi(i)
			if err != nil {
				return registry.Login{}, fmt.Errorf("scope %q: %w", scope, err)
			}
			e := r.cfg.Registries[n]
			if e.Host != host {
				continue
			}
			username, err1 := secret(e.UsernameFile)
			password, err2 := secret(e.PasswordFile)
			token, err3 := secret(e.TokenFile)
			return registry.Login{Username: username, Password: password, Token: token}, errors.Join(err1, err2, err3)
		}
		return registry.Login{}, nil
	}
}
