package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// told is what the log says of a Loop: a problem once when it appears and once when it
// is gone, a failure that repeats once and then at intervals, and the recovery.
type told struct {
	log      *slog.Logger
	problems map[stream.Problem]bool
	err      string
	last     time.Time
	notice   string
	unbuilt  map[stream.Problem]bool
}

// repeatAfter is how long a failure that goes on stays untold.
const repeatAfter = 10 * time.Minute

func newTold(log *slog.Logger) *told {
	return &told{log: log, problems: map[stream.Problem]bool{}, unbuilt: map[stream.Problem]bool{}}
}

func (t *told) failed(err error, failures int, again time.Time) {
	now := time.Now()
	if err.Error() == t.err && now.Sub(t.last) < repeatAfter {
		return
	}
	t.err, t.last = err.Error(), now
	t.log.Error("pass failed", "error", err, "failures", failures, "next_try", again.UTC().Format(time.RFC3339))
}

func (t *told) passed(r reconciler.Report, failures int) {
	if failures > 0 {
		t.log.Info("passes work again", "failures", failures)
	}
	t.err = ""
	if r.Published != "" {
		t.published(r)
	}
	if r.Notice != t.notice {
		t.notice = r.Notice
		if r.Notice != "" {
			t.log.Warn("push was not whole", "notice", r.Notice)
		}
	}
	t.tellProblems(r.Problems)
	t.tellUnbuilt(r.Unbuilt)
}

func (t *told) published(r reconciler.Report) {
	for _, c := range r.Changes {
		for _, m := range c.Moves {
			t.log.Info("tag moved", "tag", m.Ref.String(), "old", m.Old, "new", m.New, "cause", m.Cause)
		}
	}
	t.log.Info("pushed", "commits", len(r.Changes), "from", r.Rev.Short(), "to", r.Published.Short(), "attempts", r.Attempts)
}

func (t *told) tellProblems(problems []stream.Problem) {
	levels := map[stream.Severity]slog.Level{stream.Error: slog.LevelError, stream.Warning: slog.LevelWarn, stream.Notice: slog.LevelInfo}
	now := make(map[stream.Problem]bool, len(problems))
	for _, p := range problems {
		now[p] = true
		if !t.problems[p] {
			t.log.LogAttrs(context.Background(), levels[p.Severity], "problem", describe(p)...)
		}
	}
	for p := range t.problems {
		if !now[p] {
			t.log.LogAttrs(context.Background(), slog.LevelInfo, "problem is gone", describe(p)...)
		}
	}
	t.problems = now
}

// tellUnbuilt tells once what is pushed without a build, or to nobody's use, and keeps it told.
func (t *told) tellUnbuilt(notes []stream.Problem) {
	for _, p := range notes {
		if !t.unbuilt[p] {
			t.unbuilt[p] = true
			level, message := slog.LevelInfo, "not built"
			if p.Severity == stream.Warning {
				level, message = slog.LevelWarn, "not deployed"
			}
			t.log.LogAttrs(context.Background(), level, message, describe(p)...)
		}
	}
}

// describe are the parts of a problem that are known.
func describe(p stream.Problem) []slog.Attr {
	var attrs []slog.Attr
	for _, part := range []slog.Attr{
		slog.String("at", p.Pos.String()), slog.String("about", p.Ref.String()),
		slog.String("message", p.Message), slog.String("hint", p.Hint),
	} {
		if part.Value.String() != "" {
			attrs = append(attrs, part)
		}
	}
	return attrs
}
