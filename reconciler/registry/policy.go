package registry

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// policy is a Host whose names are checked and whose files are read.
type policy struct {
	mirrors   []mirror
	plainHTTP bool
	roots     *x509.CertPool // nil: the system's
}

// mirror is a host and what stands before the repository's path there ("" or "quay/").
type mirror struct{ host, prefix string }

// repository gives the mirror's name for the source's repository.
func (m mirror) repository(source name.Repository) string {
	return m.host + "/" + m.prefix + source.RepositoryStr()
}

var (
	errNotAHost   = errors.New("write host[:port], without scheme and path; a name without a dot needs its port")
	errNotAMirror = errors.New("write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port")
)

func policiesOf(hosts []Host) (map[string]policy, error) {
	out := make(map[string]policy, len(hosts))
	for _, h := range hosts {
		reg, err := parseHost(h.Name)
		if err != nil {
			return nil, fmt.Errorf("registry host %q: %w", h.Name, errNotAHost)
		}
		if _, twice := out[reg.RegistryStr()]; twice {
			return nil, fmt.Errorf("registry host %q is listed twice", h.Name)
		}
		p, err := policyOf(h)
		if err != nil {
			return nil, fmt.Errorf("registry host %q: %w", h.Name, err)
		}
		out[reg.RegistryStr()] = p
	}
	return out, nil
}

func policyOf(h Host) (policy, error) {
	p := policy{plainHTTP: h.PlainHTTP}
	for _, m := range h.Mirrors {
		parsed, err := parseMirror(m)
		if err != nil {
			return policy{}, err
		}
		p.mirrors = append(p.mirrors, parsed)
	}
	if h.CAFile == "" {
		return p, nil
	}
	pem, err := os.ReadFile(h.CAFile)
	if err != nil {
		return policy{}, fmt.Errorf("read caFile: %w", err)
	}
	// Without a system pool (a minimal container) the file's authorities stand alone.
	if p.roots, err = x509.SystemCertPool(); err != nil {
		p.roots = x509.NewCertPool()
	}
	if !p.roots.AppendCertsFromPEM(pem) {
		return policy{}, fmt.Errorf("caFile %s holds no PEM certificate", h.CAFile)
	}
	return p, nil
}

func parseMirror(s string) (mirror, error) {
	h, prefix, _ := strings.Cut(s, "/")
	reg, err := parseHost(h)
	if err != nil {
		return mirror{}, fmt.Errorf("mirror %q: %w", s, errNotAMirror)
	}
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		if repo, err := name.NewRepository(reg.RegistryStr() + "/" + prefix + "/x"); err != nil || !isCleanPath(repo.RepositoryStr()) {
			return mirror{}, fmt.Errorf("mirror %q: %w", s, errNotAMirror)
		}
		prefix += "/"
	}
	return mirror{host: reg.RegistryStr(), prefix: prefix}, nil
}

// parseHost refuses a bare word too: in a reference it would be the first part of
// a repository of Docker Hub, and what is meant for that host would go there.
func parseHost(s string) (name.Registry, error) {
	reg, err := name.NewRegistry(s, name.StrictValidation)
	if err != nil {
		return name.Registry{}, err
	}
	if repo, err := name.NewRepository(s + "/x"); err != nil || repo.Registry != reg {
		return name.Registry{}, errNotAHost
	}
	return reg, nil
}

// isCleanPath says that no part of a repository's path is empty or leads upwards.
// go-containerregistry looks at the characters only.
func isCleanPath(repository string) bool {
	for part := range strings.SplitSeq(repository, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// mayBePlain says whether a host (host[:port]) may be asked without TLS: loopback
// by name or address, and what the operator lists. Nothing else is, whatever
// go-containerregistry thinks of private ranges and of *.localhost.
func mayBePlain(policies map[string]policy, hostport string) bool {
	u := url.URL{Host: hostport}
	return policies[hostport].plainHTTP || isLoopback(u.Hostname())
}

func isLoopback(h string) bool {
	if strings.EqualFold(h, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(h)
	return err == nil && a.Unmap().IsLoopback()
}

// metadata are the addresses outside the link-local ranges where clouds serve
// credentials and settings to their machines.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud
}

// isForbidden says that no registry, token service or redirect may be there, since
// the address is link-local or of a cloud's metadata.
func isForbidden(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLinkLocalUnicast() {
		return true
	}
	for _, p := range metadata {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
