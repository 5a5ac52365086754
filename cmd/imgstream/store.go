package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/gitstore/forge"
	"github.com/imgstream/imgstream/gitstore/sign"
	"github.com/imgstream/imgstream/reconciler/config"
)

// openStore gives a branch as the operator's git section says. It does no I/O but
// reading files.
func openStore(a *app, git config.Git, url, branch string) (*gitstore.Store, error) {
	opts, err := storeOptions(a, git, url, branch)
	if err != nil {
		return nil, err
	}
	return gitstore.Open(opts)
}

func storeOptions(a *app, git config.Git, url, branch string) (gitstore.Options, error) {
	opts := gitstore.Options{
		URL: url, Branch: branch, Now: a.now, Proxy: git.Proxy,
		Committer: gitstore.Identity{Name: git.Committer.Name, Email: git.Committer.Email},
	}
	if git.CAFile != "" {
		ca, err := os.ReadFile(git.CAFile)
		if err != nil {
			return gitstore.Options{}, fmt.Errorf("read git.caFile: %w", err)
		}
		opts.CABundle = ca
	}
	if git.SigningKeyFile != "" {
		opts.Signer = &fileSigner{keyFile: git.SigningKeyFile, passphraseFile: git.SigningKeyPassphraseFile}
	}
	var err error
	opts.Credentials, err = credentials(git, url, opts.CABundle)
	return opts, err
}

// credentials are those of the operator's files, else of the environment; the files
// are read anew each time. nil: there are none but those of the URL.
func credentials(git config.Git, url string, ca []byte) (func() (gitstore.Credentials, error), error) {
	switch {
	case isSSH(url):
		return func() (gitstore.Credentials, error) { return sshCredentials(git) }, nil
	case git.GitHubApp != nil:
		return appCredentials(*git.GitHubApp, git.Proxy, ca)
	case git.TokenFile != "" || git.PasswordFile != "":
		return func() (gitstore.Credentials, error) {
			username, err1 := secret(git.UsernameFile)
			password, err2 := secret(git.PasswordFile)
			token, err3 := secret(git.TokenFile)
			return gitstore.Credentials{
				Username: username, Password: gitstore.Secret(password), Token: gitstore.Secret(token),
			}, errors.Join(err1, err2, err3)
		}, nil
	case os.Getenv("IMGSTREAM_GIT_TOKEN") != "":
		return func() (gitstore.Credentials, error) {
			return gitstore.Credentials{Token: gitstore.Secret(os.Getenv("IMGSTREAM_GIT_TOKEN"))}, nil
		}, nil
	case os.Getenv("IMGSTREAM_GIT_TOKEN_FILE") != "":
		return func() (gitstore.Credentials, error) {
			token, err := secret(os.Getenv("IMGSTREAM_GIT_TOKEN_FILE"))
			return gitstore.Credentials{Token: gitstore.Secret(token)}, err
		}, nil
	}
	return nil, nil
}

// isSSH reports whether a URL is ssh://… or [user@]host:path.
func isSSH(url string) bool {
	scheme, _, ok := strings.Cut(strings.ToLower(url), "://")
	if ok {
		return scheme == "ssh" || scheme == "git+ssh" || scheme == "ssh+git"
	}
	host, _, colon := strings.Cut(url, ":")
	return colon && !strings.Contains(host, "/")
}

// sshCredentials are the operator's key, or none for the agent's, and the hosts that
// may be spoken to.
func sshCredentials(git config.Git) (gitstore.Credentials, error) {
	var c gitstore.Credentials
	key, err1 := secret(git.SSHKeyFile)
	passphrase, err2 := secret(git.SSHKeyPassphraseFile)
	c.SSHKey, c.Passphrase = gitstore.Secret(key), gitstore.Secret(passphrase)
	var err3 error
	if git.KnownHostsFile != "" {
		var hosts []byte
		hosts, err3 = os.ReadFile(git.KnownHostsFile)
		c.KnownHosts = string(hosts)
	} else {
		c.KnownHosts, err3 = gitstore.DefaultKnownHosts()
	}
	return c, errors.Join(err1, err2, err3)
}

// appCredentials are installation tokens of a GitHub App, fetched and renewed when needed.
func appCredentials(app config.GitHubApp, proxy string, ca []byte) (func() (gitstore.Credentials, error), error) {
	tokens, err := forge.NewGitHubApp(forge.GitHubAppOptions{
		AppID: app.AppID, InstallationID: app.InstallationID, APIURL: app.APIURL, Proxy: proxy, CABundle: ca,
		Key: func() ([]byte, error) { return os.ReadFile(app.PrivateKeyFile) },
	})
	if err != nil {
		return nil, fmt.Errorf("git.githubApp: %w", err)
	}
	return func() (gitstore.Credentials, error) {
		token, err := tokens.Token(context.Background()) // it has a limit of its own
		return gitstore.Credentials{Token: gitstore.Secret(token)}, err
	}, nil
}

// secret reads a file that holds one secret; no file is an empty one.
func secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	return strings.TrimRight(string(b), "\r\n"), err
}

// fileSigner signs with the key of a file, read anew when the file changed.
type fileSigner struct {
	keyFile, passphraseFile string

	mu     sync.Mutex
	loaded string // what key was made from
	key    *sign.Key
}

// Sign is of gitstore.Signer.
func (f *fileSigner) Sign(payload []byte) (string, error) {
	text, err := os.ReadFile(f.keyFile)
	if err != nil {
		return "", fmt.Errorf("read the signing key: %w", err)
	}
	passphrase, err := secret(f.passphraseFile)
	if err != nil {
		return "", fmt.Errorf("read the signing key's passphrase: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if from := string(text) + "\x00" + passphrase; f.key == nil || f.loaded != from {
		if f.key, err = sign.Load(text, gitstore.Secret(passphrase)); err != nil {
			return "", fmt.Errorf("signing key %s: %w", f.keyFile, err)
		}
		f.loaded = from
	}
	return f.key.Sign(payload)
}
