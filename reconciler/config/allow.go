package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// AllowedRegistry is one entry of OpenShift's allowedRegistriesForImport.
type AllowedRegistry struct {
	// DomainName is host[:port]; in both * stands for any run of characters and ? for
	// exactly one. No port: 443, or 80 where Insecure is true.
	DomainName string `yaml:"domainName"`
	Insecure   bool   `yaml:"insecure"`
}

// AllowList says from which registries images may be imported (openshift.md 1.8).
// An empty one allows all.
type AllowList []AllowedRegistry

// Allowed says whether images may be imported from a registry, host[:port] as
// references write it. insecure says that it may be asked without TLS: such a reference
// without port means 443 as well as 80, any other 443.
func (l AllowList) Allowed(host string, insecure bool) bool {
	name, port := hostPort(strings.ToLower(host))
	ports := []string{port}
	switch {
	case port == "" && insecure:
		ports = []string{"443", "80"}
	case port == "":
		ports = []string{"443"}
	}
	names := []string{name}
	if canonicalHost(name) == stream.DockerRegistry {
		names = dockerNames
	}
	return len(l) == 0 || slices.ContainsFunc(l, func(r AllowedRegistry) bool {
		wantName, wantPort := r.hostPort()
		return matchesAny(wantName, names) && matchesAny(wantPort, ports)
	})
}

// Allowed says whether images may be imported from a registry. Where OpenShift goes by what
// a tag asks for (importPolicy.insecure), the operator's plainHTTP of the host decides.
func (c Config) Allowed(host string) bool {
	plain := slices.ContainsFunc(c.Registries, func(r Registry) bool { return r.Host == host && r.PlainHTTP })
	return c.AllowedRegistries.Allowed(host, plain)
}

// Refusal is OpenShift's message for a registry that is not allowed.
func (l AllowList) Refusal(host string) string {
	const most = 5
	names := make([]string, 0, len(l))
	for _, r := range l {
		name, port := r.hostPort()
		names = append(names, fmt.Sprintf("%q", name+":"+port))
	}
	if len(names) > most {
		names = append(names[:most-1], fmt.Sprintf("and %d more ...", len(l)-most+1))
	}
	return fmt.Sprintf("registry %q not allowed by whitelist: %s", host, strings.Join(names, ", "))
}

// hostPort gives the entry's two globs.
func (r AllowedRegistry) hostPort() (host, port string) {
	host, port = hostPort(strings.ToLower(r.DomainName))
	switch {
	case port != "":
	case r.Insecure:
		port = "80"
	default:
		port = "443"
	}
	return host, port
}

// hostPort splits host[:port]; an IPv6 address stands in brackets.
func hostPort(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func matchesAny(glob string, texts []string) bool {
	return slices.ContainsFunc(texts, func(s string) bool {
		ok, err := path.Match(glob, s)
		return ok && err == nil
	})
}

var dockerNames = []string{stream.DockerRegistry, "index.docker.io", "registry-1.docker.io"}

// canonicalHost is the one name of a registry that has several.
func canonicalHost(host string) string {
	host = strings.ToLower(host)
	if slices.Contains(dockerNames, host) {
		return stream.DockerRegistry
	}
	return host
}
