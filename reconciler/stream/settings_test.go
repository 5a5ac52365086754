package stream

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestParseSettingsGolden(t *testing.T) {
	for name, src := range files(t, "settings/*.yaml") {
		set, problems := ParseSettings(src)
		values, err := yaml.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".golden", show(problems)+"---\n"+string(values))
	}
}

func TestDefaultSettings(t *testing.T) {
	got, problems := ParseSettings(files(t, "settings/default.yaml")["testdata/settings/default.yaml"])
	if diff := cmp.Diff(DefaultSettings(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("", show(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		glob string
		yes  []string
		no   []string
	}{
		{"**", []string{"a", "a/b", ".a/b.yaml"}, nil},
		{"*", []string{"a", ".a"}, []string{"a/b"}},
		{"apps/prod/**", []string{"apps/prod/a", "apps/prod/a/b", "apps/prod"}, []string{"apps/production/a", "x/apps/prod/a"}},
		{"**/vendor/**", []string{"vendor/a", "a/vendor/b", "a/b/vendor/c/d"}, []string{"vendors/a"}},
		{"**/*.yaml", []string{"a.yaml", "b/a.yaml"}, []string{"a.yml", "a.yaml/b"}},
		{"a/**/b/**/c", []string{"a/b/c", "a/x/b/c", "a/b/b/x/c", "a/b/c/c"}, []string{"a/c", "a/c/b", "b/a/b/c"}},
		{"a?[x-z]", []string{"abx"}, []string{"abw", "a/x", "ax"}},
		{"[", nil, []string{"[", "a"}},
	} {
		for _, file := range tt.yes {
			if !Match(tt.glob, file) {
				t.Errorf("%s does not match %s", tt.glob, file)
			}
		}
		for _, file := range tt.no {
			if Match(tt.glob, file) {
				t.Errorf("%s matches %s", tt.glob, file)
			}
		}
	}
}

// Match agrees with the regular expression that says the same.
func TestMatchProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segments := rapid.SliceOfN(rapid.SampledFrom([]string{"**", "*", "a", "b", "a*", "?b"}), 1, 6).Draw(t, "glob")
		file := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "ba"}), 1, 6).Draw(t, "file"), "/")
		pattern := "^"
		for _, s := range segments {
			if s == "**" {
				pattern += "(?:[^/]+/)*"
				continue
			}
			pattern += strings.NewReplacer("*", "[^/]*", "?", "[^/]").Replace(s) + "/"
		}
		want := regexp.MustCompile(pattern + "$").MatchString(file + "/")
		if got := Match(strings.Join(segments, "/"), file); got != want {
			t.Fatalf("Match(%v, %s) = %v", segments, file, got)
		}
	})
}

func TestSettingsPaths(t *testing.T) {
	type row struct {
		path               string
		spec, status, scan bool
	}
	var got []row
	set := DefaultSettings()
	set.Scan.Exclude = []string{"vendor/**"}
	elsewhere := set
	elsewhere.Streams = Layout{Directories: []string{"teams/*/streams", "."}, StatusDirectory: "bot/status"}
	for _, s := range []Settings{set, elsewhere} {
		for _, file := range []string{
			"imagestreams/keycloak.yaml", "imagestreams/team/a.json", "imagestreams/a.txt", "apps/imagestreams/a.yml", "apps/a.yaml", "a.yaml",
			"imagestreams/status/sso/keycloak/25.0.yaml", "imagestreams/status/README.md", "imagestreams/images/sha256/2b/2b.yaml",
			"apps/imagestreams/status/x.yaml", "apps/imagestreams/images/x.yaml", "apps/images/x.yaml", ".git/imagestreams/a.yaml",
			"sub/.git/a.yaml", "vendor/imagestreams/a.yaml", "teams/x/streams/a.yaml", "teams/x/streams/status/a.yaml", "teams/x/streams/images/a.yaml",
			"bot/status/sso/a/1.yaml", "images/a.yaml", ".imgstream.yaml",
		} {
			got = append(got, row{file, s.IsSpecPath(file), s.IsStatusPath(file), s.Scans(file)})
		}
	}
	var b strings.Builder
	for _, r := range got {
		fmt.Fprintf(&b, "%-45s spec=%-5v status=%-5v scan=%v\n", r.path, r.spec, r.status, r.scan)
	}
	golden(t, "testdata/paths.golden", b.String())
}

func TestNamespaceForAndGranted(t *testing.T) {
	set, _ := ParseSettings(files(t, "settings/built.yaml")["testdata/settings/built.yaml"])
	for file, want := range map[string]string{"apps/prod/a.yaml": "prod", "apps/test/a.yaml": "apps", "a.yaml": ""} {
		if got := set.NamespaceFor(file); got != want {
			t.Errorf("%s: %q", file, got)
		}
	}
	for _, tt := range []struct {
		from, stream, to string
		want             bool
	}{
		{"build", "myapp", "prod", true},
		{"build", "web", "apps", true},
		{"build", "other", "prod", false},
		{"build", "myapp", "test", false},
		{"shared", "any", "prod", true},
		{"shared", "any", "apps", false},
		{"prod", "myapp", "build", false},
		{"same", "any", "same", true},
		{"openshift", "any", "test", true},
		{"test", "any", "openshift", false},
	} {
		if got := set.Granted(tt.from, tt.stream, tt.to); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// Settings without an error hold nothing that the rest of the program would have
// to look at twice.
func FuzzParseSettings(f *testing.F) {
	for _, src := range files(f, "settings/*.yaml") {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		set, problems := ParseSettings(src)
		bad := false
		for _, p := range problems {
			bad = bad || p.Severity == Error
			if p.Pos.File != SettingsPath || p.Message == "" || strings.ContainsAny(p.Message, "\n") {
				t.Errorf("%+v", p)
			}
		}
		if bad {
			return
		}
		if set.Delivery != "Commit" {
			t.Errorf("a value that is not built yet passed: %+v", set)
		}
		i := set.Imports
		if _, err := ParsePlatform(i.Platform); err != nil || i.Interval <= 0 || i.MinAge < 0 || i.RepositoryLimit < 1 ||
			i.ImportMode != ModeLegacy && i.ImportMode != ModePreserveOriginal || set.Batching.Quiet < 0 || set.Batching.Max < 0 {
			t.Errorf("%+v", set)
		}
		if set.HistoryLimit < 1 || path.Clean(set.Streams.StatusDirectory) != set.Streams.StatusDirectory || strings.HasPrefix(set.Streams.StatusDirectory, "..") {
			t.Errorf("%+v", set)
		}
		for _, glob := range slices.Concat(set.Streams.Directories, set.Scan.Include, set.Scan.Exclude) {
			if _, err := path.Match(glob, ""); err != nil || glob == "" {
				t.Errorf("glob %q", glob)
			}
		}
		for _, n := range set.Namespaces {
			if !IsNamespace(n.Namespace) {
				t.Errorf("%+v", n)
			}
		}
	})
}
