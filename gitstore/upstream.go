package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"
)

// Errors of a directory that says less than is needed.
var (
	// ErrNoClone: the directory lies in no clone of a git repository.
	ErrNoClone = errors.New("not in a clone of a git repository")
	// ErrNoRemote: the clone has no remote to push to.
	ErrNoRemote = errors.New("the clone has no remote")
	// ErrDetached: no branch is checked out, so that one must be named.
	ErrDetached = errors.New("no branch is checked out (detached HEAD): name one with --branch")
)

// clone is where a directory belongs to.
type clone struct {
	root   string // of the work tree
	gitDir string // of this work tree: HEAD
	common string // of the clone: config
}

// Upstream finds, for the clone that dir lies in, the upstream of the branch
// that is checked out, else the remote origin and that branch's name. With
// ErrDetached, url is returned all the same. The url may hold credentials: see
// [Redact]. No git binary is needed.
func Upstream(dir string) (url, branch string, err error) {
	c, err := findClone(dir)
	if err != nil {
		return "", "", err
	}
	cfg, err := readConfig(filepath.Join(c.common, "config"))
	if err != nil {
		return "", "", err
	}
	current, err := c.head()
	if err != nil && !errors.Is(err, ErrDetached) {
		return "", "", err
	}
	remote, branch := "origin", current
	if up := cfg.Section("branch").Subsection(current); current != "" && up.Option("remote") != "" {
		remote = up.Option("remote")
		if merge, ok := strings.CutPrefix(up.Option("merge"), "refs/heads/"); ok {
			branch = merge
		}
	}
	url, urlErr := c.remoteURL(cfg, remote)
	if urlErr != nil {
		return "", "", urlErr
	}
	return url, branch, err
}

// remoteURL resolves the name of a remote as git does: "." is this clone, a
// relative path counts from its root, url.<base>.insteadOf applies.
func (c clone) remoteURL(cfg *config.Config, remote string) (string, error) {
	if remote == "." {
		return c.root, nil
	}
	section := cfg.Section("remote").Subsection(remote)
	url := section.Option("url")
	if all := section.OptionAll("url"); len(all) > 0 {
		url = all[0] // git fetches from the first
	}
	if url == "" {
		if !strings.ContainsAny(remote, "/:") {
			return "", fmt.Errorf("%s: %w named %s: add it with git remote add, or name the repository with --repo and --branch", c.root, ErrNoRemote, remote)
		}
		url = remote // branch.<name>.remote may be a URL
	}
	url = insteadOf(append(userConfigs(), cfg), url)
	if !strings.Contains(url, "://") && !scpLike.MatchString(url) && !filepath.IsAbs(url) {
		url = filepath.Join(c.root, url)
	}
	return url, nil
}

// insteadOf replaces the longest prefix that a configuration names.
func insteadOf(cfgs []*config.Config, url string) string {
	best, with := "", ""
	for _, cfg := range cfgs {
		for _, sub := range cfg.Section("url").Subsections {
			for _, prefix := range sub.OptionAll("insteadOf") {
				if strings.HasPrefix(url, prefix) && len(prefix) > len(best) {
					best, with = prefix, sub.Name
				}
			}
		}
	}
	if best == "" {
		return url
	}
	return with + strings.TrimPrefix(url, best)
}

// userConfigs are the user's configuration files, those that can be read.
func userConfigs() []*config.Config {
	files := []string{os.Getenv("GIT_CONFIG_GLOBAL")}
	if files[0] == "" {
		files = nil
		if dir, err := os.UserConfigDir(); err == nil {
			files = append(files, filepath.Join(dir, "git", "config"))
		}
		if home, err := os.UserHomeDir(); err == nil {
			files = append(files, filepath.Join(home, ".gitconfig"))
		}
	}
	var cfgs []*config.Config
	for _, file := range files {
		if cfg, err := readConfig(file); err == nil {
			cfgs = append(cfgs, cfg)
		}
	}
	return cfgs
}

func readConfig(file string) (*config.Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read git's configuration: %w", err)
	}
	cfg := config.New()
	if err := config.NewDecoder(bytes.NewReader(data)).Decode(cfg); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return cfg, nil
}

// findClone walks up from dir to the root of a work tree.
func findClone(dir string) (clone, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return clone{}, err
	}
	for root := abs; ; root = filepath.Dir(root) {
		dotGit := filepath.Join(root, ".git")
		info, err := os.Stat(dotGit)
		switch {
		case err == nil && info.IsDir():
			return openClone(root, dotGit)
		case err == nil:
			return linkedClone(root, dotGit)
		case !errors.Is(err, fs.ErrNotExist):
			return clone{}, err
		case root == filepath.Dir(root):
			return clone{}, fmt.Errorf("%s: %w", abs, ErrNoClone)
		}
	}
}

// linkedClone follows the .git file of a linked work tree or a submodule.
func linkedClone(root, dotGit string) (clone, error) {
	data, err := os.ReadFile(dotGit)
	if err != nil {
		return clone{}, err
	}
	gitDir, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if !ok {
		return clone{}, fmt.Errorf("%s names no gitdir", dotGit)
	}
	if !filepath.IsAbs(gitDir) {
		gitDir = filepath.Join(root, gitDir)
	}
	return openClone(root, gitDir)
}

func openClone(root, gitDir string) (clone, error) {
	c := clone{root: root, gitDir: gitDir, common: gitDir}
	data, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return clone{}, err
	}
	c.common = strings.TrimSpace(string(data))
	if !filepath.IsAbs(c.common) {
		c.common = filepath.Join(gitDir, c.common)
	}
	return c, nil
}

// head is the name of the branch that is checked out.
func (c clone) head() (string, error) {
	data, err := os.ReadFile(filepath.Join(c.gitDir, "HEAD"))
	if err != nil {
		return "", fmt.Errorf("read which branch is checked out: %w", err)
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: refs/heads/")
	if !ok {
		return "", ErrDetached
	}
	return branch, nil
}
