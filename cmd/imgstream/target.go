package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler/config"
)

// target is the remote branch that a verb works on, and the operator's configuration.
type target struct {
	repo, branch string
	configFile   string
}

// flags adds what names a remote branch.
func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.repo, "repo", "", "repository `URL` or path (default: the upstream of the checked-out branch, else origin)")
	f.StringVar(&t.branch, "branch", "", "branch of the repository (default: the upstream's, else the checked-out branch's name)")
	f.StringVar(&t.configFile, "config", "", "the operator's configuration `file` (kind: Config)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// load reads the configuration; without a file every default holds.
func (t *target) load(a *app) (config.Config, error) {
	if t.configFile == "" {
		return config.Default(), nil
	}
	path := a.resolve(t.configFile)
	src, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	cfg, problems := config.Parse(src)
	if len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, p := range problems {
			p.Pos.File = t.configFile
			lines[i] = p.String()
			if p.Hint != "" {
				lines[i] += "\n    " + p.Hint
			}
		}
		return config.Config{}, fmt.Errorf("the configuration is not valid:\n%s", strings.Join(lines, "\n"))
	}
	return cfg.In(filepath.Dir(path)), nil
}

// open gives the branch that the flags, or the clone around the working directory, name.
func (t *target) open(a *app, cfg config.Config) (*gitstore.Store, error) {
	if err := t.complete(a); err != nil {
		return nil, err
	}
	return openStore(a, cfg.Git, t.repo, t.branch)
}

// complete takes from the clone around the working directory what the flags leave out.
func (t *target) complete(a *app) error {
	if t.repo != "" {
		if t.branch == "" {
			return usagef("--repo needs --branch")
		}
		if !strings.Contains(t.repo, ":") { // a path, and no URL
			t.repo = a.resolve(t.repo)
		}
		return nil
	}
	url, branch, err := gitstore.Upstream(a.workDir())
	switch {
	case errors.Is(err, gitstore.ErrDetached) && t.branch != "":
	case errors.Is(err, gitstore.ErrDetached):
		return usagef("HEAD is detached: say which branch with --branch")
	case errors.Is(err, gitstore.ErrNoClone):
		return fmt.Errorf("%w: run in a clone, or name the repository with --repo and --branch", err)
	case err != nil:
		return err
	}
	t.repo = url
	if t.branch == "" {
		t.branch = branch
	}
	return nil
}
