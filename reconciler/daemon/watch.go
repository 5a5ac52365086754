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
			if now != seen {
				changed()
				seen = look(w, files())
			}
		}
	}
}

// look watches the directories of the files and sums up what the files hold. The sum of
// a file that cannot be read is that of nothing.
func look(w *fsnotify.Watcher, files []string) [sha256.Size]byte {
	sum := sha256.New()
	for _, f := range files {
		_ = w.Add(existing(filepath.Dir(f))) // a directory that cannot be watched: the timer alone is enough
		text, _ := os.ReadFile(f)
		fmt.Fprintf(sum, "%d %s %d ", len(f), f, len(text))
		_, _ = sum.Write(text)
	}
	return [sha256.Size]byte(sum.Sum(nil))
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
