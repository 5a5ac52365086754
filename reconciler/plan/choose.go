package plan

import (
	"fmt"
	"time"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// choice is which tag of its repository a tag with a policy takes, as far as the
// answers tell.
type choice struct {
	asks    []Import        // what the choice needs to know, in order
	image   Import          // whose answer is taken; zero: nothing is chosen, or not yet
	ranking *policy.Ranking // nil before everything is known

	failure   *Failure // why nothing is chosen
	of        Import   // the question that failure is about
	condition string   // what a condition says of failure; "": what importMessage says
}

// choose ranks the tags of the repository that im lists (semantics.md 3).
func (p *Present) choose(t *tag, im Import, got Answers) choice {
	c := choice{asks: []Import{im}}
	answer, answered := got[im]
	switch {
	case !answered:
		return c
	case answer.Failure != nil:
		return c.fail(im, answer.Failure)
	}
	var times map[string]time.Time
	if t.spec.Policy.NeedsTimes() {
		if times = p.times(t, &c, answer.Tags, got); times == nil {
			return c
		}
	}
	ranking := t.spec.Policy.Rank(answer.Tags, t.presentTag(im.Reference), times)
	c.ranking = &ranking
	winner, ok := ranking.Winner()
	if !ok {
		c.condition = fmt.Sprintf("no tag of %q is one that the policy takes", im.Reference)
		return c.fail(im, &Failure{
			Reason:  stream.ReasonNotFound,
			Message: fmt.Sprintf("none of the %d tags of %s is one that the policy takes (%s)", len(answer.Tags), im.Reference, t.spec.Policy),
			Hint:    fmt.Sprintf("imgstream explain %s/%s:%s tells why each is left out", t.ref.Namespace, t.ref.Name, t.ref.Tag),
		})
	}
	c.image = p.oneOf(t, im, winner)
	c.asks = append(c.asks, c.image)
	return c
}

func (c choice) fail(of Import, f *Failure) choice {
	c.failure, c.of = f, of
	return c
}

// times are those at which the images of the tags were made that the policy can take;
// nil while one of them is not known, which c then tells. A tag that is gone, or whose
// image does not say, has none.
func (p *Present) times(t *tag, c *choice, tags []string, got Answers) map[string]time.Time {
	list := c.asks[0]
	matches := t.spec.Policy.Matches(tags)
	if len(matches) > policy.MaxNewest {
		*c = c.fail(list, &Failure{
			Message: fmt.Sprintf("policy %s would have to look at %d tags of %s, and looks at %d at most", policy.Newest, len(matches), list.Reference, policy.MaxNewest),
			Hint:    "narrow it with the annotation " + stream.AnnotationPolicyPattern + ", or order by the tags themselves",
		})
		return nil
	}
	times, waits := map[string]time.Time{}, false
	for _, tag := range matches {
		im := p.oneOf(t, list, tag)
		c.asks = append(c.asks, im)
		answer, answered := got[im]
		switch f := answer.Failure; {
		case !answered:
			waits = true
		case f != nil && f.Reason == "":
			*c = c.fail(im, f) // another pass knows more
		case f == nil && answer.Image == nil:
			*c = c.fail(im, &Failure{Message: "the configuration of " + im.Reference + " could not be read: it is not known when the image was made"})
		case f == nil:
			if made, err := time.Parse(time.RFC3339, answer.Image.Created); err == nil {
				times[tag] = made
			}
		}
	}
	if waits || c.failure != nil {
		return nil
	}
	return times
}

// oneOf is the question of a tag with a policy about one tag of the repository that list
// lists.
func (p *Present) oneOf(t *tag, list Import, name string) Import {
	image, _ := stream.ParseImage(list.Reference + ":" + name) // the registry gives names of tags only
	im := p.question(t, image)
	im.Created = t.spec.Policy.NeedsTimes()
	return im
}

// presentTag is the tag of the repository that the head was imported from; "" for none.
func (t *tag) presentTag(repository string) string {
	head := t.cur.Head()
	if head == nil || head.Cause != stream.CauseImport {
		return ""
	}
	image, err := stream.ParseImage(head.From)
	if err != nil || image.Digest != "" || image.Name() != repository {
		return ""
	}
	return image.Tag
}
