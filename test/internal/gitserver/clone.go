package gitserver

import (
	"context"
	"path/filepath"
	"strconv"
)

// Clone is somebody's clone of a Repository, without a work tree, which pushes over HTTP
// with git itself.
type Clone struct{ repo Repository }

// Clone clones the repository into a folder of that name. niceness is what its git runs
// with: above 0 it takes less of the processors from the server and from who is measured,
// somewhat as if it ran on another machine.
func (r *Repository) Clone(ctx context.Context, name string, niceness int) (*Clone, error) {
	c := &Clone{Repository{Dir: filepath.Join(r.home, name), URL: r.URL, home: r.home, git: []string{"nice", "-n", strconv.Itoa(niceness), "git"}}}
	_, err := run(ctx, r.home, r.home, nil, "clone", "--quiet", "--bare", r.URL, c.repo.Dir)
	return c, err
}

// Push fetches, commits files on top, and pushes that, as a bot does; where others were
// faster, again. It gives the commit that landed, and how many pushes that took. It goes
// on until ctx ends.
func (c *Clone) Push(ctx context.Context, message string, files map[string]string) (commit string, attempts int, err error) {
	for attempts = 1; ; attempts++ {
		if _, err = c.repo.Git(ctx, "fetch", "--quiet", c.repo.URL, "+"+Branch+":"+Branch); err != nil {
			return "", attempts, err
		}
		if commit, err = c.repo.commitOn(ctx, "refs/heads/"+Branch+"^0", message, files); err != nil {
			return "", attempts, err
		}
		if _, err = c.repo.Git(ctx, "push", "--quiet", c.repo.URL, commit+":refs/heads/"+Branch); err == nil {
			return commit, attempts, nil
		}
	}
}
