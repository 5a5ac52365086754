package daemon

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long files must be quiet before they are read.
const settle = 200 * time.Millisecond

// Watch calls changed when the contents of one of the files changed, until ctx ends. It
// watches their directories, because editors rename and mounted Secrets swap a symbolic
// link, waits until they are quiet, and compares what the files hold. files is asked
// anew after each change; a file that does not exist yet is watched for.
func Watch(ctx context.Context, files func() []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer func() { _ = w.Close() }()
	seen := look(w, files())
	quiet := time.NewTimer(0)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
			quiet.Reset(settle)
		case _, ok := <-w.Errors:
			if !ok {
				return nil
			}
			quiet.Reset(settle) // events may have been lost: look
		case <-quiet.C:
			now := look(w, files())
			if now.differs(seen) {
				changed()
				quiet.Reset(settle) // files may have changed meanwhile, or others be named now
			}
			seen = now
		}
	}
}

// contents are the sums of what files hold; that of a file that cannot be read is the
// sum of nothing.
type contents map[string][sha256.Size]byte

// differs reports whether a file that both know holds something else.
func (c contents) differs(old contents) bool {
	for file, sum := range c {
		if before, known := old[file]; known && before != sum {
			return true
		}
	}
	return false
}

// look watches the directories of the files and sums up what the files hold.
func look(w *fsnotify.Watcher, files []string) contents {
	c := make(contents, len(files))
	for _, f := range files {
		_ = w.Add(existing(filepath.Dir(f))) // a directory that cannot be watched: the timer alone is enough
		text, _ := os.ReadFile(f)
		c[f] = sha256.Sum256(text)
	}
	return c
}

// existing is the nearest directory above that is there.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
