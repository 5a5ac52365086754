package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/gitstore/forge"
	"github.com/imgstream/imgstream/gitstore/sign"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/stream"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the operator's configuration",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newConfigCheck(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say what is wrong in the operator's configuration and the files that it names",
		Long: `Reads a configuration (kind: Config) and the files that it names as run would, and
prints every problem with its place, else what would be served. Nobody is asked over
the network. FILE is $IMGSTREAM_CONFIG where none is given.

Exit codes: 0 the configuration is good, 1 it is not, 2 wrong usage.`,
		Example: `  imgstream config check /etc/imgstream/config.yaml`,
		RunE: func(_ *cobra.Command, args []string) error {
			if env := os.Getenv("IMGSTREAM_CONFIG"); len(args) == 0 && env != "" {
				args = []string{env}
			}
			if len(args) != 1 {
				return usagef("config check needs one FILE")
			}
			return checkConfig(a, args[0])
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
}

func checkConfig(a *app, name string) error {
	path := a.resolve(name)
	src, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	cfg, problems := config.Parse(src)
	cfg = cfg.In(filepath.Dir(path))
	for _, f := range cfg.Named() {
		if err := checkFile(f); err != nil {
			problems = append(problems, stream.Problem{
				Pos: stream.Pos{Line: config.LineOf(src, f.Key)}, Message: fmt.Sprintf("%s %s: %v", f.Key, f.Path, err),
			})
		}
	}
	if len(problems) > 0 {
		for i := range problems {
			problems[i].Pos.File = name
		}
		stream.SortProblems(problems)
		printProblems(a.stdout, problems)
		fmt.Fprintf(a.stderr, "%s in %s\n", stream.Count(len(problems), "error"), name)
		return &codeError{code: exitFailed}
	}
	fmt.Fprintf(a.stdout, "%s: ok\n%s", name, summary(cfg))
	return nil
}

// checkFile says why a file is not what the configuration needs, or nil. No error
// shows anything of what the file holds.
func checkFile(f config.File) error {
	data, err := readWhole(f.Path)
	if err != nil {
		return err
	}
	switch f.Holds {
	case config.Secret:
		return checkSecret(data)
	case config.Certificates:
		return checkCertificates(data)
	case config.AppKey:
		_, err = forge.ParseGitHubAppKey(data)
	case config.KnownHosts:
		return checkKnownHosts(data)
	case config.SSHKey, config.SigningKey:
		passphrase, errRead := secret(f.Passphrase)
		switch {
		case errRead != nil: // told where the passphrase is named
		case f.Holds == config.SSHKey:
			err = checkSSHKey(data, passphrase)
		default:
			_, err = sign.Load(data, gitstore.Secret(passphrase))
		}
	}
	return err
}

// maxNamed is the largest size in bytes of a file that a configuration names.
const maxNamed = 1 << 20

func readWhole(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > maxNamed:
		return nil, fmt.Errorf("has %d bytes, more than the limit of %d", info.Size(), maxNamed)
	}
	data, err := os.ReadFile(path)
	return data, reason(err)
}

// reason is an error of the file system without the path, which stands before it.
func reason(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

func checkSecret(data []byte) error {
	text := bytes.TrimRight(data, "\r\n")
	switch {
	case len(text) == 0:
		return errors.New("is empty")
	case bytes.ContainsAny(text, "\r\n"):
		return errors.New("has more than one line")
	}
	return nil
}

func checkCertificates(data []byte) error {
	found := false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("holds a certificate that cannot be read: %w", err)
		}
		found = true
	}
	if !found {
		return errors.New("holds no certificate in PEM")
	}
	return nil
}

func checkSSHKey(data []byte, passphrase string) error {
	_, err := ssh.ParsePrivateKey(data)
	if _, encrypted := errors.AsType[*ssh.PassphraseMissingError](err); encrypted {
		if passphrase == "" {
			return errors.New("is encrypted: name its passphrase in sshKeyPassphraseFile")
		}
		_, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return errors.New("is encrypted, and the passphrase does not open it")
	case err != nil:
		return errors.New("is not a private key in PEM, as ssh-keygen writes it")
	}
	return nil
}

func checkKnownHosts(data []byte) error {
	if _, _, _, _, _, err := ssh.ParseKnownHosts(data); err != nil {
		return errors.New("names no host's key: write lines as ssh-keyscan prints them")
	}
	return nil
}

// summary says what a configuration serves, without any secret.
func summary(cfg config.Config) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	if len(cfg.Repositories) == 0 {
		fmt.Fprintln(w, "  no repositories: --repo or the clone names one")
	}
	for _, r := range cfg.Repositories {
		fmt.Fprintf(w, "  repository %s\t%s\t%s\tevery %v\t%s\n", r.Name, r.URL, strings.Join(r.Branches, ", "), r.Interval, authentication(r.Git))
	}
	_ = w.Flush()
	for _, r := range cfg.Registries {
		fmt.Fprintf(w, "  registry %s\t%s\n", r.Host, strings.Join(registryFacts(r), "; "))
	}
	_ = w.Flush()
	if cfg.LocalRegistry != "" {
		fmt.Fprintf(&b, "  local registry %s\n", cfg.LocalRegistry)
	}
	if cfg.Hooks.Distribution.TokenFile != "" {
		fmt.Fprintf(&b, "  hook /hooks/distribution%s\n", of(cfg.Hooks.Distribution.Host))
	}
	if len(cfg.AllowedRegistries) > 0 {
		fmt.Fprintf(&b, "  allowed registries %s\n", allowedNames(cfg.AllowedRegistries))
	}
	return b.String()
}

// of names a host, where there is one.
func of(host string) string {
	if host == "" {
		return ""
	}
	return " of " + host
}

func authentication(git config.Git) string {
	switch {
	case git.GitHubApp != nil:
		return fmt.Sprintf("GitHub App %d", git.GitHubApp.AppID)
	case git.SSHKeyFile != "":
		return "SSH key"
	case git.TokenFile != "":
		return "token"
	case git.PasswordFile != "":
		return "password"
	}
	return "no credentials"
}

func registryFacts(r config.Registry) []string {
	var facts []string
	if len(r.Mirrors) > 0 {
		facts = append(facts, "mirrors "+strings.Join(r.Mirrors, ", "))
	}
	if r.PlainHTTP {
		facts = append(facts, "plain HTTP")
	}
	if r.CAFile != "" {
		facts = append(facts, "own CA")
	}
	if r.HasCredentials() {
		whose := "credentials for all streams"
		if len(r.Namespaces) > 0 {
			whose = "credentials for namespaces " + strings.Join(r.Namespaces, ", ")
		}
		if len(r.Paths) > 0 {
			whose += " below " + strings.Join(r.Paths, ", ")
		}
		facts = append(facts, whose)
	}
	return facts
}

func allowedNames(list config.AllowList) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.DomainName
	}
	return strings.Join(names, ", ")
}
