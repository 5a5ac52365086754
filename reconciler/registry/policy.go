package registry

import (
	"crypto/x509"
	"fmt"
	"net/netip"
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

func policiesOf(hosts []Host) (map[string]policy, error) {
	out := make(map[string]policy, len(hosts))
	for _, h := range hosts {
		reg, err := name.NewRegistry(h.Name, name.StrictValidation)
		if err != nil {
			return nil, fmt.Errorf("registry host %q: write host[:port], without scheme and path", h.Name)
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
	reg, err := name.NewRegistry(h, name.StrictValidation)
	if err != nil || strings.Contains(s, "://") {
		return mirror{}, fmt.Errorf("mirror %q: %w", s, errNotAMirror)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		if _, err := name.NewRepository(reg.RegistryStr() + "/" + prefix + "/x"); err != nil {
			return mirror{}, fmt.Errorf("mirror %q: %w", s, errNotAMirror)
		}
		prefix += "/"
	}
	return mirror{host: reg.RegistryStr(), prefix: prefix}, nil
}

// mayBePlain says whether a host (host[:port]) may be asked without TLS: loopback
// by name or address, and what the operator lists. Nothing else is, whatever
// go-containerregistry thinks of private ranges and of *.localhost.
func mayBePlain(policies map[string]policy, hostport string) bool {
	return policies[hostport].plainHTTP || isLoopback(hostname(hostport))
}

func isLoopback(h string) bool {
	if strings.EqualFold(h, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(h)
	return err == nil && a.Unmap().IsLoopback()
}

// hostname is host[:port] without the port and without the brackets of IPv6.
func hostname(hostport string) string {
	if ap, err := netip.ParseAddrPort(hostport); err == nil {
		return ap.Addr().String()
	}
	if rest, ok := strings.CutPrefix(hostport, "["); ok {
		h, _, _ := strings.Cut(rest, "]")
		return h
	}
	h, _, _ := strings.Cut(hostport, ":")
	return h
}

// metadata are addresses where clouds serve credentials and settings to machines,
// besides the link-local ranges: AWS and GCP over IPv6, Azure, Alibaba, Oracle.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::254/128"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("192.0.0.192/32"),
}

// isForbidden says that no registry, token service or redirect may be there
//: link-local and cloud metadata addresses.
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
