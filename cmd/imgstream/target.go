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
	"github.com/imgstream/imgstream/reconciler/registry"
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
		return config.Config{}, nil
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
	opts := gitstore.Options{
		URL: t.repo, Branch: t.branch, Now: a.now,
		Committer: gitstore.Identity{Name: cfg.Git.Committer.Name, Email: cfg.Git.Committer.Email},
	}
	if cfg.Git.CAFile != "" {
		ca, err := os.ReadFile(cfg.Git.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read git.caFile: %w", err)
		}
		opts.CABundle = ca
	}
	opts.Credentials = credentials(cfg.Git)
	return gitstore.Open(opts)
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
	case err != nil:
		return fmt.Errorf("%w: run in a clone, or name the repository with --repo and --branch", err)
	}
	t.repo = url
	if t.branch == "" {
		t.branch = branch
	}
	return nil
}

// credentials are those of the operator's files, else of the environment; the files
// are read anew each time. nil: there are none.
func credentials(git config.Git) func() (gitstore.Credentials, error) {
	switch {
	case git.TokenFile != "" || git.PasswordFile != "":
		return func() (gitstore.Credentials, error) {
			var c gitstore.Credentials
			username, err1 := secret(git.UsernameFile)
			password, err2 := secret(git.PasswordFile)
			token, err3 := secret(git.TokenFile)
			c.Username, c.Password, c.Token = username, gitstore.Secret(password), gitstore.Secret(token)
			return c, errors.Join(err1, err2, err3)
		}
	case os.Getenv("IMGSTREAM_GIT_TOKEN") != "":
		return func() (gitstore.Credentials, error) {
			return gitstore.Credentials{Token: gitstore.Secret(os.Getenv("IMGSTREAM_GIT_TOKEN"))}, nil
		}
	case os.Getenv("IMGSTREAM_GIT_TOKEN_FILE") != "":
		return func() (gitstore.Credentials, error) {
			token, err := secret(os.Getenv("IMGSTREAM_GIT_TOKEN_FILE"))
			return gitstore.Credentials{Token: gitstore.Secret(token)}, err
		}
	}
	return nil
}

// secret reads a file of one line; no file is an empty secret.
func secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	return strings.TrimRight(string(b), "\r\n"), err
}

// registries gives the client that asks registries as the operator configured them.
func registries(cfg config.Config) (*registry.Client, error) {
	opts := registry.Options{UserAgent: "imgstream/" + buildVersion()}
	for _, r := range cfg.Registries {
		opts.Hosts = append(opts.Hosts, registry.Host{Name: r.Host, Mirrors: r.Mirrors, PlainHTTP: r.PlainHTTP, CAFile: r.CAFile})
	}
	return registry.New(opts)
}
