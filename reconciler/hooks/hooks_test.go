package hooks_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/hooks"
)

// What CNCF Distribution 3.1 posts for a push by tag; 2.8 has the same but for a mediaType
// of Docker's and a field length.
const pushed = `{"events":[{"id":"a8c2","timestamp":"2026-11-20T12:00:03Z","action":"push","target":{
 "mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:1f0c","size":1017,"length":1017,
 "repository":"images/build/app","url":"http://127.0.0.1:5000/v2/images/build/app/manifests/sha256:1f0c","tag":"latest"},
 "request":{"id":"5d","addr":"10.0.0.7:41","host":"Registry.example.com:5000","method":"PUT","useragent":"skopeo"},
 "actor":{"name":"ci"},"source":{"addr":"5f1:5000","instanceID":"81"}}]}`

// edited is the notification with some text replaced.
func edited(oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(pushed) }

func TestDistribution(t *testing.T) {
	app := hooks.Hint{Host: "registry.example.com:5000", Repository: "images/build/app", Tag: "latest"}
	for _, c := range []struct {
		name, body string
		want       []hooks.Hint
	}{
		{"push", pushed, []hooks.Hint{app}},
		{"docker", edited("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json"), []hooks.Hint{app}},
		{"pull", edited(`"push"`, `"pull"`), nil},
		{"blob", edited("application/vnd.oci.image.index.v1+json", "application/octet-stream"), nil},
		{"by digest", edited(`"tag":"latest"`, `"tag":""`), nil},
		{"referrers", edited(`"tag":"latest"`, `"tag":"sha256-`+strings.Repeat("ab", 32)+`.sig"`), nil},
		{"no tag", edited(`"tag":"latest"`, `"tag":"a/../b"`), nil},
		{"no repository", edited("images/build/app\",", "../etc\","), nil},
		{"host of the URL", edited("Registry.example.com:5000", ""), []hooks.Hint{{Host: "127.0.0.1:5000", Repository: app.Repository, Tag: app.Tag}}},
		{"host of the process", edited("Registry.example.com:5000", "", "http://127.0.0.1:5000", ""), []hooks.Hint{{Host: "5f1:5000", Repository: app.Repository, Tag: app.Tag}}},
		{"no host", edited("Registry.example.com:5000", "", "http://127.0.0.1:5000", "", "5f1:5000", ""), []hooks.Hint{{Repository: app.Repository, Tag: app.Tag}}},
		{"not a host", edited("Registry.example.com:5000", "evil/host"), nil},
		{"Docker Hub", edited("Registry.example.com:5000", "index.docker.io", "images/build/app", "MySQL"), []hooks.Hint{{Host: "docker.io", Repository: "library/mysql", Tag: "latest"}}},
		{"twice", strings.Replace(pushed, `]}`, `,`+strings.TrimPrefix(strings.TrimSuffix(pushed, `]}`), `{"events":[`)+`]}`, 1), []hooks.Hint{app}},
		{"nothing", `{"events":[]}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := hooks.Distribution([]byte(c.body))
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
	for _, bad := range []string{"", "null", "[]", "{}", `{"events":{}}`, `{"events":[{"action":1}]}`, pushed[:100]} {
		if got, err := hooks.Distribution([]byte(bad)); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

// TestBounded holds that a payload of many events is a bounded number of hints.
func TestBounded(t *testing.T) {
	var events []json.RawMessage
	for i := range 3000 {
		events = append(events, json.RawMessage(fmt.Sprintf(`{"action":"push","target":{"repository":"a","tag":"t%d"}}`, i)))
	}
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		t.Fatal(err)
	}
	got, err := hooks.Distribution(body)
	if len(got) != 1000 || err != nil {
		t.Errorf("%d hints, %v", len(got), err)
	}
}

func TestAt(t *testing.T) {
	h := hooks.Hint{Host: "registry:5000", Repository: "mysql", Tag: "8"}
	for host, want := range map[string]string{"": "registry:5000/mysql:8", "Mirror.example.com": "mirror.example.com/mysql:8", "docker.io": "docker.io/library/mysql:8"} {
		if got := h.At(host).Reference(); got != want {
			t.Errorf("at %q: %s, want %s", host, got, want)
		}
	}
}

func TestBears(t *testing.T) {
	for _, c := range []struct {
		header, token string
		want          bool
	}{
		{"Bearer s3cret", "s3cret", true},
		{"bearer s3cret", "s3cret", true},
		{"Bearer s3cret ", "s3cret", false},
		{"Bearer s3cre", "s3cret", false},
		{"Basic s3cret", "s3cret", false},
		{"s3cret", "s3cret", false},
		{"", "s3cret", false},
		{"Bearer ", "", false},
		{"", "", false},
	} {
		if got := hooks.Bears(c.header, c.token); got != c.want {
			t.Errorf("%q bears %q: %v", c.header, c.token, got)
		}
	}
}

var reference = regexp.MustCompile(`^[a-z0-9.:\[\]-]*/[a-z0-9._/-]+:[\w][\w.-]{0,127}$`)

// FuzzDistribution holds that whatever is sent gives references or nothing.
func FuzzDistribution(f *testing.F) {
	f.Add([]byte(pushed))
	f.Add([]byte(edited("images/build/app", "a//b", "latest", ":")))
	f.Add([]byte(`{"events":[{"action":"push","target":{"repository":"` + "\u0000" + `","tag":"1"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		hints, err := hooks.Distribution(body)
		if err != nil && hints != nil {
			t.Fatal("hints and an error")
		}
		for _, h := range hints {
			if r := h.Reference(); !reference.MatchString(r) || strings.Contains(r, "//") || strings.Contains(r, "..") && !strings.Contains(h.Tag+h.Host, "..") {
				t.Errorf("%q", r)
			}
		}
	})
}
