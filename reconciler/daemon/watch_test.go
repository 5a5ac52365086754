package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
)

// watch is a Watch under test.
type watch struct {
	calls chan struct{}
	looks chan struct{} // one begins: what the one before found was told
	other string        // a file beside the watched ones
}

// changes starts a Watch, which has seen what the files hold.
func changes(t *testing.T, files ...string) *watch {
	t.Helper()
	w := &watch{calls: make(chan struct{}, 100), looks: make(chan struct{}, 1000), other: filepath.Join(filepath.Dir(files[0]), "other")}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- daemon.Watch(ctx, func() []string { w.looks <- struct{}{}; return files }, func() { w.calls <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-w.looks
	w.look(t)
	return w
}

// look has the Watch look at the files once more. A change before it watches is not heard
// of, so it is made again.
func (w *watch) look(t *testing.T) {
	t.Helper()
	for tries := range 100 {
		write(t, w.other, fmt.Sprint(tries%10))
		select {
		case <-w.looks:
			return
		case <-time.After(time.Second):
		}
	}
	t.Fatal("it does not look at the files any more")
}

// write changes a file at a stroke: nobody sees it empty in between.
func write(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expect waits for a call. The bound only ends a test that has failed.
func (w *watch) expect(t *testing.T, what string) {
	t.Helper()
	select {
	case <-w.calls:
	case <-time.After(2 * time.Minute):
		t.Fatal("not seen: " + what)
	}
}

// expectNone holds that there was one call for each change, and none is under way.
func (w *watch) expectNone(t *testing.T) {
	t.Helper()
	for len(w.looks) > 0 {
		<-w.looks
	}
	w.look(t)
	w.look(t) // it began when the one before had ended
	if len(w.calls) > 0 {
		t.Error("a call without a change")
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	write(t, file, "one")
	w := changes(t, file, filepath.Join(dir, "later", "token"))

	write(t, file, "two")
	w.expect(t, "a file written")

	write(t, w.other, "x")
	write(t, file+".new", "three")
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "a file renamed into place")
	w.expectNone(t)

	if err := os.Mkdir(filepath.Join(dir, "later"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.expectNone(t)
	write(t, filepath.Join(dir, "later", "token"), "secret")
	w.expect(t, "a file in a directory made later")
	w.expectNone(t)
}

// A mounted Secret is a symbolic link to a directory that is swapped.
func TestWatchSecret(t *testing.T) {
	dir := t.TempDir()
	for version, text := range map[string]string{"v1": "one", "v2": "two"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "token"), text)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "..data")
	link(filepath.Join("..data", "token"), "token")
	w := changes(t, filepath.Join(dir, "token"))
	link("v2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "a swapped link")
	w.expectNone(t)
}
