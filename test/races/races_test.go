package main

import (
	"testing"
	"time"

	"github.com/imgstream/imgstream/test/internal/fixture"
)

// The tests hold that everything lands and nothing is lost; how fast is for main to print.

func TestSteadyWriter(t *testing.T) {
	s := steady{shape: fixture.Shape{Streams: 20, PerUnit: 5, Manifests: 25}, every: 50 * time.Millisecond, changes: 12}
	f, err := s.run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.landings) != s.changes || f.pushes == 0 {
		t.Errorf("%d of %d changes, %d pushes of the writer", len(f.landings), s.changes, f.pushes)
	}
	t.Logf("%+v", f)
}

func TestCrowdOfWriters(t *testing.T) {
	c := crowd{
		shape: fixture.Shape{Streams: 60, PerUnit: 10, Manifests: 1}, writers: 3, niceness: 10, step: 5, every: 50 * time.Millisecond, limit: 20 * time.Second,
	}
	f, err := c.run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.passes) == 0 || len(f.writers) == 0 || f.sum.Skipped != 0 {
		t.Errorf("%d pushes, %d of others, %d moves skipped", len(f.passes), len(f.writers), f.sum.Skipped)
	}
	t.Logf("%+v", f)
}

func TestTwoDaemons(t *testing.T) {
	f, err := pair{streams: 12, moves: 40, every: 40 * time.Millisecond}.run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if f.pushed[0]+f.pushed[1] == 0 || f.sum.Imported+f.sum.Skipped != f.sum.Served {
		t.Errorf("%+v", f)
	}
	t.Logf("%+v", f)
}
