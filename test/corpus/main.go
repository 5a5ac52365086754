// Command corpus tries imgstream on files that people wrote. Of each kustomization in a
// folder it binds one images: entry after the other by a marker above its dash, moves it
// to a new tag and digest, and judges the bytes that come out by rules of its own:
//
//	minimal      the entry shows the image; only the scalars that its spelling requires
//	             differ, and at most a line for digest and one for newName is new
//	over-edited  anything else differs, or the entry shows something else
//	refused      nothing differs, and a reason is given
//	silent       nothing differs, and no reason is given
//
// With -imagestreams it loads every ImageStream file of a folder instead, imports every tag
// from a local registry that serves all their sources as a mirror, and passes again.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	tag := flag.String("tag", "1.10", "the tag to move to; the default needs quotes")
	streams := flag.Bool("imagestreams", false, "load ImageStream files, and import what they name")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: corpus [-tag TAG | -imagestreams] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	try := func(files []string) (bool, error) { return kustomizations(files, *tag) }
	if *streams {
		try = func(files []string) (bool, error) {
			loaded, err := imageStreams(files)
			if err != nil {
				return false, err
			}
			fmt.Println()
			imported, err := importAll(files)
			return loaded && imported, err
		}
	}
	files, err := filesIn(flag.Arg(0))
	good := false
	if err == nil {
		good, err = try(files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
	}
	if !good {
		os.Exit(1)
	}
}

// filesIn are the YAML and JSON files below a folder.
func filesIn(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) || d.Name() == "Kustomization" {
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no YAML or JSON file", dir)
	}
	return files, err
}

// kustomizations tries every entry of every file, and is good when none came out
// over-edited or silent.
func kustomizations(files []string, tag string) (good bool, err error) {
	total, first := tally{}, tally{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		trials, err := tryFile(filepath.Base(file), src, tag)
		if err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		of := tally{}
		for i, trial := range trials {
			of.add(trial.verdict)
			total.add(trial.verdict)
			if i == 0 {
				first.add(trial.verdict)
			}
		}
		fmt.Printf("%-28s %s\n", of, filepath.Base(file))
		for i, trial := range trials {
			if trial.verdict != minimal {
				fmt.Printf("    entry %d, %s, %s: %s\n", i+1, trial.name, trial.verdict, trial.reason)
			}
		}
	}
	fmt.Printf("\n%d files\nfirst entries: %s\nall entries:   %s\n", len(files), first, total)
	return total[overEdited]+total[silent] == 0, nil
}

// tally counts verdicts.
type tally map[verdict]int

func (t tally) add(v verdict) { t[v]++ }

func (t tally) String() string {
	var parts []string
	for _, v := range []verdict{minimal, overEdited, refused, silent} {
		if t[v] > 0 || v == minimal {
			parts = append(parts, fmt.Sprintf("%d %s", t[v], v))
		}
	}
	return strings.Join(parts, ", ")
}
