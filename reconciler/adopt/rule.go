package adopt

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// rule is how another tool chooses the image of a repository: what becomes a tag of a
// stream that is scheduled.
type rule struct {
	pos       stream.Pos
	name      string       // what messages call it: ImagePolicy flux-system/podinfo
	hint      string       // what its tag may be called; "" = nothing says so
	image     stream.Image // the repository; with a Tag where that one is followed
	choice    policy.Rule  // without a Kind where one tag is followed
	interval  string       // how often it is asked for; "" = the settings say so
	platforms string       // that an image must have; "" = none
	paused    string       // why it stands still; "" = it does not
}

// check refuses a rule that imgstream would not read.
func (r *rule) check() error {
	if r.choice.Kind == "" {
		return nil
	}
	_, faults := policy.Parse(r.choice)
	if len(faults) > 0 {
		return fmt.Errorf("its %s %s", faults[0].Part, faults[0].Message)
	}
	return nil
}

// from is the source of its tag.
func (r *rule) from() *stream.From {
	name := r.image.Name()
	if r.image.Tag != "" {
		name += ":" + r.image.Tag
	}
	return &stream.From{Kind: stream.KindDockerImage, Name: name}
}

// tag is the tag of a stream that does what the rule does.
func (r *rule) tag(name string) stream.Tag {
	scheduled := true
	t := stream.Tag{Name: name, From: r.from(), Scheduled: &scheduled, Annotations: map[string]string{}}
	for key, value := range map[string]string{
		stream.AnnotationPolicy: r.choice.Kind, stream.AnnotationPolicyRange: r.choice.Range,
		stream.AnnotationPolicyPattern: r.choice.Pattern, stream.AnnotationPolicyOrder: r.choice.Order,
		stream.AnnotationInterval: r.interval, stream.AnnotationPlatforms: r.platforms, stream.AnnotationPaused: r.paused,
	} {
		if value != "" {
			t.Annotations[key] = value
		}
	}
	return t
}

// setInterval sets the interval as annotations write it; the default is not written.
func (r *rule) setInterval(text string, standard time.Duration) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 && d != standard {
		r.interval = shortSpan(d)
	}
}

// shortSpan is a time span without parts that are nothing: 5m, not 5m0s.
func shortSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// signatures are the patterns of tags that signing tools write; they are in nobody's way
// where tags are versions, numbers or matched by a pattern.
var signatures = regexp.MustCompile(`^\^?\.\*\\\.(sig|att|sbom)\$$`)

// leavesOut says whether the policy leaves out, by itself, what the other tool leaves out
// by a list. Words are tags, or glob patterns of path.Match.
func (r *rule) leavesOut(words []string) bool {
	if r.choice.Kind == "" {
		return true
	}
	p, faults := policy.Parse(r.choice)
	if len(faults) > 0 {
		return false
	}
	return !slices.ContainsFunc(words, func(word string) bool {
		if strings.ContainsAny(word, `*?[\`) {
			return !r.noVersion(word)
		}
		_, wins := p.Rank([]string{word}, "", nil).Winner()
		return wins || r.choice.Kind == policy.Newest && len(p.Matches([]string{word})) > 0
	})
}

// noVersion says whether no tag that the policy takes can match a glob pattern: it begins
// with a letter other than v, or has a dash, as only prereleases have.
func (r *rule) noVersion(glob string) bool {
	isSemver := r.choice.Kind == policy.Semver
	if !isSemver && r.choice.Kind != policy.Numerical || r.choice.Pattern != "" {
		return false
	}
	c := glob[0] | 0x20
	begins := c >= 'a' && c <= 'z' && c != 'v'
	return begins || isSemver && strings.Contains(glob, "-") && !strings.ContainsAny(glob, `[\`) && !strings.Contains(r.choice.Range, "-")
}

// matchesAll says whether a glob pattern matches every tag.
func matchesAll(globs []string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, "1.2.3-any_tag")
		return err == nil && ok && strings.Trim(glob, "*") == ""
	})
}
