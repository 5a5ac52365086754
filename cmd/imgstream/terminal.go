package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// isTerminal reports whether a person reads w as it is written.
func isTerminal(w io.Writer) bool {
	if c, ok := w.(*checked); ok {
		w = c.Writer
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colours reports whether w may get colours (no-color.org).
func colours(w io.Writer) bool { return os.Getenv("NO_COLOR") == "" && isTerminal(w) }

// progress tells a person at a terminal what is being done, once it has taken longer
// than a second, and how long it has; anywhere else it says nothing.
type progress struct {
	w    io.Writer // nil: nobody is told
	what atomic.Pointer[string]
	stop chan struct{}
	end  sync.WaitGroup
}

// newProgress writes to w when that is a terminal. done ends it.
func newProgress(w io.Writer) *progress {
	p := &progress{stop: make(chan struct{})}
	if isTerminal(w) {
		p.w = w
		p.end.Go(p.tell)
	}
	return p
}

// step says what is being done from now on.
func (p *progress) step(what string) { p.what.Store(&what) }

// tell writes the present step over the last one until done.
func (p *progress) tell() {
	start, shown := time.Now(), false
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			if shown {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if what := p.what.Load(); what != nil && now.Sub(start) > time.Second {
				fmt.Fprintf(p.w, "\r\x1b[K%s … %ds", *what, int(now.Sub(start).Seconds()))
				shown = true
			}
		}
	}
}

// done clears the line.
func (p *progress) done() {
	close(p.stop)
	p.end.Wait()
}
