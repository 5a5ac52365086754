package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/config"
)

// The rules are those of openshift.md 1.8.
func TestAllowed(t *testing.T) {
	list := func(names ...string) config.AllowList {
		var l config.AllowList
		for _, n := range names {
			l = append(l, config.AllowedRegistry{DomainName: n})
		}
		return l
	}
	plain := config.AllowList{{DomainName: "quay.io", Insecure: true}}
	for _, c := range []struct {
		name     string
		list     config.AllowList
		host     string
		insecure bool
		want     bool
	}{
		{"empty allows all", nil, "quay.io:5000", true, true},
		{"no port is 443", list("quay.io"), "quay.io", false, true},
		{"no port is 443 in the reference too", list("quay.io"), "quay.io:443", false, true},
		{"another port", list("quay.io"), "quay.io:5000", false, false},
		{"another host", list("quay.io"), "ghcr.io", false, false},
		{"below the host", list("quay.io"), "x.quay.io", false, false},
		{"case", list("Quay.io"), "quay.IO", false, true},
		{"insecure entry is 80", plain, "quay.io", false, false},
		{"insecure entry, insecure tag", plain, "quay.io", true, true},
		{"insecure entry, port 80", plain, "quay.io:80", false, true},
		{"insecure entry, port 443", plain, "quay.io:443", true, false},
		{"insecure entry with a port", config.AllowList{{DomainName: "quay.io:5000", Insecure: true}}, "quay.io:5000", false, true},
		{"insecure tag may use 443", list("quay.io"), "quay.io", true, true},
		{"insecure tag with a port", list("quay.io"), "quay.io:80", true, false},
		{"any port", list("quay.io:*"), "quay.io:5000", false, true},
		{"any port, none given", list("quay.io:*"), "quay.io", false, true},
		{"any port, insecure", list("quay.io:*"), "quay.io", true, true},
		{"star in the host", list("*.example.com:5000"), "a.b.example.com:5000", false, true},
		{"star needs the rest", list("*.example.com:5000"), "example.com:5000", false, false},
		{"star is any host", list("*"), "quay.io", false, true},
		{"star is not any port", list("*"), "quay.io:5000", false, false},
		{"star in the port", list("quay.io:50*"), "quay.io:5000", false, true},
		{"question mark", list("r?.example.com"), "r1.example.com", false, true},
		{"question mark is exactly one", list("r?.example.com"), "r.example.com", false, false},
		{"question mark in the port", list("quay.io:500?"), "quay.io:50000", false, false},
		{"Docker Hub", list("registry-1.docker.io"), "docker.io", false, true},
		{"Docker Hub, another name", list("docker.io"), "index.docker.io:443", false, true},
		{"second entry", list("quay.io", "ghcr.io"), "ghcr.io", false, true},
		{"IPv6", list("*"), "[::1]", false, true},
		{"IPv6 with a port", list("*:5000"), "[::1]:5000", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.list.Allowed(c.host, c.insecure); got != c.want {
				t.Errorf("%+v: %s, insecure %v: got %v", c.list, c.host, c.insecure, got)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	l := config.AllowList{{DomainName: "a"}, {DomainName: "b", Insecure: true}, {DomainName: "*.c:5000"}, {DomainName: "d"}, {DomainName: "e"}}
	want := `registry "x:5000" not allowed by whitelist: "a:443", "b:80", "*.c:5000", "d:443", "e:443"`
	if diff := cmp.Diff(want, l.Refusal("x:5000")); diff != "" {
		t.Error(diff)
	}
	l = append(l, config.AllowedRegistry{DomainName: "f"})
	want = `registry "x" not allowed by whitelist: "a:443", "b:80", "*.c:5000", "d:443", and 2 more ...`
	if diff := cmp.Diff(want, l.Refusal("x")); diff != "" {
		t.Error(diff)
	}
}
