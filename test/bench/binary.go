package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// binaryFigures are of the program as it is released (P9).
type binaryFigures struct {
	path    string
	size    int64  // bytes
	linkage string // static; dynamic; not known, where it is no ELF file
}

// build builds the program as `make build` does.
func (b *lab) build(ctx context.Context) (f binaryFigures, err error) {
	f.path = filepath.Join(b.root, "imgstream")
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/imgstream/imgstream")
	cmd.Stderr = os.Stderr
	module, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("find the module (run in the folder test): %w", err)
	}
	cmd = exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", f.path, "./cmd/imgstream")
	cmd.Dir, cmd.Env = string(module[:len(module)-1]), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return f, fmt.Errorf("build imgstream: %w\n%s", err, out)
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return f, err
	}
	f.size = info.Size()
	f.linkage, err = linkage(f.path)
	return f, err
}

// linkage says whether an ELF file asks for an interpreter or a library.
func linkage(path string) (string, error) {
	file, err := elf.Open(path)
	if _, other := errors.AsType[*elf.FormatError](err); other {
		return "not known", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return "", err
	}
	interpreted := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if interpreted || len(libraries) > 0 {
		return "dynamic", nil
	}
	return "static", nil
}
