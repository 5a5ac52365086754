// Package soak_test runs passes in a row for long, while tags move, people commit, revert
// and break files, and registry and git server fail in every way they can. Now and then
// all faults are mended: everything has to come to rest, nothing may be lost, and memory and
// goroutines may not have grown.
package soak_test

import (
	"os"
	"testing"
	"time"
)

// duration of the soak: the environment's DURATION, else short.
func duration(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv("DURATION"))
	if err != nil {
		return 20 * time.Second
	}
	return d
}

// passesPerCycle run with faults before a calm.
const passesPerCycle = 12

func TestSoak(t *testing.T) {
	w := newWorld(t)
	w.calm(t)
	var sizes []size
	cycles, end := 0, time.Now().Add(duration(t))
	for time.Now().Before(end) && !t.Failed() {
		for range passesPerCycle {
			w.disturb(t)
			w.pass(t)
		}
		w.calm(t)
		if cycles++; cycles%10 == 0 {
			w.collect(t)
		}
		sizes = append(sizes, w.measure(t))
	}
	w.report(t, sizes)
	flat(t, sizes)
}

// mostPerStatus is what a status file may have at the most: ten items and ten rejections.
const mostPerStatus = 8 << 10

// size is what a process holds when everything is at rest.
type size struct {
	heap       uint64 // bytes, after garbage collection
	goroutines int
	status     int // bytes of the largest status file on the branch
}

// flat compares the sizes of the last third with those of the first, least with least: what
// comes and goes is in neither. A soak too short for thirds is not judged.
func flat(t *testing.T, sizes []size) {
	t.Helper()
	for _, s := range sizes {
		if s.status > mostPerStatus {
			t.Errorf("a status file has %d bytes", s.status)
		}
	}
	if len(sizes) < 6 {
		t.Logf("%d cycles are too few to judge growth", len(sizes))
		return
	}
	first, last := least(sizes[1:len(sizes)/3+1]), least(sizes[len(sizes)-len(sizes)/3:])
	const contents = 8 << 20 // what a registry client remembers of images at the most
	if last.heap > first.heap*3/2+contents+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", first.heap, last.heap)
	}
	if last.goroutines > first.goroutines+10 {
		t.Errorf("goroutines grew from %d to %d", first.goroutines, last.goroutines)
	}
}

func least(sizes []size) size {
	l := sizes[0]
	for _, s := range sizes[1:] {
		l.heap, l.goroutines = min(l.heap, s.heap), min(l.goroutines, s.goroutines)
	}
	return l
}
