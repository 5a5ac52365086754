package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Branch says what a Set is to run.
type Branch struct {
	Name        string // unique in the Set
	Fingerprint string // of everything that New uses: when it differs, the Loop is replaced

	// New makes the Loop. ctx ends when the Loop is stopped, replaced or refused.
	New func(ctx context.Context) (*Loop, error)
}

// Set runs Loops, one goroutine each, as the configuration says. They share nothing:
// what stops one leaves the others alone. The zero value is ready.
type Set struct {
	mu      sync.Mutex
	members map[string]*member
	ending  sync.WaitGroup
}

type member struct {
	loop        *Loop
	fingerprint string
	stop        context.CancelFunc
	done        chan struct{}
}

// Update makes the Set run exactly these branches: those that are new or differ are
// started, and those that are gone or differ are stopped, after the pass under way. The
// Loops end with ctx. A branch whose New fails keeps what ran before, and is named in the error.
func (s *Set) Update(ctx context.Context, branches []Branch, log *slog.Logger) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members == nil {
		s.members = map[string]*member{}
	}
	for name := range s.members {
		if !slices.ContainsFunc(branches, func(b Branch) bool { return b.Name == name }) {
			log.Info("branch is served no more", "branch", name)
			s.stop(name)
		}
	}
	var failed []string
	for _, b := range branches {
		if err := s.start(ctx, b); err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", b.Name, err))
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("start %s", strings.Join(failed, "; "))
	}
	return nil
}

func (s *Set) start(ctx context.Context, b Branch) error {
	old := s.members[b.Name]
	if old != nil && old.fingerprint == b.Fingerprint {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	loop, err := b.New(ctx)
	if err != nil {
		cancel()
		return err
	}
	if old != nil {
		s.stop(b.Name)
	}
	m := &member{loop: loop, fingerprint: b.Fingerprint, stop: cancel, done: make(chan struct{})}
	s.members[b.Name] = m
	s.ending.Go(func() {
		defer close(m.done)
		if old != nil {
			<-old.done // one owner of a branch at a time
		}
		loop.Run(ctx)
	})
	return nil
}

func (s *Set) stop(name string) {
	s.members[name].stop()
	delete(s.members, name)
}

// Loops are the running ones, by name.
func (s *Set) Loops() []*Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	loops := make([]*Loop, 0, len(s.members))
	for _, m := range s.members {
		loops = append(loops, m.loop)
	}
	slices.SortFunc(loops, func(a, b *Loop) int { return strings.Compare(a.Name, b.Name) })
	return loops
}

// States are what the running Loops know, by name.
func (s *Set) States() []*State {
	loops := s.Loops()
	states := make([]*State, len(loops))
	for i, l := range loops {
		states[i] = l.State()
	}
	return states
}

// Poke pokes every Loop.
func (s *Set) Poke() {
	for _, l := range s.Loops() {
		l.Poke()
	}
}

// Wait returns when every Loop has ended.
func (s *Set) Wait() { s.ending.Wait() }
