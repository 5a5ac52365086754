package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fill gives what is left out the value that it has by what is there.
func (p *parser) fill(c *Config) {
	for i := range c.Repositories {
		r, key := &c.Repositories[i], fmt.Sprintf("repositories[%d]", i)
		if r.Name == "" {
			r.Name = strings.TrimSuffix(path.Base(strings.ReplaceAll(r.URL, ":", "/")), ".git")
		}
		if p.find(key+".interval") == nil {
			r.Interval = DefaultInterval
		}
		if p.find(key+".git") == nil {
			r.Git = c.Git.clone()
		}
	}
	for i := range c.Registries {
		c.Registries[i].Host = canonicalHost(c.Registries[i].Host)
	}
	c.LocalRegistry = strings.TrimSuffix(c.LocalRegistry, "/")
}

// check looks at the values.
func (p *parser) check(c Config) {
	p.repositories(c)
	p.git("git", c.Git)
	p.registries(c.Registries)
	p.allowed(c.AllowedRegistries)
	p.localRegistry(c.LocalRegistry)
	p.positive("minimumInterval", c.MinimumInterval)
	p.listen(c.Listen)
	p.distribution("hooks.distribution", c.Hooks.Distribution)
	p.limit("limits.concurrency", c.Limits.Concurrency, 1000)
	p.limit("limits.hostConcurrency", c.Limits.HostConcurrency, 1000)
	p.limit("limits.repositoryTags", c.Limits.RepositoryTags, 100_000)
	if c.Limits.Builds != 0 {
		p.limit("limits.builds", c.Limits.Builds, 100_000)
	}
	p.oneOf("log.format", c.Log.Format, "auto", "text", "json")
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
}

func (p *parser) positive(key string, d time.Duration) {
	if d <= 0 {
		p.errorf(key, "write more than 0s, like 30s, 5m or 1h", "is no time at all")
	}
}

func (p *parser) limit(key string, n, most int) {
	if n < 1 || n > most {
		p.errorf(key, "", "is %d, and must be from 1 to %d", n, most)
	}
}

func (p *parser) oneOf(key, value string, values ...string) {
	if !slices.Contains(values, value) {
		p.errorf(key, "write one of "+strings.Join(values, ", "), "is %q", value)
	}
}

func (p *parser) listen(address string) {
	if address == "" {
		return
	}
	host, port := hostPort(address)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || fmt.Sprint(n) != port || host != "" && !isHost(host) {
		p.errorf("listen", `write host:port like 127.0.0.1:8080, :8080 for every address, or "" for no HTTP`, "is not host:port%s", quote(address))
	}
}

func (p *parser) distribution(key string, h DistributionHook) {
	if p.find(key) != nil && h.TokenFile == "" {
		p.missing(key+".tokenFile", "name a file with the token that the registry sends: Authorization: Bearer …")
	}
	if h.Host != "" && !isHost(h.Host) {
		p.errorf(key+".host", "write host or host:port, without scheme and path", "is not the host of a registry%s", quote(h.Host))
	}
}

var hostSyntax = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::([1-9][0-9]{0,4}))?$`)

// isHost says whether s is host[:port].
func isHost(s string) bool {
	m := hostSyntax.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	port, _ := strconv.Atoi(m[1]) // none: 0
	return port < 1<<16
}

// quote shows a value in a message, unless it may hold a password.
func quote(s string) string {
	if strings.Contains(s, "@") {
		return ""
	}
	return fmt.Sprintf(": %q", s)
}
