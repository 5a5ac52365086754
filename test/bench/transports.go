package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	gogit "github.com/go-git/go-git/v5/plumbing/transport"
	gogitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/sshserver"
)

// transport is how all ways reach the same repositories.
type transport struct {
	name        string
	server      string // what answers
	upTo        int    // the largest size, in files, that it is measured with by default; 0: any
	url         func(*gitserver.Repository) string
	credentials func() (gitstore.Credentials, error) // nil: none are asked for
	auth        gogit.AuthMethod                     // the same for go-git

	// received waits until no push runs, and gives what pushes took in the server since
	// the last call.
	received func() time.Duration
}

// parseTransports reads -transport: the names of transports, each once.
func parseTransports(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for i, name := range names {
		if name != "http" && name != "ssh" || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("-transport: %q: want http, ssh or both", list)
		}
	}
	return names, nil
}

// open gives the transports of the names, in their order.
func (b *lab) open(names []string) ([]transport, error) {
	var all []transport
	for _, name := range names {
		if name == "http" {
			all = append(all, b.overHTTP())
			continue
		}
		t, err := b.overSSH()
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (b *lab) overHTTP() transport {
	return transport{
		name: "HTTP", server: "git http-backend in a Go server of this process",
		url: func(r *gitserver.Repository) string { return r.URL },
		received: func() (took time.Duration) {
			for _, r := range b.server.Reset().Requests {
				if r.Service() == "git-receive-pack" {
					took += r.Took
				}
			}
			return took
		},
	}
}

func (b *lab) overSSH() (transport, error) {
	t := transport{
		name: "SSH", server: "git receive-pack in a golang.org/x/crypto/ssh server of this process", upTo: 10000,
		url: func(r *gitserver.Repository) string { return b.ssh.URL(r.Dir) },
		received: func() (sum time.Duration) {
			for _, took := range b.ssh.Received() {
				sum += took
			}
			return sum
		},
	}
	key, err := os.ReadFile(b.ssh.KeyFile)
	if err != nil {
		return t, err
	}
	known, err := os.ReadFile(b.ssh.KnownHostsFile)
	if err != nil {
		return t, err
	}
	t.credentials = func() (gitstore.Credentials, error) {
		return gitstore.Credentials{SSHKey: gitstore.Secret(key), KnownHosts: string(known)}, nil
	}
	auth, err := gogitssh.NewPublicKeys(sshserver.User, key, "")
	if err != nil {
		return t, err
	}
	auth.HostKeyCallback, err = gogitssh.NewKnownHostsCallback(b.ssh.KnownHostsFile)
	t.auth = auth
	return t, err
}
