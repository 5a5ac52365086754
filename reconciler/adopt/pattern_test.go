package adopt

import (
	"regexp"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/reconciler/policy"
)

func TestPattern(t *testing.T) {
	for _, test := range []struct{ source, extract, want, err string }{
		{source: `^main-[a-f0-9]+-(?P<ts>[0-9]+)`, extract: "$ts", want: `^main-[a-f0-9]+-(?P<ts>[0-9]+)`},
		{source: `^main-(?P<sha>[a-f0-9]+)-(?P<ts>\d+)$`, extract: "${ts}", want: `^main-([a-f0-9]+)-(?P<ts>\d+)$`},
		{source: `^(v?)(\d+)$`, extract: "$2", want: `^(v?)(?P<by>\d+)$`},
		{source: `^(?<ts>\d+)$`, extract: "", want: `^(\d+)$`},
		{source: `^(?P<ts>\d+)$`, extract: "$0", want: `^(\d+)$`},
		{source: `^(?:main|dev)-[()](?i:x)\((?P<n>\d+)`, extract: "$n", want: `^(?:main|dev)-[()](?i:x)\((?P<n>\d+)`},
		{source: `^[]()[:alpha:](]-\Q(?P<a>\E(?P<n>.)`, extract: "", want: `^[]()[:alpha:](]-\Q(?P<a>\E(.)`},
		{source: `^(?P<y>\d+)-(?P<m>\d+)$`, extract: "$y$m", err: `extract "$y$m" is more than one group of the pattern, and tags are ordered by one`},
		{source: `^(?P<y>\d+)$`, extract: "$z", err: `extract "$z" names no group of the pattern`},
		{source: `^(\d+)$`, extract: "$2", err: `extract "$2" names no group of the pattern`},
		{source: `^(`, err: "the pattern \"^(\" is no regular expression: error parsing regexp: missing closing ): `^(`"},
	} {
		got, err := pattern(test.source, test.extract)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != test.want || text != test.err {
			t.Errorf("pattern(%q, %q) = %q, %q; want %q, %q", test.source, test.extract, got, text, test.want, test.err)
		}
	}
}

func TestAllowed(t *testing.T) {
	for in, want := range map[string]string{"": "", "any": "", `regexp:^v(?P<n>\d+)$`: `^v(\d+)$`, "regexp: ^a$": "^a$"} {
		if got, err := allowed(in); got != want || err != nil {
			t.Errorf("allowed(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"glob:*", "v1", "regexp:("} {
		if got, err := allowed(in); err == nil {
			t.Errorf("allowed(%q) = %q, want an error", in, got)
		}
	}
}

// FuzzPattern: a translated pattern takes the same tags, and orders them by what the
// template of the other tool takes out of them.
func FuzzPattern(f *testing.F) {
	f.Add(`^main-[a-f0-9]+-(?P<ts>[0-9]+)`, "$ts", "main-abc-12")
	f.Add(`^(v?)(\d+)$`, "${2}", "v12")
	f.Add(`[](](?<a>.)\Q(\E(?P<b>x)`, "", "((x")
	f.Add(`(?i)^((a)|b)*$`, "$1", "AB")
	f.Fuzz(func(t *testing.T, source, extract, tag string) {
		got, err := pattern(source, extract)
		if err != nil {
			return
		}
		before, now := regexp.MustCompile(source), regexp.MustCompile(got)
		was, is := before.FindStringSubmatchIndex(tag), now.FindStringSubmatch(tag)
		if (was == nil) != (is == nil) {
			t.Fatalf("%q became %q: only one of them matches %q", source, got, tag)
		}
		if was == nil {
			return
		}
		want := string(before.ExpandString(nil, extract, tag, was))
		by := is[named(now)]
		switch {
		case extract == "":
			if named(now) != 0 {
				t.Fatalf("%q became %q, which has a named group", source, got)
			}
		case by != want:
			t.Fatalf("%q became %q: it takes %q of %q, not %q", source, got, by, tag, want)
		}
		if len(got) < 1000 {
			if _, faults := policy.Parse(policy.Rule{Kind: policy.Alphabetical, Pattern: got}); len(faults) > 0 {
				t.Fatalf("no policy reads %q: %v", got, faults)
			}
		}
	})
}

// FuzzImageList: what is read is an image, and everything that was written is somewhere
// in it.
func FuzzImageList(f *testing.F) {
	f.Add("app=quay.io/org/app:~1.2, nginx")
	f.Add("argoproj/argocd=docker.pkg.github.com/argoproj/argo-cd/argocd:1.7.0-a6399e59,x=localhost:5000/y")
	f.Add("a=b=c:d,,")
	f.Fuzz(func(t *testing.T, list string) {
		all, err := imageList(list)
		if err != nil {
			return
		}
		for _, l := range all {
			if l.image.Tag != "" || l.image.Digest != "" || strings.Contains(l.alias, "/") {
				t.Errorf("%q: %+v", list, l)
			}
			if !strings.Contains(list, l.constraint) || strings.Contains(l.constraint, ",") {
				t.Errorf("%q: the constraint %q stands nowhere", list, l.constraint)
			}
		}
	})
}

// FuzzSetter: a marker of Flux that is replaced leaves the rest of its comment.
func FuzzSetter(f *testing.F) {
	f.Add(`# {"$imagepolicy": "flux-system:podinfo"}`)
	f.Add(`# {"$imagepolicy": "a:b:tag"} and more`)
	f.Fuzz(func(t *testing.T, comment string) {
		s, ok := setterIn(comment)
		if !ok {
			return
		}
		if namespace, name, _ := strings.Cut(s.policy, "/"); namespace == "" || name == "" {
			t.Fatalf("%q names the policy %q", comment, s.policy)
		}
		const marker = `{"$imagestream": "a/b:c"}`
		at := setterText.FindStringIndex(comment)
		if got := replaceSetter(comment, marker); got != comment[:at[0]]+marker+comment[at[1]:] {
			t.Fatalf("%q became %q", comment, got)
		}
	})
}

func TestImageList(t *testing.T) {
	all, err := imageList("app=quay.io/org/app:~1.2, nginx,org/x=localhost:5000/y:1.x,")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range all {
		got = append(got, l.alias+" "+l.image.Name()+" "+l.constraint)
	}
	const want = "app quay.io/org/app ~1.2\n docker.io/library/nginx \norg_x localhost:5000/y 1.x"
	if strings.Join(got, "\n") != want {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}
	for _, bad := range []string{"Quay.io/Org/App", "a=", "https://quay.io/x"} {
		if all, err := imageList(bad); err == nil {
			t.Errorf("imageList(%q) = %v, want an error", bad, all)
		}
	}
}
