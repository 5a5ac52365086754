package daemon

import (
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// schedule says which tags are due, and when the next one is (semantics.md 3). Due
// times are phases of absolute time by a hash of the tag: a restart makes nothing due
// that was not.
type schedule struct {
	minimum time.Duration // the operator's least interval of a tag
	since   time.Time     // until when everything due was asked for
	asks    []plan.Ask    // of the last pass
	retries map[stream.Ref]retry
	pushed  map[string]bool // references that somebody pushed to
}

// retry is when a pending tag is asked for again. A tag is asked for at once when its
// question is new.
type retry struct {
	im       plan.Import
	failures int
	next     time.Time
}

const (
	firstRetry = 30 * time.Second
	lastRetry  = 15 * time.Minute
	clockJump  = time.Minute // a difference of wall clock and elapsed time that is no drift
)

func newSchedule(now time.Time, minimum time.Duration) *schedule {
	return &schedule{minimum: minimum, since: now, retries: map[stream.Ref]retry{}}
}

// start begins a pass. A clock that jumped makes nothing due: every tag comes at its
// next phase.
func (s *schedule) start(now time.Time) {
	elapsed, wall := now.Sub(s.since), now.Round(0).Sub(s.since.Round(0))
	if (wall - elapsed).Abs() > clockJump {
		s.since = now
		for ref, r := range s.retries {
			r.next = now
			s.retries[ref] = r
		}
	}
}

// due says which tags a pass at now asks for. It does not change during the pass.
func (s *schedule) due(now time.Time) plan.Due {
	return func(a plan.Ask) bool {
		if s.pushed[a.Import.Reference] && (a.Pending || a.Interval > 0) {
			return true
		}
		if pending(a, now) && !now.Before(s.retryAt(a, now)) {
			return true
		}
		return a.Interval > 0 && s.phase(a, s.since) != s.phase(a, now)
	}
}

// pending reports whether a tag is to be asked for although it is not its time: it has
// no answer, or its candidate is old enough to be taken.
func pending(a plan.Ask, now time.Time) bool { return a.Pending || a.IsRipe(now) }

// hinted makes the pass that begins ask for the tags of references that somebody pushed to.
func (s *schedule) hinted(references []string) {
	s.pushed = make(map[string]bool, 2*len(references))
	for _, reference := range references {
		s.pushed[reference], s.pushed[repositoryOf(reference)] = true, true
	}
}

// repositoryOf is a reference without its tag: what a list of tags is asked for.
func repositoryOf(reference string) string {
	return reference[:max(0, strings.LastIndexByte(reference, ':'))]
}

func (s *schedule) retryAt(a plan.Ask, now time.Time) time.Time {
	if r, known := s.retries[a.Ref]; known && r.im == a.Import {
		return r.next
	}
	return now
}

// phase counts the due times of a tag up to t.
func (s *schedule) phase(a plan.Ask, t time.Time) int64 {
	return phase(keyOf(a), s.interval(a), t)
}

// key is what the phase of an Ask comes from: FNV-1a of the tag, or of the image that is
// looked for, which several tags may have. It is computed for every tag after every pass,
// and so without an allocation.
type key uint64

func keyOf(a plan.Ask) key {
	if a.Import.Exists {
		return newKey(a.Import.Reference)
	}
	return keyOfRef(a.Ref)
}

// keyOfRef is the key of ref.String(), of a stream or a tag.
func keyOfRef(ref stream.Ref) key {
	if ref.Tag == "" {
		return newKey(ref.Namespace, "/", ref.Name)
	}
	return newKey(ref.Namespace, "/", ref.Name, ":", ref.Tag)
}

func newKey(parts ...string) key {
	k := key(14695981039346656037)
	for _, part := range parts {
		for i := range len(part) {
			k = (k ^ key(part[i])) * 1099511628211
		}
	}
	return k
}

func phase(k key, every time.Duration, t time.Time) int64 {
	return floorDiv(t.UnixNano()-offset(k, every), int64(every))
}

// DueAfter is the first time after t at which a tag, or a stream's repository, is asked
// for that is asked for so often. It is the same for everybody.
func DueAfter(ref stream.Ref, every time.Duration, t time.Time) time.Time {
	return dueAfter(keyOfRef(ref), every, t)
}

func dueAfter(k key, every time.Duration, t time.Time) time.Time {
	at := (phase(k, every, t)+1)*int64(every) + offset(k, every)
	return t.Add(time.Duration(at - t.UnixNano()))
}

func (s *schedule) interval(a plan.Ask) time.Duration { return max(a.Interval, s.minimum) }

// offset is where in its interval a key is due.
func offset(k key, every time.Duration) int64 { return int64(uint64(k) % uint64(every)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// done ends a pass over asks that began at now: pending tags that were asked for wait
// longer each time.
func (s *schedule) done(now time.Time, asks []plan.Ask) {
	due := s.due(now)
	retries := make(map[stream.Ref]retry, len(s.retries))
	for _, a := range asks {
		if !pending(a, now) {
			continue
		}
		r := s.retries[a.Ref]
		if due(a) {
			if r.im != a.Import {
				r = retry{im: a.Import}
			}
			r.next = now.Add(min(firstRetry<<min(r.failures, 8), lastRetry))
			r.failures++
		}
		retries[a.Ref] = r
	}
	s.since, s.asks, s.retries = now, asks, retries
}

// next is when the next tag is due; zero when none will be.
func (s *schedule) next() time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, a := range s.asks {
		if r, waits := s.retries[a.Ref]; pending(a, s.since) && waits {
			earlier(r.next)
		}
		if a.Ripe.After(s.since) {
			earlier(a.Ripe)
		}
		if a.Interval > 0 {
			earlier(dueAfter(keyOf(a), s.interval(a), s.since))
		}
	}
	return next
}
