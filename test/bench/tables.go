package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// printCommits prints P1: the table and each bar with what was measured.
func printCommits(over transport, all []commitFigures) {
	if len(all) == 0 {
		return
	}
	fmt.Printf("\nP1: commit and push one changed value over %s (medians, milliseconds)\n\n", over.name)
	fmt.Printf("The server is %s.\n\n", over.server)
	fmt.Println("| files | imgstream | of it own | bare git push | of it own | git: shallow clone, commit, push | go-git: clone, work tree, commit, push |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, f := range all {
		fmt.Printf("| %d | %s | %s | %s | %s | %s | %s |\n", f.files,
			ms(f.ours.total), ms(f.ours.own), ms(f.push.total), ms(f.push.own), ms(f.cli.total), ms(f.gogit.total))
	}
	fmt.Println()
	least, most := all[0].ours.own, all[0].ours.own
	for _, f := range all {
		bar(fmt.Sprintf("%d files: own time / bare push", f.files), ratio(f.ours.own, f.push.total), "≤", 0.3)
		least, most = min(least, f.ours.own), max(most, f.ours.own)
	}
	bar("own time, largest / smallest over the sizes", ratio(most, least), "≤", 2)
	for _, f := range all {
		if f.files == 10000 {
			bar("10000 files: total / bare push", ratio(f.ours.total, f.push.total), "≤", 1.25)
			bar("10000 files: go-git clone and work tree / total", ratio(f.gogit.total, f.ours.total), "≥", 20)
			fmt.Printf("  (git's shallow clone / total: %.1f)\n", ratio(f.cli.total, f.ours.total))
		}
	}
}

// printReads prints P4.
func printReads(all []readFigures) {
	fmt.Print("\nP4: first read (medians)\n\n")
	fmt.Println("| files | streams | local lookup | git clone --bare --depth 1 | imgstream | of it fetch | of it survey | peak memory | at rest |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, f := range all {
		fmt.Printf("| %d | %d | %s | %s ms | %s ms | %s ms | %s ms | %d MB | %d MB |\n", f.files, f.streams, onOff(f.lookup),
			ms(f.clone), ms(f.ours()), ms(f.fetch), ms(f.survey), f.peak>>20, f.rest>>20)
	}
	fmt.Println()
	for _, f := range all {
		if f.files == 10000 {
			most := 3.0
			if f.lookup {
				most = 5
			}
			bar("10000 files, local lookup "+onOff(f.lookup)+": first read / clone", ratio(f.ours(), f.clone), "≤", most)
			bar("10000 files: peak memory, MB", float64(f.peak>>20), "≤", 100)
			bar("10000 files: memory at rest, MB", float64(f.rest>>20), "≤", 60)
		}
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// printStarts prints P9, and P4's memory of the daemon.
func printStarts(all []startFigures, rest time.Duration) {
	fmt.Print("\nP9: a daemon from its start to ready (medians), and P4: its memory\n\n")
	fmt.Printf("| files | over | git clone --bare --depth 1 | start to ready | of it fetch | of it read | of it plan | resident when ready | after %v | peak |\n", rest)
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, f := range all {
		fmt.Printf("| %d | %s | %s ms | %s ms | %s ms | %s ms | %s ms | %s | %s | %s |\n", f.files, f.over.name,
			ms(f.clone), ms(f.ready), ms(f.fetch), ms(f.read), ms(f.plan), mb(f.atReady.now), mb(f.atRest.now), mb(f.atRest.peak))
	}
	fmt.Println()
	for _, f := range all {
		if f.files != 10000 {
			continue
		}
		of := fmt.Sprintf("%d files over %s: ", f.files, f.over.name)
		bar(of+"start to ready / clone", ratio(f.ready, f.clone), "≤", 4)
		if f.atRest.now == 0 {
			fmt.Printf("- %smemory is not measured: it takes Linux's /proc\n", of)
			continue
		}
		bar(of+"peak memory of the daemon, MB", megabytes(f.atRest.peak), "≤", 100)
		bar(of+"its memory at rest, MB", megabytes(f.atRest.now), "≤", 60)
	}
}

// printBinary prints P9 of the program. That it gets by without git was seen.
func printBinary(f binaryFigures, over []transport) {
	fmt.Print("\nP9: the binary\n\n")
	bar("size, MB", megabytes(f.size), "≤", 60)
	fmt.Printf("- linkage: %s\n", verdict(f.linkage, f.linkage == "static"))
	for _, t := range over {
		fmt.Printf("- without any other program, PATH empty, over %s: start, read, commit and push (met)\n", t.name)
	}
}

func verdict(what string, met bool) string {
	if met {
		return what + " (met)"
	}
	return what + " (NOT MET)"
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func mb(bytes int64) string {
	if bytes == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%.0f MB", megabytes(bytes))
}

// bar says whether a figure meets its bar.
func bar(what string, got float64, relation string, want float64) {
	met := got <= want
	if relation == "≥" {
		met = got >= want
	}
	word := "met"
	if !met {
		word = "NOT MET"
	}
	fmt.Printf("- %s: %.2f (%s %v: %s)\n", what, got, relation, want, word)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// median is the middle one of what of gives.
func median[T any, V cmp.Ordered](all []T, of func(T) V) V {
	values := make([]V, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
