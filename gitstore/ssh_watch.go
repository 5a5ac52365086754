package gitstore

import (
	"context"
	"fmt"
	"io"
	"time"
)

// watch closes a connection when a context ends or nothing has happened on it
// for a while, so that whoever waits for it returns.
type watch struct {
	ctx    context.Context //nolint:containedctx // of the one request that is watched
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stop   func() bool
}

func watchOver(ctx context.Context, conn io.Closer, quiet time.Duration) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel}
	w.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	w.timer = time.AfterFunc(quiet, func() { cancel(fmt.Errorf("no data for %s", quiet)) })
	return w
}

// again starts the time anew.
func (w *watch) again(quiet time.Duration) { w.timer.Reset(quiet) }

// cause is why the connection was closed, if it was, else err.
func (w *watch) cause(err error) error {
	if err != nil && w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return err
}

func (w *watch) end() {
	w.stop()
	w.timer.Stop()
	w.cancel(nil)
}

// watchedReader starts the time anew with each read that brings something.
type watchedReader struct {
	io.Reader
	watch *watch
}

func (r watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.again(stallTimeout)
	}
	return n, r.watch.cause(err)
}
