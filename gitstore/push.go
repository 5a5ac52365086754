package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// lone is a push of the branch alone, while refs/imgstream/<branch> stayed at
// an older commit. As long as it stays there, that push is the base.
type lone struct{ ref, pushed plumbing.Hash }

// Commit writes a chain of commits on top of base and moves the branch from
// base to the last of them, and refs/imgstream/<branch> to it as well, in one
// atomic request; a [Options.Person] moves the branch alone. A commit that would change nothing is left out; if all are,
// nothing is sent.
//
// The error is ErrConflict if the branch is not at base any more, a
// *RejectedError if the server refused, ErrBranchNotFound if the branch is
// gone, ErrPath if a file must not be written. After any other error the branch
// is still at base, as far as it could be looked at, and Commit may be tried
// again.
func (s *Store) Commit(ctx context.Context, base Rev, chain []Commit) (Published, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil || s.objects.broken.Load() || !s.objects.has(base.hash()) {
		snap, err := s.snapshot(ctx)
		if err == nil && snap.Rev != base {
			err = ErrConflict
		}
		if err != nil {
			return Published{}, s.pushError(err)
		}
	}
	w, err := s.write(base.hash(), chain)
	if err != nil {
		return Published{}, fmt.Errorf("write the commits for %s: %w", s.branch.Short(), err)
	}
	if w.tip == base.hash() {
		return Published{Rev: base}, nil
	}
	done, err := s.publish(ctx, base.hash(), w)
	if err != nil {
		return Published{}, s.pushError(err)
	}
	return done, nil
}

func (s *Store) pushError(err error) error {
	if refused, ok := errors.AsType[*refusalError](err); ok {
		return &RejectedError{
			URL: s.where, Branch: s.branch.Short(),
			Reason: refused.reason, Words: refused.words, Err: refused.err,
		}
	}
	return fmt.Errorf("push to %s of %s: %w", s.branch.Short(), s.where, err)
}

// publish pushes both references, or the branch alone where the other is
// refused: which of the two a server refused shows only in a second attempt.
func (s *Store) publish(ctx context.Context, base plumbing.Hash, w *written) (Published, error) {
	if s.isPerson() {
		return s.publishAsPerson(ctx, base, w)
	}
	alone := s.refused
	got, err := s.push(ctx, base, w, alone == "")
	if refused, ok := errors.AsType[*refusalError](err); ok && got.both && refused.own != "" {
		alone = (&refusalError{reason: refused.own, words: refused.words}).Error()
		if got, err = s.push(ctx, base, w, false); err == nil {
			s.refused = alone
		}
	}
	if err != nil {
		return Published{}, err
	}
	switch {
	case got.notAtomic:
		alone = "the server has no atomic pushes"
	case alone == "":
		alone = "the server did not move it"
	}
	s.adopt(w)
	s.lone = lone{}
	if !got.both && !got.own.IsZero() {
		s.lone = lone{ref: got.own, pushed: w.tip}
	}
	done := Published{Rev: revOf(w.tip)}
	if !got.both {
		done.Notice = s.notice(alone, got.own)
	}
	return done, nil
}

func (s *Store) notice(why string, stale plumbing.Hash) string {
	text := fmt.Sprintf("%s was pushed without %s: %s; without it, imgstream's newest commit on the branch counts as its last push", s.branch.Short(), s.own, why)
	if !stale.IsZero() {
		text += fmt.Sprintf("; it stays at %s: delete it, or let imgstream move it", revOf(stale).Short())
	}
	return text
}

// adopt takes what was pushed into the store, so that the next Snapshot needs
// nothing but a look.
func (s *Store) adopt(w *written) {
	s.objects.add(w.staging)
	s.objects.mu.Lock()
	maps.Copy(s.objects.trees, w.trees)
	s.objects.mu.Unlock()
	s.tip = w.tip
}

// pushed says how far a push came.
type pushed struct {
	own       plumbing.Hash // refs/imgstream/<branch> before
	both      bool          // both references were sent
	notAtomic bool
}

// push makes one receive-pack request. Its exact old names are the
// compare-and-swap. What became of a push that failed is read from the branch:
// servers' texts differ, and an answer can be lost.
//
// Where it is known from an earlier push what the server takes, and a request
// needs no advertisement, none is asked for: the last look is as good, and the
// branch has less time to move away. A refusal then counts only once it is
// repeated after an advertisement, which can show that the other reference moved.
func (s *Store) push(ctx context.Context, base plumbing.Hash, w *written, both bool) (pushed, error) {
	if s.receives != nil && s.seen.branch == base {
		got, err := s.update(ctx, advert{caps: s.receives}, s.seen, base, w, both)
		if _, refused := errors.AsType[*refusalError](err); !refused {
			return got, err
		}
	}
	answer, err := s.ask(ctx, receivePack, false)
	if err != nil {
		return pushed{}, asRefusal(err)
	}
	adv, err := parseV0(answer, s.branch, s.own)
	if err != nil {
		return pushed{}, err
	}
	at := s.pick(adv.refs)
	if err := s.at(at.branch, base); err != nil {
		return pushed{}, err
	}
	return s.update(ctx, adv, at, base, w, both)
}

// update sends the request, and looks where the branch is if that fails.
func (s *Store) update(ctx context.Context, adv advert, at refs, base plumbing.Hash, w *written, both bool) (pushed, error) {
	got := pushed{own: at.own, notAtomic: !adv.caps["atomic"]}
	got.both = both && !got.notAtomic
	err := s.send(ctx, s.updateRequest(adv, at, w.tip, got.both), w)
	s.receives = nil
	if err == nil {
		s.learn(adv)
		return got, nil
	}
	now, lookErr := s.look(ctx)
	switch {
	case lookErr != nil:
		return got, fmt.Errorf("%w; whether it arrived is not known: %w", plain(err), lookErr)
	case now.branch == w.tip, got.both && now.own == w.tip: // perhaps overtaken since
		got.both = got.both && now.own == w.tip
		return got, nil
	}
	if moved := s.at(now.branch, base); moved != nil {
		s.learn(adv)
		return got, moved
	}
	return got, err
}

// learn keeps what the server takes, where a later request needs no advertisement.
func (s *Store) learn(adv advert) {
	if s.wire.stateless() {
		s.receives = adv.caps
	}
}

// at compares the branch with where it should be.
func (s *Store) at(branch, base plumbing.Hash) error {
	switch branch {
	case base:
		return nil
	case plumbing.ZeroHash:
		return s.noBranch()
	}
	return ErrConflict
}

// plain is err without being a refusal: the branch could not be looked at.
func plain(err error) error {
	if refused, ok := errors.AsType[*refusalError](err); ok {
		return errors.New(refused.Error())
	}
	return err
}

// asRefusal makes a refusal of a 401 or 403.
func asRefusal(err error) error {
	if e, ok := errors.AsType[*statusError](err); ok && errors.Is(e, ErrUnauthorized) {
		return &refusalError{reason: e.Error(), err: ErrUnauthorized}
	}
	return err
}

func (s *Store) updateRequest(adv advert, at refs, tip plumbing.Hash, both bool) *packp.ReferenceUpdateRequest {
	q := packp.NewReferenceUpdateRequest()
	for _, c := range []capability.Capability{capability.ReportStatus, capability.Sideband64k} {
		if adv.caps[c.String()] {
			_ = q.Capabilities.Set(c)
		}
	}
	_ = q.Capabilities.Set(capability.Agent, userAgent)
	q.Commands = []*packp.Command{{Name: s.branch, Old: at.branch, New: tip}}
	if both {
		_ = q.Capabilities.Set(capability.Atomic)
		q.Commands = append(q.Commands, &packp.Command{Name: s.own, Old: at.own, New: tip})
	}
	return q
}

// send sends a request with its pack and reads the report.
func (s *Store) send(ctx context.Context, q *packp.ReferenceUpdateRequest, w *written) error {
	var b bytes.Buffer
	if err := q.Encode(&b); err != nil {
		return err
	}
	pack, err := s.packer.pack(w.order, w.staging)
	if err != nil {
		return fmt.Errorf("write the pack: %w", err)
	}
	b.Write(pack)
	s.counts.pushes.Add(1)
	body, err := s.wire.call(ctx, receivePack, false, b.Bytes())
	if err != nil {
		return asRefusal(err)
	}
	err = s.readReport(q, body)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readReport reads what the server says of the references, and its words.
func (s *Store) readReport(q *packp.ReferenceUpdateRequest, body io.Reader) error {
	var words tail
	r := body
	if q.Capabilities.Supports(capability.Sideband64k) {
		demux := sideband.NewDemuxer(sideband.Sideband64k, body)
		demux.Progress = &words
		r = demux
	}
	if !q.Capabilities.Supports(capability.ReportStatus) {
		return errors.New("the server sends no report")
	}
	report := packp.NewReportStatus()
	err := report.Decode(r)
	_, restErr := io.Copy(io.Discard, r) // words of hooks that run afterwards
	if err != nil {
		err = fmt.Errorf("read the server's report: %w", errors.Join(err, restErr))
		if said := printable(string(words)); said != "" {
			err = fmt.Errorf("%w; it says: %s", err, said)
		}
		return err
	}
	return s.refusal(report, printable(string(words)))
}

// refusal is what the report refuses; nil if nothing.
func (s *Store) refusal(report *packp.ReportStatus, words string) error {
	if report.UnpackStatus != "ok" {
		return &refusalError{reason: "unpack error: " + printable(report.UnpackStatus), words: words}
	}
	refused := &refusalError{words: words}
	for _, status := range report.CommandStatuses {
		switch {
		case status.Error() == nil:
		case status.ReferenceName == s.own:
			refused.own = printable(status.Status)
		default:
			refused.reason = printable(status.Status)
		}
	}
	if refused.reason == "" {
		refused.reason = refused.own
	}
	if refused.reason == "" {
		return nil
	}
	return refused
}
