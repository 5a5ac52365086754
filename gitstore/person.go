package gitstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/config"
)

// ErrNoUser says that git does not know who works here.
var ErrNoUser = errors.New("git does not know who you are: run git config --global user.name and user.email, or set GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL")

// User is who git takes the user of dir for: GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else
// user.name and user.email of the clone that dir lies in, else of the user's own
// configuration. It is ErrNoUser where a part is missing. No git binary is needed.
func User(dir string) (Identity, error) {
	id := Identity{Name: os.Getenv("GIT_AUTHOR_NAME"), Email: os.Getenv("GIT_AUTHOR_EMAIL")}
	var cfgs []*config.Config
	if c, err := findClone(dir); err == nil {
		if cfg, err := readConfig(filepath.Join(c.common, "config")); err == nil {
			cfgs = append(cfgs, cfg)
		}
	}
	for _, cfg := range append(cfgs, userConfigs()...) {
		user := cfg.Section("user")
		id = Identity{Name: cmp.Or(id.Name, user.Option("name")), Email: cmp.Or(id.Email, user.Option("email"))}
	}
	if id.Name == "" || id.Email == "" {
		return Identity{}, ErrNoUser
	}
	return id, nil
}

func (s *Store) isPerson() bool { return s.person != (Identity{}) }

// by is who commits.
func (s *Store) by() Identity {
	if s.isPerson() {
		return s.person
	}
	return s.committer
}

// checkPerson refuses a person whose commits would be taken for imgstream's.
func (s *Store) checkPerson() error {
	if !s.isPerson() {
		return nil
	}
	if err := s.person.check(); err != nil {
		return fmt.Errorf("who commits: %w", err)
	}
	if strings.EqualFold(s.person.Email, s.committer.Email) {
		return fmt.Errorf("<%s> is imgstream's own e-mail, and this is a change of a person: set git's user.email to yours", s.person.Email)
	}
	return nil
}

// publishAsPerson pushes the branch alone: imgstream's last push stays what it was, so
// that the next pass sees what a person did (semantics.md 6).
func (s *Store) publishAsPerson(ctx context.Context, base plumbing.Hash, w *written) (Published, error) {
	if _, err := s.push(ctx, base, w, false); err != nil {
		return Published{}, err
	}
	s.adopt(w)
	return Published{Rev: revOf(w.tip)}, nil
}
