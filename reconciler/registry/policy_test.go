package registry

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imgstream/imgstream/reconciler/stream"
)

func TestMayBePlain(t *testing.T) {
	policies, err := policiesOf([]Host{{Name: "registry.local:5000", PlainHTTP: true}, {Name: "docker.io"}})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "LOCALHOST:5000": true,
		"127.0.0.1": true, "127.8.9.10:5000": true, "[::1]": true, "[::1]:5000": true, "[::ffff:127.0.0.1]:80": true,
		"registry.local:5000": true, "registry.local": false, "registry.local:5001": false,
		"10.0.0.1:5000": false, "172.16.0.1": false, "192.168.1.1:5000": false,
		"x.localhost:5000": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "[fe80::1]:80": false,
		"index.docker.io": false, "quay.io": false, "": false,
	} {
		if got := mayBePlain(policies, host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

// Hosts that go-containerregistry would ask over plain HTTP on its own.
func TestPrivateRangesGetNoPlainHTTP(t *testing.T) {
	for _, host := range []string{"10.0.0.1:5000", "192.168.0.1", "x.localhost:5000"} {
		reg, err := name.NewRegistry(host)
		if err != nil || reg.Scheme() != "http" {
			t.Fatalf("%s: the premise is gone: %s, %v", host, reg.Scheme(), err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := newTransport(nil, withDefaults(Options{})).RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if diff := cmp.Diff("plain HTTP to "+host, errorText(err)); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestForbiddenAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true,
		"fe80::1": true, "fe80::1%eth0": true, "febf::1": true,
		"fd00:ec2::254": true, "fd20:ce::254": true, "100.100.100.200": true, "168.63.129.16": true, "192.0.0.192": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "169.253.0.1": false, "fec0::1": false, "fd00:ec3::1": false, "8.8.8.8": false,
	} {
		if got := isForbidden(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
		err := refuseForbidden("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil)
		if (err != nil) != want {
			t.Errorf("dial %s: %v", address, err)
		}
	}
}

// However a name is spelt, the address that is dialled counts.
func TestForbiddenAddressesAreNotDialled(t *testing.T) {
	conn, err := newHTTP(withDefaults(Options{})).DialContext(t.Context(), "tcp", "169.254.169.254:80")
	if err == nil {
		_ = conn.Close()
	}
	if forbidden, ok := errors.AsType[*forbiddenAddressError](err); !ok || forbidden.address != "169.254.169.254" {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatCannotBeUsed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hosts []Host
		want  string
	}{
		{[]Host{{Name: ""}}, `registry host "": write host[:port], without scheme and path; a name without a dot needs its port`},
		{[]Host{{Name: "https://quay.io"}}, `registry host "https://quay.io": write host[:port], without scheme and path; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io/x"}}, `registry host "quay.io/x": write host[:port], without scheme and path; a name without a dot needs its port`},
		{[]Host{{Name: "registry"}}, `registry host "registry": write host[:port], without scheme and path; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io", Mirrors: []string{"mirror/quay"}}}, `registry host "quay.io": mirror "mirror/quay": write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io", Mirrors: []string{"m.local/../x"}}}, `registry host "quay.io": mirror "m.local/../x": write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port`},
		{[]Host{{Name: "docker.io"}, {Name: "index.docker.io"}}, `registry host "index.docker.io" is listed twice`},
		{[]Host{{Name: "quay.io", Mirrors: []string{"https://m.local"}}}, `registry host "quay.io": mirror "https://m.local": write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io", Mirrors: []string{"m.local/UPPER"}}}, `registry host "quay.io": mirror "m.local/UPPER": write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io", Mirrors: []string{""}}}, `registry host "quay.io": mirror "": write host[:port] or host[:port]/prefix, without scheme; a name without a dot needs its port`},
		{[]Host{{Name: "quay.io", CAFile: empty}}, `registry host "quay.io": caFile ` + empty + ` holds no PEM certificate`},
		{[]Host{{Name: "quay.io", CAFile: empty + "x"}}, `registry host "quay.io": read caFile: open ` + empty + `x: no such file or directory`},
	} {
		_, err := New(Options{Hosts: c.hosts})
		if diff := cmp.Diff(c.want, errorText(err)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.hosts, diff)
		}
	}
}

func TestMirrors(t *testing.T) {
	const absent = "HOST/a/x:1 does not exist (HOST answered 404 Not Found): check the repository and the tag"
	source, first, second := newRig(t), newRig(t), newRig(t)
	digest := source.push(t, "a/x:1")
	mirrored := first.push(t, "team/quay/a/x:1")
	client := func() *Client {
		return newClient(t, Options{Hosts: []Host{{Name: source.host, Mirrors: []string{second.host, first.host + "/team/quay/"}}}})
	}
	reset := func() {
		for _, r := range []*rig{source, first, second} {
			r.answers(nil)
		}
	}
	t.Run("in order, until one has it", func(t *testing.T) {
		reset()
		wantDigest(t, source.ask(t, client(), "a/x:1"), mirrored)
		second.wantRequests(t, map[string]int{"HEAD 1": 1})
		first.wantRequests(t, map[string]int{"HEAD 1": 1, "GET " + mirrored: 1, "GET blob": 1})
		source.wantRequests(t, map[string]int{})
	})
	t.Run("by digest", func(t *testing.T) {
		reset()
		wantDigest(t, source.ask(t, client(), "a/x@"+mirrored), mirrored)
		second.wantRequests(t, map[string]int{"GET " + mirrored: 1})
		first.wantRequests(t, map[string]int{"GET " + mirrored: 1, "GET blob": 1})
	})
	t.Run("the source last", func(t *testing.T) {
		reset()
		first.answers(manifests(status(500)))
		second.answers(manifests(serve("text/html", "")))
		wantDigest(t, source.ask(t, client(), "a/x:1"), digest)
	})
	t.Run("a mirror with other content", func(t *testing.T) {
		reset()
		first.answers(gets(serve(docker2, `{"schemaVersion": 2, "config": {}}`)))
		wantDigest(t, source.ask(t, client(), "a/x:1"), digest)
	})
	t.Run("the source's failure counts", func(t *testing.T) {
		reset()
		first.answers(manifests(status(500)))
		source.answers(manifests(status(404)))
		source.wantFailure(t, source.ask(t, client(), "a/x:1"), stream.ReasonNotFound, absent)
	})
	t.Run("a source that is gone", func(t *testing.T) {
		reset()
		source.server.Close()
		wantDigest(t, source.ask(t, client(), "a/x:1"), mirrored)
	})
}

func TestMirrorNames(t *testing.T) {
	repo, err := name.NewRepository("docker.io/library/mysql")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"mirror.local:5000":   "mirror.local:5000/library/mysql",
		"mirror.local/docker": "mirror.local/docker/library/mysql",
		"mirror.local/a/b/":   "mirror.local/a/b/library/mysql",
		"docker.io":           "index.docker.io/library/mysql",
	} {
		m, err := parseMirror(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.repository(repo); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func FuzzParseMirror(f *testing.F) {
	for _, s := range []string{"mirror.local", "mirror.local:5000/a/b/", "[::1]:5000/x", "docker.io/", "https://x", "x//y", "a/../b"} {
		f.Add(s)
	}
	source, err := name.NewRepository("quay.io/a/x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMirror(s)
		if err != nil {
			return
		}
		// What is asked is a repository of the mirror's host that ends in the source's.
		repo, err := name.NewRepository(m.repository(source))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if repo.RegistryStr() != m.host || !strings.HasSuffix(repo.RepositoryStr(), "a/x") {
			t.Errorf("%q leads to %s", s, repo)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, s := range []string{"", "0", "120", "-1", "1.5", "99999999999999999999", "Fri, 20 Nov 2026 12:02:00 GMT", "Fri, 20 Nov 0001 12:02:00 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		after, ok := retryAfter(http.Header{"Retry-After": {s}}, now)
		if after < 0 || (!ok && after != 0) {
			t.Errorf("%q: %v, %t", s, after, ok)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "Fri, 20 Nov 2026 12:02:00 GMT": 2 * time.Minute, "Fri, 20 Nov 2026 11:00:00 GMT": 0,
		"": -1, "soon": -1, "-5": -1, "1.5": -1,
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {s}}, now)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func FuzzCheckManifest(f *testing.F) {
	for _, s := range []string{`{"schemaVersion":2,"config":{}}`, `{"schemaVersion":2,"manifests":[]}`, `{`, `null`, `[]`, `{"schemaVersion":2,"config":{},"manifests":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		// No bytes are an image to one reader and an index to another.
		if checkManifest(types.OCIManifestSchema1, manifest) == nil && checkManifest(types.OCIImageIndex, manifest) == nil {
			t.Errorf("both an image and an index: %q", manifest)
		}
	})
}

func TestDockerHubByItsNames(t *testing.T) {
	c := newClient(t, Options{})
	for _, s := range []string{"docker.io/library/mysql:5.7", "index.docker.io/library/mysql:5.7"} {
		ref, err := c.parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := ref.Context().RegistryStr(); got != name.DefaultRegistry {
			t.Errorf("%s is asked at %s", s, got)
		}
		if got := shown(ref); !strings.HasPrefix(got, "docker.io/library/") {
			t.Errorf("%s is shown as %s", s, got)
		}
	}
}
