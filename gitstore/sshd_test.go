package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

const sshdProgram = "/usr/sbin/sshd"

// sshd is the machine's own sshd on a port of its own, one for all tests.
type sshd struct {
	process *exec.Cmd
	address string
	user    string
	with    Credentials
}

var (
	theSSHD     *sshd
	noSSHD      error // why there is none; that is no failure
	sshdStarted sync.Once
)

// newSSHDHost is skipped where no sshd can be run.
func newSSHDHost(tb testing.TB) *host {
	tb.Helper()
	sshdStarted.Do(func() { theSSHD, noSSHD = startSSHD(filepath.Join(os.Getenv("HOME"), "sshd")) })
	if noSSHD != nil {
		tb.Skipf("no real sshd: %v", noSSHD)
	}
	h := newFileHost(tb)
	h.url = "ssh://" + theSSHD.user + "@" + theSSHD.address + h.bare
	h.options = func(o *Options) { o.Credentials = static(theSSHD.with) }
	return h
}

func stopSSHD() {
	if theSSHD != nil {
		_ = theSSHD.process.Process.Kill()
		_ = theSSHD.process.Wait()
	}
}

func startSSHD(dir string) (*sshd, error) {
	if _, err := os.Stat(sshdProgram); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	d := &sshd{user: me.Username}
	script := `set -e
mkdir -p "$1"; cd "$1"
ssh-keygen -q -t ed25519 -N "" -f host
ssh-keygen -q -t ed25519 -N "" -f user`
	if out, err := exec.Command("sh", "-c", script, "sh", dir).CombinedOutput(); err != nil { //nolint:noctx // once
		return nil, fmt.Errorf("make keys: %w: %s", err, out)
	}
	key, err1 := os.ReadFile(filepath.Join(dir, "user"))
	public, err2 := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err := errors.Join(err1, err2, d.listen(dir)); err != nil {
		return nil, err
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		return nil, err
	}
	d.with = Credentials{SSHKey: Secret(key), KnownHosts: knownhosts.Line([]string{d.address}, hostKey)}
	if err := d.try(); err != nil {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
		return nil, err
	}
	return d, nil
}

// listen starts sshd on a port that was free a moment ago.
func (d *sshd) listen(dir string) error {
	probe, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.address = probe.Addr().String()
	_ = probe.Close()
	_, port, _ := net.SplitHostPort(d.address)
	config := filepath.Join(dir, "sshd_config")
	lines := strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + filepath.Join(dir, "host"),
		"AuthorizedKeysFile " + filepath.Join(dir, "user.pub"), "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"UsePAM no", "StrictModes no", "PidFile none", "MaxStartups 100", "LogLevel ERROR", "AcceptEnv GIT_PROTOCOL",
		"SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null",
	}, "\n")
	if err := os.WriteFile(config, []byte(lines+"\n"), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command(sshdProgram, "-t", "-f", config).CombinedOutput(); err != nil { //nolint:noctx // once
		return fmt.Errorf("%s: %w: %s", sshdProgram, err, bytes.TrimSpace(out))
	}
	d.process = exec.Command(sshdProgram, "-D", "-e", "-f", config) //nolint:noctx // ended by stopSSHD
	return d.process.Start()
}

// try waits for sshd and looks whether it lets this user run git.
func (d *sshd) try() error {
	signer, err := ssh.ParsePrivateKey([]byte(d.with.SSHKey))
	if err != nil {
		return err
	}
	var client *ssh.Client
	for range 100 {
		client, err = ssh.Dial("tcp", d.address, &ssh.ClientConfig{
			User: d.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
			HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // only to see whether it runs
		})
		if _, refused := errors.AsType[*net.OpError](err); !refused {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	if out, err := session.CombinedOutput("git-upload-pack --help >/dev/null 2>&1 || git --version"); err != nil {
		return fmt.Errorf("run git as %s: %w: %s", d.user, err, out)
	}
	return nil
}
