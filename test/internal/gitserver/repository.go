package gitserver

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Branch is the one branch that a Repository has.
const Branch = "main"

// Repository is a bare repository of a Server.
type Repository struct {
	Dir string
	URL string // without a login

	home string
	git  []string // how git is run; nil: by its name
}

// Create makes a repository with one commit.
func (s *Server) Create(ctx context.Context, name string, files map[string]string) (*Repository, error) {
	r := &Repository{Dir: filepath.Join(s.root, name+".git"), URL: s.http.URL + "/" + name + ".git", home: s.root}
	if _, err := run(ctx, s.root, s.root, nil, "init", "--quiet", "--bare", "--initial-branch="+Branch, r.Dir); err != nil {
		return nil, err
	}
	if _, err := r.Git(ctx, "config", "http.receivepack", "true"); err != nil {
		return nil, err
	}
	return r, r.Commit(ctx, "a beginning", files)
}

// WithLogin is the repository's URL with a login in it, as git itself takes it.
func (r *Repository) WithLogin(l Login) string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return r.URL
	}
	u.User = url.UserPassword(l.Username, l.Password)
	return u.String()
}

// Commit puts files on top of the branch, as a person's push would.
func (r *Repository) Commit(ctx context.Context, message string, files map[string]string) error {
	parent := ""
	if _, err := r.Git(ctx, "rev-parse", "--verify", "--quiet", Branch); err == nil {
		parent = "refs/heads/" + Branch + "^0"
	}
	_, err := r.commitOn(ctx, parent, message, files)
	return err
}

// commitOn puts files on top of a commit, and moves the branch there if that is a step
// forward. It gives the new commit.
func (r *Repository) commitOn(ctx context.Context, parent, message string, files map[string]string) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/%s\nmark :1\ncommitter Ada <ada@example.com> 1700000000 +0000\n", Branch)
	fmt.Fprintf(&b, "data %d\n%s\n", len(message), message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(files[path]), files[path])
	}
	fmt.Fprint(&b, "get-mark :1\ndone\n")
	out, err := r.run(ctx, &b, "fast-import", "--quiet", "--done")
	return strings.TrimSpace(out), err
}

// Git runs git in the repository and gives what it prints.
func (r *Repository) Git(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, nil, args...)
}

func (r *Repository) run(ctx context.Context, in io.Reader, args ...string) (string, error) {
	git := r.git
	if git == nil {
		git = []string{"git"}
	}
	return runAs(ctx, git, r.Dir, Env(r.home), in, args...)
}

// Files reads the whole tree of a commit.
func (r *Repository) Files(ctx context.Context, rev string) (map[string]string, error) {
	out, err := r.Git(ctx, "archive", "--format=tar", rev)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for t := tar.NewReader(strings.NewReader(out)); ; {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, err
		case h.Typeflag != tar.TypeReg:
			continue
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		files[h.Name] = string(data)
	}
}

// Fsck is an error when git objects to anything in the repository.
func (r *Repository) Fsck(ctx context.Context) error {
	out, err := r.Git(ctx, "fsck", "--strict", "--full", "--no-dangling", "--no-progress")
	if err == nil && out != "" {
		err = errors.New(out)
	}
	return err
}

// Copy makes another repository with the same content.
func (s *Server) Copy(r *Repository, name string) (*Repository, error) {
	c := &Repository{Dir: filepath.Join(s.root, name+".git"), URL: s.http.URL + "/" + name + ".git", home: s.root}
	return c, os.CopyFS(c.Dir, os.DirFS(r.Dir))
}
