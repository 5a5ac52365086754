// Command imgstream keeps image streams in git: it resolves every tag to a digest,
// commits status and history, and rewrites the image fields that name a tag.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, &app{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is what every verb gets from the process it runs in.
type app struct {
	stdout, stderr io.Writer
	now            func() time.Time
	dir            string // -C: where the verb works; "" is the working directory
}

// workDir is the directory that the verb works in.
func (a *app) workDir() string {
	if a.dir == "" {
		return "."
	}
	return a.dir
}

// resolve gives a path of the command line as seen from where the verb works.
func (a *app) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.workDir(), path)
}
