package daemon_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/imgstream/imgstream/reconciler/daemon"
)

// changes starts a Watch and gives the channel of its calls.
func changes(t *testing.T, files ...string) <-chan struct{} {
	t.Helper()
	calls := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	ready := make(chan struct{}, 100)
	go func() {
		done <- daemon.Watch(ctx, func() []string { ready <- struct{}{}; return files }, func() { calls <- struct{}{} })
	}()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	time.Sleep(50 * time.Millisecond) // the first look ends; a change before it would be no change
	return calls
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, calls <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(20 * time.Second):
		t.Fatal("not seen: " + what)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	write(t, file, "one")
	calls := changes(t, file, filepath.Join(dir, "later", "token"))

	write(t, file, "two")
	expect(t, calls, "a file written")

	write(t, filepath.Join(dir, "other"), "x")
	write(t, file+".new", "three")
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	expect(t, calls, "a file renamed into place")

	if err := os.Mkdir(filepath.Join(dir, "later"), 0o700); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second / 5)
	write(t, filepath.Join(dir, "later", "token"), "secret")
	expect(t, calls, "a file in a directory made later")

	select {
	case <-calls:
		t.Error("a call without a change")
	case <-time.After(time.Second):
	}
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
	calls := changes(t, filepath.Join(dir, "token"))
	link("v2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	expect(t, calls, "a swapped link")
}
