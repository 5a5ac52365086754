package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func (r *rig) list(t *testing.T, c *Client, repo string) plan.Answer {
	t.Helper()
	return c.Resolve(t.Context(), plan.Question{Import: plan.Import{Reference: r.host + "/" + repo, Tags: true}})
}

// lists matches requests for tags, and lets everything else pass.
func lists(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		f(w, r)
		return true
	}
}

// byTwos makes the real registry give two tags at once, and adds the link to the next
// two, which it leaves out.
func (r *rig) byTwos() func(http.ResponseWriter, *http.Request) bool {
	return lists(func(w http.ResponseWriter, req *http.Request) {
		query := req.URL.Query()
		query.Set("n", "2")
		req.URL.RawQuery = query.Encode()
		answer := httptest.NewRecorder()
		r.real.ServeHTTP(answer, req)
		var page remote.Tags
		if json.Unmarshal(answer.Body.Bytes(), &page) == nil && len(page.Tags) == 2 {
			w.Header().Set("Link", fmt.Sprintf(`<%s?n=2&last=%s>; rel="next"`, req.URL.Path, page.Tags[1]))
		}
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func TestListFollowsPages(t *testing.T) {
	r := newRig(t)
	c := newClient(t, Options{})
	want := []string{"1.0", "1.1", "2.0", "latest", "v3"}
	for _, tag := range want {
		r.push(t, "app:"+tag)
	}
	wantAnswer(t, r.list(t, c, "app"), plan.Answer{Tags: want})
	r.answers(r.byTwos())
	wantAnswer(t, r.list(t, c, "app"), plan.Answer{Tags: want})
	r.wantRequests(t, map[string]int{"GET list": 3})
}

func TestListThroughMirror(t *testing.T) {
	source, mirror := newRig(t), newRig(t)
	mirror.push(t, "cache/app:1.0")
	source.push(t, "app:2.0")
	c := newClient(t, Options{Hosts: []Host{{Name: source.host, Mirrors: []string{mirror.host + "/cache"}}}})
	wantAnswer(t, source.list(t, c, "app"), plan.Answer{Tags: []string{"1.0"}})
	mirror.answers(lists(status(http.StatusNotFound)))
	wantAnswer(t, source.list(t, c, "app"), plan.Answer{Tags: []string{"2.0"}})
}

func TestListWithCredentials(t *testing.T) {
	r := newRig(t)
	r.push(t, "app:1.0")
	dockerConfig(t, map[string]string{r.host: "user:right"})
	c := newClient(t, Options{})
	r.answers(func(w http.ResponseWriter, req *http.Request) bool {
		if _, password, _ := req.BasicAuth(); password == "right" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="rig"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	wantAnswer(t, r.list(t, c, "app"), plan.Answer{Tags: []string{"1.0"}})
}

func TestListNeedsAWholeList(t *testing.T) {
	r := newRig(t)
	for _, tag := range []string{"a", "b", "c"} {
		r.push(t, "app:"+tag)
	}
	r.answers(r.byTwos())
	c := newClient(t, Options{RepositoryTags: 2})
	r.wantFailure(t, r.list(t, c, "app"), "",
		"HOST/app has more than 2 tags: nothing is chosen from a part of them; raise limits.repositoryTags in the configuration, or name the tag")
}

func TestListFailures(t *testing.T) {
	page := func(header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Link", header)
			}
			fmt.Fprint(w, body)
		}
	}
	const unusable = "HOST gave an answer that cannot be used: check that it is an OCI registry, and where its redirects and its token service point"
	tests := []struct {
		name            string
		serve           http.HandlerFunc
		reason, message string
	}{
		{"no such repository", status(http.StatusNotFound), stream.ReasonNotFound, "HOST/app does not exist (HOST answered 404 Not Found to a request for its tags): check the repository"},
		{"broken", status(http.StatusInternalServerError), "", "HOST answered 500 Internal Server Error: the registry is not well; it is asked again later"},
		{"forbidden", status(http.StatusForbidden), "", "HOST answered 403 Forbidden (asked without credentials: the docker configuration has none for it): log in with `docker login HOST` or check DOCKER_CONFIG; a private repository and one that does not exist look the same"},
		{"not JSON", page("", "<html>"), "", unusable},
		{"another host next", page(`<http://evil.example.com/v2/app/tags/list?last=a>; rel="next"`, `{"tags":["a"]}`), "", unusable},
		{"a link to nowhere", page(`next`, `{"tags":["a"]}`), "", unusable},
		{"an endless list", page(`</v2/app/tags/list?last=a>; rel="next"`, `{"tags":["a"]}`), "", "HOST/app has more than 1000 pages of tags: nothing is chosen from a part of them; raise limits.repositoryTags in the configuration, or name the tag"},
		{"a huge page", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"tags":["`)
			_, _ = io.Copy(w, io.LimitReader(repeat('a'), maxBody+1))
		}, "", "HOST answered with more than 4 MiB for one page of the tags of HOST/app: check the registry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.answers(lists(tt.serve))
			r.wantFailure(t, r.list(t, newClient(t, Options{}), "app"), tt.reason, tt.message)
		})
	}
}

// repeat reads the same byte for ever.
type repeat byte

func (b repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// Names that are none of tags are left out, whatever a registry says.
func TestListLeavesOutWhatIsNoTag(t *testing.T) {
	r := newRig(t)
	r.answers(lists(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"tags":["b","a","a","../x","a b","","-a","%s"]}`, strings.Repeat("x", 129))
	}))
	wantAnswer(t, r.list(t, newClient(t, Options{}), "app"), plan.Answer{Tags: []string{"a", "b"}})
	r.answers(lists(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"name":"app","tags":null}`) }))
	wantAnswer(t, r.list(t, newClient(t, Options{}), "app"), plan.Answer{})
}

// Any bytes that a server answers with give tags that are tags, or a failure.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"tags":["a","b"]}`), "")
	f.Add([]byte(`{"tags":[1]}`), "</v2/app/tags/list?last=a>")
	f.Add([]byte(`[]`), "<")
	f.Fuzz(func(t *testing.T, body []byte, link string) {
		r := newRig(t)
		first := true
		r.answers(lists(func(w http.ResponseWriter, _ *http.Request) {
			if first {
				w.Header().Set("Link", link)
			}
			first = false
			_, _ = w.Write(body)
		}))
		a := r.list(t, newClient(t, Options{}), "app")
		if a.Failure == nil && !slices.IsSorted(a.Tags) || slices.ContainsFunc(a.Tags, func(tag string) bool { return !stream.IsTag(tag) }) {
			t.Error(cmp.Diff(nil, a.Tags))
		}
	})
}
