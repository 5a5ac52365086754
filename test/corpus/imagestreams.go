package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// imageStreams loads every file, and is good when each holds a stream.
func imageStreams(files []string) (good bool, err error) {
	good = true
	streams, tags, severities, said := 0, 0, map[stream.Severity]int{}, map[string]int{}
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		file := stream.ParseSpecs(src)
		if file == nil || len(file.Streams) == 0 {
			good = false
			fmt.Printf("%s: does not load\n", filepath.Base(path))
		}
		if file == nil {
			continue
		}
		inFile, found := 0, map[stream.Severity]int{}
		for _, s := range file.Streams {
			inFile += len(s.Tags)
		}
		for _, p := range file.Problems {
			found[p.Severity]++
			severities[p.Severity]++
			said[fmt.Sprintf("%s: %s", p.Severity, p.Message)]++
		}
		streams, tags = streams+len(file.Streams), tags+inFile
		fmt.Printf("%-28s streams: %d, tags: %2d%s\n", filepath.Base(path), len(file.Streams), inFile, counts(found))
	}
	fmt.Printf("\n%d files, streams: %d, tags: %d%s\n", len(files), streams, tags, counts(severities))
	for _, message := range slices.Sorted(maps.Keys(said)) {
		fmt.Printf("    %d times %s\n", said[message], message)
	}
	return good, nil
}

func counts(of map[stream.Severity]int) string {
	var text strings.Builder
	for _, s := range []stream.Severity{stream.Error, stream.Warning, stream.Notice} {
		if of[s] > 0 {
			fmt.Fprintf(&text, ", %ss: %d", s, of[s])
		}
	}
	return text.String()
}
