package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/imgstream/imgstream/"

// mayImport is the one direction in which the rooms of the house know each other
// (ARCHITECTURE.md): a room that is not here, or an import that is not here, fails.
var mayImport = map[string][]string{
	"cmd/imgstream":        {"gitstore", "gitstore/forge", "gitstore/sign", "reconciler", "reconciler/adopt", "reconciler/config", "reconciler/daemon", "reconciler/describe", "reconciler/edit", "reconciler/hooks", "reconciler/plan", "reconciler/registry", "reconciler/render", "reconciler/stream", "reconciler/survey", "reconciler/web"},
	"reconciler":           {"gitstore", "reconciler/plan", "reconciler/render", "reconciler/stream", "reconciler/survey"},
	"reconciler/adopt":     {"kustomize", "kustomize/dockerfile", "kustomize/yamledit", "reconciler/edit", "reconciler/plan", "reconciler/policy", "reconciler/stream", "reconciler/survey"},
	"reconciler/config":    {"reconciler/stream"},
	"reconciler/daemon":    {"gitstore", "reconciler", "reconciler/plan", "reconciler/stream", "reconciler/survey"},
	"reconciler/describe":  {"reconciler/plan", "reconciler/policy", "reconciler/stream"},
	"reconciler/edit":      {"kustomize", "kustomize/yamledit", "reconciler/stream"},
	"reconciler/plan":      {"kustomize", "reconciler/edit", "reconciler/policy", "reconciler/stream"},
	"reconciler/hooks":     {},
	"reconciler/policy":    {},
	"reconciler/render":    {"kustomize", "kustomize/build", "reconciler/plan", "reconciler/stream"},
	"reconciler/registry":  {"reconciler/plan", "reconciler/stream"},
	"reconciler/stream":    {"kustomize/yamlblock", "reconciler/policy"},
	"reconciler/web":       {"reconciler", "reconciler/daemon", "reconciler/describe", "reconciler/hooks", "reconciler/plan", "reconciler/stream"},
	"reconciler/survey":    {"kustomize", "reconciler/plan", "reconciler/stream"},
	"gitstore":             {},
	"gitstore/forge":       {},
	"gitstore/sign":        {"gitstore"}, // its Secret
	"kustomize":            {"kustomize/dockerfile", "kustomize/yamlblock", "kustomize/yamledit"},
	"kustomize/build":      {},
	"kustomize/dockerfile": {},
	"kustomize/yamledit":   {"kustomize/yamlblock"},
	"kustomize/yamlblock":  {},
}

// onlyIn are libraries that one room alone may use.
var onlyIn = map[string]string{
	"github.com/go-git/":                         "gitstore",
	"github.com/google/go-containerregistry":     "reconciler/registry",
	"github.com/Masterminds/semver":              "reconciler/policy",
	"github.com/spf13/cobra":                     "cmd/imgstream",
	"sigs.k8s.io/kustomize/":                     "kustomize/build",
	"github.com/prometheus/":                     "reconciler/web",
	"github.com/fsnotify/":                       "reconciler/daemon",
	"github.com/rogpeppe/go-internal/diff":       "cmd/imgstream",
	"github.com/rogpeppe/go-internal/testscript": "",
}

// notInPure are packages of the standard library that a pure room does not import.
var (
	pure      = []string{"reconciler/adopt", "reconciler/config", "reconciler/describe", "reconciler/edit", "reconciler/hooks", "reconciler/plan", "reconciler/policy", "reconciler/stream", "kustomize", "kustomize/dockerfile", "kustomize/yamlblock", "kustomize/yamledit"}
	notInPure = []string{"os", "os/exec", "net", "net/http", "math/rand", "math/rand/v2", "log", "log/slog", "context", "sync"}
)

func TestImports(t *testing.T) {
	rooms := importsByRoom(t)
	for room, imports := range rooms {
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("%s is a room that ARCHITECTURE.md and mayImport do not have", room)
		}
		for imported, file := range imports {
			own, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s: %s must not import %s", file, room, own)
			}
			for library, only := range onlyIn {
				if strings.HasPrefix(imported, library) && room != only {
					t.Errorf("%s: only %s may import %s", file, only, library)
				}
			}
			if slices.Contains(pure, room) && slices.Contains(notInPure, imported) {
				t.Errorf("%s: %s is pure and must not import %s", file, room, imported)
			}
		}
	}
	for _, room := range slices.Sorted(maps.Keys(mayImport)) {
		if rooms[room] == nil {
			t.Errorf("mayImport has %s, and there is no such room", room)
		}
	}
}

// importsByRoom gives, for each directory with Go files, what its files import, tests
// left out, each with a file that does.
func importsByRoom(t *testing.T) map[string]map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	rooms := map[string]map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (rel == "test" || rel == "demo" || rel != "." && strings.HasPrefix(path.Base(rel), ".")) {
			return filepath.SkipDir
		}
		if path.Ext(rel) != ".go" || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := path.Dir(rel)
		if rooms[room] == nil {
			rooms[room] = map[string]string{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			rooms[room][imported] = rel
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}
