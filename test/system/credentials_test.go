package system_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

var one = fixture.Shape{Streams: 1, PerUnit: 1, Manifests: 1}

// A git server that does not know the login ends the pass: 1, and what to check.
func TestWrongGitCredentials(t *testing.T) {
	w := newWorld(t, newRegistry(t), gitserver.Login{Username: gitUser, Password: gitPassword}, one)
	w.secrets = []string{gitPassword}
	before := w.tip(t)
	want := fmt.Sprintf("error: read main of %s: wrong or missing credentials (401 Unauthorized): who are you?: "+
		"check the username and password or token, and what they may do\n", w.repo.URL)
	for name, logIn := range map[string]func(){
		"none":           func() {},
		"wrong password": func() { w.logInByFile(t, gitUser, "not-the-password") },
		"wrong token":    func() { w.flags = nil; w.logInByToken("not-the-token") },
	} {
		w.flags, w.env = nil, nil
		logIn()
		if got := w.sync(t); got.code != 1 || got.stdout != "" || !strings.HasPrefix(got.stderr, want) {
			t.Errorf("%s: exit code %d; it says\n%s\nand should begin with\n%s", name, got.code, got.stderr, want)
		}
	}
	if asked := w.registry.Reset(); w.tip(t) != before || len(asked) > 0 {
		t.Errorf("the branch is at %s, the registry was asked %v", w.tip(t), asked)
	}
}

// A registry that does not know the login is a state of that host: 3, nothing
// committed, the rest goes on.
func TestWrongRegistryCredentials(t *testing.T) {
	w := newWorld(t, newHtpasswdRegistry(t), gitserver.Login{}, one)
	w.logInToRegistry(t, "not-the-password")
	w.secrets = append(w.secrets, registryPassword)
	before := w.tip(t)
	got := w.sync(t)
	stream := w.shape.All()[0]
	if got.code != 3 || w.tip(t) != before {
		t.Errorf("exit code %d, the branch is at %s", got.code, w.tip(t))
	}
	for _, want := range []string{stream.Spec + ":12: error: " + stream.Namespace + "/" + stream.Name + ":1.0: ", w.registry.Host + " answered 401 Unauthorized", "docker login " + w.registry.Host} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, got.stderr)
		}
	}
	w.logInToRegistry(t, registryPassword)
	w.secrets = w.secrets[:0]
	if got := w.sync(t); got.code != 0 || w.tip(t) == before {
		t.Errorf("with the right password: %+v", got)
	}
	w.fsck(t)
}

// The demo of the README runs to its end.
func TestDemo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", "./demo", "-imgstream", binary)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "# Done. Nothing but commits changed what runs.\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
