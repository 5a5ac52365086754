// Races measures imgstream beside other writers of its branch, over real git servers:
// `go run ./races` prints the figures of P7 (a) and (b), and of two daemons on one branch.
// It fails when anything is lost or there twice, never because something is slow.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/imgstream/imgstream/test/internal/fixture"
)

func main() {
	only := flag.String("only", "", "a, b or pair")
	flag.IntVar(&sizeB.niceness, "nice", sizeB.niceness, "of the writers' git in b; 0: they take as much of the processors as imgstream and the server")
	flag.Parse()
	if err := measure(context.Background(), *only); err != nil {
		fmt.Fprintln(os.Stderr, "races:", err)
		os.Exit(1)
	}
}

// The sizes of P7.
var (
	sizeA = steady{shape: fixture.Shape{Streams: 100, PerUnit: 5, Manifests: 500}, every: 200 * time.Millisecond, changes: 50}
	sizeB = crowd{
		shape: fixture.Shape{Streams: 1000, PerUnit: 10, Manifests: 2}, writers: 8,
		step: 5, every: 100 * time.Millisecond, limit: 2 * time.Minute,
	}
	sizeP = pair{streams: 12, moves: 100, every: 60 * time.Millisecond}
)

func measure(ctx context.Context, only string) error {
	for _, m := range []struct {
		name string
		run  func(ctx context.Context, dir string) error
	}{{"a", printSteady}, {"b", printCrowd}, {"pair", printPair}} {
		if only != "" && only != m.name {
			continue
		}
		if err := inFolder(ctx, m.run); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func inFolder(ctx context.Context, run func(ctx context.Context, dir string) error) error {
	dir, err := os.MkdirTemp("", "imgstream-races-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return run(ctx, dir)
}

func printSteady(ctx context.Context, dir string) error {
	f, err := sizeA.run(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Println("P7 (a): another writer pushes every", sizeA.every, "to a branch of", f.files, "files, while a tag changes")
	printLandings(f.landings)
	fmt.Printf("  the writer pushed %d times; %d tags moved; lost: 0, twice: 0\n\n", f.pushes, f.sum.Served)
	return nil
}

func printCrowd(ctx context.Context, dir string) error {
	f, err := sizeB.run(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("P7 (b): %d writers (nice %d) push as fast as they can, while %d tags change\n", sizeB.writers, sizeB.niceness, f.tags)
	printLandings(f.passes)
	fmt.Printf("  %d passes gave up and were tried again; at the most %d tags in one push; the slowest tag took %v\n",
		f.gaveUp, f.together, f.slowest.Round(time.Millisecond))
	if f.late > 0 {
		fmt.Printf("  %d tags had not landed after %v, and did when the writers stopped\n", f.late, sizeB.limit)
	}
	slices.Sort(f.writers)
	fmt.Printf("  the others landed %d commits in %v, after %d attempts in the median, %d at the most\n  lost: 0, twice: 0\n\n",
		len(f.writers), f.took.Round(time.Second), middle(f.writers), most(f.writers))
	return nil
}

func printPair(ctx context.Context, dir string) error {
	f, err := sizeP.run(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("two daemons on one branch: %d tags moved, %d imports, %d overtaken by the next move\n", f.sum.Served, f.sum.Imported, f.sum.Skipped)
	fmt.Printf("  pushes: %d and %d; passes that read the branch again: %d and %d; one move taken back; lost: 0, twice: 0\n",
		f.pushed[0], f.pushed[1], f.again[0], f.again[1])
	return nil
}

// printLandings prints least, middle and most of time and attempts.
func printLandings(landings []landing) {
	var took []time.Duration
	var attempts []int
	for _, l := range landings {
		took, attempts = append(took, l.took.Round(time.Millisecond)), append(attempts, l.attempts)
	}
	slices.Sort(took)
	slices.Sort(attempts)
	fmt.Printf("  %d pushes of imgstream: %v in the median, %v at the most; %d attempts in the median, %d at the most\n",
		len(landings), middle(took), most(took), middle(attempts), most(attempts))
}

// middle is the median of sorted values, zero of none.
func middle[T any](sorted []T) (m T) {
	if len(sorted) > 0 {
		m = sorted[len(sorted)/2]
	}
	return m
}

// most is the last of sorted values, zero of none.
func most[T any](sorted []T) (m T) {
	if len(sorted) > 0 {
		m = sorted[len(sorted)-1]
	}
	return m
}
